//! [`Clock`]: another time of day for a child, which can change while it runs (libfaketime).

use std::{ffi::OsString, fs, path::PathBuf};

use tempfile::TempDir;

use super::tools::found;

/// Lives as long as those that look at it.
pub(crate) struct Clock {
    dir: TempDir,
    library: PathBuf,
}

impl Clock {
    /// Tells the time of this machine, to begin with. `None` where the library (Debian package `faketime`) is missing.
    pub(crate) fn new() -> Option<Self> {
        let directories = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut libraries = directories.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
        let library = libraries.find(|path| path.is_file());
        found("faketime", library.is_some());
        let clock = Self { dir: TempDir::new().unwrap(), library: library? };
        clock.set(0);
        Some(clock)
    }

    /// Is wrong by so many years from now on.
    pub(crate) fn set(&self, years: i32) {
        let (new, time) = (self.dir.path().join("new"), self.dir.path().join("time"));
        // Nobody is to read half of it.
        fs::write(&new, format!("{years:+}y\n")).unwrap();
        fs::rename(new, time).unwrap();
    }

    /// What a child needs to look at it. Time that only passes is left alone: it has no years that could be wrong.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.dir.path().join("time").into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}
