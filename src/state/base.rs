//! The kept artifact: what deltas for formats are based on that do not stay as they came.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use ring::digest;

use super::{DataDir, entries, is_temporary, random_name, remove};
use crate::{
    Error, Result,
    hex::hex,
    system::{System, check_space, create_private_dir},
};

const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

impl DataDir {
    fn bases(&self) -> PathBuf {
        self.path.join("base")
    }

    /// What was kept, by the SHA-256 that its name has. Whoever reads it finds out whether it is that. There is one, but
    /// for what could not be removed.
    pub(crate) fn kept(&self) -> Vec<(String, PathBuf)> {
        let named = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), path));
        entries(&self.bases()).filter(|path| !is_temporary(path)).filter_map(named).collect()
    }

    /// Removes what a copy left that was never finished.
    pub(super) fn sweep_bases(&self) {
        for path in entries(&self.bases()).filter(|path| is_temporary(path)) {
            let _ = remove(&path);
        }
    }

    /// Keeps a copy of this artifact, and no other.
    pub(crate) fn keep_base(&self, mut artifact: &File, system: &dyn System) -> Result<()> {
        let directory = self.bases();
        create_private_dir(&directory).map_err(|error| Error::io("create", &directory, error))?;
        let fail = |error| Error::io("read", "the artifact", error);
        check_space(&directory, artifact.metadata().map_err(fail)?.len(), system)?;
        artifact.rewind().map_err(fail)?;
        let temporary = directory.join(format!("{}.tmp", random_name()?));
        let kept = system
            .create_private(&temporary)
            .and_then(|file| copy(artifact, &file).map(|sha256| (file, sha256)))
            .and_then(|(file, sha256)| {
                let path = directory.join(format!("{sha256}.bin"));
                system.rename(&file, &temporary, &path).map(|()| path)
            })
            .map_err(|error| Error::io("keep", &temporary, error));
        // An older one is of little use: deltas are made from the last releases.
        self.forget_bases_but(kept.as_ref().ok());
        kept.map(drop)
    }

    /// Removes what was kept.
    pub(crate) fn forget_base(&self) {
        self.forget_bases_but(None);
        // Where something could not be removed, it stays for the next time.
        let _ = fs::remove_dir(self.bases());
    }

    fn forget_bases_but(&self, kept: Option<&PathBuf>) {
        for path in entries(&self.bases()).filter(|path| Some(path) != kept) {
            let _ = remove(&path);
        }
    }
}

/// Returns the SHA-256. Not flushed: what a crash leaves is found out by whoever reads it.
pub(super) fn copy(mut from: &File, mut to: impl Write) -> io::Result<String> {
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let chunk = match from.read(&mut buffer) {
            Ok(0) => return Ok(hex(digest.finish())),
            Ok(read) => buffer.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(chunk);
        to.write_all(chunk)?;
    }
}
