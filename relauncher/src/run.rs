//! Doing what is asked.

#![allow(unsafe_code, reason = "handles that another process put into this one, each proved beside it")]

use std::{
    ffi::OsString,
    fs::File,
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

use crate::job::{self, Header, Installer, Job, Start, Work};

pub(crate) fn run() -> ExitCode {
    if accept().and_then(carry_out).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Where whoever asks was gone before saying what for, there is nothing to be done.
fn accept() -> io::Result<Job> {
    let mut input = io::stdin().lock();
    let Header { version, reply } = Header::read(&mut input)?;
    let mut reply = File::from(owned(reply));
    job::answer(&mut reply)?;
    if version != job::VERSION {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let job = Job::read(&mut input)?;
    // An installer may have ended whoever listened, and then the job is due.
    let _ = job::answer(&mut reply);
    Ok(job)
}

fn carry_out(Job { process, installer, start }: Job) -> io::Result<()> {
    wait(&owned(process))?;
    let installed = installer.map_or(Ok(()), install);
    let started = start.map_or(Ok(()), launch);
    installed.and(started)
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
fn install(Installer { held, work }: Installer) -> io::Result<()> {
    let _held = owned(held);
    match work {
        Work::Await(process) => wait(&owned(process)),
        Work::Run { program, arguments } => Command::new(text(&program))
            .raw_arg(text(&arguments))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(drop),
    }
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
