//! [`Signer`]: a key pair without a password.

use std::{
    io::{Cursor, Read},
    sync::LazyLock,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::Ed25519KeyPair;

pub(crate) struct Signer {
    pair: minisign::KeyPair,
}

static AUTHOR: LazyLock<Signer> = LazyLock::new(Signer::generate);
static STRANGER: LazyLock<Signer> = LazyLock::new(Signer::generate);
static TWIN: LazyLock<Signer> = LazyLock::new(|| Signer::with_the_id_of(&AUTHOR));

impl Signer {
    /// Whom the application trusts.
    pub(crate) fn author() -> &'static Self {
        &AUTHOR
    }

    /// Whom it does not.
    pub(crate) fn stranger() -> &'static Self {
        &STRANGER
    }

    /// Another key, which has the author's id.
    pub(crate) fn twin() -> &'static Self {
        &TWIN
    }

    fn with_the_id_of(other: &Self) -> Self {
        let minisign::KeyPair { pk, sk } = Self::generate().pair;
        let (mut public, mut secret) = (pk.to_bytes(), sk.to_bytes());
        let id = &other.pair.pk.to_bytes()[2..10];
        public[2..10].copy_from_slice(id);
        secret[54..62].copy_from_slice(id);
        let pk = minisign::PublicKey::from_bytes(&public).unwrap();
        Self { pair: minisign::KeyPair { pk, sk: minisign::SecretKey::from_bytes(&secret).unwrap() } }
    }

    fn generate() -> Self {
        Self { pair: minisign::KeyPair::generate_unencrypted_keypair().unwrap() }
    }

    pub(crate) fn pubkey(&self) -> String {
        self.pair.pk.to_base64()
    }

    /// The text of a `.minisig` file.
    pub(crate) fn sign(&self, bytes: &[u8], trusted_comment: &str) -> String {
        self.sign_stream(Cursor::new(bytes), trusted_comment)
    }

    /// The same for what need not be in memory.
    pub(crate) fn sign_stream(&self, content: impl Read, trusted_comment: &str) -> String {
        minisign::sign(None, &self.pair.sk, content, Some(trusted_comment), Some("signature"))
            .unwrap()
            .to_string()
    }

    /// An authentic signature of the kind that minisign made until 2019: over the bytes themselves.
    pub(crate) fn sign_legacy(&self, bytes: &[u8], trusted_comment: &str) -> String {
        let secret = self.pair.sk.to_bytes();
        let public = self.pair.pk.to_bytes();
        let key = Ed25519KeyPair::from_seed_and_public_key(&secret[62..94], &public[10..42]).unwrap();
        let signature = key.sign(bytes).as_ref().to_vec();
        let global = key.sign(&[&signature, trusted_comment.as_bytes()].concat());
        let line = STANDARD.encode([b"Ed", &public[2..10], &signature].concat());
        let global_line = STANDARD.encode(global);
        format!("untrusted comment: x\n{line}\ntrusted comment: {trusted_comment}\n{global_line}\n")
    }
}
