//! What `benches/micro` measures: the work alone, and nothing checked on top of it.

use std::{fs::File, path::Path};

use crate::{
    Os, Result,
    archive::{Content, Disk, FileAttributes, Limits, Sink, unpack},
    manifest::{parse_object, read_release, signed::Envelope},
    signature::PublicKey,
    system::{OsSystem, System},
};

const SOURCE: &str = "https://releases.example.com/latest.json";
/// As much as is written at once.
const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

pub fn read_manifest(body: &[u8], targets: &[String], os: Os) -> Result<impl Sized + use<>> {
    read_release(&parse_object(body, SOURCE)?, targets, os, SOURCE)
}

/// Panics where the manifest is not signed.
pub fn read_signed_manifest(
    body: &[u8],
    keys: &[PublicKey],
    targets: &[String],
    os: Os,
) -> Result<impl Sized + use<>> {
    let envelope = Envelope::find(&parse_object(body, SOURCE)?, SOURCE)?.expect("it is signed");
    envelope.open(keys, SOURCE)?.release(targets, os, SOURCE)
}

/// Reads a bundle to its end, and keeps nothing.
pub fn check_bundle(archive: &[u8]) -> Result<()> {
    unpack(&mut &*archive, limits(archive), &mut Nowhere { buffer: vec![0; BUFFER_BYTES] })
}

/// Unpacks a bundle into an empty directory. Nothing is flushed: that would measure the disk.
pub fn unpack_bundle(archive: &[u8], directory: &Path) -> Result<()> {
    let root = File::open(directory).unwrap();
    unpack(&mut &*archive, limits(archive), &mut Disk::new(directory, &root, None, OsSystem.tree()))
}

const fn limits(archive: &[u8]) -> Limits {
    Limits::for_archive(archive.len() as u64)
}

struct Nowhere {
    buffer: Vec<u8>,
}

impl Sink for Nowhere {
    fn directory(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &str, _: FileAttributes, content: &mut Content<'_>) -> Result<()> {
        while content.read(&mut self.buffer)? > 0 {}
        Ok(())
    }

    fn link(&mut self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    fn seal(&mut self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }
}
