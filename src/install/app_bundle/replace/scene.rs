//! [`Scene`]: an installed bundle to be replaced by another.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, sync::LazyLock};

use rustix::io::Errno;
use tempfile::TempDir;

use super::*;
use crate::{
    archive::testing::{Builder, snapshot},
    signature::testing::verified,
    system::{
        OsSystem,
        failing::{Failing, FailingSystem, Layout},
        testing::eventually,
    },
};

pub(super) const LAYOUTS: [Layout; 2] = [Layout::OneFileSystem, Layout::NoExchange];

/// An archive, and what it unpacks to.
pub(super) type Packed = (Vec<u8>, BTreeMap<String, String>);

/// A small bundle of this version.
pub(super) static NEW: LazyLock<Packed> = LazyLock::new(|| packed(&small("2")));

pub(super) fn packed(bundle: &Builder) -> Packed {
    let archive = bundle.gzip();
    let scene = Scene::with(&archive);
    scene.replace(&never_failing(Layout::OneFileSystem)).unwrap();
    (archive, snapshot(&scene.target))
}

pub(super) fn small(version: &str) -> Builder {
    Builder::default()
        .file("X.app/Contents/Info.plist", 0o644, version.as_bytes())
        .file("X.app/Contents/MacOS/X", 0o755, version.as_bytes())
        .directory("X.app/Contents/Resources", 0o555)
        .file("X.app/Contents/Resources/r", 0o444, b"r")
        .link("X.app/Contents/current", "Resources")
}

/// An installed bundle, and in another directory an archive with a new one.
pub(super) struct Scene {
    _directory: TempDir,
    pub(super) target: PathBuf,
    pub(super) archive: PathBuf,
    pub(super) old: BTreeMap<String, String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(&NEW.0)
    }

    pub(super) fn with(archive: &[u8]) -> Self {
        // In memory where that is possible: there are hundreds of them.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let target = base.join("Applications/My App.app");
        for (path, content) in [("Info.plist", "1"), ("MacOS/X", "1"), ("Resources/r", "1")] {
            let path = target.join("Contents").join(path);
            fs::create_dir_all(parent(&path)).unwrap();
            fs::write(path, content).unwrap();
        }
        set_mode(&target.join("Contents/Resources"), 0o555);
        set_mode(&target, 0o755);
        let old = snapshot(&target);
        let this = Self { _directory: directory, target, archive: base.join("archive"), old };
        this.put_archive(archive);
        this
    }

    pub(super) fn put_archive(&self, archive: &[u8]) {
        fs::write(&self.archive, archive).unwrap();
        set_mode(&self.archive, 0o600);
    }

    /// What lies in it is all that a replacement changes.
    pub(super) fn base(&self) -> &Path {
        parent(&self.archive)
    }

    pub(super) fn prepare(&self, system: &Arc<FailingSystem>) -> Result<PreparedBundle> {
        let system: Arc<dyn System> = Arc::<FailingSystem>::clone(system);
        PreparedBundle::new(&self.target, verified(&self.archive), &system)
    }

    pub(super) fn replace(&self, system: &Arc<FailingSystem>) -> Result<Progress> {
        self.prepare(system)?.commit(&mut |_| Ok(()))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(parent(&self.target)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[track_caller]
    pub(super) fn assert_complete(&self, system: &FailingSystem) {
        let expected = if system.has_swapped() && !self.is_undone() { &NEW.1 } else { &self.old };
        assert_eq!(&snapshot(&self.target), expected);
    }

    /// In two steps the old one is renamed first, and back if the second fails.
    fn is_undone(&self) -> bool {
        fs::read(self.target.join(INFO_PLIST)).unwrap() == b"1"
    }

    #[track_caller]
    pub(super) fn assert_swept(&self) {
        let swept = eventually(|| {
            sweep(&self.target, &OsSystem);
            self.names().len() == 1
        });
        assert!(swept, "{:?}", self.names());
        self.assert_alone();
    }

    #[track_caller]
    pub(super) fn assert_alone(&self) {
        assert_eq!(self.names(), ["My App.app"]);
    }
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn never_failing(layout: Layout) -> Arc<FailingSystem> {
    Arc::new(FailingSystem::new(layout, Failing::Only(usize::MAX), Errno::IO))
}
