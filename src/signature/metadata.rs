//! [`SignedMetadata`]: what the author signed besides the bytes, in the trusted comment.

use std::str::FromStr;

use semver::Version;

use super::invalid;
use crate::{
    Error, Result, delta,
    target::{Format, canonical_key},
};

/// minisign's own limit for a trusted comment.
pub(super) const TRUSTED_COMMENT_MAX_BYTES: usize = 8191;

/// The trusted comment, read as tab-separated `key:value` pairs. Unknown keys are left aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedMetadata {
    /// When it was signed, in seconds since 1970; informational.
    pub timestamp: Option<String>,
    /// The file's name when it was signed; informational.
    pub file: Option<String>,
    /// The version of the artifact, as written.
    pub version: Option<String>,
    /// The target, or several separated by commas.
    pub target: Option<String>,
    /// The format.
    pub format: Option<String>,
    /// The release channel.
    pub channel: Option<String>,
    /// The application's identifier.
    pub app: Option<String>,
    /// What was signed, where it is no artifact: `manifest` or `delta`.
    pub purpose: Option<String>,
    /// The sequence number of a manifest.
    pub sequence: Option<String>,
}

/// What was announced and configured: what an artifact has to be signed as, where its signature speaks of it.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) version: Version,
    pub(crate) target: String,
    pub(crate) format: Format,
    pub(crate) channel: Option<String>,
    pub(crate) app_id: Option<String>,
    pub(crate) signed_version_required: bool,
}

impl SignedMetadata {
    /// What is said, by the names it has in a trusted comment, in the order in which it is written.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("timestamp", &self.timestamp),
            ("file", &self.file),
            ("version", &self.version),
            ("target", &self.target),
            ("format", &self.format),
            ("channel", &self.channel),
            ("app", &self.app),
            ("type", &self.purpose),
            ("sequence", &self.sequence),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Reads a trusted comment. Only to be called once its signature has been verified.
    pub(crate) fn parse(trusted_comment: &str) -> Result<Self> {
        if trusted_comment.len() > TRUSTED_COMMENT_MAX_BYTES {
            return Err(invalid(format!(
                "the trusted comment has {} bytes, more than {TRUSTED_COMMENT_MAX_BYTES}",
                trusted_comment.len()
            )));
        }
        // Control characters could make a comment read differently to a person than to this parser.
        if trusted_comment.chars().any(|c| c.is_control() && c != '\t') {
            return Err(invalid("the trusted comment has a control character"));
        }
        let mut metadata = Self::default();
        for (key, value) in trusted_comment.split('\t').filter_map(|pair| pair.split_once(':')) {
            if let Some(field) = metadata.field(key)
                && field.replace(value.to_owned()).is_some()
            {
                return Err(invalid(format!("the trusted comment has `{key}` twice")));
            }
        }
        Ok(metadata)
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "timestamp" => &mut self.timestamp,
            "file" => &mut self.file,
            "version" => &mut self.version,
            "target" => &mut self.target,
            "format" => &mut self.format,
            "channel" => &mut self.channel,
            "app" => &mut self.app,
            "type" => &mut self.purpose,
            "sequence" => &mut self.sequence,
            _ => return None,
        })
    }

    /// Stops an authentic artifact from being passed off as something else: an old version as a new one, one
    /// platform's as another's.
    pub(crate) fn check(&self, announced: &Announced) -> Result<()> {
        if let Some(purpose) = &self.purpose {
            return Err(mismatch("type", "none, as for artifacts", purpose));
        }
        self.check_version(announced)?;
        if let Some(target) = &self.target
            && !target.split(',').any(|signed| covers(signed.trim(), announced))
        {
            return Err(mismatch("target", &announced.target, target));
        }
        if let Some(format) = &self.format
            && Format::from_str(format).ok() != Some(announced.format)
        {
            return Err(mismatch("format", announced.format.as_str(), format));
        }
        check_name("channel", self.channel.as_deref(), announced.channel.as_deref())?;
        check_name("app", self.app.as_deref(), announced.app_id.as_deref())
    }

    /// The same for a delta that makes this version: an artifact, or a delta to another version, is not taken for it.
    /// `names` are the configured channel and application.
    pub(crate) fn check_delta(&self, version: &Version, names: (Option<&str>, Option<&str>)) -> Result<()> {
        let purpose = self.purpose.as_deref().unwrap_or("nothing");
        if purpose != delta::PURPOSE {
            return Err(mismatch("type", delta::PURPOSE, purpose));
        }
        let signed = self.version.as_deref().unwrap_or("nothing");
        let plain = signed.strip_prefix('v').unwrap_or(signed);
        if Version::parse(plain).ok().as_ref() != Some(version) {
            return Err(Error::SignedVersionMismatch {
                announced: version.clone(),
                signed: signed.to_owned(),
            });
        }
        check_name("channel", self.channel.as_deref(), names.0)?;
        check_name("app", self.app.as_deref(), names.1)
    }

    fn check_version(&self, announced: &Announced) -> Result<()> {
        let Some(signed) = &self.version else {
            if announced.signed_version_required {
                return Err(Error::SignedVersionMissing { announced: announced.version.clone() });
            }
            return Ok(());
        };
        let plain = signed.strip_prefix('v').unwrap_or(signed);
        if Version::parse(plain).ok().as_ref() == Some(&announced.version) {
            return Ok(());
        }
        Err(Error::SignedVersionMismatch { announced: announced.version.clone(), signed: signed.clone() })
    }
}

