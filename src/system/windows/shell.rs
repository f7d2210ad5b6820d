//! Running installers.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::windows::{
        ffi::OsStringExt,
        fs::OpenOptionsExt,
        io::{FromRawHandle, OwnedHandle},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Stdio,
    ptr, thread,
};

use windows_sys::Win32::{
    Storage::FileSystem::{CreateHardLinkW, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_READ},
    System::{
        Com::{COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize},
        SystemInformation::GetSystemDirectoryW,
    },
    UI::{
        Shell::{
            SEE_MASK_FLAG_NO_UI, SEE_MASK_NOASYNC, SEE_MASK_NOCLOSEPROCESS, SHELLEXECUTEINFOW,
            ShellExecuteExW,
        },
        WindowsAndMessaging::SW_SHOWNORMAL,
    },
};

use super::{OsSystem, checked, create_private_dir, file, relauncher, text::wide};
use crate::system::{Command, Installers, Invocation};

/// MAX_PATH: the system's directory is near the root.
const SYSTEM_DIRECTORY_UNITS: usize = 260;

impl Installers for OsSystem {
    fn system_directory(&self) -> io::Result<PathBuf> {
        system_directory()
    }

    fn relauncher(&self) -> io::Result<PathBuf> {
        relauncher::path()
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        create_private_dir(directory)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        // SAFETY: both texts end with a zero, and the third argument must be null.
        let linked = checked(unsafe { CreateHardLinkW(wide(to).as_ptr(), wide(from).as_ptr(), ptr::null()) });
        linked.or_else(|_| fs::copy(from, to).map(drop))
    }

    fn hold(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).share_mode(FILE_SHARE_READ).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        let file = file::patiently(|| options.open(path))?;
        if file::is_plain(&file)? { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn start(
        &self,
        relauncher: Option<&Path>,
        held: &File,
        installer: Invocation<'_>,
        then: Option<&Command>,
    ) -> io::Result<()> {
        let file = wide(installer.program);
        let arguments = wide(installer.arguments);
        // Where no library lies that the installer could take for one of its own, and that nobody wants to remove.
        let directory = wide(system_directory()?);
        relauncher::install_now(relauncher, held, then, || {
            // Extensions of the shell want an apartment of their own, which must not become that of the application's
            // thread.
            let started =
                thread::Builder::new().spawn(move || in_apartment(|| execute(&file, &arguments, &directory)));
            started?.join().unwrap_or_else(|_| Err(io::Error::other("its thread ended early")))
        })
    }

    fn run(&self, invocation: Invocation<'_>) -> io::Result<i32> {
        let status = std::process::Command::new(invocation.program)
            .raw_arg(invocation.arguments)
            .current_dir(system_directory()?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        status.code().ok_or_else(|| io::Error::other("it has no exit code"))
    }

    fn adopt(&self, relauncher: PathBuf, held: File) {
        relauncher::adopt(relauncher, held);
    }

    fn outlive(
        &self,
        relauncher: &Path,
        held: &File,
        installer: Invocation<'_>,
        then: Option<&Command>,
    ) -> io::Result<()> {
        relauncher::install_after_exit(relauncher, held, installer, then)
    }
}

/// Not through `PATH` or the registry, where others could put something.
pub(super) fn system_directory() -> io::Result<PathBuf> {
    let mut path = [0; SYSTEM_DIRECTORY_UNITS];
    let size = u32::try_from(path.len()).unwrap_or_default();
    // SAFETY: the buffer may be written to for as many units as is said.
    let length = unsafe { GetSystemDirectoryW(path.as_mut_ptr(), size) } as usize;
    match path.get(..length) {
        Some(path) if length > 0 => Ok(OsString::from_wide(path).into()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn in_apartment<T>(work: impl FnOnce() -> T) -> T {
    let model = (COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE).cast_unsigned();
    // SAFETY: the first argument must be null; the thread is new, so that its model is not decided yet.
    let initialized = unsafe { CoInitializeEx(ptr::null(), model) } >= 0;
    let result = work();
    if initialized {
        // SAFETY: it undoes the call above, on the same thread.
        unsafe { CoUninitialize() };
    }
    result
}

/// The shell and not `CreateProcess`, because a manifest may demand rights that have to be asked for. All texts end with a
/// zero. Gives the process.
fn execute(file: &[u16], arguments: &[u16], directory: &[u16]) -> io::Result<OwnedHandle> {
    let mut info = SHELLEXECUTEINFOW {
        cbSize: u32::try_from(size_of::<SHELLEXECUTEINFOW>()).unwrap_or_default(),
        fMask: SEE_MASK_NOASYNC | SEE_MASK_NOCLOSEPROCESS | SEE_MASK_FLAG_NO_UI,
        lpFile: file.as_ptr(),
        lpParameters: arguments.as_ptr(),
        lpDirectory: directory.as_ptr(),
        nShow: SW_SHOWNORMAL,
        ..SHELLEXECUTEINFOW::default()
    };
    // SAFETY: the structure says its size, and its texts outlive the call.
    checked(unsafe { ShellExecuteExW(&raw mut info) })?;
    if info.hProcess.is_null() {
        return Err(io::Error::other("it was handed to a program that runs already"));
    }
    // SAFETY: the handle was asked for, is open, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(info.hProcess) })
}
