//! [`App`]: an application in a directory of its own, to be updated.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use cargo_packager_updater::{Config, Limits, Updater};
use tempfile::TempDir;

use super::{Signer, skip};

pub(crate) struct App {
    _dirs: Vec<TempDir>,
    pub(crate) path: PathBuf,
    pub(crate) data: PathBuf,
    old: Vec<u8>,
}

impl App {
    /// With its data directory on the same file system, and on another one.
    pub(crate) fn layouts() -> Vec<fn() -> Self> {
        let mut layouts: Vec<fn() -> Self> = vec![Self::new];
        if Self::across_file_systems().is_some() {
            layouts.push(|| Self::across_file_systems().unwrap());
        }
        layouts
    }

    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("app/App.AppImage");
        Self::at(vec![dir], path, |dir| dir.join("data"))
    }

    /// Its data directory lies on another file system; `None` where there is no second one.
    pub(crate) fn across_file_systems() -> Option<Self> {
        let elsewhere = other_file_system();
        if elsewhere.is_none() {
            skip("a second file system, at /dev/shm");
        }
        let elsewhere = elsewhere?;
        let data = elsewhere.path().join("data");
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("app/App.AppImage");
        Some(Self::at(vec![dir, elsewhere], path, |_| data))
    }

    /// The application lies in one directory, its data in the other.
    pub(crate) fn in_directories(app: &Path, data: &Path) -> Self {
        let dirs = vec![TempDir::new_in(app).unwrap(), TempDir::new_in(data).unwrap()];
        let (path, data) = (dirs[0].path().join("app/App.AppImage"), dirs[1].path().join("data"));
        Self::at(dirs, path, |_| data)
    }

    /// Lies under this name.
    pub(crate) fn named(name: impl AsRef<Path>) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("app").join(name);
        Self::at(vec![dir], path, |dir| dir.join("data"))
    }

    fn at(dirs: Vec<TempDir>, path: PathBuf, data: impl FnOnce(&Path) -> PathBuf) -> Self {
        fs::create_dir(path.parent().unwrap()).unwrap();
        let old = appimage(30_000, 1);
        fs::write(&path, &old).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let data = data(dirs[0].path());
        Self { _dirs: dirs, path, data, old }
    }

    pub(crate) fn config(&self, endpoint: impl Into<String>) -> Config {
        Config {
            endpoints: vec![endpoint.into()],
            pubkey: Signer::author().pubkey().into(),
            executable_path: Some(self.path.clone()),
            data_dir: Some(self.data.clone()),
            limits: Limits { retry_wait: Duration::from_millis(1), ..Limits::default() },
            ..Config::default()
        }
    }

    /// Version 1.0.0 of it.
    pub(crate) fn updater(&self, endpoint: impl Into<String>) -> Updater {
        Updater::new("1.0.0", self.config(endpoint)).unwrap()
    }

    /// Puts another old version in its place.
    pub(crate) fn holding(mut self, old: Vec<u8>) -> Self {
        fs::write(&self.path, &old).unwrap();
        self.old = old;
        self
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    pub(crate) fn is_old(&self) -> bool {
        self.content() == self.old
    }

    /// It can be started.
    pub(crate) fn assert_mode(&self, case: &str) {
        assert_eq!(fs::metadata(&self.path).unwrap().mode() & 0o7777, 0o755, "{case}");
    }

    pub(crate) fn assert_untouched(&self) {
        assert!(self.is_old(), "the application was changed");
        self.assert_mode("untouched");
        assert_eq!(self.neighbours(), [self.path.file_name().unwrap()]);
    }

    pub(crate) fn assert_is(&self, artifact: &[u8]) {
        assert!(self.content() == artifact, "the application is not the one that was installed");
        assert_eq!(self.neighbours(), [self.path.file_name().unwrap()]);
    }

    /// The names in the application's directory.
    pub(crate) fn neighbours(&self) -> Vec<std::ffi::OsString> {
        let mut names: Vec<_> = fs::read_dir(self.path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    }

    /// What lies in the data directory beyond locks and the records of what is installed and was seen.
    pub(crate) fn files_left(&self) -> Vec<PathBuf> {
        const KEPT: [&str; 4] = ["lock", "state.json", "manifests.lock", "manifests.json"];
        let mut files = files_below(&self.data);
        files.retain(|file| !KEPT.iter().any(|kept| file.ends_with(kept)));
        files
    }

    /// All that lies in the data directory.
    pub(crate) fn data_files(&self) -> Vec<PathBuf> {
        files_below(&self.data)
    }

    pub(crate) fn assert_nothing_left(&self) {
        let left = self.files_left();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// Nothing lies about but an update that was staged, and is known to be.
    pub(crate) async fn assert_only_staged_is_left(&self, case: &str) {
        assert_eq!(self.neighbours().len(), 1, "{case}: {:?}", self.neighbours());
        let staged = self.updater("http://127.0.0.1/").pending().await.unwrap();
        let (left, expected) = (self.files_left(), staged.map_or(0, |_| 2));
        assert_eq!(left.len(), expected, "{case}: {left:?}");
    }

    /// Nothing lies about but an artifact or its start, and records of it.
    pub(crate) fn assert_only_begun_is_left(&self, case: &str) {
        assert_eq!(self.neighbours().len(), 1, "{case}: {:?}", self.neighbours());
        let left = self.files_left();
        let downloads = left.iter().filter(|file| !file.ends_with("staged.json"));
        let artifacts: std::collections::BTreeSet<_> = downloads.map(|file| file.file_stem()).collect();
        let is_temporary = |file: &PathBuf| file.extension().is_some_and(|found| found == "tmp");
        assert!(artifacts.len() <= 1 && !left.iter().any(is_temporary), "{case}: {left:?}");
    }

    /// The one file in the data directory with this extension.
    pub(crate) fn data_file(&self, extension: &str) -> PathBuf {
        let mut files = files_below(&self.data);
        files.retain(|file| file.extension().is_some_and(|found| found == extension));
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        files_below(&self.data).into_iter().find(|file| file.ends_with("lock")).unwrap()
    }
}

/// Pseudo-random bytes behind the header of a type 2 AppImage for this processor.
pub(crate) fn appimage(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(size)
    .collect();
    let machine: u16 = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        "x86" => 3,
        _ => 40,
    };
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes[8..11].copy_from_slice(b"AI\x02");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}

/// A directory that nothing can be renamed to from the ordinary temporary one.
fn other_file_system() -> Option<TempDir> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let memory = Path::new("/dev/shm");
    if device(memory)? == device(&std::env::temp_dir())? {
        return None;
    }
    TempDir::new_in(memory).ok()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
