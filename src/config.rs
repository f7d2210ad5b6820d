//! [`Config`]: what the application asks for; checked once, before anything happens, into [`Settings`].

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use semver::Version;

use crate::{
    Error, Result,
    endpoint::{self, Endpoint},
    error::clip,
    http::{Headers, Proxy},
    signature::PublicKey,
    target::Target,
};

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const DOWNLOAD_MAX_BYTES: u64 = 4 << 30; // 4 GiB

/// How an application is updated. Everything but `endpoints` and `pubkey` has a default:
/// `Config { endpoints, pubkey, ..Default::default() }`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// URLs that are asked in order until one gives a valid answer. `{{current_version}}`, `{{target}}`,
    /// `{{arch}}` and `{{channel}}` are replaced. `https:`, or `http:` to this machine.
    pub endpoints: Vec<String>,
    /// The minisign public key, or several while keys are rotated; any one of them may have signed.
    pub pubkey: Pubkeys,
    /// What only concerns Windows installers.
    pub windows: Option<WindowsConfig>,
    /// Replaces `{{target}}` and the key looked up under `platforms`. Default: the system, and `system-arch`.
    pub target: Option<String>,
    /// The installed application. Default: found by itself; see the README, "What is replaced".
    pub executable_path: Option<PathBuf>,
    /// HTTP headers for the endpoints, and for the download where it has the endpoint's origin.
    pub headers: Vec<(String, String)>,
    /// HTTP headers for the download, whatever its origin; never sent across a redirect to another one.
    pub download_headers: Vec<(String, String)>,
    /// The longest silence tolerated. Never a deadline for a download. Default 30 s.
    pub timeout: Option<Duration>,
    /// `http:`, `https:` or `socks5:` URL. Default: the system's or environment's proxy.
    pub proxy: Option<String>,
    /// Offer a lower version as well; its signature must carry the version.
    pub allow_downgrades: bool,
    /// Refuse artifacts whose signature does not carry the announced version.
    pub require_signed_version: bool,
    /// Refuse manifests without a valid `signedManifest`. Enforced anyway where there is one, and once one was seen;
    /// without [`Self::manifest_pubkeys`], one that is signed with unknown keys alone counts as none until then.
    pub require_signed_manifest: bool,
    /// Public keys for signed manifests, any one of which may have signed. Default: `pubkey`.
    pub manifest_pubkeys: Option<Pubkeys>,
    /// Reverse-DNS identifier, which signed metadata must name when it names one.
    pub app_id: Option<String>,
    /// Release channel, which signed metadata must name when it names one.
    pub channel: Option<String>,
    /// Allow `http:` to other machines.
    pub dangerous_insecure_transport_protocol: bool,
    /// Directory for downloads and state. Default: a private one of this user for this application.
    pub data_dir: Option<PathBuf>,
    /// Largest artifact accepted, in bytes. Default 4 GiB.
    pub max_download_size: Option<u64>,
    /// Keep the last artifact as the base of differential updates, for formats that need it: all but AppImages, which are
    /// their own. Default: where the manifest offers deltas.
    pub keep_artifact: Option<bool>,
    /// Bounds on what a server can make this process do.
    pub limits: Limits,
}

/// One or several minisign public keys as text; see [`PublicKey::parse`] for the spellings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pubkeys(pub Vec<String>);

impl From<&str> for Pubkeys {
    fn from(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }
}

impl From<String> for Pubkeys {
    fn from(key: String) -> Self {
        Self(vec![key])
    }
}

impl From<Vec<String>> for Pubkeys {
    fn from(keys: Vec<String>) -> Self {
        Self(keys)
    }
}

impl FromStr for Pubkeys {
    type Err = Infallible;

    fn from_str(key: &str) -> Result<Self, Infallible> {
        Ok(key.into())
    }
}

/// How a Windows installer is run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowsConfig {
    /// Extra arguments; each reaches the installer as one. What it cannot be told, such as a quotation mark outside the
    /// value of a property of an MSI, is refused by the check. `/D=` of NSIS may have spaces.
    pub installer_args: Vec<String>,
    /// How much the installer shows.
    pub install_mode: InstallMode,
}

/// How much a Windows installer shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InstallMode {
    /// A progress bar; nothing to answer.
    #[default]
    Passive,
    /// The installer's ordinary pages.
    BasicUi,
    /// Nothing at all.
    Quiet,
}

