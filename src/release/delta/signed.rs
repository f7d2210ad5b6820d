//! [`SignedDelta`]: a delta and its signature, as a manifest announces them.

use base64::{Engine, engine::general_purpose::STANDARD};
use semver::Version;
use serde_json::{Value, json};

use super::Delta;
use crate::{
    Result,
    signature::{Signature, SignedMetadata},
};

/// A delta that is about to be published, with its signature.
#[derive(Debug, Clone)]
pub struct SignedDelta {
    from: Version,
    base: String,
    size: u64,
    signature: String,
    claimed: SignedMetadata,
}

impl SignedDelta {
    /// `from` is the version of the old artifact; `signature` the text of the `.sig` or `.minisig` file. The signature is
    /// read, not verified.
    ///
    /// # Errors
    /// [`crate::Error::InvalidSignature`].
    pub fn new(delta: &Delta, from: &Version, signature: &str) -> Result<Self> {
        let claimed = Signature::parse(signature)?.claimed_metadata()?;
        let signature = signature.trim();
        let raw = signature.contains('\n');
        let signature = if raw { STANDARD.encode(format!("{signature}\n")) } else { signature.to_owned() };
        Ok(Self {
            from: from.clone(),
            base: delta.base_sha256(),
            size: delta.as_bytes().len() as u64,
            signature,
            claimed,
        })
    }

    /// What its signature says, not verified.
    pub const fn claimed(&self) -> &SignedMetadata {
        &self.claimed
    }

    pub(in crate::release) fn to_json(&self, url: &str) -> Value {
        json!({
            "from": self.from.to_string(),
            "url": url,
            "size": self.size,
            "signature": self.signature,
            "base": self.base,
        })
    }
}
