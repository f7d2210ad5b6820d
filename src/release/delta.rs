//! [`Delta`]: what changed from one artifact to another, for applications that have the first one.

mod compose;
mod diff;
mod entry;
mod links;
mod reproduce;
mod sections;
mod signed;
mod streams;

use std::{
    fs::File,
    io::{self, Write},
};

use ring::digest;

use crate::{
    Error, Result,
    delta::{Header, Image, PURPOSE, Patch, apply},
    state::digest_of,
};
use compose::Composition;
use diff::Diff;
pub use entry::DeltaEntry;
pub(super) use links::are_useful;
use sections::Sections;
pub use signed::SignedDelta;

/// What is being done. The steps follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeltaStep {
    /// Compressed streams are looked for, and how to make them.
    Scan,
    /// Old and new bytes are compared: most of the time, and of the memory.
    Compare,
    /// What was found is compressed.
    Compress,
    /// The delta is applied as an application would, and the result compared.
    Verify,
}

/// A differential update.
#[derive(Debug, Clone)]
pub struct Delta {
    bytes: Vec<u8>,
    base: Image,
    result: Image,
    streams: usize,
    opaque_streams: usize,
}

impl Delta {
    /// What its signature has to say that it is, as `type`.
    pub const PURPOSE: &str = PURPOSE;

    /// Compares two artifacts. The delta was applied, and the result compared, when this returns.
    ///
    /// Time and memory grow with what the changed parts expand to: about seven times as much memory.
    ///
    /// # Errors
    /// [`Error::InvalidArtifact`] where what changed expands to 2 GiB or more, or the result would take an application more
    /// memory, disk or time than it allows.
    pub fn create(old: &[u8], new: &[u8], on_step: &mut dyn FnMut(DeltaStep)) -> Result<Self> {
        create(old, new, on_step).map_err(invalid)
    }

    /// Makes the new artifact of the old one, as an application does. `scratch` is an empty file, which takes what parts of
    /// the old one expand to. Memory does not grow with the artifacts.
    ///
    /// # Errors
    /// [`Error::InvalidArtifact`] where the delta is not one, or for another artifact, or a file cannot be read or written.
    /// What was written until then is of no use.
    pub fn apply(old: &File, delta: &File, scratch: &mut File, new: &mut dyn Write) -> Result<()> {
        let applied = delta
            .metadata()
            .and_then(|metadata| Header::parse(delta, metadata.len()))
            .and_then(|header| apply(&Patch { base: old, delta, header: &header }, scratch, new, &|| false));
        applied.map_err(invalid)
    }

    /// SHA-256 of an artifact in hexadecimal digits: the name by which deltas know it.
    ///
    /// # Errors
    /// What reading gives.
    pub fn sha256_of(artifact: &File) -> io::Result<String> {
        digest_of(artifact)
    }

    /// The file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the new artifact.
    pub const fn result_size(&self) -> u64 {
        self.result.size
    }

    /// SHA-256 of the old artifact, in hexadecimal digits.
    pub fn base_sha256(&self) -> String {
        self.base.hex()
    }

    /// SHA-256 of the new artifact, in hexadecimal digits.
    pub fn result_sha256(&self) -> String {
        self.result.hex()
    }

    /// Compressed streams of the new artifact that are not in the old one.
    pub const fn streams(&self) -> usize {
        self.streams
    }

    /// Those among them that no encoder here makes in the same way: they are told of byte by byte. Where most are so, the
    /// delta is hardly smaller than the artifact.
    pub const fn opaque_streams(&self) -> usize {
        self.opaque_streams
    }
}

fn invalid(error: io::Error) -> Error {
    Error::InvalidArtifact { format: "delta", reason: error.to_string() }
}

fn create(old: &[u8], new: &[u8], on_step: &mut dyn FnMut(DeltaStep)) -> io::Result<Delta> {
    on_step(DeltaStep::Scan);
    let mut composition = Composition::new(old, new)?;
    on_step(DeltaStep::Compare);
    let mut diff = Diff::new(&composition.old_text, &composition.new_text)?;
    let old_text_len = composition.keep_what_is_used(&mut diff);
    let new_text_len = composition.new_text.len() as u64;
    let Composition { table, streams, opaque_streams, .. } = composition;
    on_step(DeltaStep::Compress);
    let sections = Sections::new(&table, &diff)?;
    let header = Header {
        base: image(old),
        result: image(new),
        old_text_len,
        new_text_len,
        sections: sections.sizes(),
    };
    let bytes = sections.after(header.to_bytes());
    on_step(DeltaStep::Verify);
    verify(old, new, &bytes)?;
    Ok(Delta { bytes, base: header.base, result: header.result, streams, opaque_streams })
}

fn image(artifact: &[u8]) -> Image {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest::digest(&digest::SHA256, artifact).as_ref());
    Image { size: artifact.len() as u64, sha256 }
}

fn verify(old: &[u8], new: &[u8], delta: &[u8]) -> io::Result<()> {
    let header = Header::parse(delta, delta.len() as u64)?;
    let mut result = Vec::with_capacity(new.len());
    apply(&Patch { base: old, delta, header: &header }, &mut Vec::new(), &mut result, &|| false)?;
    if result == new { Ok(()) } else { Err(io::Error::other("it does not make the new artifact")) }
}