/// Bounds on what a server can make this process do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest answer of an endpoint, in bytes. Default 1 MiB.
    pub manifest_max_bytes: u64,
    /// Redirects followed for one request. Default 10.
    pub redirects_max: u32,
    /// Download attempts in a row without progress. Default 5.
    pub attempts_max: u32,
    /// First wait between attempts; doubled each time, with jitter. Default 500 ms.
    pub retry_wait: Duration,
    /// Longest `Retry-After` that is honoured; a longer one ends the download. Default 60 s.
    pub retry_after_max: Duration,
    /// A transfer slower than [`Self::trickle_min_bytes`] over this time counts as silence. Default 60 s.
    pub trickle_window: Duration,
    /// Default 60 KiB: 1 KiB/s.
    pub trickle_min_bytes: u64,
    /// Longest time for applying deltas, without that of downloading them, after which the artifact is downloaded instead.
    /// Default 10 min.
    pub patch_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_max_bytes: 1 << 20,
            redirects_max: 10,
            attempts_max: 5,
            retry_wait: Duration::from_millis(500),
            retry_after_max: Duration::from_secs(60),
            trickle_window: Duration::from_secs(60),
            trickle_min_bytes: 60 << 10,
            patch_time_max: Duration::from_secs(600),
        }
    }
}

/// A version, or text that is one; a leading `v` is allowed.
pub trait IntoVersion: sealed::Sealed {
    /// # Errors
    /// [`Error::InvalidVersion`].
    fn into_version(self) -> Result<Version>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for semver::Version {}
}

impl IntoVersion for Version {
    fn into_version(self) -> Result<Version> {
        Ok(self)
    }
}

impl IntoVersion for String {
    fn into_version(self) -> Result<Version> {
        self.as_str().into_version()
    }
}

impl IntoVersion for &str {
    fn into_version(self) -> Result<Version> {
        Version::parse(self.strip_prefix('v').unwrap_or(self))
            .map_err(|error| Error::InvalidVersion { value: clip(self), reason: error.to_string() })
    }
}

/// A [`Config`] in which every value has been parsed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) current_version: Version,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) manifest_keys: Vec<PublicKey>,
    pub(crate) target: Target,
    pub(crate) target_override: Option<String>,
    pub(crate) headers: Headers,
    pub(crate) download_headers: Headers,
    pub(crate) timeout: Duration,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) max_download_bytes: u64,
    /// What was asked for, for the values that need no parsing.
    pub(crate) config: Config,
}

impl Settings {
    pub(crate) fn parse(current_version: Version, config: Config) -> Result<Self> {
        let target = Target::current()?;
        if config.endpoints.is_empty() {
            return Err(Error::option_invalid("endpoints", "[]", "at least one is needed"));
        }
        check_names(&config)?;
        let values = endpoint::Values {
            current_version: current_version.to_string(),
            target: config.target.clone().unwrap_or_else(|| target.os.as_str().to_owned()),
            arch: target.arch.as_str().to_owned(),
            channel: config.channel.clone().unwrap_or_default(),
        };
        let any_http = config.dangerous_insecure_transport_protocol;
        let endpoints = config
            .endpoints
            .iter()
            .enumerate()
            .map(|(index, template)| {
                Endpoint::parse(&format!("endpoints[{index}]"), template, &values, any_http)
            })
            .collect::<Result<_>>()?;
        let keys = parse_keys(&config.pubkey, "pubkey")?;
        let manifest_keys = match &config.manifest_pubkeys {
            Some(pubkeys) => parse_keys(pubkeys, "manifestPubkeys")?,
            None => keys.clone(),
        };
        Ok(Self {
            endpoints,
            keys,
            manifest_keys,
            target,
            target_override: config.target.clone(),
            headers: Headers::parse("headers", &config.headers)?,
            download_headers: Headers::parse("downloadHeaders", &config.download_headers)?,
            timeout: parse_timeout(config.timeout)?,
            proxy: config.proxy.as_deref().map(Proxy::parse).transpose()?,
            max_download_bytes: parse_size(config.max_download_size)?,
            current_version,
            config,
        })
    }
}

