//! Doing what is asked.

#![allow(unsafe_code, reason = "handles that another process put into this one, each proved beside it")]

use std::{
    ffi::OsString,
    io,
    os::windows::{
        ffi::OsStringExt,
        io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle},
        process::CommandExt,
    },
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use windows_sys::Win32::{
    Foundation::WAIT_OBJECT_0,
    System::Threading::{INFINITE, WaitForSingleObject},
};

use crate::job::{Installer, Job, Start};

pub(crate) fn run() -> ExitCode {
    // Whoever asks was gone before saying what for: there is nothing to be done.
    let Ok(Job { process, installer, start }) = Job::read(&mut io::stdin().lock()) else {
        return ExitCode::FAILURE;
    };
    if wait(&owned(process)).is_err() {
        return ExitCode::FAILURE;
    }
    let installed = installer.map_or(Ok(0), install);
    let started = start.map_or(Ok(()), launch);
    match (installed, started) {
        (Ok(code), Ok(())) => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
        _ => ExitCode::FAILURE,
    }
}

fn owned(handle: u64) -> OwnedHandle {
    #[allow(clippy::cast_possible_truncation, reason = "handles are 32 significant bits on every Windows")]
    let handle = handle as usize as RawHandle;
    // SAFETY: the application duplicated it into this process for this program to own, and named it once.
    unsafe { OwnedHandle::from_raw_handle(handle) }
}

fn wait(process: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the handle is open.
    match unsafe { WaitForSingleObject(process.as_raw_handle(), INFINITE) } {
        WAIT_OBJECT_0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The file is held until the installer has ended.
fn install(installer: Installer) -> io::Result<i32> {
    let _held = owned(installer.held);
    let status = Command::new(text(&installer.program))
        .raw_arg(text(&installer.arguments))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.code().unwrap_or(-1))
}

/// The program prints where the one before it did.
fn launch(start: Start) -> io::Result<()> {
    let program = text(&start.program);
    let directory = text(&start.directory);
    let mut command = Command::new(&program);
    command.args(start.args.iter().map(|arg| text(arg))).stdin(Stdio::null());
    for name in &start.removed {
        command.env_remove(text(name));
    }
    command.envs(start.changed.iter().map(|(name, value)| (text(name), text(value))));
    // The installer may have removed the directory.
    match Path::new(&program).parent() {
        Some(own) if !Path::new(&directory).is_dir() => command.current_dir(own),
        _ => command.current_dir(directory),
    };
    command.spawn().map(drop)
}

fn text(units: &[u16]) -> OsString {
    OsString::from_wide(units)
}
