//! [`Error`]: what went wrong, with a stable [`ErrorCode`] for programs and both sides of it for people.

mod code;

use std::{io, path::PathBuf, time::Duration};

use semver::Version;

pub use code::ErrorCode;

/// `Ok` or [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The underlying failure, kept as text and chain only, so that no foreign type becomes part of this API.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong. A variant for each operation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The version is not Semantic Versioning 2.0.0 (one leading `v` is allowed).
    #[error("invalid version {value:?}: {reason}")]
    InvalidVersion {
        /// What was given.
        value: String,
        /// Why it is not a version.
        reason: String,
    },
    /// An option has the wrong type, range or form.
    #[error("invalid option `{option}`: {reason} (got {value})")]
    InvalidOption {
        /// The option, with its index or key: `endpoints[1]`.
        option: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A public key cannot be used.
    #[error("invalid public key in option `{option}`: {reason}")]
    InvalidPubkey {
        /// The option, with its index: `pubkey[1]`.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An endpoint, manifest or redirect leads to a transport that is not allowed.
    #[error("insecure url {url}: {reason}")]
    InsecureUrl {
        /// The URL that was refused.
        url: String,
        /// Why.
        reason: String,
        /// The option that holds it, where it is the caller's own.
        option: Option<String>,
    },
    /// This operating system or processor is not one that updates are made for.
    #[error("unsupported platform: {os} on {arch}")]
    UnsupportedPlatform {
        /// Operating system as Rust names it.
        os: String,
        /// Processor as Rust names it.
        arch: String,
    },
    /// None of several endpoints gave a valid answer.
    #[error("none of {} endpoints gave a valid answer: {}", errors.len(), join(errors))]
    NoValidEndpoint {
        /// One for each endpoint, in order.
        errors: Vec<Error>,
    },
    /// No connection, or it broke.
    #[error("request to {url} failed: {source}")]
    Network {
        /// The URL that was requested.
        url: String,
        /// The underlying failure.
        #[source]
        source: Cause,
    },
    /// The server answered with a status that cannot be used.
    #[error("{url} answered with status {status}")]
    HttpStatus {
        /// The URL that was requested.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The server stayed silent, or nearly so, for too long.
    #[error("{url} timed out: {reason}")]
    Timeout {
        /// The URL that was requested.
        url: String,
        /// What was waited for, and how long.
        reason: String,
    },
    /// The TLS handshake or certificate check failed.
    #[error("no secure connection to {url}: {source}")]
    Tls {
        /// The URL that was requested.
        url: String,
        /// The underlying failure.
        #[source]
        source: Cause,
    },
    /// The answer of an endpoint is not a manifest.
    #[error("{url} gave no valid manifest: {reason}")]
    InvalidManifest {
        /// The endpoint's URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest has no entry for this platform.
    #[error("{url} has no release for {}; it has {}", wanted.join(" or "), list(available))]
    TargetNotFound {
        /// The endpoint's URL.
        url: String,
        /// The keys that were looked for.
        wanted: Vec<String>,
        /// The keys that are there.
        available: Vec<String>,
    },
    /// The manifest is not signed, and has to be.
    #[error("{url} gave no signed manifest: {reason}")]
    ManifestUnsigned {
        /// The endpoint's URL.
        url: String,
        /// Why it has to be signed.
        reason: String,
    },
    /// The signature of the manifest is malformed, or verifies under none of the public keys for manifests.
    #[error("{url} gave a manifest whose signature does not hold: {reason}")]
    ManifestSignature {
        /// The endpoint's URL.
        url: String,
        /// Which check failed.
        reason: String,
    },
    /// The signed manifest is only valid at another time than now.
    #[error("{url} gave a signed manifest that is not valid now: {reason}")]
    ManifestExpired {
        /// The endpoint's URL.
        url: String,
        /// The time it is valid until or from, and the time of this machine.
        reason: String,
    },
    /// The signed manifest is older than one that was seen before, or another one with the same sequence number.
    #[error("{url} gave an older signed manifest: {reason}")]
    ManifestRollback {
        /// The endpoint's URL.
        url: String,
        /// Its sequence number and the one that was seen.
        reason: String,
    },
    /// More bytes than allowed.
    #[error("{url} is larger than the limit of {limit} bytes")]
    SizeLimit {
        /// The URL that was requested.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The size is not the one that was declared.
    #[error("{url} has the wrong size: expected {expected} bytes, got {got}")]
    SizeMismatch {
        /// The URL that was requested.
        url: String,
        /// Declared size in bytes.
        expected: u64,
        /// Size found, in bytes.
        got: u64,
    },
    /// The signature cannot be parsed, or is of the legacy kind.
    #[error("invalid signature: {reason}")]
    InvalidSignature {
        /// What is wrong with it.
        reason: String,
    },
    /// The signature verifies under none of the public keys.
    #[error("signature mismatch: {reason}")]
    SignatureMismatch {
        /// Which check failed.
        reason: String,
    },
    /// The signature does not say which version it is for, and has to.
    #[error(
        "the signature does not carry a version (announced: {announced}): sign with `signer sign --version {announced}`"
    )]
    SignedVersionMissing {
        /// The version that the manifest announced.
        announced: Version,
    },
    /// The artifact was signed as another version than announced.
    #[error("signed version mismatch: announced {announced}, signed as {signed}")]
    SignedVersionMismatch {
        /// The version that the manifest announced.
        announced: Version,
        /// The version in the trusted comment.
        signed: String,
    },
    /// The artifact was signed for another target, format, channel, application or purpose.
    #[error("signed {field} mismatch: expected {expected}, signed as {signed}")]
    SignedMetadataMismatch {
        /// Key in the trusted comment.
        field: &'static str,
        /// What was announced or configured.
        expected: String,
        /// What the trusted comment says.
        signed: String,
    },
    /// Updates of this format cannot be installed here.
    #[error("unsupported format {format}: {reason}")]
    UnsupportedFormat {
        /// The format's name.
        format: String,
        /// Why not.
        reason: String,
    },
    /// Nothing is installed that could be replaced.
    #[error("this application cannot be updated: {reason}")]
    NotUpdatable {
        /// Why not.
        reason: String,
    },
    /// The artifact is authentic but not what its format says.
    #[error("invalid {format} artifact: {reason}")]
    InvalidArtifact {
        /// The format's name.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive has an entry that has no place in an application bundle. Nothing of it was installed.
    #[error("unsafe archive: {entry:?}: {reason}")]
    UnsafeArchive {
        /// The entry's name.
        entry: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// macOS runs the application from a random read-only place, because it was never moved out of its download.
    #[error(
        "{} runs translocated: move the application into the Applications folder with the Finder, and start it again",
        path.display()
    )]
    Translocated {
        /// Where it runs.
        path: PathBuf,
    },
    /// The user, or the system in their name, refused the rights that the installation needs.
    #[error("elevation denied: {reason}")]
    ElevationDenied {
        /// Who refused, and how.
        reason: String,
    },
    /// The installer or package manager failed. The application is as it leaves it.
    #[error("{installer} failed ({}): {reason}", exit_text(*exit_code))]
    InstallerFailed {
        /// The program that was run.
        installer: String,
        /// Its exit code, where it has one.
        exit_code: Option<i32>,
        /// What it said.
        reason: String,
    },
    /// The installation was cancelled in the installer (msiexec: 1602).
    #[error("the installation was cancelled in {installer}")]
    InstallerCancelled {
        /// The program that was run.
        installer: String,
        /// Its exit code.
        exit_code: i32,
    },
    /// Another installation is under way on this machine (msiexec: 1618; the lock of dpkg, rpm or pacman).
    #[error("{installer} is busy with another installation")]
    InstallerBusy {
        /// The program that was run.
        installer: String,
        /// Its exit code.
        exit_code: i32,
    },
    /// The disk is full, or would be.
    #[error("not enough space for {}: {reason}", path.display())]
    NoSpace {
        /// What was to be written.
        path: PathBuf,
        /// How much is needed and free, where known; else the operating system's words.
        reason: String,
    },
    /// The operating system refused access.
    #[error("permission denied: cannot {operation} {}: {source}", path.display())]
    PermissionDenied {
        /// What was tried: `replace`, `create`, `open`, …
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The underlying failure.
        #[source]
        source: Cause,
    },
    /// The file system is mounted read-only.
    #[error("read-only volume: cannot {operation} {}", path.display())]
    ReadOnlyVolume {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// Another update of this application is under way, in this process or another.
    #[error("another update of this application is under way (lock: {})", lock.display())]
    Busy {
        /// The lock file.
        lock: PathBuf,
    },
    /// The operation was cancelled through its token.
    #[error("cancelled")]
    Cancelled,
    /// Reading or writing failed in another way.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The underlying failure.
        #[source]
        source: Cause,
    },
    /// A key cannot be made, read or used for signing.
    #[error("cannot sign: {reason}")]
    Signing {
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// The option at fault, with its index: `endpoints[1]`.
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::InvalidOption { option, .. } | Self::InvalidPubkey { option, .. } => Some(option),
            Self::InsecureUrl { option, .. } => option.as_deref(),
            _ => None,
        }
    }

    /// The URL at fault, without credentials.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::InsecureUrl { url, .. }
            | Self::Network { url, .. }
            | Self::HttpStatus { url, .. }
            | Self::Timeout { url, .. }
            | Self::Tls { url, .. }
            | Self::InvalidManifest { url, .. }
            | Self::TargetNotFound { url, .. }
            | Self::ManifestUnsigned { url, .. }
            | Self::ManifestSignature { url, .. }
            | Self::ManifestExpired { url, .. }
            | Self::ManifestRollback { url, .. }
            | Self::SizeLimit { url, .. }
            | Self::SizeMismatch { url, .. } => Some(url),
            _ => None,
        }
    }

    /// The HTTP status of [`Error::HttpStatus`].
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::HttpStatus { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The exit code of [`Error::InstallerFailed`] and its relatives.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::InstallerFailed { exit_code, .. } => *exit_code,
            Self::InstallerCancelled { exit_code, .. } | Self::InstallerBusy { exit_code, .. } => {
                Some(*exit_code)
            }
            _ => None,
        }
    }

    /// The reasons of [`Error::NoValidEndpoint`], one for each endpoint, in order; else empty.
    pub fn errors(&self) -> &[Error] {
        match self {
            Self::NoValidEndpoint { errors } => errors,
            _ => &[],
        }
    }

    pub(crate) fn option_invalid(
        option: impl Into<String>,
        value: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::InvalidOption { option: option.into(), value: clip(&value.into()), reason: reason.into() }
    }

    pub(crate) fn manifest(url: &impl ToString, reason: impl Into<String>) -> Self {
        Self::InvalidManifest { url: url.to_string(), reason: clip(&reason.into()) }
    }

    pub(crate) fn silence(url: &impl ToString, waited_for: &str, limit: Duration) -> Self {
        Self::Timeout {
            url: url.to_string(),
            reason: format!("no {waited_for} within {} ms", limit.as_millis()),
        }
    }

    /// Turns an I/O failure into the variant that tells the user what to do about it.
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => {
                Self::PermissionDenied { operation, path, source: source.into() }
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnlyVolume { operation, path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoSpace { path, reason: source.to_string() }
            }
            _ => Self::Io { operation, path, source: source.into() },
        }
    }
}

