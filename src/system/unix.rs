//! [`OsSystem`] on Unix.

#![allow(unsafe_code, reason = "a call in a forked child and one of macOS, proved beside them")]

mod own;

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{
            ffi::OsStrExt,
            fs::{FileExt, MetadataExt, PermissionsExt},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{Access, AtFlags, CWD, Gid, Mode, OFlags, Uid, XattrFlags},
    io::{Errno, retry_on_intr},
};

#[cfg(any(target_os = "macos", test, fuzzing))]
use super::Tree;
use super::{Command, Fingerprint, Finished, Program, System, run};
pub(crate) use own::{check_parent_dir, check_private_dir, create_private_dir, open_own, private};
use own::{resolve, take_back};

/// Permission bits of an installed program that are kept. Set-user-id bits are not: they were given to other bytes.
const KEPT_MODE: u32 = 0o777;
const OWNER_EXECUTE: u32 = 0o100;
/// Extended attributes that are not kept, for the same reason: capabilities(7), and the kernel's proofs of integrity.
const ABOUT_THE_OLD_BYTES: [&[u8]; 3] = [b"security.capability", b"security.evm", b"security.ima"];

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
        std::env::current_exe().map(|path| without_deleted_marker(path, Path::exists))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        resolve(path)
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let mut start = Vec::with_capacity(length);
        // A pipe that somebody put in its place must not hold up whoever looks.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // Over a network, a signal can interrupt it (open(2), EINTR).
        let file = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?;
        File::from(file).take(length as u64).read_to_end(&mut start)?;
        Ok(start)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        fs::metadata(path).map(|metadata| metadata.is_file())
    }

    fn check_executable(&self, program: &Path) -> io::Result<()> {
        if !self.is_file(program)? {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file"));
        }
        Ok(rustix::fs::access(program, Access::EXEC_OK)?)
    }

    fn check_writable(&self, directory: &Path) -> io::Result<()> {
        Ok(rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
    }

    fn available_space(&self, directory: &Path) -> io::Result<u64> {
        // Over a network, a signal can interrupt it (statfs(2), EINTR).
        let stat = retry_on_intr(|| rustix::fs::statvfs(directory))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn same_file_system(&self, one: &Path, other: &Path) -> io::Result<bool> {
        Ok(fs::metadata(one)?.dev() == fs::metadata(other)?.dev())
    }

    fn create_private(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().read(true).write(true).create_new(true)).open(path)
    }

    fn open_private(&self, path: &Path) -> io::Result<File> {
        let open = || open_own(OpenOptions::new().read(true).write(true), path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                take_back(path)?;
                open()
            }
            outcome => outcome,
        }
    }

    fn adopt_attributes(&self, file: &File, replaced: &Path) -> io::Result<()> {
        let old = fs::metadata(replaced)?;
        adopt_owner(file, &old)?;
        copy_extended_attributes(file, replaced)?;
        let mode = adopted_mode(old.mode(), file.metadata()?.gid() == old.gid());
        file.set_permissions(PermissionsExt::from_mode(mode))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        sync_file(file)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        sync_dir(directory)
    }

    fn rename(&self, file: &File, from: &Path, to: &Path) -> io::Result<()> {
        let (Some(directory), Some(name)) = (from.parent(), from.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // What was verified is the open file. Whoever may rename a directory above could have put another one under
        // its path since; in the directory that is held open here, nobody else can.
        let directory = File::open(directory)?;
        let named = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let opened = rustix::fs::fstat(file)?;
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "somebody put another file in its place",
            ));
        }
        Ok(rustix::fs::renameat(&directory, name, CWD, to)?)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn fingerprint(&self, path: &Path) -> io::Result<Fingerprint> {
        fs::metadata(path).map(|metadata| fingerprint(&metadata))
    }

    fn fingerprint_of(&self, file: &File) -> io::Result<Fingerprint> {
        file.metadata().map(|metadata| fingerprint(&metadata))
    }

    fn spawn_after_exit(&self, command: &Command) -> io::Result<()> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Successor::spawn(command)?;
        if let Some(mut earlier) = waiting.replace(next) {
            earlier.dismiss();
        }
        Ok(())
    }

    #[cfg(any(target_os = "macos", test, fuzzing))]
    fn tree(&self) -> &dyn Tree {
        self
    }

    fn run(&self, program: &Program<'_>) -> io::Result<Finished> {
        run::run(program)
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn has_terminal(&self) -> bool {
        // In the background of a terminal, whoever asks there is stopped, and never ends.
        let foreground = rustix::termios::tcgetpgrp(io::stdin());
        foreground.is_ok_and(|group| group == rustix::process::getpgrp())
    }

    fn belongs_to_root(&self, path: &Path) -> io::Result<bool> {
        fs::metadata(path).map(|metadata| metadata.uid() == 0)
    }
}

