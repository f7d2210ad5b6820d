//! What a file is, and renaming it.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::windows::{ffi::OsStrExt, fs::OpenOptionsExt, io::AsRawHandle},
    path::Path,
    thread,
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION, FILETIME},
    Storage::FileSystem::{
        BY_HANDLE_FILE_INFORMATION, DELETE, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT,
        FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, FILE_RENAME_INFO, FileRenameInfo,
        FileRenameInfoEx, GetFileInformationByHandle, SYNCHRONIZE, SetFileInformationByHandle,
    },
    System::WindowsProgramming::{FILE_RENAME_FLAG_POSIX_SEMANTICS, FILE_RENAME_FLAG_REPLACE_IF_EXISTS},
};

use super::{Fingerprint, checked};

/// Virus scanners open new files for a moment, and no file can be replaced meanwhile.
const ATTEMPTS: u32 = 20;
const ATTEMPT_WAIT: Duration = Duration::from_millis(25);

/// What tells one file from another, wherever they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) volume: u32,
    index: u64,
}

pub(super) fn identity(file: &File) -> io::Result<Identity> {
    let found = information(file)?;
    Ok(Identity { volume: found.dwVolumeSerialNumber, index: index(&found) })
}

pub(super) fn fingerprint(file: &File) -> io::Result<Fingerprint> {
    let found = information(file)?;
    let size = joined(found.nFileSizeHigh, found.nFileSizeLow);
    Ok(Fingerprint { inode: index(&found), size, modified_ns: nanoseconds(found.ftLastWriteTime) })
}

/// Neither a directory, nor a link, nor anything else that leads elsewhere.
pub(super) fn is_plain(file: &File) -> io::Result<bool> {
    Ok(information(file)?.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT) == 0)
}

/// A directory itself, not a link or mount point that leads to one.
pub(super) fn is_plain_dir(file: &File) -> io::Result<bool> {
    let attributes = information(file)?.dwFileAttributes;
    Ok(attributes & FILE_ATTRIBUTE_DIRECTORY != 0 && attributes & FILE_ATTRIBUTE_REPARSE_POINT == 0)
}

/// Somebody else has it open and does not share it.
pub(super) fn is_in_use(error: &io::Error) -> bool {
    is(error, &[ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION])
}

/// Puts `from` in the place of `to` in one step.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| fs::rename(from, to))
}

/// Renames exactly the file that was verified: another one could have been put under its name since.
pub(super) fn rename(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .access_mode(DELETE | FILE_READ_ATTRIBUTES | SYNCHRONIZE)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    let named = patiently(|| options.open(from))?;
    if identity(&named)? != identity(file)? {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "somebody put another file in its place",
        ));
    }
    patiently(|| rename_open(&named, to))
}

fn rename_open(file: &File, to: &Path) -> io::Result<()> {
    let flags = FILE_RENAME_FLAG_REPLACE_IF_EXISTS | FILE_RENAME_FLAG_POSIX_SEMANTICS;
    match set_name(file, to, FileRenameInfoEx, flags) {
        // File systems other than NTFS, and Windows before 10 1607. There, a target that is open is not replaced.
        Err(error) if !is(&error, &[ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION]) => {
            set_name(file, to, FileRenameInfo, FILE_RENAME_FLAG_REPLACE_IF_EXISTS)
        }
        result => result,
    }
}

fn set_name(file: &File, to: &Path, class: i32, flags: u32) -> io::Result<()> {
    let name: Vec<u16> = to.as_os_str().encode_wide().collect();
    let too_long = || io::Error::from(io::ErrorKind::InvalidFilename);
    let name_bytes = u32::try_from(name.len() * size_of::<u16>()).map_err(|_| too_long())?;
    let size = size_of::<FILE_RENAME_INFO>() + name.len() * size_of::<u16>();
    // In words, because the structure has to lie at an address that suits its pointer.
    let mut buffer = vec![0_u64; size.div_ceil(size_of::<u64>())];
    let info = buffer.as_mut_ptr().cast::<FILE_RENAME_INFO>();
    // SAFETY: the buffer is aligned, zeroed, which is valid for the structure, and has room for it and the name that
    // follows in place of its last member.
    unsafe {
        (*info).Anonymous.Flags = flags;
        (*info).FileNameLength = name_bytes;
        (&raw mut (*info).FileName).cast::<u16>().copy_from_nonoverlapping(name.as_ptr(), name.len());
    }
    let size = u32::try_from(size).map_err(|_| too_long())?;
    // SAFETY: the handle is open, and the buffer holds as many bytes as is said.
    checked(unsafe { SetFileInformationByHandle(file.as_raw_handle(), class, buffer.as_ptr().cast(), size) })
}

/// Tries again for half a second where somebody else has the file open.
pub(super) fn patiently<T>(attempt: impl Fn() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if is(&error, &[ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION]) => {
                thread::sleep(ATTEMPT_WAIT);
            }
            result => return result,
        }
    }
    attempt()
}

fn is(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.contains(&code.cast_unsigned()))
}

fn information(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open, and the structure may be written to.
    checked(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut information) })?;
    Ok(information)
}

fn index(found: &BY_HANDLE_FILE_INFORMATION) -> u64 {
    joined(found.nFileIndexHigh, found.nFileIndexLow)
}

fn nanoseconds(time: FILETIME) -> i128 {
    i128::from(joined(time.dwHighDateTime, time.dwLowDateTime)) * 100
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
