//! The program that outlives this process: `relauncher.exe`, which is shipped beside the addon.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, PipeReader},
    os::windows::{
        ffi::{OsStrExt, OsStringExt},
        io::{AsRawHandle, OwnedHandle, RawHandle},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
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
    job::{self, Header, Installer, Job, Start, Text, Work},
    shell::system_directory,
};
use crate::system::{Command, Invocation};

const NAME: &str = "relauncher.exe";
/// The longest path that Windows knows, and a zero.
const PATH_MAX_UNITS: usize = 32_768;

/// A virus scanner may hold a program up when it starts. Nobody waits for it longer than this: neither `relaunch()` nor the
/// exit of the process.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// What was asked for last, and what it needs.
static WAITING: Mutex<Waiting> =
    Mutex::new(Waiting { copy: None, installer: None, start: None, child: None });

struct Waiting {
    copy: Option<PrivateCopy>,
    /// Goes on to count when another program is asked for: an update must not be lost, nor what it replaces be started
    /// while it is at work.
    installer: Option<Pending>,
    /// Goes on to count when an installer is asked for that starts nothing itself.
    start: Option<Start>,
    child: Option<Child>,
}

/// A relauncher that no installation replaces. While it is held, nobody else does so either.
struct PrivateCopy {
    path: PathBuf,
    _held: File,
}

/// An installer that is to run, or runs.
struct Pending {
    held: File,
    work: Installing,
}

enum Installing {
    AfterExit { program: Text, arguments: Text },
    Now(OwnedHandle),
}

/// Where it lies: beside the module that this function is part of.
pub(super) fn path() -> io::Result<PathBuf> {
    Ok(module()?.with_file_name(NAME))
}

/// From here on this copy is used.
pub(super) fn adopt(path: PathBuf, held: File) {
    waiting().copy = Some(PrivateCopy { path, _held: held });
}

/// Starts a command once this process is gone, and the installer that it has asked for, if there is one.
pub(super) fn start_after_exit(command: &Command) -> io::Result<()> {
    let mut waiting = waiting();
    let start = start(command);
    let ready = Ready::spawn(&waiting.relauncher()?)?;
    let child = ready.take_job(waiting.installer.as_ref(), Some(&start))?;
    waiting.start = Some(start);
    waiting.replace(Some(child));
    Ok(())
}

/// Runs an installer once this process is gone, and then starts a command.
pub(super) fn install_after_exit(
    relauncher: &Path,
    held: &File,
    installer: Invocation<'_>,
    then: Option<&Command>,
) -> io::Result<()> {
    let Invocation { program, arguments } = installer;
    let work = Installing::AfterExit { program: units(program), arguments: units(arguments) };
    let installer = Pending { held: held.try_clone()?, work };
    let mut waiting = waiting();
    let start = waiting.start_or_earlier(then);
    let child = Ready::spawn(relauncher)?.take_job(Some(&installer), start.as_ref())?;
    waiting.installer = Some(installer);
    waiting.start = start;
    waiting.replace(Some(child));
    Ok(())
}

/// Has an installer begin, which gives its process: what is started after this process waits for it as well. Its file
/// stays held until this process ends.
///
/// What waits is there before the installer, which may end this process at once.
pub(super) fn install_now(
    relauncher: Option<&Path>,
    held: &File,
    then: Option<&Command>,
    begin: impl FnOnce() -> io::Result<OwnedHandle>,
) -> io::Result<()> {
    let held = held.try_clone()?;
    let mut waiting = waiting();
    let start = waiting.start_or_earlier(then);
    let was_asked = waiting.child.is_some();
    let ready = if start.is_some() || was_asked {
        let path = relauncher.map_or_else(|| waiting.relauncher(), |path| Ok(path.to_owned()));
        Some(Ready::spawn(&path?)?)
    } else {
        None
    };
    // It would start the application as soon as the installer ends this process, and lie where the installer writes.
    waiting.replace(None);
    let begun = begin().map(|process| {
        waiting.installer = Some(Pending { held, work: Installing::Now(process) });
        waiting.start = start;
    });
    match ready {
        // An installer that was refused changes nothing of what was asked for before. One that runs cannot be called back:
        // an error now would have the application go on while it is replaced.
        Some(ready) if begun.is_ok() || was_asked => {
            waiting.child = ready.take_job(waiting.installer.as_ref(), waiting.start.as_ref()).ok();
        }
        Some(ready) => end(ready.child),
        None => {}
    }
    begun
}

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    fn relauncher(&self) -> io::Result<PathBuf> {
        self.copy.as_ref().map_or_else(shipped, |copy| Ok(copy.path.clone()))
    }

    fn start_or_earlier(&self, then: Option<&Command>) -> Option<Start> {
        then.map(start).or_else(|| self.start.clone())
    }

    fn replace(&mut self, child: Option<Child>) {
        if let Some(earlier) = std::mem::replace(&mut self.child, child) {
            end(earlier);
        }
    }
}

