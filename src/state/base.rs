//! The kept artifact: what deltas for formats are based on that do not stay as they came.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use ring::digest;

use super::{DataDir, digest_of, entries, is_temporary, random_name, remove};
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

    /// Whether this artifact is kept.
    pub(crate) fn has_kept(&self, mut artifact: &File) -> io::Result<bool> {
        artifact.rewind()?;
        let sha256 = digest_of(artifact)?;
        Ok(self.kept().iter().any(|(kept, _)| *kept == sha256))
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
        let size = artifact.metadata().map_err(fail)?.len();
        match check_space(&directory, size, system) {
            Err(Error::NoSpace { .. }) => {
                // The older one takes the room.
                self.forget_bases_but(None);
                check_space(&directory, size, system)?;
            }
            outcome => outcome?,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{OsSystem, testing::FakeSystem};

    #[test]
    fn an_older_one_is_not_in_the_way_of_a_newer_one() {
        let directory = tempfile::TempDir::new().unwrap();
        let data = DataDir::locate(Some(&directory.path().join("data")), "app", &OsSystem).unwrap();
        let artifact = |text: &str| {
            let path = directory.path().join(text);
            fs::write(&path, text).unwrap();
            File::open(path).unwrap()
        };
        let (old, new) = (artifact("old"), artifact("new"));
        data.keep_base(&old, &OsSystem).unwrap();
        assert!(data.has_kept(&old).unwrap() && !data.has_kept(&new).unwrap());
        let full = FakeSystem::default().with_disk().with_space(0);
        assert!(matches!(data.keep_base(&new, &full), Err(Error::NoSpace { .. })));
        assert_eq!(data.kept(), []);
        data.keep_base(&new, &OsSystem).unwrap();
        assert!(data.has_kept(&new).unwrap());
    }
}
