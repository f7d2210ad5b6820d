//! [`ErrorCode`]: the stable name of each kind of error.

use super::Error;

/// Stable name of a kind of error: the `code` property in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is described at the variant of `Error` with the same name")]
pub enum ErrorCode {
    InvalidVersion,
    InvalidOption,
    InvalidPubkey,
    InsecureUrl,
    UnsupportedPlatform,
    NoValidEndpoint,
    Network,
    HttpStatus,
    Timeout,
    Tls,
    InvalidManifest,
    TargetNotFound,
    ManifestUnsigned,
    ManifestSignature,
    ManifestExpired,
    ManifestRollback,
    SizeLimit,
    SizeMismatch,
    InvalidSignature,
    SignatureMismatch,
    SignedVersionMissing,
    SignedVersionMismatch,
    SignedMetadataMismatch,
    UnsupportedFormat,
    NotUpdatable,
    InvalidArtifact,
    UnsafeArchive,
    Translocated,
    ElevationDenied,
    InstallerFailed,
    InstallerCancelled,
    InstallerBusy,
    NoSpace,
    PermissionDenied,
    ReadOnlyVolume,
    Busy,
    Cancelled,
    Io,
    Signing,
}

impl ErrorCode {
    /// The code as text: `ERR_UPDATER_…`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidVersion => "ERR_UPDATER_INVALID_VERSION",
            Self::InvalidOption => "ERR_UPDATER_INVALID_OPTION",
            Self::InvalidPubkey => "ERR_UPDATER_INVALID_PUBKEY",
            Self::InsecureUrl => "ERR_UPDATER_INSECURE_URL",
            Self::UnsupportedPlatform => "ERR_UPDATER_UNSUPPORTED_PLATFORM",
            Self::NoValidEndpoint => "ERR_UPDATER_NO_VALID_ENDPOINT",
            Self::Network => "ERR_UPDATER_NETWORK",
            Self::HttpStatus => "ERR_UPDATER_HTTP_STATUS",
            Self::Timeout => "ERR_UPDATER_TIMEOUT",
            Self::Tls => "ERR_UPDATER_TLS",
            Self::InvalidManifest => "ERR_UPDATER_INVALID_MANIFEST",
            Self::TargetNotFound => "ERR_UPDATER_TARGET_NOT_FOUND",
            Self::ManifestUnsigned => "ERR_UPDATER_MANIFEST_UNSIGNED",
            Self::ManifestSignature => "ERR_UPDATER_MANIFEST_SIGNATURE",
            Self::ManifestExpired => "ERR_UPDATER_MANIFEST_EXPIRED",
            Self::ManifestRollback => "ERR_UPDATER_MANIFEST_ROLLBACK",
            Self::SizeLimit => "ERR_UPDATER_SIZE_LIMIT",
            Self::SizeMismatch => "ERR_UPDATER_SIZE_MISMATCH",
            Self::InvalidSignature => "ERR_UPDATER_INVALID_SIGNATURE",
            Self::SignatureMismatch => "ERR_UPDATER_SIGNATURE_MISMATCH",
            Self::SignedVersionMissing => "ERR_UPDATER_SIGNED_VERSION_MISSING",
            Self::SignedVersionMismatch => "ERR_UPDATER_SIGNED_VERSION_MISMATCH",
            Self::SignedMetadataMismatch => "ERR_UPDATER_SIGNED_METADATA_MISMATCH",
            Self::UnsupportedFormat => "ERR_UPDATER_UNSUPPORTED_FORMAT",
            Self::NotUpdatable => "ERR_UPDATER_NOT_UPDATABLE",
            Self::InvalidArtifact => "ERR_UPDATER_INVALID_ARTIFACT",
            Self::UnsafeArchive => "ERR_UPDATER_UNSAFE_ARCHIVE",
            Self::Translocated => "ERR_UPDATER_TRANSLOCATED",
            Self::ElevationDenied => "ERR_UPDATER_ELEVATION_DENIED",
            Self::InstallerFailed => "ERR_UPDATER_INSTALLER_FAILED",
            Self::InstallerCancelled => "ERR_UPDATER_INSTALLER_CANCELLED",
            Self::InstallerBusy => "ERR_UPDATER_INSTALLER_BUSY",
            Self::NoSpace => "ERR_UPDATER_NO_SPACE",
            Self::PermissionDenied => "ERR_UPDATER_PERMISSION_DENIED",
            Self::ReadOnlyVolume => "ERR_UPDATER_READ_ONLY_VOLUME",
            Self::Busy => "ERR_UPDATER_BUSY",
            Self::Cancelled => "ERR_UPDATER_CANCELLED",
            Self::Io => "ERR_UPDATER_IO",
            Self::Signing => "ERR_UPDATER_SIGNING",
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The stable code of this error.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidVersion { .. } => ErrorCode::InvalidVersion,
            Self::InvalidOption { .. } => ErrorCode::InvalidOption,
            Self::InvalidPubkey { .. } => ErrorCode::InvalidPubkey,
            Self::InsecureUrl { .. } => ErrorCode::InsecureUrl,
            Self::UnsupportedPlatform { .. } => ErrorCode::UnsupportedPlatform,
            Self::NoValidEndpoint { .. } => ErrorCode::NoValidEndpoint,
            Self::Network { .. } => ErrorCode::Network,
            Self::HttpStatus { .. } => ErrorCode::HttpStatus,
            Self::Timeout { .. } => ErrorCode::Timeout,
            Self::Tls { .. } => ErrorCode::Tls,
            Self::InvalidManifest { .. } => ErrorCode::InvalidManifest,
            Self::TargetNotFound { .. } => ErrorCode::TargetNotFound,
            Self::ManifestUnsigned { .. } => ErrorCode::ManifestUnsigned,
            Self::ManifestSignature { .. } => ErrorCode::ManifestSignature,
            Self::ManifestExpired { .. } => ErrorCode::ManifestExpired,
            Self::ManifestRollback { .. } => ErrorCode::ManifestRollback,
            Self::SizeLimit { .. } => ErrorCode::SizeLimit,
            Self::SizeMismatch { .. } => ErrorCode::SizeMismatch,
            Self::InvalidSignature { .. } => ErrorCode::InvalidSignature,
            Self::SignatureMismatch { .. } => ErrorCode::SignatureMismatch,
            Self::SignedVersionMissing { .. } => ErrorCode::SignedVersionMissing,
            Self::SignedVersionMismatch { .. } => ErrorCode::SignedVersionMismatch,
            Self::SignedMetadataMismatch { .. } => ErrorCode::SignedMetadataMismatch,
            Self::UnsupportedFormat { .. } => ErrorCode::UnsupportedFormat,
            Self::NotUpdatable { .. } => ErrorCode::NotUpdatable,
            Self::InvalidArtifact { .. } => ErrorCode::InvalidArtifact,
            Self::UnsafeArchive { .. } => ErrorCode::UnsafeArchive,
            Self::Translocated { .. } => ErrorCode::Translocated,
            Self::ElevationDenied { .. } => ErrorCode::ElevationDenied,
            Self::InstallerFailed { .. } => ErrorCode::InstallerFailed,
            Self::InstallerCancelled { .. } => ErrorCode::InstallerCancelled,
            Self::InstallerBusy { .. } => ErrorCode::InstallerBusy,
            Self::NoSpace { .. } => ErrorCode::NoSpace,
            Self::PermissionDenied { .. } => ErrorCode::PermissionDenied,
            Self::ReadOnlyVolume { .. } => ErrorCode::ReadOnlyVolume,
            Self::Busy { .. } => ErrorCode::Busy,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Io { .. } => ErrorCode::Io,
            Self::Signing { .. } => ErrorCode::Signing,
        }
    }
}
