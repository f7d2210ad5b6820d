//! The program that outlives this process: `relauncher.exe`, which is shipped beside the addon.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::windows::{
        ffi::{OsStrExt, OsStringExt},
        io::{AsRawHandle, RawHandle},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Stdio},
    ptr,
    sync::{Mutex, PoisonError},
};

use windows_sys::Win32::{
    Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_ACCESS_DENIED, HMODULE},
    System::{
        LibraryLoader::{
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
            GetModuleFileNameW, GetModuleHandleExW,
        },
        Threading::{CREATE_BREAKAWAY_FROM_JOB, GetCurrentProcess},
    },
};

use super::{
    checked,
    job::{Installer, Job, Start, Text},
    shell::system_directory,
};
use crate::system::{Command, Invocation};

const NAME: &str = "relauncher.exe";
/// The longest path that Windows knows, and a zero.
const PATH_MAX_UNITS: usize = 32_768;

/// The one that was asked last: another request replaces it.
static WAITING: Mutex<Option<Child>> = Mutex::new(None);

/// Where it lies: beside the module that this function is part of.
pub(super) fn path() -> io::Result<PathBuf> {
    Ok(module()?.with_file_name(NAME))
}

/// Starts a command once this process is gone.
pub(super) fn start_after_exit(command: &Command) -> io::Result<()> {
    let path = path()?;
    if !path.is_file() {
        let reason = format!("{} is missing: ship it beside the addon, as its package does", path.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, reason));
    }
    ask(&path, Job { start: Some(start(command)), ..Job::default() }, None)
}

/// Runs an installer once this process is gone, and then starts a command.
pub(super) fn install_after_exit(
    relauncher: &Path,
    held: &File,
    installer: Invocation<'_>,
    then: Option<&Command>,
) -> io::Result<()> {
    let Invocation { program, arguments } = installer;
    let installer = Installer { held: 0, program: units(program), arguments: units(arguments) };
    let job = Job { installer: Some(installer), start: then.map(start), ..Job::default() };
    ask(relauncher, job, Some(held))
}

fn ask(relauncher: &Path, mut job: Job, held: Option<&File>) -> io::Result<()> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = spawn(relauncher)?;
    let asked = hand_over(&mut job, held, &child).and_then(|()| match child.stdin.take() {
        Some(mut input) => job.write(&mut input),
        None => Err(io::ErrorKind::BrokenPipe.into()),
    });
    if let Err(error) = asked {
        dismiss(&mut child);
        return Err(error);
    }
    if let Some(mut earlier) = waiting.replace(child) {
        dismiss(&mut earlier);
    }
    Ok(())
}

/// Its directory is one that no installer wants to replace.
fn spawn(relauncher: &Path) -> io::Result<Child> {
    let directory = system_directory()?;
    let attempt = |flags| {
        let mut command = std::process::Command::new(relauncher);
        command.current_dir(&directory).stdin(Stdio::piped()).creation_flags(flags).spawn()
    };
    // Where this process lives in a job that is ended as a whole, nothing would outlive it.
    match attempt(CREATE_BREAKAWAY_FROM_JOB) {
        Err(error) if error.raw_os_error() == Some(ERROR_ACCESS_DENIED.cast_signed()) => attempt(0),
        result => result,
    }
}

/// Puts handles of this process and of the file into the relauncher. No number could be reused by somebody else, as one
/// of a process could.
fn hand_over(job: &mut Job, held: Option<&File>, relauncher: &Child) -> io::Result<()> {
    let to = relauncher.as_raw_handle();
    // SAFETY: the handle stands for this process, and needs no closing.
    job.process = duplicate(unsafe { GetCurrentProcess() }, to)?;
    if let (Some(installer), Some(held)) = (&mut job.installer, held) {
        installer.held = duplicate(held.as_raw_handle(), to)?;
    }
    Ok(())
}

fn duplicate(handle: RawHandle, to: RawHandle) -> io::Result<u64> {
    let mut copy = ptr::null_mut();
    // SAFETY: all three handles are open, the last one that of a child made with all rights; the copy may be written to.
    checked(unsafe {
        DuplicateHandle(GetCurrentProcess(), handle, to, &raw mut copy, 0, 0, DUPLICATE_SAME_ACCESS)
    })?;
    Ok(copy as usize as u64)
}

/// Ends one that is no longer wanted.
fn dismiss(child: &mut Child) {
    // It can only have ended by itself, and then there is nothing to do.
    let _ = child.kill();
    let _ = child.wait();
}

fn start(command: &Command) -> Start {
    let Command { program, args, env, directory } = command;
    let directory = directory.clone().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
    let removed = env.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| units(name));
    let changed = env.iter().filter_map(|(name, value)| Some((units(name), units(value.as_ref()?))));
    Start {
        program: units(program),
        args: args.iter().map(units).collect(),
        directory: units(directory),
        removed: removed.collect(),
        changed: changed.collect(),
    }
}

fn units(text: impl AsRef<OsStr>) -> Text {
    text.as_ref().encode_wide().collect()
}

/// The file of the module that this code is part of: the addon, or the program itself.
fn module() -> io::Result<PathBuf> {
    let mut module: HMODULE = ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let address = path as fn() -> io::Result<PathBuf> as *const u16;
    // SAFETY: with this flag the second argument is an address in a module, as that of a function is; the handle may be
    // written to.
    checked(unsafe { GetModuleHandleExW(flags, address, &raw mut module) })?;
    let mut name = vec![0; PATH_MAX_UNITS];
    let size = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // SAFETY: this code runs, so its module stays loaded; the buffer may be written to for as many units as is said.
    let length = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), size) } as usize;
    match name.get(..length) {
        Some(name) if length > 0 => Ok(OsString::from_wide(name).into()),
        _ => Err(io::Error::last_os_error()),
    }
}