/// A key may carry the bundle (`linux-x86_64-appimage`); a signature for the platform covers it.
fn covers(signed: &str, announced: &Announced) -> bool {
    let signed = canonical_key(signed);
    let wanted = canonical_key(&announced.target);
    let platform = wanted.strip_suffix(announced.format.as_str()).and_then(|rest| rest.strip_suffix('-'));
    signed == wanted || Some(signed.as_str()) == platform
}

/// A signature that names a channel or an application is not for those that are configured as another one.
pub(crate) fn check_name(field: &'static str, signed: Option<&str>, configured: Option<&str>) -> Result<()> {
    match (signed, configured) {
        (Some(signed), Some(configured)) if signed != configured => Err(mismatch(field, configured, signed)),
        _ => Ok(()),
    }
}

fn mismatch(field: &'static str, expected: &str, signed: &str) -> Error {
    Error::SignedMetadataMismatch { field, expected: expected.to_owned(), signed: signed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn announced() -> Announced {
        Announced {
            version: Version::new(2, 0, 0),
            target: "linux-x86_64".to_owned(),
            format: Format::AppImage,
            channel: Some("stable".to_owned()),
            app_id: Some("com.example.app".to_owned()),
            signed_version_required: false,
        }
    }

    fn outcome(comment: &str, announced: &Announced) -> Option<ErrorCode> {
        SignedMetadata::parse(comment).and_then(|metadata| metadata.check(announced)).err().map(|e| e.code())
    }

    #[test]
    fn what_matches_or_is_not_said_passes() {
        for comment in [
            "",
            "timestamp:1\tfile:x\thashed",
            "version:2.0.0",
            "version:v2.0.0",
            "target:linux-x86_64",
            "target:darwin-aarch64,linux-x86_64",
            "format:appimage",
            "channel:stable\tapp:com.example.app",
            "unknown:1\tunknown:2",
        ] {
            assert_eq!(outcome(comment, &announced()), None, "{comment}");
        }
    }

    #[test]
    fn an_old_build_announced_as_a_new_version_is_refused() {
        for signed in ["1.0.0", "2.0.0-rc.1", "2.0.0+1", "", "vv2.0.0", "2.0.0 "] {
            let code = outcome(&format!("version:{signed}"), &announced());
            assert_eq!(code, Some(ErrorCode::SignedVersionMismatch), "{signed}");
        }
    }

    #[test]
    fn a_missing_version_is_refused_where_one_is_required() {
        let required = Announced { signed_version_required: true, ..announced() };
        assert_eq!(outcome("timestamp:1", &required), Some(ErrorCode::SignedVersionMissing));
        assert_eq!(outcome("version:2.0.0", &required), None);
    }

    #[test]
    fn what_was_signed_for_another_purpose_is_refused() {
        for comment in [
            "target:linux-aarch64",
            "target:windows-x86_64,macos-x86_64",
            "target:",
            "format:deb",
            "format:",
            "channel:beta",
            "app:com.example.other",
            "type:manifest",
            "type:delta",
            "type:",
        ] {
            assert_eq!(outcome(comment, &announced()), Some(ErrorCode::SignedMetadataMismatch), "{comment}");
        }
    }

    #[test]
    fn a_signature_for_the_platform_covers_its_bundles() {
        let bundle = Announced { target: "linux-x86_64-appimage".to_owned(), ..announced() };
        assert_eq!(outcome("target:linux-x86_64", &bundle), None);
        assert_eq!(outcome("target:linux-x86_64-appimage", &bundle), None);
        assert_eq!(outcome("target:linux-x86_64-deb", &bundle), Some(ErrorCode::SignedMetadataMismatch));
        assert_eq!(outcome("target:linux", &bundle), Some(ErrorCode::SignedMetadataMismatch));
        let mac = Announced { target: "darwin-aarch64".to_owned(), format: Format::App, ..announced() };
        assert_eq!(outcome("target:macos-aarch64", &mac), None);
    }

    #[test]
    fn ambiguous_comments_are_refused() {
        let long = "x".repeat(TRUSTED_COMMENT_MAX_BYTES + 1);
        for comment in
            ["version:2.0.0\tversion:2.0.0", "file:a\tfile:b", "version:2.0.0\u{1b}[2K", "\u{85}", &long]
        {
            assert_eq!(outcome(comment, &announced()), Some(ErrorCode::InvalidSignature), "{comment:.40}");
        }
        assert_eq!(outcome(&"x".repeat(TRUSTED_COMMENT_MAX_BYTES), &announced()), None);
    }
}
