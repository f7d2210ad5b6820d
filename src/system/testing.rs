//! [`FakeSystem`]: files and an environment that exist only in memory, for decisions that depend on them.

use std::{collections::BTreeMap, io::ErrorKind};

use super::*;

#[derive(Debug, Default)]
pub(crate) struct FakeSystem {
    files: BTreeMap<PathBuf, Vec<u8>>,
    env: BTreeMap<String, OsString>,
}

impl FakeSystem {
    pub(crate) fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.into(), content.to_owned());
        self
    }

    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    fn file(&self, path: &Path) -> io::Result<&Vec<u8>> {
        self.files.get(path).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn unsupported<T>() -> io::Result<T> {
    Err(ErrorKind::Unsupported.into())
}

impl System for FakeSystem {
    fn env(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }

    fn envs(&self) -> Vec<(OsString, OsString)> {
        self.env.iter().map(|(name, value)| (name.into(), value.clone())).collect()
    }

    fn args(&self) -> Vec<OsString> {
        Vec::new()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        unsupported()
    }

    fn current_exe(&self) -> io::Result<PathBuf> {
        unsupported()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        self.file(path).map(|content| content.iter().take(length).copied().collect())
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.file(path).map(|_| true)
    }

    fn check_executable(&self, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn check_writable(&self, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn available_space(&self, _: &Path) -> io::Result<u64> {
        unsupported()
    }

    fn same_file_system(&self, _: &Path, _: &Path) -> io::Result<bool> {
        unsupported()
    }

    fn create_private(&self, _: &Path) -> io::Result<File> {
        unsupported()
    }

    fn open_private(&self, _: &Path) -> io::Result<File> {
        unsupported()
    }

    fn adopt_attributes(&self, _: &File, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        unsupported()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn rename(&self, _: &File, _: &Path, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn fingerprint(&self, _: &Path) -> io::Result<Fingerprint> {
        unsupported()
    }

    fn fingerprint_of(&self, _: &File) -> io::Result<Fingerprint> {
        unsupported()
    }

    fn spawn_after_exit(&self, _: &Command) -> io::Result<()> {
        unsupported()
    }

    #[cfg(unix)]
    fn tree(&self) -> &dyn Tree {
        &OsSystem
    }
}
