//! Keys and signatures for publishers (feature `sign`): key pairs, and signatures that carry [`SignedMetadata`].
//!
//! Format: <https://jedisct1.github.io/minisign/>; signatures are of the prehashed kind (`ED`) only. The packager's
//! encoding is base64 of the whole minisign text, without a line break: what its own commands read and write.

use std::{fmt, io::Read, ops::Range};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    Error, Result,
    signature::{PublicKey, SignedMetadata},
};

/// The `minisign` program reads no longer ones.
const PASSWORD_MAX_BYTES: usize = 1024;
/// minisign's own limit for a trusted comment.
const TRUSTED_COMMENT_MAX_BYTES: usize = 8191;
const SECRET_KEY_COMMENT: &str = "minisign encrypted secret key";
const SIGNATURE_COMMENT: &str = "signature from minisign secret key";
/// Ed25519; the secret key's own kind, whatever kind of signature it makes.
const KEY_ALGORITHM: &[u8] = b"Ed";
/// Where things are in a private key file's second line.
const KEY_BYTES: usize = 158;
const KDF: Range<usize> = 2..4;
const KDF_NONE: &[u8] = &[0, 0];
const SEED: Range<usize> = 62..94;
const PUBLIC_KEY: Range<usize> = 94..126;
const CHECKSUM: Range<usize> = 126..158;

/// A new key pair, in the packager's encoding.
pub struct KeyPair {
    private_key: String,
    public_key: String,
}

impl KeyPair {
    /// Makes a key pair. The private key is encrypted with `password` (at most 1024 bytes), also with an empty one;
    /// deriving the key from it (scrypt) takes about a second and 32 MiB.
    ///
    /// # Errors
    /// [`Error::Signing`] where the password is too long or the system gives no random numbers.
    pub fn generate(password: &str) -> Result<Self> {
        if password.len() > PASSWORD_MAX_BYTES {
            let reason = format!("the password has {} bytes, more than {PASSWORD_MAX_BYTES}", password.len());
            return Err(Error::Signing { reason });
        }
        let pair =
            minisign::KeyPair::generate_encrypted_keypair(Some(password.to_owned())).map_err(signing)?;
        let private_key = pair.sk.to_box(Some(SECRET_KEY_COMMENT)).map_err(signing)?.to_string();
        let public_key = pair.pk.to_box().map_err(signing)?.to_string();
        Ok(Self { private_key: encode(&private_key), public_key: encode(&public_key) })
    }

    /// The private key: a secret.
    pub fn private_key(&self) -> &str {
        &self.private_key
    }

    /// The public key: goes into the application's configuration.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// A decrypted private key, ready to sign.
pub struct SecretKey {
    key: minisign::SecretKey,
    public_key: PublicKey,
}

impl SecretKey {
    /// Reads a private key: the packager's encoding, or the text of minisign's key file. `password` is only used
    /// where the key is encrypted.
    ///
    /// # Errors
    /// [`Error::Signing`]: no key, a damaged one, a missing or wrong password. The message holds neither.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self> {
        let parsed = KeyFile::parse(text)?;
        let key = match (parsed.is_encrypted(), password) {
            (false, _) => parsed.into_plain_key(),
            (true, Some(password)) => parsed.into_decrypted_key(password),
            (true, None) => Err(refused("the private key is encrypted and needs its password")),
        }?;
        let public_key = public_key_of(&key)?;
        Ok(Self { key, public_key })
    }

    /// Whether the key in this text is encrypted with a password.
    ///
    /// # Errors
    /// [`Error::Signing`] where the text is no private key.
    pub fn needs_password(text: &str) -> Result<bool> {
        KeyFile::parse(text).map(|key| key.is_encrypted())
    }