fn parse_keys(pubkeys: &Pubkeys, option: &str) -> Result<Vec<PublicKey>> {
    let Pubkeys(texts) = pubkeys;
    let name = |index: usize| if texts.len() == 1 { option.to_owned() } else { format!("{option}[{index}]") };
    if texts.is_empty() {
        return Err(Error::InvalidPubkey {
            option: option.to_owned(),
            reason: "at least one is needed".to_owned(),
        });
    }
    let mut keys: Vec<PublicKey> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let key =
            PublicKey::parse(text).map_err(|reason| Error::InvalidPubkey { option: name(index), reason })?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

fn parse_timeout(timeout: Option<Duration>) -> Result<Duration> {
    match timeout {
        Some(Duration::ZERO) => Err(Error::option_invalid("timeout", "0", "must be greater than zero")),
        Some(timeout) => Ok(timeout),
        None => Ok(TIMEOUT_DEFAULT),
    }
}

fn parse_size(size: Option<u64>) -> Result<u64> {
    match size {
        Some(0) => Err(Error::option_invalid("maxDownloadSize", "0", "must be greater than zero")),
        size => Ok(size.unwrap_or(DOWNLOAD_MAX_BYTES)),
    }
}

/// These become part of a URL or are compared with signed text, where an empty or control character hides.
fn check_names(config: &Config) -> Result<()> {
    let names = [("target", &config.target), ("channel", &config.channel), ("appId", &config.app_id)];
    for (option, value) in names {
        if let Some(value) = value
            && !is_name(value)
        {
            let reason =
                "must have 1 to 256 bytes, without control characters and braces, and not be dots alone";
            return Err(Error::option_invalid(option, format!("{value:?}"), reason));
        }
    }
    for (option, value) in [("executablePath", &config.executable_path), ("dataDir", &config.data_dir)] {
        if let Some(value) = value
            && !is_path(value)
        {
            return Err(Error::option_invalid(option, format!("{value:?}"), "must be an absolute path"));
        }
    }
    Ok(())
}

fn is_name(value: &str) -> bool {
    let length = (1..=256).contains(&value.len());
    length && !value.chars().any(|c| c.is_control() || matches!(c, '{' | '}')) && !matches!(value, "." | "..")
}

/// Absolute, and without the byte that would end it early for the operating system.
pub(crate) fn is_path(value: &Path) -> bool {
    value.is_absolute() && !value.as_os_str().as_encoded_bytes().contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    pub(crate) const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn config() -> Config {
        Config {
            endpoints: vec!["https://example.com/{{target}}".to_owned()],
            pubkey: KEY.into(),
            ..Config::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut Config)) -> (ErrorCode, String) {
        let mut config = config();
        change(&mut config);
        let error = Settings::parse(Version::new(1, 0, 0), config).unwrap_err();
        (error.code(), error.option().unwrap_or_default().to_owned())
    }

    #[test]
    fn every_bad_option_is_named() {
        let invalid = |option: &str| (ErrorCode::InvalidOption, option.to_owned());
        assert_eq!(refusal(|c| c.endpoints.clear()), invalid("endpoints"));
        assert_eq!(refusal(|c| c.endpoints.push("::".into())), invalid("endpoints[1]"));
        assert_eq!(refusal(|c| c.endpoints.push("file:///x".into())), invalid("endpoints[1]"));
        assert_eq!(refusal(|c| c.timeout = Some(Duration::ZERO)), invalid("timeout"));
        assert_eq!(refusal(|c| c.target = Some(String::new())), invalid("target"));
        assert_eq!(refusal(|c| c.channel = Some("a\nb".into())), invalid("channel"));
        assert_eq!(refusal(|c| c.app_id = Some("\0".into())), invalid("appId"));
        assert_eq!(refusal(|c| c.data_dir = Some("relative".into())), invalid("dataDir"));
        assert_eq!(refusal(|c| c.data_dir = Some("/a\0b".into())), invalid("dataDir"));
        assert_eq!(refusal(|c| c.channel = Some("..".into())), invalid("channel"));
        assert_eq!(refusal(|c| c.target = Some("{{arch}}".into())), invalid("target"));
        assert_eq!(refusal(|c| c.max_download_size = Some(0)), invalid("maxDownloadSize"));
        assert_eq!(refusal(|c| c.executable_path = Some("".into())), invalid("executablePath"));
        assert_eq!(refusal(|c| c.proxy = Some("gopher://x".into())), invalid("proxy"));
        assert_eq!(refusal(|c| c.headers.push(("a b".into(), "x".into()))), invalid("headers[\"a b\"]"));
        assert_eq!(
            refusal(|c| c.download_headers.push(("X".into(), "a\r\nb".into()))),
            invalid("downloadHeaders[\"X\"]")
        );
        assert_eq!(refusal(|c| c.headers.push(("Host".into(), "x".into()))), invalid("headers[\"Host\"]"));
        assert_eq!(
            refusal(|c| c.endpoints.push("http://example.com".into())),
            (ErrorCode::InsecureUrl, "endpoints[1]".to_owned())
        );
        assert_eq!(refusal(|c| c.pubkey = "x".into()), (ErrorCode::InvalidPubkey, "pubkey".to_owned()));
        assert_eq!(
            refusal(|c| c.pubkey = vec![KEY.to_owned(), "x".to_owned()].into()),
            (ErrorCode::InvalidPubkey, "pubkey[1]".to_owned())
        );
        assert_eq!(refusal(|c| c.pubkey = vec![].into()), (ErrorCode::InvalidPubkey, "pubkey".to_owned()));
        let for_manifests = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            refusal(|c| c.manifest_pubkeys = Some(keys.into()))
        };
        assert_eq!(for_manifests(&[]), (ErrorCode::InvalidPubkey, "manifestPubkeys".to_owned()));
        assert_eq!(for_manifests(&[KEY, "x"]), (ErrorCode::InvalidPubkey, "manifestPubkeys[1]".to_owned()));
    }

    #[test]
    fn one_leading_v_is_allowed_in_a_version() {
        assert_eq!("v1.2.3".into_version().unwrap(), Version::new(1, 2, 3));
        for text in ["", "vv1.2.3", "1.2", "V1.2.3", " 1.2.3", "01.2.3"] {
            assert_eq!(text.into_version().unwrap_err().code(), ErrorCode::InvalidVersion, "{text}");
        }
    }
}
