//! [`FailingSystem`]: the real system, in which a chosen call fails, and directories may lie on different file systems.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::Errno;

use super::*;

/// How two directories lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    OneFileSystem,
    TwoFileSystems,
    /// One device mounted twice: only the attempt to rename tells (rename(2), `EXDEV`).
    TwoMounts,
    /// One whose file system cannot exchange two directories.
    NoExchange,
}

/// Which calls fail, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failing {
    Only(usize),
    AllFrom(usize),
}

#[derive(Debug)]
pub(crate) struct FailingSystem {
    pub(super) layout: Layout,
    failing: Failing,
    error: Errno,
    calls: AtomicUsize,
    swapped: AtomicBool,
}

impl FailingSystem {
    pub(crate) const fn new(layout: Layout, failing: Failing, error: Errno) -> Self {
        Self { layout, failing, error, calls: AtomicUsize::new(0), swapped: AtomicBool::new(false) }
    }

    /// Whether a call failed because it was to fail.
    pub(crate) fn has_failed(&self) -> bool {
        let (Failing::Only(first) | Failing::AllFrom(first)) = self.failing;
        self.calls() > first
    }

    /// How many there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether a file was renamed.
    pub(crate) fn has_swapped(&self) -> bool {
        self.swapped.load(Ordering::Relaxed)
    }

    pub(super) fn note_swap(&self) {
        self.swapped.store(true, Ordering::Relaxed);
    }

    pub(super) fn real(&self) -> io::Result<OsSystem> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let fails = match self.failing {
            Failing::Only(chosen) => call == chosen,
            Failing::AllFrom(first) => call >= first,
        };
        if fails { Err(self.error.into()) } else { Ok(OsSystem) }
    }
}

impl System for FailingSystem {
    fn env(&self, name: &str) -> Option<OsString> {
        OsSystem.env(name)
    }

    fn envs(&self) -> Vec<(OsString, OsString)> {
        OsSystem.envs()
    }

    fn args(&self) -> Vec<OsString> {
        OsSystem.args()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        self.real()?.current_dir()
    }

    fn current_exe(&self) -> io::Result<PathBuf> {
        self.real()?.current_exe()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.real()?.canonicalize(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.real()?.resolve(path)
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        self.real()?.read_start(path, length)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.real()?.is_file(path)
    }

    fn check_executable(&self, program: &Path) -> io::Result<()> {
        // Whatever is refused: no test asks for an administrator's password.
        self.real().and_then(|_| Err(io::Error::new(io::ErrorKind::NotFound, program.display().to_string())))
    }

    fn check_writable(&self, directory: &Path) -> io::Result<()> {
        self.real()?.check_writable(directory)
    }

    fn available_space(&self, directory: &Path) -> io::Result<u64> {
        self.real()?.available_space(directory)
    }

    fn same_file_system(&self, one: &Path, other: &Path) -> io::Result<bool> {
        Ok(self.real()?.same_file_system(one, other)? && self.layout != Layout::TwoFileSystems)
    }

    fn create_private(&self, path: &Path) -> io::Result<File> {
        self.real()?.create_private(path)
    }

    fn open_private(&self, path: &Path) -> io::Result<File> {
        self.real()?.open_private(path)
    }

    fn adopt_attributes(&self, file: &File, replaced: &Path) -> io::Result<()> {
        self.real()?.adopt_attributes(file, replaced)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.real()?.sync(file)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        self.real()?.sync_dir(directory)
    }

    fn rename(&self, file: &File, from: &Path, to: &Path) -> io::Result<()> {
        let real = self.real()?;
        let apart = matches!(self.layout, Layout::TwoFileSystems | Layout::TwoMounts);
        if apart && from.parent() != to.parent() {
            return Err(Errno::XDEV.into());
        }
        real.rename(file, from, to)?;
        self.note_swap();
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.real()?.remove_file(path)
    }

    fn fingerprint(&self, path: &Path) -> io::Result<Fingerprint> {
        self.real()?.fingerprint(path)
    }

    fn fingerprint_of(&self, file: &File) -> io::Result<Fingerprint> {
        self.real()?.fingerprint_of(file)
    }

    fn spawn_after_exit(&self, command: &Command) -> io::Result<()> {
        self.real()?.spawn_after_exit(command)
    }

    fn tree(&self) -> &dyn Tree {
        self
    }

    fn run(&self, program: &Program<'_>) -> io::Result<Finished> {
        self.real()?.run(program)
    }
}
