//! [`Tree`]: what replacing a whole directory asks of the operating system, so that tests can make each step fail.

#[cfg(test)]
mod failing;

use std::{
    fs::{self, File},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
    time::SystemTime,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Uid},
    io::{Errno, retry_on_intr},
    path::Arg,
};

use super::{
    OsSystem,
    os::{adopt_owner, adopted_mode},
};

const PRIVATE_DIR: Mode = Mode::RWXU;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const OPEN_DIR: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// User and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// Directories as installations see them. `root` is an open directory, and paths are relative to it: what lies above
/// it may be moved meanwhile, and is not followed.
pub(crate) trait Tree {
    /// Makes a directory that did not exist, for its owner only, and opens it.
    fn create_root(&self, path: &Path) -> io::Result<File>;
    /// Opens a directory; a link is not followed.
    fn open_root(&self, path: &Path) -> io::Result<File>;
    /// Who owns a directory, and its permissions.
    fn owner_and_mode(&self, root: &File) -> io::Result<(Owner, u32)>;
    /// Makes a directory that did not exist.
    fn create_dir_in(&self, root: &File, path: &Path) -> io::Result<()>;
    /// Makes a file that did not exist.
    fn create_file_in(&self, root: &File, path: &Path) -> io::Result<File>;
    /// Appends to a file.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file its attributes, once everything is written.
    fn finish_file(
        &self,
        file: &File,
        mode: u32,
        modified: SystemTime,
        owner: Option<Owner>,
    ) -> io::Result<()>;
    /// Makes a symbolic link that did not exist.
    fn create_link_in(&self, root: &File, target: &Path, path: &Path, owner: Option<Owner>)
    -> io::Result<()>;
    /// Gives a directory its attributes, once everything is in it.
    fn finish_dir_in(&self, root: &File, path: &Path, mode: u32, owner: Option<Owner>) -> io::Result<()>;
    /// Gives the root the mode and the owner of the directory that it replaces.
    fn adopt_root(&self, root: &File, replaced: &File) -> io::Result<()>;
    /// Waits until everything in the directory that was finished is on disk.
    fn sync_tree(&self, root: &File) -> io::Result<()>;
    /// Lets the directory at `from`, which is `root`, and the one at `to` beside it change places in one step.
    fn exchange(&self, root: &File, from: &Path, to: &Path) -> io::Result<()>;
    /// Marks a directory as changed now.
    fn touch(&self, root: &File) -> io::Result<()>;
    /// Removes what is at `path`, and everything in it.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
}

impl Tree for OsSystem {
    fn create_root(&self, path: &Path) -> io::Result<File> {
        rustix::fs::mkdir(path, PRIVATE_DIR)?;
        let root = self.open_root(path).and_then(check_own);
        if root.is_err() {
            // It is empty, or somebody else's.
            let _ = fs::remove_dir(path);
        }
        root
    }

    fn open_root(&self, path: &Path) -> io::Result<File> {
        open_in(CWD, path, OPEN_DIR)
    }

    fn owner_and_mode(&self, root: &File) -> io::Result<(Owner, u32)> {
        let metadata = root.metadata()?;
        let owner = Owner { user: metadata.uid(), group: metadata.gid() };
        Ok((owner, metadata.mode() & 0o777))
    }

    fn create_dir_in(&self, root: &File, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(root, path, PRIVATE_DIR)?)
    }

    fn create_file_in(&self, root: &File, path: &Path) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        open_in(root, path, flags)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn finish_file(
        &self,
        file: &File,
        mode: u32,
        modified: SystemTime,
        owner: Option<Owner>,
    ) -> io::Result<()> {
        give_to(file, owner)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.set_modified(modified)?;
        begin_sync(file)
    }

    fn create_link_in(
        &self,
        root: &File,
        target: &Path,
        path: &Path,
        owner: Option<Owner>,
    ) -> io::Result<()> {
        rustix::fs::symlinkat(target, root, path)?;
        allowed(owner, |user, group| rustix::fs::chownat(root, path, user, group, AtFlags::SYMLINK_NOFOLLOW))
    }

    fn finish_dir_in(&self, root: &File, path: &Path, mode: u32, owner: Option<Owner>) -> io::Result<()> {
        let directory = open_in(root, path, OPEN_DIR)?;
        give_to(&directory, owner)?;
        directory.set_permissions(fs::Permissions::from_mode(mode))?;
        begin_sync(&directory)
    }

    fn adopt_root(&self, root: &File, replaced: &File) -> io::Result<()> {
        let old = replaced.metadata()?;
        adopt_owner(root, &old)?;
        let mode = adopted_mode(old.mode(), root.metadata()?.gid() == old.gid());
        root.set_permissions(fs::Permissions::from_mode(mode))?;
        begin_sync(root)
    }

    fn sync_tree(&self, root: &File) -> io::Result<()> {
        end_sync(root)
    }

    fn exchange(&self, root: &File, from: &Path, to: &Path) -> io::Result<()> {
        let (Some(parent), Some(from), Some(to)) = (from.parent(), from.file_name(), to.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let parent = self.open_root(parent)?;
        let named = rustix::fs::statat(&parent, from, AtFlags::SYMLINK_NOFOLLOW)?;
        let opened = rustix::fs::fstat(root)?;
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino) {
            return Err(replaced());
        }
        Ok(rustix::fs::renameat_with(&parent, from, &parent, to, RenameFlags::EXCHANGE)?)
    }

    fn touch(&self, root: &File) -> io::Result<()> {
        root.set_modified(SystemTime::now())
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        match fs::remove_dir_all(path) {
            // What is in a directory that is not writable can only be removed once it is.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let _ = self.open_root(path).map(|root| make_writable(&root));
                fs::remove_dir_all(path)
            }
            outcome => outcome,
        }
    }
}

