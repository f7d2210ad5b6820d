//! [`Call`]: a system call on a file, before it happens.

use std::{
    fs::{self, File},
    os::{fd::BorrowedFd, unix::fs::FileExt},
    path::PathBuf,
};

use rustix::io::Errno;

/// Where a call names its file: the number of the argument.
#[derive(Debug, Clone, Copy)]
enum At {
    /// An open file.
    Open(usize),
    Path(usize),
    /// An open directory, and in the next argument a path from there.
    Below(usize),
}

/// What a call does to its file, which decides how it can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It may also create one.
    Open,
    Look,
    Read,
    Write,
    Flush,
    /// Flushes the whole file system.
    FlushAll,
    /// The names in a directory.
    Arrange,
    Remove,
    /// Mode, owner, size, time, extended attributes.
    Alter,
    Lock,
    Statfs,
}

#[derive(Debug)]
struct Kind {
    number: libc::c_long,
    name: &'static str,
    does: Does,
    at: At,
}

macro_rules! kinds {
    ($($call:ident $does:ident $at:ident $argument:literal,)*) => {
        &[$(Kind {
            number: libc::$call,
            name: stringify!($call),
            does: Does::$does,
            at: At::$at($argument),
        },)*]
    };
}

/// Those that change or read files and directories. Others change nothing on disk, so that to die or fail at one of
/// them is to do so at the next of these.
const KINDS: &[Kind] = kinds![
    SYS_openat Open Below 0,
    SYS_openat2 Open Below 0,
    SYS_statx Look Below 0,
    SYS_newfstatat Look Below 0,
    SYS_fstat Look Open 0,
    SYS_readlinkat Look Below 0,
    SYS_faccessat Look Below 0,
    SYS_faccessat2 Look Below 0,
    SYS_listxattr Look Path 0,
    SYS_getxattr Look Path 0,
    SYS_read Read Open 0,
    SYS_pread64 Read Open 0,
    SYS_getdents64 Look Open 0,
    SYS_write Write Open 0,
    SYS_fsync Flush Open 0,
    SYS_fdatasync Flush Open 0,
    SYS_syncfs FlushAll Open 0,
    SYS_mkdirat Arrange Below 0,
    SYS_renameat2 Arrange Below 0,
    SYS_renameat Arrange Below 0,
    SYS_linkat Arrange Below 0,
    SYS_symlinkat Arrange Below 1,
    SYS_unlinkat Remove Below 0,
    SYS_ftruncate Alter Open 0,
    SYS_fchmod Alter Open 0,
    SYS_fchmodat Alter Below 0,
    SYS_fchown Alter Open 0,
    SYS_fchownat Alter Below 0,
    SYS_fsetxattr Alter Open 0,
    SYS_utimensat Alter Below 0,
    SYS_flock Lock Open 0,
    SYS_statfs Statfs Path 0,
    SYS_fstatfs Statfs Open 0,
];

/// Calls that later architectures do without.
#[cfg(target_arch = "x86_64")]
const OLD_KINDS: &[Kind] = kinds![
    SYS_open Open Path 0,
    SYS_stat Look Path 0,
    SYS_lstat Look Path 0,
    SYS_readlink Look Path 0,
    SYS_access Look Path 0,
    SYS_mkdir Arrange Path 0,
    SYS_rename Arrange Path 0,
    SYS_unlink Remove Path 0,
    SYS_rmdir Remove Path 0,
    SYS_chmod Alter Path 0,
    SYS_chown Alter Path 0,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_KINDS: &[Kind] = &[];

pub(crate) struct Call {
    kind: &'static Kind,
    arguments: [u64; 6],
    pub(crate) path: PathBuf,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name, self.path.display())
    }
}

impl Call {
    pub(super) fn numbers() -> impl Iterator<Item = libc::c_long> {
        KINDS.iter().chain(OLD_KINDS).map(|kind| kind.number)
    }

    /// What a thread is about to do.
    pub(super) fn read(thread: u32, data: &libc::seccomp_data) -> Option<Self> {
        let mut kinds = KINDS.iter().chain(OLD_KINDS);
        let kind = kinds.find(|kind| kind.number == libc::c_long::from(data.nr))?;
        let path = match kind.at {
            At::Open(argument) => open_file(thread, data.args[argument])?,
            At::Path(argument) => path_in(thread, data.args[argument])?,
            At::Below(argument) => {
                let path = path_in(thread, data.args[argument + 1]).unwrap_or_default();
                if path.is_absolute() { path } else { open_file(thread, data.args[argument])?.join(path) }
            }
        };
        Some(Self { kind, arguments: data.args, path })
    }

