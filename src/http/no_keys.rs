//! Private keys for certificates of the client's own: it has none.

use std::sync::Arc;

use rustls::{Error, crypto::KeyProvider, pki_types::PrivateKeyDer, sign::SigningKey};

/// In place of ring's, so that what signs with RSA, ECDSA and Ed25519 keys is not linked.
#[derive(Debug)]
pub(super) struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("no certificate of the client is used".to_owned()))
    }
}
