//! [`OsSystem`] on Windows.

#![allow(unsafe_code, reason = "calls of the Windows API, each proved beside it")]

mod file;
mod job;
mod relauncher;
mod security;
mod shell;
mod text;

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::windows::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    ptr,
};

use windows_sys::Win32::{
    Foundation::ERROR_ACCESS_DENIED,
    Storage::FileSystem::{
        FILE_ADD_FILE, FILE_EXECUTE, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
        FILE_READ_ATTRIBUTES, GetDiskFreeSpaceExW, SYNCHRONIZE,
    },
    System::Threading::{GetCurrentThread, SetThreadPriority, THREAD_PRIORITY_LOWEST},
};

use super::{Command, Fingerprint, Installers, System};
pub(crate) use file::replace;
pub(crate) use security::{check_private_dir, create_private_dir};

/// The real operating system.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsSystem;

impl System for OsSystem {
    fn env(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn envs(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    fn args(&self) -> Vec<OsString> {
        std::env::args_os().skip(1).collect()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        std::env::current_dir()
    }

    fn current_exe(&self) -> io::Result<PathBuf> {
        std::env::current_exe()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let mut start = Vec::with_capacity(length);
        File::open(path)?.take(length as u64).read_to_end(&mut start)?;
        Ok(start)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        fs::metadata(path).map(|metadata| metadata.is_file())
    }

    fn check_executable(&self, program: &Path) -> io::Result<()> {
        if !self.is_file(program)? {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file"));
        }
        OpenOptions::new().access_mode(FILE_EXECUTE | SYNCHRONIZE).open(program).map(drop)
    }

    fn check_writable(&self, directory: &Path) -> io::Result<()> {
        open_dir(directory, FILE_ADD_FILE).map(drop)
    }

    fn available_space(&self, directory: &Path) -> io::Result<u64> {
        let directory = text::wide(directory);
        let mut available = 0;
        // SAFETY: the text ends with a zero, the number may be written to, and the other pointers may be null.
        let done = unsafe {
            GetDiskFreeSpaceExW(directory.as_ptr(), &raw mut available, ptr::null_mut(), ptr::null_mut())
        };
        checked(done).map(|()| available)
    }

    fn same_file_system(&self, one: &Path, other: &Path) -> io::Result<bool> {
        let volume = |path| file::identity(&open_dir(path, FILE_READ_ATTRIBUTES)?).map(|found| found.volume);
        Ok(volume(one)? == volume(other)?)
    }

    fn create_private(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create_new(true)).open(path)
    }

    fn open_private(&self, path: &Path) -> io::Result<File> {
        match open_own(OpenOptions::new().read(true).write(true), path) {
            // An installation that is about to begin holds its file, and lets others read it.
            Err(error) if file::is_in_use(&error) => open_own(OpenOptions::new().read(true), path),
            result => result,
        }
    }

    /// Installers care for the attributes of what they replace.
    fn adopt_attributes(&self, _: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        sync_file(file)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        sync_dir(directory)
    }

    fn rename(&self, file: &File, from: &Path, to: &Path) -> io::Result<()> {
        file::rename(file, from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn fingerprint(&self, path: &Path) -> io::Result<Fingerprint> {
        file::fingerprint(&OpenOptions::new().access_mode(FILE_READ_ATTRIBUTES).open(path)?)
    }

    fn fingerprint_of(&self, file: &File) -> io::Result<Fingerprint> {
        file::fingerprint(file)
    }

    fn spawn_after_exit(&self, command: &Command) -> io::Result<()> {
        relauncher::start_after_exit(command)
    }

    fn installers(&self) -> Option<&dyn Installers> {
        Some(self)
    }
}

/// Where the data of programs of this user lies by default: `%LOCALAPPDATA%`, which does not roam to other machines.
pub(crate) fn state_home(system: &dyn System) -> Option<PathBuf> {
    system.env("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A file of the updater's own: a link in its place is not followed. Who may open it is inherited from its directory,
/// which [`create_private_dir`] closed to others.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Opens a file of the updater's own that exists. One that somebody else made, or no regular one, is nobody's word.
pub(crate) fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = private(options).open(path)?;
    if !file::is_plain(&file)? || !security::is_own(&file)? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file of this user"));
    }
    Ok(file)
}

/// Nothing is left to be checked: while a file in it is held open, such as the lock, Windows lets nobody rename a
/// directory or one above it.
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub(crate) const fn check_parent_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Reads at a position. Where the file is read or written besides, it is by position too: this one moves its pointer.
pub(crate) fn read_file_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    file.seek_read(buffer, position)
}

/// Has this thread work when nobody else does. It goes on as it is where that is refused.
pub(crate) fn lower_priority() {
    // SAFETY: the handle stands for the calling thread, and needs no closing.
    unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST) };
}

/// Waits until the file is on disk.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Whether a file of the updater's own could not be removed because somebody holds or runs it. Access to what is running
/// is denied.
pub(crate) fn is_in_use(error: &io::Error) -> bool {
    file::is_in_use(error) || error.raw_os_error() == Some(ERROR_ACCESS_DENIED.cast_signed())
}

/// Every file system of Windows locks.
pub(super) const fn is_lock_unsupported(_: &io::Error) -> bool {
    false
}

/// Nothing has to be done: NTFS and ReFS keep a journal of their directories, and only administrators may flush a volume.
#[allow(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub(crate) const fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens the directory itself, whatever it is: a link is not followed.
fn open_dir(path: &Path, access: u32) -> io::Result<File> {
    let flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;
    OpenOptions::new().access_mode(access).custom_flags(flags).open(path)
}

/// Most functions say by zero that they failed, and leave the reason behind.
fn checked(done: i32) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