    pub(crate) fn does(&self) -> Does {
        self.kind.does
    }

    /// Whether it lets two files or directories change places.
    #[allow(dead_code, reason = "files are replaced, not exchanged")]
    pub(crate) fn exchanges(&self) -> bool {
        let flags = self.arguments[4];
        self.kind.number == libc::SYS_renameat2 && flags & u64::from(libc::RENAME_EXCHANGE) != 0
    }

    #[allow(dead_code, reason = "of files there is one")]
    pub(crate) fn renames(&self) -> bool {
        self.kind.name.starts_with("SYS_rename")
    }

    /// Whether the manual names this error for such a call (open(2) and so on; EACCES: path_resolution(7)).
    pub(crate) fn can_give(&self, error: Errno) -> bool {
        match error {
            Errno::IO => !matches!(self.does(), Does::Lock),
            Errno::ACCESS => {
                matches!(self.does(), Does::Open | Does::Look | Does::Arrange | Does::Remove | Does::Statfs)
            }
            Errno::ROFS => self.makes() || matches!(self.does(), Does::Remove) || self.opens_for_writing(),
            Errno::NOSPC | Errno::DQUOT => {
                self.makes() || matches!(self.does(), Does::Write | Does::Flush | Does::FlushAll)
            }
            Errno::MFILE => self.does() == Does::Open,
            Errno::INTR => match self.does() {
                Does::Open | Does::Read | Does::Write | Does::Flush | Does::Statfs => true,
                Does::Lock => self.arguments[1] & u64::from(libc::LOCK_NB.unsigned_abs()) == 0,
                _ => self.kind.number == libc::SYS_ftruncate,
            },
            _ => false,
        }
    }

    /// Whether it needs room in a file system.
    fn makes(&self) -> bool {
        match self.does() {
            Does::Arrange | Does::Alter => true,
            Does::Open => self.open_flags() & libc::O_CREAT != 0,
            _ => false,
        }
    }

    fn opens_for_writing(&self) -> bool {
        self.does() == Does::Open && self.open_flags() & (libc::O_WRONLY | libc::O_RDWR) != 0
    }

    fn open_flags(&self) -> i32 {
        let argument = if matches!(self.kind.at, At::Below(_)) { 2 } else { 1 };
        i32::try_from(self.arguments[argument] & 0xffff_ffff).unwrap_or_default()
    }

    /// Writes the first half of what is to be written; gives its length. `None`: there is nothing to be halved.
    pub(crate) fn write_half(&self) -> Option<usize> {
        let half = usize::try_from(self.arguments[2]).unwrap() / 2;
        if self.does() != Does::Write || half == 0 {
            return None;
        }
        let mut bytes = vec![0; half];
        File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, self.arguments[1]).unwrap();
        #[allow(unsafe_code, reason = "a file that another thread of this process has open")]
        // SAFETY: its owner waits in this very call for an answer, and does not close it meanwhile.
        let file = unsafe { BorrowedFd::borrow_raw(i32::try_from(self.arguments[0]).unwrap()) };
        Some(rustix::io::write(file, &bytes).unwrap())
    }
}

fn open_file(thread: u32, descriptor: u64) -> Option<PathBuf> {
    // The upper half of the register is no part of an `int`.
    let name = match i32::from_le_bytes(descriptor.to_le_bytes()[..4].try_into().ok()?) {
        libc::AT_FDCWD => "cwd".to_owned(),
        number => format!("fd/{number}"),
    };
    fs::read_link(format!("/proc/{thread}/{name}")).ok()
}

/// The text that a pointer of the thread leads to.
fn path_in(thread: u32, pointer: u64) -> Option<PathBuf> {
    let mut bytes = [0; libc::PATH_MAX as usize];
    let count = File::open(format!("/proc/{thread}/mem")).ok()?.read_at(&mut bytes, pointer).ok()?;
    let end = bytes[..count].iter().position(|byte| *byte == 0)?;
    let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&bytes[..end]);
    (end > 0).then(|| path.into())
}