fn join(errors: &[Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn exit_text(exit_code: Option<i32>) -> String {
    exit_code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { clip(&names.join(", ")) }
}

/// Text from a server, fit to be shown and logged: a hostile one sends megabytes, or control sequences for a terminal.
pub(crate) fn clip(text: &str) -> String {
    const SHOWN_CHARS: usize = 300;
    let mut clipped: String =
        text.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_read_only_one_are_told_apart_from_other_failures() {
        let code = |kind: io::ErrorKind| Error::io("write", "/x", kind.into()).code();
        assert_eq!(code(io::ErrorKind::StorageFull), ErrorCode::NoSpace);
        assert_eq!(code(io::ErrorKind::QuotaExceeded), ErrorCode::NoSpace);
        assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), ErrorCode::ReadOnlyVolume);
        assert_eq!(code(io::ErrorKind::PermissionDenied), ErrorCode::PermissionDenied);
        assert_eq!(code(io::ErrorKind::NotFound), ErrorCode::Io);
    }

    #[test]
    fn text_from_a_server_neither_floods_a_log_nor_steers_a_terminal() {
        let error = Error::TargetNotFound {
            url: "https://a.example/".to_owned(),
            wanted: vec!["linux-x86_64".to_owned()],
            available: vec!["\u{1b}[2J".to_owned(), "x".repeat(1 << 20)],
        };
        let message = error.to_string();
        assert!(message.len() < 1_000 && !message.contains('\u{1b}'), "{message:.400}");
        assert!(Error::manifest(&"", "x".repeat(1 << 20)).to_string().len() < 1_000);
    }

    #[test]
    fn the_message_for_several_endpoints_names_each_url_and_reason() {
        let error = Error::NoValidEndpoint {
            errors: vec![
                Error::HttpStatus { url: "https://a.example/".into(), status: 404 },
                Error::manifest(&"https://b.example/", "not JSON"),
            ],
        };
        let message = error.to_string();
        assert!(message.contains("https://a.example/ answered with status 404"), "{message}");
        assert!(message.contains("https://b.example/ gave no valid manifest: not JSON"), "{message}");
        assert_eq!(error.errors().len(), 2);
    }
}
