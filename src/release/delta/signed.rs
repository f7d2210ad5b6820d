//! [`SignedDelta`]: a delta and its signature, as a manifest announces them.

use semver::Version;
use serde_json::{Value, json};

use super::Delta;
use crate::{Result, release::SignedArtifact, signature::SignedMetadata};

/// A delta that is about to be published, with its signature.
#[derive(Debug, Clone)]
pub struct SignedDelta {
    from: Version,
    base: String,
    file: SignedArtifact,
}

impl SignedDelta {
    /// `from` is the version of the old artifact; `signature` the text of the `.sig` or `.minisig` file. The signature is
    /// read, not verified.
    ///
    /// # Errors
    /// [`crate::Error::InvalidSignature`].
    pub fn new(delta: &Delta, from: &Version, signature: &str) -> Result<Self> {
        let file = SignedArtifact::new("", delta.as_bytes().len() as u64, signature)?;
        Ok(Self { from: from.clone(), base: delta.base_sha256(), file })
    }

    /// What its signature says, not verified.
    pub const fn claimed(&self) -> &SignedMetadata {
        self.file.claimed()
    }

    pub(in crate::release) fn to_json(&self, url: &str) -> Value {
        json!({
            "from": self.from.to_string(),
            "url": url,
            "size": self.file.size(),
            "signature": self.file.signature(),
            "base": self.base,
        })
    }
}