    /// The public key that verifies what this key signs.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs the bytes of `artifact`, in constant memory, together with `metadata`. Gives the text of a `.minisig`
    /// file; [`encode`] makes a `.sig` of it.
    ///
    /// # Errors
    /// [`Error::Signing`]: a metadata value is empty or has a control character, together they are longer than
    /// 8191 bytes, or `artifact` cannot be read.
    pub fn sign(&self, artifact: &mut dyn Read, metadata: &SignedMetadata) -> Result<String> {
        let comment = trusted_comment(metadata)?;
        let signature = minisign::sign(None, &self.key, artifact, Some(&comment), Some(SIGNATURE_COMMENT))
            .map_err(signing)?;
        Ok(signature.to_string())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// The packager's encoding of a minisign text: base64 of the whole.
pub fn encode(minisign_text: &str) -> String {
    STANDARD.encode(minisign_text)
}

/// A private key file of the right form; whether its content is sound is only known once it is decrypted.
struct KeyFile {
    text: String,
    bytes: [u8; KEY_BYTES],
}

impl KeyFile {
    fn parse(text: &str) -> Result<Self> {
        let text = decode(text.trim());
        let [comment, key_line] = text.lines().collect::<Vec<_>>()[..] else {
            return Err(refused(
                "the private key is neither base64 of a minisign key file nor such a file's text",
            ));
        };
        if !comment.starts_with("untrusted comment: ") {
            return Err(refused("the private key does not start with an untrusted comment"));
        }
        let bytes = STANDARD.decode(key_line.trim()).map_err(|_| refused("the private key is not base64"))?;
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes).map_err(|bytes| {
            refused(format!("the private key has {} bytes instead of {KEY_BYTES}", bytes.len()))
        })?;
        if !bytes.starts_with(KEY_ALGORITHM) {
            return Err(refused("this is no minisign private key"));
        }
        Ok(Self { text: format!("{comment}\n{}\n", key_line.trim()), bytes })
    }

    fn is_encrypted(&self) -> bool {
        self.bytes.get(KDF) != Some(KDF_NONE)
    }

    fn into_decrypted_key(self, password: &str) -> Result<minisign::SecretKey> {
        minisign::SecretKeyBox::from(self.text).into_secret_key(Some(password.to_owned())).map_err(signing)
    }

    /// `minisign -G -W` leaves the checksum empty. Such a key is checked by its own public half instead: signing with
    /// halves that do not belong together would give the private one away.
    fn into_plain_key(self) -> Result<minisign::SecretKey> {
        if self.bytes.get(CHECKSUM).is_some_and(|checksum| checksum.iter().any(|byte| *byte != 0)) {
            return minisign::SecretKeyBox::from(self.text).into_unencrypted_secret_key().map_err(signing);
        }
        let halves = self.bytes.get(SEED).zip(self.bytes.get(PUBLIC_KEY));
        let sound = halves.is_some_and(|(seed, public)| {
            ring::signature::Ed25519KeyPair::from_seed_and_public_key(seed, public).is_ok()
        });
        if !sound {
            return Err(refused("the private key is damaged"));
        }
        minisign::SecretKey::from_bytes(&self.bytes).map_err(signing)
    }
}

/// A private key is base64 itself, so only what decodes to a comment line is the packager's encoding.
fn decode(text: &str) -> String {
    let inner = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match inner {
        Some(inner) if inner.starts_with("untrusted comment:") => inner,
        _ => text.to_owned(),
    }
}

fn public_key_of(key: &minisign::SecretKey) -> Result<PublicKey> {
    let text = minisign::PublicKey::from_secret_key(key).map_err(signing)?.to_base64();
    PublicKey::parse(&text).map_err(refused)
}

/// `timestamp:…⇥file:…⇥version:…` and so on, in a fixed order.
fn trusted_comment(metadata: &SignedMetadata) -> Result<String> {
    let mut pairs = Vec::new();
    for (key, value) in metadata.fields() {
        // A tab would start a field of its own, a line break would end the comment: both could make a signature
        // say what nobody meant.
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(refused(format!(
                "`{key}` must not be empty or hold control characters (got {value:?})"
            )));
        }
        pairs.push(format!("{key}:{value}"));
    }
    let comment = pairs.join("\t");
    if comment.len() > TRUSTED_COMMENT_MAX_BYTES {
        let len = comment.len();
        return Err(refused(format!("the metadata has {len} bytes, more than {TRUSTED_COMMENT_MAX_BYTES}")));
    }
    Ok(comment)
}