fn end(mut child: Child) {
    // It can only have ended by itself, and then there is nothing to do.
    let _ = child.kill();
    let _ = within_limit(move || child.wait());
}

fn shipped() -> io::Result<PathBuf> {
    let path = path()?;
    if path.is_file() {
        return Ok(path);
    }
    let reason = format!("{} is missing: ship it beside the addon, as its package does", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, reason))
}

/// A relauncher that runs, belongs to this program and waits for its job. Without one it ends, when this is dropped.
struct Ready {
    child: Child,
    input: ChildStdin,
    answer: PipeReader,
}

impl Ready {
    fn spawn(relauncher: &Path) -> io::Result<Self> {
        let relauncher = relauncher.to_owned();
        within_limit(move || Self::new(spawn(&relauncher)?))
    }

    fn new(mut child: Child) -> io::Result<Self> {
        let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (mut answer, reply) = io::pipe()?;
        let copy = duplicate(reply.as_raw_handle(), child.as_raw_handle())?;
        // The answer ends when the relauncher has closed its own.
        drop(reply);
        let written = Header { version: job::VERSION, reply: copy }.write(&mut input);
        // Its word explains why not everything could be written.
        job::read_answer(&mut answer).and(written)?;
        Ok(Self { child, input, answer })
    }

    /// Waits until it has taken the job.
    fn take_job(self, installer: Option<&Pending>, start: Option<&Start>) -> io::Result<Child> {
        let Self { child, mut input, mut answer } = self;
        let taken = job(installer, start, &child).and_then(|job| {
            within_limit(move || {
                let written = job.write(&mut input);
                job::read_answer(&mut answer).and(written)
            })
        });
        match taken {
            Ok(()) => Ok(child),
            Err(error) => {
                // It may have taken the job all the same, and nobody counts on that.
                end(child);
                Err(error)
            }
        }
    }
}

/// What takes longer goes on by itself, and comes to nothing, because its outcome is dropped: nobody gives a job to a
/// relauncher that was waited for in vain.
fn within_limit<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (done, outcome) = mpsc::channel();
    thread::Builder::new().spawn(move || drop(done.send(work())))?;
    outcome.recv_timeout(ANSWER_TIME_MAX).unwrap_or_else(|_| {
        let reason = format!("relauncher.exe did not answer within {} s", ANSWER_TIME_MAX.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, reason))
    })
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

/// Puts handles of this process and of the installer into the relauncher. No number could be reused by somebody else, as
/// one of a process could.
fn job(installer: Option<&Pending>, start: Option<&Start>, relauncher: &Child) -> io::Result<Job> {
    let to = relauncher.as_raw_handle();
    Ok(Job {
        // SAFETY: the handle stands for this process, and needs no closing.
        process: duplicate(unsafe { GetCurrentProcess() }, to)?,
        installer: installer.map(|pending| pending.handed_to(to)).transpose()?,
        start: start.cloned(),
    })
}

impl Pending {
    fn handed_to(&self, relauncher: RawHandle) -> io::Result<Installer> {
        let work = match &self.work {
            Installing::AfterExit { program, arguments } => {
                Work::Run { program: program.clone(), arguments: arguments.clone() }
            }
            Installing::Now(process) => Work::Await(duplicate(process.as_raw_handle(), relauncher)?),
        };
        Ok(Installer { held: duplicate(self.held.as_raw_handle(), relauncher)?, work })
    }
}

fn duplicate(handle: RawHandle, to: RawHandle) -> io::Result<u64> {
    let mut copy = ptr::null_mut();
    // SAFETY: all three handles are open, the last one that of a child made with all rights; the copy may be written to.
    checked(unsafe {
        DuplicateHandle(GetCurrentProcess(), handle, to, &raw mut copy, 0, 0, DUPLICATE_SAME_ACCESS)
    })?;
    Ok(copy as usize as u64)
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
