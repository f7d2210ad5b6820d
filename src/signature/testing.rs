//! Artifacts of an author, for tests.

use std::{
    io::Cursor,
    path::Path,
    sync::{Arc, LazyLock},
};

use minisign::KeyPair;

use super::{Announced, PublicKey, Signature, Trust, VerifiedArtifact};
use crate::{
    system::{OsSystem, System},
    target::Format,
};

static KEYS: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_unencrypted_keypair().unwrap());

/// The author's.
pub(crate) fn public_key() -> PublicKey {
    PublicKey::parse(&KEYS.pk.to_base64()).unwrap()
}

/// Signs as version 2.0.0.
pub(crate) fn sign(bytes: &[u8]) -> Signature {
    sign_as(bytes, "version:2.0.0")
}

/// Signs with this trusted comment.
pub(crate) fn sign_as(bytes: &[u8], comment: &str) -> Signature {
    let signature = minisign::sign(None, &KEYS.sk, Cursor::new(bytes), Some(comment), None).unwrap();
    Signature::parse(&signature.into_string()).unwrap()
}

/// What these bytes, signed and announced as version 2.0.0, have to satisfy.
pub(crate) fn trust(bytes: &[u8]) -> Arc<Trust> {
    let announced = Announced {
        version: "2.0.0".parse().unwrap(),
        target: "macos-aarch64".to_owned(),
        format: Format::App,
        channel: None,
        app_id: None,
        signed_version_required: true,
    };
    Arc::new(Trust { keys: vec![public_key()], signature: sign(bytes), announced })
}

/// Signs what the file holds, and verifies it.
pub(crate) fn verified(path: &Path) -> VerifiedArtifact {
    let trust = trust(&std::fs::read(path).unwrap());
    let file = OsSystem.open_private(path).unwrap();
    VerifiedArtifact::from_file(file, path.to_owned(), &trust).unwrap()
}