/// Where the state of programs of this user lies by default (XDG Base Directory Specification 0.8).
pub(crate) fn state_home(system: &dyn System) -> Option<PathBuf> {
    let absolute = |name| system.env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))
}

/// Puts `from` in the place of `to` in one step.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Waits until the entries of the directory are on disk.
pub(crate) fn sync_dir(directory: &Path) -> io::Result<()> {
    sync_file(&File::open(directory)?)
}

/// Reads at a position, wherever the file is read or written besides.
pub(crate) fn read_file_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    FileExt::read_at(file, buffer, position)
}

/// Has this thread work when nobody else does. It goes on as it is where that is refused.
#[cfg(not(target_os = "macos"))]
pub(crate) fn lower_priority() {
    const LOWEST: i32 = 19; // nice(2)
    // On Linux the number of a thread stands for that thread alone (setpriority(2)).
    let _refused = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST);
}

/// Has this thread work when nobody else does. It goes on as it is where that is refused.
#[cfg(target_os = "macos")]
pub(crate) fn lower_priority() {
    const QOS_CLASS_UTILITY: u32 = 0x11; // sys/qos.h
    unsafe extern "C" {
        fn pthread_set_qos_class_self_np(class: u32, relative_priority: i32) -> i32;
    }
    // SAFETY: declared so in pthread/qos.h of every supported macOS; it takes numbers alone, and concerns this thread.
    let _refused = unsafe { pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0) };
}

/// Waits until the file is on disk.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    flushed(file.sync_all(), || Ok(retry_on_intr(|| rustix::fs::fsync(file))?))
}

/// On macOS `sync_all` has the drive empty its cache (`F_FULLFSYNC`), which not every file system can have done: there
/// fsync(2) is what there is. A disk that fails has failed.
fn flushed(outcome: io::Result<()>, plain: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if is_one_of(&error, &[Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL]) => {
            plain()
        }
        outcome => outcome,
    }
}

/// What is in use can be removed all the same.
pub(crate) const fn is_in_use(_: &io::Error) -> bool {
    false
}

/// flock(2) is not for the file system at hand, or not for what is open for reading only (NFS: directories).
pub(super) fn is_lock_unsupported(error: &io::Error) -> bool {
    let known = [Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::BADF, Errno::NOLCK];
    is_one_of(error, &known)
}

fn is_one_of(error: &io::Error, known: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| known.contains(&Errno::from_raw_os_error(code)))
}

fn fingerprint(metadata: &fs::Metadata) -> Fingerprint {
    let modified_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Fingerprint { inode: metadata.ino(), size: metadata.len(), modified_ns }
}

/// Where the group could not be kept, another one must not get more than everybody.
pub(super) const fn adopted_mode(old: u32, same_group: bool) -> u32 {
    let mode = old & KEPT_MODE;
    let mode = if same_group { mode } else { mode & !0o070 | ((mode & 0o007) << 3) & mode };
    mode | OWNER_EXECUTE
}

/// Only root can give files away; an ordinary user replaces what it may replace and owns the result.
pub(super) fn adopt_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    let (owner, group) = (Uid::from_raw(old.uid()), Gid::from_raw(old.gid()));
    match rustix::fs::fchown(file, Some(owner), Some(group)) {
        Err(Errno::PERM) => match rustix::fs::fchown(file, None, Some(group)) {
            Err(Errno::PERM) => Ok(()),
            result => Ok(result?),
        },
        result => Ok(result?),
    }
}

