//! [`System`]: everything an installation asks of the operating system, so that tests can make each step fail.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use os::{
    OsSystem, check_parent_dir, check_private_dir, create_private_dir, is_in_use, lower_priority, open_own,
    private, read_file_at, replace, state_home, sync_dir, sync_file,
};

use crate::{Error, Result};

mod installers;

pub(crate) use installers::{Installers, Invocation};

#[cfg(test)]
#[cfg(unix)]
pub(crate) mod failing;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(unix)]
mod run;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;
/// Its text is read by the relauncher: checked on every system.
#[cfg(all(test, not(windows)))]
#[path = "system/windows/job.rs"]
mod job;

// Bundles exist on macOS alone; their tests run on every Unix.
#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
mod tree;
#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
pub(crate) use tree::{Owner, Tree, is_exchange_unsupported};

/// A program to be started once this process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Variables that are removed (`None`) or changed.
    pub(crate) env: Vec<(OsString, Option<OsString>)>,
    pub(crate) directory: Option<PathBuf>,
}

/// A program to be run to its end, in an environment with nothing but the system's `PATH` and the `C.UTF-8` locale.
#[derive(Debug)]
#[cfg_attr(windows, allow(dead_code, reason = "package managers are not Windows' own"))]
pub(crate) struct Program<'a> {
    pub(crate) path: &'a Path,
    pub(crate) args: &'a [OsString],
    /// What it reads, from the start; else nothing.
    pub(crate) stdin: Option<&'a File>,
    /// It is ended after this time. Without a limit it may ask its user at the terminal.
    pub(crate) time_max: Option<Duration>,
}

/// How a program ended, and the last of what it wrote: 64 KiB of each stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Nothing, where a signal ended it.
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// What tells whether a file was replaced. The device is left out: some file systems number it anew at every mount.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) modified_ns: i128,
}

/// The operating system as installations see it.
pub(crate) trait System: Send + Sync + std::fmt::Debug {
    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<OsString>;
    /// All variables of the environment.
    fn envs(&self) -> Vec<(OsString, OsString)>;
    /// The arguments of this process, without the program's name.
    fn args(&self) -> Vec<OsString>;
    /// The working directory.
    fn current_dir(&self) -> io::Result<PathBuf>;
    /// The running executable.
    fn current_exe(&self) -> io::Result<PathBuf>;
    /// The path without symbolic links.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;
    /// The same, of what is to be replaced: a link that another user put there, or may have, is not followed.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.canonicalize(path)
    }
    /// The first bytes of a regular file, fewer if it is shorter.
    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>>;
    /// Fails unless this user can start the program.
    fn check_executable(&self, program: &Path) -> io::Result<()>;
    /// Whether the path leads to a regular file.
    fn is_file(&self, path: &Path) -> io::Result<bool>;
    /// Fails unless entries of this directory can be made and renamed.
    fn check_writable(&self, directory: &Path) -> io::Result<()>;
    /// Bytes free for this user.
    fn available_space(&self, directory: &Path) -> io::Result<u64>;
    /// Whether a file can be renamed from one to the other directory.
    fn same_file_system(&self, one: &Path, other: &Path) -> io::Result<bool>;
    /// Makes a file that did not exist, readable for its owner only.
    fn create_private(&self, path: &Path) -> io::Result<File>;
    /// Opens a file of the updater's own for reading and writing; links are not followed.
    fn open_private(&self, path: &Path) -> io::Result<File>;
    /// Gives `file` the mode, owner and extended attributes of the one it replaces.
    fn adopt_attributes(&self, file: &File, replaced: &Path) -> io::Result<()>;
    /// Waits until the file is on disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Waits until the entries of the directory are on disk.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// Renames `file`, which lies at `from`, replacing what is at `to`, in one step. Fails if another file lies there.
    fn rename(&self, file: &File, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// What tells whether the file at `path` is still the same.
    fn fingerprint(&self, path: &Path) -> io::Result<Fingerprint>;
    /// The same, of an open file.
    fn fingerprint_of(&self, file: &File) -> io::Result<Fingerprint>;
    /// Starts a program once this process is gone, however it ends, and the installer is done that it has started or left
    /// to run. Replaces an earlier program.
    fn spawn_after_exit(&self, command: &Command) -> io::Result<()>;
    /// Whole directories.
    #[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
    fn tree(&self) -> &dyn Tree;
    /// Runs a program and waits for its end. [`io::ErrorKind::TimedOut`] where that took too long.
    fn run(&self, _: &Program<'_>) -> io::Result<Finished> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Whether this process may do everything.
    fn is_root(&self) -> bool {
        false
    }
    /// Whether somebody sits at a terminal and can be asked there by what this process starts.
    fn has_terminal(&self) -> bool {
        false
    }
    /// Whether only root can have put the file there.
    fn belongs_to_root(&self, _: &Path) -> io::Result<bool> {
        Ok(false)
    }
    /// Running installers, where there are any.
    fn installers(&self) -> Option<&dyn Installers> {
        None
    }
}

/// Fails unless so many bytes can be written into the directory.
pub(crate) fn check_space(directory: &Path, needed: u64, system: &dyn System) -> Result<()> {
    let available =
        system.available_space(directory).map_err(|error| Error::io("inspect", directory, error))?;
    if available >= needed {
        return Ok(());
    }
    let reason = format!("{needed} bytes needed, {available} available");
    Err(Error::NoSpace { path: directory.to_owned(), reason })
}

/// Locks a file or directory for as long as it is open. Where a share knows no locks, it is used without.
pub(crate) fn hold(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if os::is_lock_unsupported(&error) => return Ok(()),
            outcome => return outcome,
        }
    }
}

/// Whether somebody holds the file or directory, or nobody can tell.
pub(crate) fn is_held(file: &File) -> bool {
    file.try_lock().is_err()
}