/// A file that it makes is its owner's only. On a network's file system, a signal can interrupt it (open(2), EINTR).
fn open_in(directory: impl AsFd, path: impl Arg + Copy, flags: OFlags) -> io::Result<File> {
    let open = || rustix::fs::openat(directory.as_fd(), path, flags, PRIVATE_FILE);
    Ok(File::from(retry_on_intr(open)?))
}

/// Who may rename what is in the directory above could have put another one there since.
fn check_own(root: File) -> io::Result<File> {
    let metadata = root.metadata()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0;
    if own { Ok(root) } else { Err(replaced()) }
}

fn replaced() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "somebody put another directory in its place")
}

fn give_to(file: &File, owner: Option<Owner>) -> io::Result<()> {
    allowed(owner, |user, group| rustix::fs::fchown(file, user, group))
}

/// Only root can give files away; others keep the group, if they are in it, or nothing.
fn allowed(
    owner: Option<Owner>,
    change: impl Fn(Option<Uid>, Option<Gid>) -> rustix::io::Result<()>,
) -> io::Result<()> {
    let Some(Owner { user, group }) = owner else { return Ok(()) };
    let group = Some(Gid::from_raw(group));
    match change(Some(Uid::from_raw(user)), group) {
        Err(Errno::PERM) => match change(None, group) {
            Err(Errno::PERM) => Ok(()),
            result => Ok(result?),
        },
        result => Ok(result?),
    }
}

/// Directories below this one, opened one by one without following links. What fails stays as it is.
fn make_writable(directory: &File) {
    let _ = rustix::fs::fchmod(directory, PRIVATE_DIR);
    for entry in Dir::read_from(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let may_be_directory = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
        if may_be_directory
            && !matches!(name.to_bytes(), b"." | b"..")
            && let Ok(child) = open_in(directory, name, OPEN_DIR)
        {
            make_writable(&child);
        }
    }
}

/// One call for everything: thousands of files, each flushed by itself, take minutes on a slow disk.
#[cfg(target_os = "linux")]
fn end_sync(root: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(root)?)
}

#[cfg(target_os = "linux")]
const fn begin_sync(_: &File) -> io::Result<()> {
    Ok(())
}

/// fsync(2) of macOS hands a file to the drive, which is quick; what lies in the drive's cache is written when the
/// last call asks for it (`F_FULLFSYNC`, which not every file system knows).
#[cfg(not(target_os = "linux"))]
fn begin_sync(file: &File) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

#[cfg(not(target_os = "linux"))]
fn end_sync(root: &File) -> io::Result<()> {
    super::sync_file(root)
}

/// Not for the file system at hand: it cannot exchange two directories.
pub(crate) fn is_exchange_unsupported(error: &io::Error) -> bool {
    let known = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
    error.raw_os_error().is_some_and(|code| known.contains(&Errno::from_raw_os_error(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_somebody_else_put_there_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let planted = |mode| {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            check_own(OsSystem.open_root(directory.path()).unwrap())
        };
        planted(0o700).unwrap();
        for mode in [0o755, 0o701, 0o770] {
            assert_eq!(planted(mode).unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{mode:o}");
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(directory.path(), Some(65_534), None).unwrap();
            assert_eq!(planted(0o700).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(OsSystem.open_root(&link).is_err());
        assert!(OsSystem.create_root(&link).is_err());
    }
}
