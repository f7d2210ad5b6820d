//! An author whose secret everybody knows.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use minisign::SecretKey;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::signature::PublicKey;

/// Whoever may sign here may sign nowhere else.
const SEED: [u8; 32] = [7; 32];

static AUTHOR: LazyLock<(SecretKey, PublicKey)> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let (id, public) = ([7; 8], pair.public_key().as_ref());
    let secret = [&b"Ed\0\0B2"[..], &[0; 48], &id, &SEED, public, &[0; 32]].concat();
    let public = STANDARD.encode([b"Ed", &id[..], public].concat());
    (SecretKey::from_bytes(&secret).unwrap(), PublicKey::parse(&public).unwrap())
});

pub fn public_key() -> &'static PublicKey {
    &AUTHOR.1
}

/// The text of a `.minisig` file.
pub fn sign(bytes: &[u8], trusted_comment: &str) -> String {
    minisign::sign(None, &AUTHOR.0, bytes, Some(trusted_comment), None).unwrap().to_string()
}
