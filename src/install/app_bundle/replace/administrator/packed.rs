//! [`Packed`]: the checked bundle in a plain archive, which is what root unpacks.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{Context, SHA512};

use crate::{
    Error, Result,
    archive::{Limits, Repack, unpack},
    hex::hex,
    signature::VerifiedArtifact,
    state::remove,
    system::System,
};

const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

/// A file beside the artifact, in the private directory of downloads: there it is kept as long as the artifact is.
#[derive(Debug)]
pub(super) struct Packed {
    path: PathBuf,
    file: File,
    system: Arc<dyn System>,
}

/// What root is to find in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) size: u64,
    /// Hexadecimal.
    pub(super) sha512: String,
}

impl Packed {
    /// Packs what is in the artifact in the same pass that verifies it once more, with everything in the directory
    /// `top`.
    pub(super) fn new(
        artifact: &VerifiedArtifact,
        top: &str,
        system: &Arc<dyn System>,
    ) -> Result<(Self, Sum)> {
        let path = artifact.path().with_extension("tar");
        // A process that was killed left it.
        remove(&path)?;
        let file = system.create_private(&path).map_err(|error| Error::io("create", &path, error))?;
        let this = Self { path, file, system: Arc::clone(system) };
        let sum = artifact.read_again(|archive| {
            let summing = Summing { packed: &this, size: 0, sha512: Context::new(&SHA512) };
            let mut writer = BufWriter::with_capacity(BUFFER_BYTES, summing);
            let mut repack = Repack::new(&mut writer, &this.path, top);
            unpack(archive, Limits::for_archive(artifact.size()), &mut repack)?;
            repack.finish()?;
            let summing =
                writer.into_inner().map_err(|error| Error::io("write", &this.path, error.into_error()))?;
            Ok(Sum { size: summing.size, sha512: hex(summing.sha512.finish().as_ref()) })
        })?;
        Ok((this, sum))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Another preparation of the same update may have put its own there.
    fn is_own(&self) -> bool {
        let own = self.system.fingerprint_of(&self.file).ok();
        own.is_some() && own == self.system.fingerprint(&self.path).ok()
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if self.is_own() {
            // If this fails, it is removed together with the artifact.
            let _ = self.system.remove_file(&self.path);
        }
    }
}

/// Writes to the file, and sums up what was written.
struct Summing<'a> {
    packed: &'a Packed,
    size: u64,
    sha512: Context,
}

impl Write for Summing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.packed.system.tree().write(&self.packed.file, bytes)?;
        self.sha512.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