fn signing(error: minisign::PError) -> Error {
    refused(error.to_string())
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Signing { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Signature, verify_reader};

    /// Made with `minisign -G -W` for these tests.
    const KEY: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY9YQVNIWzAvvx/P7gRc3QEDAOpjyooTcqPFyykKsR8zIBy7IlKqEb+u8VXJUcRgN3FwndgajnQAcRtojFxPXMAxECiTuDF5WAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
    const PUBLIC: &str = "RWRj1hBU0hbMC+u8VXJUcRgN3FwndgajnQAcRtojFxPXMAxECiTuDF5W";

    fn edited(edit: impl FnOnce(&mut Vec<u8>)) -> String {
        let (comment, line) = KEY.trim_end().split_once('\n').unwrap();
        let mut bytes = STANDARD.decode(line).unwrap();
        edit(&mut bytes);
        format!("{comment}\n{}\n", STANDARD.encode(bytes))
    }

    fn metadata() -> SignedMetadata {
        SignedMetadata {
            timestamp: Some("1767323045".to_owned()),
            file: Some("a b.AppImage".to_owned()),
            version: Some("2.0.0".to_owned()),
            target: Some("linux-x86_64".to_owned()),
            ..SignedMetadata::default()
        }
    }

    #[test]
    fn what_is_signed_verifies_and_says_the_same() {
        for text in [KEY.to_owned(), encode(KEY), KEY.replace('\n', "\r\n")] {
            let key = SecretKey::parse(&text, None).unwrap();
            assert_eq!(key.public_key().as_line(), PUBLIC);
            let signature = key.sign(&mut &b"bytes"[..], &metadata()).unwrap();
            let parsed = Signature::parse(&encode(&signature)).unwrap();
            let keys = [key.public_key().clone()];
            assert_eq!(verify_reader(&mut &b"bytes"[..], &parsed, &keys).unwrap(), metadata());
            assert!(verify_reader(&mut &b"Bytes"[..], &parsed, &keys).is_err());
        }
    }

    #[test]
    fn the_comment_is_written_in_a_fixed_order() {
        let expected = "timestamp:1767323045\tfile:a b.AppImage\tversion:2.0.0\ttarget:linux-x86_64";
        assert_eq!(trusted_comment(&metadata()).unwrap(), expected);
    }

    #[test]
    fn values_cannot_add_fields() {
        for value in ["", "1.0.0\tversion:9.9.9", "x\nuntrusted comment: y", "\u{1b}[2K", "\u{85}"] {
            let metadata = SignedMetadata { channel: Some(value.to_owned()), ..metadata() };
            assert!(trusted_comment(&metadata).is_err(), "{value:?}");
        }
        let fits = TRUSTED_COMMENT_MAX_BYTES - "file:".len();
        let only_file = |len| SignedMetadata { file: Some("x".repeat(len)), ..SignedMetadata::default() };
        assert!(trusted_comment(&only_file(fits)).is_ok());
        assert!(trusted_comment(&only_file(fits + 1)).is_err());
    }

    #[test]
    fn damaged_keys_are_refused_without_showing_them() {
        let halves_apart = edited(|bytes| bytes[SEED.start] ^= 1);
        let wrong_checksum = edited(|bytes| bytes[CHECKSUM.start] = 1);
        let short = edited(|bytes| bytes.truncate(KEY_BYTES - 1));
        let other_kind = edited(|bytes| bytes[0] = b'X');
        let public = format!("untrusted comment: minisign public key\n{PUBLIC}\n");
        for text in
            [&halves_apart, &wrong_checksum, &short, &other_kind, &public, "", "x", "untrusted comment: x"]
        {
            let message = SecretKey::parse(text, None).unwrap_err().to_string();
            assert!(text.lines().nth(1).is_none_or(|line| !message.contains(line)), "{message}");
        }
    }

    #[test]
    fn an_encrypted_key_opens_with_its_password_only() {
        let pair = KeyPair::generate("correct horse").unwrap();
        assert!(SecretKey::needs_password(pair.private_key()).unwrap());
        assert!(!SecretKey::needs_password(KEY).unwrap());
        for password in [None, Some("battery staple")] {
            assert!(SecretKey::parse(pair.private_key(), password).is_err());
        }
        let key = SecretKey::parse(pair.private_key(), Some("correct horse")).unwrap();
        assert_eq!(Ok(key.public_key()), PublicKey::parse(pair.public_key()).as_ref());
        assert!(!format!("{pair:?}{key:?}").contains(pair.private_key()));
        assert!(KeyPair::generate(&"x".repeat(PASSWORD_MAX_BYTES + 1)).is_err());
    }
}
