//! Trust: minisign public keys and signatures, the signed metadata in the trusted comment, and
//! `VerifiedArtifact`, the proof without which nothing is installed.
//!
//! Format: <https://jedisct1.github.io/minisign/> (Ed25519 over BLAKE2b-512, algorithm `ED`).

mod metadata;
mod public_key;
#[cfg(test)]
#[cfg(unix)]
pub(crate) mod testing;
mod verified;

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};

pub use metadata::SignedMetadata;
pub use public_key::PublicKey;

pub(crate) use metadata::{Announced, check_name};
pub(crate) use verified::{Trust, VerifiedArtifact, VerifyingFile};

use metadata::TRUSTED_COMMENT_MAX_BYTES;

use crate::{Error, Result};

/// minisign's own limit.
const UNTRUSTED_COMMENT_MAX_BYTES: usize = 1024;

/// A parsed minisign signature of the current kind (`ED`); the legacy kind (`Ed`) is refused.
#[derive(Clone)]
pub struct Signature {
    parsed: minisign_verify::Signature,
    text: String,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature").field("text", &self.text).finish()
    }
}

impl Signature {
    /// Reads the four lines of a `.minisig` file, or the base64 encoding of the whole text (the packager's `.sig`).
    ///
    /// # Errors
    /// [`Error::InvalidSignature`].
    pub fn parse(text: &str) -> Result<Self> {
        let text = unwrap_base64(text, "untrusted comment:");
        if text.contains('\0') {
            return Err(invalid("it has a zero byte, where minisign would see the end of a line"));
        }
        let lines: Vec<&str> = text.trim_end_matches(['\r', '\n']).lines().collect();
        let [untrusted_comment, signature, trusted_comment, _] = lines.as_slice() else {
            return Err(invalid(format!("expected four lines, got {}", lines.len())));
        };
        // A line read back from what is kept would have one less each time.
        if lines.iter().any(|line| line.ends_with('\r')) {
            return Err(invalid("a line ends with more than one carriage return"));
        }
        let Some(untrusted_comment) = untrusted_comment.strip_prefix("untrusted comment: ") else {
            return Err(invalid("the first line is no untrusted comment"));
        };
        let Some(trusted_comment) = trusted_comment.strip_prefix("trusted comment: ") else {
            return Err(invalid("the third line is no trusted comment"));
        };
        check_length("untrusted comment", untrusted_comment, UNTRUSTED_COMMENT_MAX_BYTES)?;
        check_length("trusted comment", trusted_comment, TRUSTED_COMMENT_MAX_BYTES)?;
        // `Ed` signs the bytes themselves; it would need the whole artifact in memory, and minisign has
        // not made such signatures by default since 2019.
        if STANDARD.decode(signature).is_ok_and(|bytes| bytes.starts_with(b"Ed")) {
            return Err(invalid("legacy signatures (Ed) are refused: sign with the prehashed kind (ED)"));
        }
        let parsed = minisign_verify::Signature::decode(&text).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { parsed, text: lines.join("\n") })
    }

    /// The four lines, without a line break at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trusted comment, which nothing has proved yet: good enough to tell publishers what they signed, and never
    /// to decide what is installed.
    #[cfg(feature = "release")]
    pub(crate) fn claimed_metadata(&self) -> Result<SignedMetadata> {
        SignedMetadata::parse(self.parsed.trusted_comment())
    }

    /// Whether it says that it was made with this key, by the key's id. That proves nothing.
    pub(crate) fn names(&self, key: &PublicKey) -> bool {
        !matches!(key.inner().verify_stream(&self.parsed), Err(minisign_verify::Error::UnexpectedKeyId))
    }

    /// The line that holds the signature of the artifact's bytes: what makes two signatures the same one,
    /// whatever their comments say.
    pub(crate) fn identity(&self) -> &str {
        self.text.lines().nth(1).unwrap_or_default()
    }
}

/// Checks that one of `keys` signed the bytes that `reader` gives, and reads what else it signed.
///
/// # Errors
/// [`Error::SignatureMismatch`], [`Error::InvalidSignature`] for a malformed trusted comment, [`Error::Io`].
pub fn verify_reader(
    reader: &mut dyn Read,
    signature: &Signature,
    keys: &[PublicKey],
) -> Result<SignedMetadata> {
    verified::verify_reader(reader, signature, keys)
}

/// The packager wraps whole files in base64, which may stand between spaces; minisign's own files start with a comment,
/// and are read no more kindly than by minisign.
fn unwrap_base64(text: &str, start: &str) -> String {
    STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|inner| inner.starts_with(start))
        .unwrap_or_else(|| text.to_owned())
}

/// The whole text is kept with what is staged: without a bound the untrusted comment, which nobody signs, could make that
/// record too long to be read again.
fn check_length(name: &str, text: &str, max_bytes: usize) -> Result<()> {
    match text.len() {
        bytes if bytes > max_bytes => {
            Err(invalid(format!("the {name} has {bytes} bytes, more than {max_bytes}")))
        }
        _ => Ok(()),
    }
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidSignature { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    const SIGNATURE: &str = include_str!("../tests/fixtures/artifact.minisig");
    const KEY: &str = include_str!("../tests/fixtures/fixture.pub");
    const ANOTHER_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_signature_names_the_key_that_it_was_made_with() {
        let signature = Signature::parse(SIGNATURE).unwrap();
        assert!(signature.names(&PublicKey::parse(KEY).unwrap()));
        assert!(!signature.names(&PublicKey::parse(ANOTHER_KEY).unwrap()));
    }

    /// Whether a signature can have a comment of so many bytes on this line.
    fn outcome(line: &str, bytes: usize) -> Result<(), ErrorCode> {
        let with_comment = |found: &str| match found.strip_prefix(line) {
            Some(_) => format!("{line}{}\n", "c".repeat(bytes)),
            None => format!("{found}\n"),
        };
        let text: String = SIGNATURE.lines().map(with_comment).collect();
        Signature::parse(&text).map(drop).map_err(|error| error.code())
    }

    #[test]
    fn comments_are_as_long_as_minisigns_may_be() {
        for (line, bytes_max) in [
            ("untrusted comment: ", UNTRUSTED_COMMENT_MAX_BYTES),
            ("trusted comment: ", TRUSTED_COMMENT_MAX_BYTES),
        ] {
            assert_eq!(outcome(line, bytes_max), Ok(()));
            assert_eq!(outcome(line, bytes_max + 1), Err(ErrorCode::InvalidSignature));
        }
    }
}
