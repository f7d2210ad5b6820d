//! [`DeltaEntry`]: what a manifest says of one delta.

use std::io::{self, Read};

use semver::Version;
use serde_json::Value;

use super::invalid;
use crate::{
    Error, Result,
    delta::Header,
    endpoint::display,
    manifest::AnnouncedDelta,
    release::entry::{check_transport, file_name},
    signature::{PublicKey, verify_reader},
};

/// A delta that a manifest announces.
#[derive(Debug, Clone)]
pub struct DeltaEntry(AnnouncedDelta);

impl DeltaEntry {
    /// `version` is the manifest's.
    pub(in crate::release) fn parse(delta: &Value, version: &Version) -> Result<Self> {
        let unreadable = || {
            let reason = "it needs `url`, `size`, `signature` and `base`, the SHA-256 of what it is for in hexadecimal digits";
            Error::manifest(&"a delta", reason)
        };
        let delta = AnnouncedDelta::read(delta, version).ok_or_else(unreadable)?;
        check_transport(&delta.url)?;
        delta.signature.claimed_metadata()?.check_delta(&delta.version, (None, None))?;
        Ok(Self(delta))
    }

    /// Where it is downloaded from, without credentials.
    pub fn url(&self) -> String {
        display(&self.0.url)
    }

    /// Whether it makes an earlier artifact, on the way to the announced one. Its file lies with that one.
    pub const fn is_link(&self) -> bool {
        self.0.result.is_some()
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.0.size
    }

    /// The last part of the URL's path, decoded: its name on the publisher's disk.
    pub fn file_name(&self) -> Option<String> {
        file_name(&self.0.url)
    }

    /// Checks the file as the application does before it applies it, and that it is for what is announced. `size` is the
    /// file's, in bytes.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`], [`Error::SignatureMismatch`], [`Error::SignedVersionMismatch`],
    /// [`Error::SignedMetadataMismatch`], [`Error::InvalidArtifact`] where it is none or for another base, [`Error::Io`].
    pub fn verify(&self, (delta, size): (&mut dyn Read, u64), keys: &[PublicKey]) -> Result<()> {
        if self.0.size != size {
            return Err(Error::SizeMismatch { url: self.url(), expected: self.0.size, got: size });
        }
        let mut start = Vec::new();
        let failed = |error| Error::io("read", "the delta", error);
        delta.take(Header::LEN as u64).read_to_end(&mut start).map_err(failed)?;
        let mut whole = start.as_slice().chain(delta);
        verify_reader(&mut whole, &self.0.signature, keys)?.check_delta(&self.0.version, (None, None))?;
        let header = Header::parse(&start, size).map_err(invalid)?;
        if header.base.hex() != self.0.base {
            let base = header.base.hex();
            return Err(invalid(io::Error::other(format!("it is for the base {base}, not {}", self.0.base))));
        }
        Ok(())
    }
}