/// Attributes that this user or file system cannot have are left out; any other failure ends the installation.
fn copy_extended_attributes(file: &File, replaced: &Path) -> io::Result<()> {
    let size = || rustix::fs::listxattr_query(replaced);
    let names = match read_sized(size, |buffer| rustix::fs::listxattr(replaced, buffer)) {
        Err(Errno::NOTSUP) => return Ok(()),
        names => names?,
    };
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    for name in names.filter(|name| !ABOUT_THE_OLD_BYTES.contains(name)) {
        let size = || rustix::fs::getxattr_query(replaced, name);
        let value = match read_sized(size, |buffer| rustix::fs::getxattr(replaced, name, buffer)) {
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => continue,
            value => value?,
        };
        match rustix::fs::fsetxattr(file, name, &value, XattrFlags::empty()) {
            Err(Errno::NOTSUP | Errno::PERM | Errno::ACCESS) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads a value whose size is not known: asks for it, and again if it grew in between.
fn read_sized(
    size: impl Fn() -> rustix::io::Result<usize>,
    read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    loop {
        let mut buffer = vec![0; size()?];
        match read(&mut buffer) {
            Err(Errno::RANGE) => {}
            result => {
                buffer.truncate(result?);
                return Ok(buffer);
            }
        }
    }
}

/// Node marks its standard streams close-on-exec, so that a plain inheritance would leave them closed, and the first
/// file that the program opens would receive what it prints.
fn inherited(stream: impl AsFd) -> Stdio {
    stream.as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

static WAITING: Mutex<Option<Successor>> = Mutex::new(None);

/// A shell that waits at a pipe for this process to end, and then becomes the program. The kernel closes the pipe
/// however the process ends, and nothing is ever written to it.
struct Successor {
    shell: Child,
    _pipe: Option<ChildStdin>,
}

impl Successor {
    fn spawn(command: &Command) -> io::Result<Self> {
        let mut shell = std::process::Command::new("/bin/sh");
        shell
            .args(["-c", r#"read -r _; exec "$@" </dev/null"#, "sh"])
            .arg(&command.program)
            .args(&command.args);
        for (name, value) in &command.env {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(directory) = &command.directory {
            shell.current_dir(directory);
        }
        shell.stdin(Stdio::piped()).stdout(inherited(io::stdout())).stderr(inherited(io::stderr()));
        // SAFETY: between fork and exec only async-signal-safe functions may be called. setsid(2) is one
        // (signal-safety(7)), and the closure neither allocates nor takes a lock.
        unsafe {
            shell.pre_exec(|| {
                // A new session outlives the terminal and the process group of this process.
                rustix::process::setsid()?;
                Ok(())
            });
        }
        let mut shell = shell.spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, _pipe: pipe })
    }

    /// Ends a shell that is no longer wanted before its pipe closes.
    fn dismiss(&mut self) {
        // It can only have ended by itself, and then there is nothing to do.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// `path` without the marker that Linux puts behind the name of a running program that was replaced.
fn without_deleted_marker(path: PathBuf, exists: impl Fn(&Path) -> bool) -> PathBuf {
    match path.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(plain) if !exists(&path) => PathBuf::from(OsStr::from_bytes(plain)),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_program_is_found_under_its_own_name() {
        let gone = PathBuf::from("/opt/app (deleted)");
        assert_eq!(without_deleted_marker(gone.clone(), |_| false), Path::new("/opt/app"));
        assert_eq!(without_deleted_marker(gone.clone(), |_| true), gone);
        assert_eq!(without_deleted_marker("/opt/app".into(), |_| false), Path::new("/opt/app"));
        let odd = PathBuf::from(OsStr::from_bytes(b"/opt/\xff (deleted)"));
        assert_eq!(without_deleted_marker(odd, |_| false), Path::new(OsStr::from_bytes(b"/opt/\xff")));
    }

    #[test]
    fn another_group_gets_no_more_than_everybody() {
        for (old, same_group, new) in [
            (0o775, true, 0o775),
            (0o775, false, 0o755),
            (0o750, false, 0o700),
            (0o640, false, 0o700),
            (0o747, false, 0o747),
            (0o4755, true, 0o755),
        ] {
            assert_eq!(adopted_mode(old, same_group), new, "{old:o}");
        }
    }

    #[test]
    fn a_link_that_another_user_may_have_put_there_is_not_followed_to_what_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let (shared, own) = (base.join("shared"), base.join("own"));
        fs::create_dir(&shared).unwrap();
        fs::write(base.join("precious"), "").unwrap();
        fs::write(shared.join("file"), "").unwrap();
        for (link, target) in
            [(shared.join("link"), "../precious"), (own.clone(), "shared/link"), (base.join("loop"), "loop")]
        {
            std::os::unix::fs::symlink(target, link).unwrap();
        }
        let set_mode = |mode| fs::set_permissions(&shared, PermissionsExt::from_mode(mode)).unwrap();
        for mode in [0o755, 0o1777] {
            set_mode(mode);
            assert_eq!(OsSystem.resolve(&own).unwrap(), base.join("precious"));
        }
        let refused = || {
            for link in [&own, &shared.join("link")] {
                let error = OsSystem.resolve(link).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
            }
            assert_eq!(OsSystem.resolve(&shared.join("file")).unwrap(), shared.join("file"));
        };
        set_mode(0o777);
        refused();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&shared, None, Some(65_534)).unwrap();
            set_mode(0o775);
            refused();
            set_mode(0o1777);
            std::os::unix::fs::lchown(shared.join("link"), Some(65_534), None).unwrap();
            refused();
        }
        assert_eq!(
            OsSystem.resolve(&base.join("loop")).unwrap_err().raw_os_error(),
            Some(Errno::LOOP.raw_os_error())
        );
        assert_eq!(OsSystem.resolve(&base.join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_put_in_the_place_of_the_verified_one_is_not_renamed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("verified"), "good").unwrap();
        fs::write(path("application"), "old").unwrap();
        let file = File::open(path("verified")).unwrap();
        fs::rename(path("verified"), path("aside")).unwrap();
        fs::write(path("verified"), "evil").unwrap();
        OsSystem.rename(&file, &path("verified"), &path("application")).unwrap_err();
        assert_eq!(fs::read_to_string(path("application")).unwrap(), "old");
        OsSystem.rename(&file, &path("aside"), &path("application")).unwrap();
        assert_eq!(fs::read_to_string(path("application")).unwrap(), "good");
    }

    #[test]
    fn a_file_system_without_full_flushes_gets_plain_ones_and_a_failing_disk_none() {
        let flushed_after = |error: Errno| {
            let mut plain = false;
            let outcome = flushed(Err(error.into()), || {
                plain = true;
                Ok(())
            });
            (outcome.is_ok(), plain)
        };
        for unsupported in [Errno::NOTSUP, Errno::NOTTY, Errno::INVAL] {
            assert_eq!(flushed_after(unsupported), (true, true), "{unsupported}");
        }
        for failure in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
            assert_eq!(flushed_after(failure), (false, false), "{failure}");
        }
        assert!(flushed(Ok(()), || Err(Errno::IO.into())).is_ok());
        assert!(flushed(Err(Errno::INVAL.into()), || Err(Errno::IO.into())).is_err());
    }

    #[test]
    fn what_is_no_lock_is_told_from_what_fails() {
        for error in [Errno::NOTSUP, Errno::NOLCK, Errno::BADF] {
            assert!(is_lock_unsupported(&error.into()), "{error}");
        }
        assert!(!is_lock_unsupported(&Errno::IO.into()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_locked_is_used_without_and_taken_for_held() {
        use super::super::{hold, is_held};
        // What is only looked up cannot be locked: EBADF, as for a directory on NFS.
        let directory = tempfile::tempdir().unwrap();
        let looked_up = rustix::fs::open(directory.path(), OFlags::PATH, Mode::empty()).unwrap().into();
        hold(&looked_up).unwrap();
        assert!(is_held(&looked_up));
    }

    #[test]
    fn a_file_with_the_attributes_of_an_application_is_taken_back_in_an_own_directory_only() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let path = directory.path().join("staged");
        let foreign = |mode| {
            fs::write(&path, "staged").unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            if rustix::process::geteuid().is_root() {
                std::os::unix::fs::chown(&path, Some(65_534), Some(65_534)).unwrap();
            }
        };
        for mode in [0o555, 0o111] {
            foreign(mode);
            let file = OsSystem.open_private(&path).unwrap();
            assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);
            assert_eq!(file.metadata().unwrap().uid(), rustix::process::geteuid().as_raw());
        }
        let victim = directory.path().join("victim");
        fs::rename(&path, &victim).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(OsSystem.open_private(&path).is_err());
        fs::remove_file(&path).unwrap();
        foreign(0o555);
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o770)).unwrap();
        assert!(take_back(&path).is_err());
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(OsSystem.open_private(&pipe).is_err());
        assert_eq!(OsSystem.read_start(&pipe, 1).unwrap(), b"");
    }
}
