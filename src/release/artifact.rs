//! [`SignedArtifact`]: a file and its signature, read for what a manifest has to say about it.

use super::platform::platforms_of_file;
use crate::{
    Error, Result,
    signature::{Signature, SignedMetadata},
    target::{Format, canonical_key},
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Whether a signature may lack the version. Without it, whoever controls the manifest can offer an old release as
/// a new one, and applications that once installed a signed version refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unversioned {
    /// It may not.
    Refuse,
    /// It may, as for artifacts that were signed by other tools.
    Allow,
}

/// A file that is about to be published, with its signature.
#[derive(Debug, Clone)]
pub struct SignedArtifact {
    file_name: String,
    size: u64,
    signature: String,
    claimed: SignedMetadata,
    target: Option<String>,
    format: Option<Format>,
}

impl SignedArtifact {
    /// `size` is in bytes; `signature` the text of the `.sig` or `.minisig` file. The signature is read, not
    /// verified.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`].
    pub fn new(file_name: impl Into<String>, size: u64, signature: &str) -> Result<Self> {
        let claimed = Signature::parse(signature)?.claimed_metadata()?;
        let signature = signature.trim();
        let raw = signature.contains('\n');
        let signature = if raw { STANDARD.encode(format!("{signature}\n")) } else { signature.to_owned() };
        Ok(Self { file_name: file_name.into(), size, signature, claimed, target: None, format: None })
    }

    /// Says what it is for, where neither signature nor name do. A signature that says otherwise wins by an error
    /// in [`super::Manifest::add`].
    #[must_use]
    pub fn with(self, target: Option<String>, format: Option<Format>) -> Self {
        Self { target, format, ..self }
    }

    /// The file's name, without directories.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The signature in the packager's encoding.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// What the signature says, not verified.
    pub const fn claimed(&self) -> &SignedMetadata {
        &self.claimed
    }

    /// The format that was given, else signed, else the one that the file's name tells.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`]; [`Error::InvalidOption`] where it cannot be told.
    pub fn format(&self) -> Result<Format> {
        match (self.format, &self.claimed.format) {
            (Some(format), _) => Ok(format),
            (None, Some(signed)) => signed.parse(),
            (None, None) => Format::from_file_name(&self.file_name).ok_or_else(|| {
                self.invalid("format", "the file's name does not tell it: sign with `--format …`")
            }),
        }
    }

    /// The target that was given, else the ones that were signed, else the ones that the file's name tells.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where they cannot be told.
    pub fn targets(&self) -> Result<Vec<String>> {
        let targets = match (&self.target, &self.claimed.target) {
            (Some(target), _) => vec![target.clone()],
            (None, Some(signed)) => signed.split(',').map(|target| target.trim().to_owned()).collect(),
            (None, None) => platforms_of_file(&self.file_name, self.format()?),
        };
        if targets.is_empty() {
            let remedy = "the file's name does not tell it: sign with `--target linux-x86_64` or its like";
            return Err(self.invalid("target", remedy));
        }
        Ok(targets)
    }

    /// Whether the other one is of the same format and for one of the same targets, where both can be told: an update of it
    /// is an update to this one.
    ///
    /// # Errors
    /// As [`Self::targets`].
    pub fn replaces(&self, other: &Self) -> Result<bool> {
        let (Ok(format), Ok(targets)) = (other.format(), other.targets()) else { return Ok(false) };
        let plain = |target: &String| {
            let key = canonical_key(target);
            key.strip_suffix(&format!("-{format}")).map(str::to_owned).unwrap_or(key)
        };
        let own: Vec<String> = self.targets()?.iter().map(plain).collect();
        Ok(self.format()? == format && targets.iter().any(|target| own.contains(&plain(target))))
    }

    pub(super) fn invalid(&self, option: &str, reason: impl Into<String>) -> Error {
        Error::option_invalid(option, format!("{:?}", self.file_name), reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");

    fn named(name: &str) -> SignedArtifact {
        SignedArtifact::new(name, 1, SIGNATURE).unwrap()
    }

    fn claiming(name: &str, comment: &str) -> SignedArtifact {
        SignedArtifact { claimed: SignedMetadata::parse(comment).unwrap(), ..named(name) }
    }

    #[test]
    fn either_encoding_is_published_as_the_packagers() {
        let packager = STANDARD.encode(SIGNATURE);
        for text in [SIGNATURE, SIGNATURE.trim_end(), &packager, &format!("{packager}\n")] {
            let artifact = SignedArtifact::new("a", 1, text).unwrap();
            assert_eq!(artifact.signature(), packager);
            assert_eq!(artifact.claimed(), &Signature::parse(SIGNATURE).unwrap().claimed_metadata().unwrap());
        }
        assert!(named("a").claimed().timestamp.is_some());
    }

    #[test]
    fn what_was_given_comes_before_what_was_signed_and_that_before_the_name() {
        let name = "App_x86_64.AppImage";
        assert_eq!(named(name).targets().unwrap(), ["linux-x86_64"]);
        assert_eq!(named(name).format().unwrap(), Format::AppImage);
        let signed = claiming(name, "target:linux-aarch64, linux-armv7\tformat:deb");
        assert_eq!(signed.targets().unwrap(), ["linux-aarch64", "linux-armv7"]);
        assert_eq!(signed.format().unwrap(), Format::Deb);
        let given = signed.with(Some("kiosk".to_owned()), Some(Format::Rpm));
        assert_eq!(
            (given.targets().unwrap(), given.format().unwrap()),
            (vec!["kiosk".to_owned()], Format::Rpm)
        );
    }

    #[test]
    fn only_the_same_kind_is_replaced_however_its_target_is_written() {
        let new = claiming("a", "target:darwin-aarch64, macos-x86_64\tformat:app");
        for (target, format, expected) in [
            ("macos-aarch64", "app", true),
            ("macos-x86_64-app", "app", true),
            ("darwin-x86_64,linux-x86_64", "app", true),
            ("linux-aarch64", "app", false),
            ("macos-aarch64", "deb", false),
        ] {
            let old = claiming("a", &format!("target:{target}\tformat:{format}"));
            assert_eq!(new.replaces(&old).unwrap(), expected, "{target} {format}");
        }
        assert!(!new.replaces(&named("unknown")).unwrap());
    }

    #[test]
    fn what_cannot_be_told_names_the_remedy() {
        for (artifact, remedy) in [(named("App.AppImage"), "--target"), (named("App"), "--format")] {
            let error = artifact.targets().unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidOption);
            assert!(error.to_string().contains(remedy), "{error}");
            assert!(error.to_string().contains(artifact.file_name()), "{error}");
        }
    }
}
