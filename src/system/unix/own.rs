//! Files and directories of this user alone, and links that nobody else can have put there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::{Errno, retry_on_intr},
};

use super::sync_dir;

const WRITABLE_BY_OTHERS: u32 = 0o022;
/// As many as Linux follows (path_resolution(7)).
const LINKS_FOLLOWED_MAX: usize = 40;

/// A file of the updater's own: no other user may read it, a link in its place is not followed, and a pipe there does
/// not hold up whoever opens it.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[allow(clippy::cast_possible_wrap, reason = "the flag is a small positive number on every Unix")]
    options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
}

/// Opens a file of the updater's own that exists. One that somebody else made, or no regular one, is nobody's word.
pub(crate) fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = private(options).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file of this user"));
    }
    Ok(file)
}

/// An installation that was ended between giving the file the application's attributes and renaming it left a file that
/// this user cannot write to, or root does not own. In a directory of their own it can be nobody else's.
pub(super) fn take_back(path: &Path) -> io::Result<()> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let own = rustix::process::geteuid();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = File::from(retry_on_intr(|| rustix::fs::open(directory, flags, Mode::empty()))?);
    let metadata = directory.metadata()?;
    let named = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_file = FileType::from_raw_mode(named.st_mode) == FileType::RegularFile;
    if metadata.uid() != own.as_raw() || metadata.mode() & 0o077 != 0 || !is_file {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a file of this user"));
    }
    if named.st_uid != own.as_raw() {
        rustix::fs::chownat(&directory, name, Some(own), None, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(rustix::fs::chmodat(&directory, name, Mode::RUSR | Mode::WUSR, AtFlags::empty())?)
}

/// The directory is this user's own: nobody else can have put something into it.
pub(crate) fn check_private_dir(directory: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(directory, PermissionsExt::from_mode(0o700))?;
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 { remove_planted(directory) } else { Ok(()) }
}

/// Others could write there until now: what they put there, they may still have open, or have under another name.
fn remove_planted(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match remove_unless_only_own(&path) {
            // Another process of this user does the same, or goes on with its work.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

fn remove_unless_only_own(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
    let is_only_own = is_own && metadata.nlink() == 1 && metadata.mode() & WRITABLE_BY_OTHERS == 0;
    if metadata.is_dir() {
        if !is_own {
            // What is in it may be another user's to remove.
            let _ = fs::remove_dir_all(path);
        }
        return Ok(());
    }
    if metadata.is_file() && is_only_own { Ok(()) } else { fs::remove_file(path) }
}

/// Nobody else can move `directory` away and put their own into its place, or has put it there before.
pub(crate) fn check_parent_dir(directory: &Path) -> io::Result<()> {
    const STICKY: u32 = 0o1000;
    let refuse = |reason| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    let Some(parent) = directory.parent() else { return Ok(()) };
    let metadata = fs::metadata(parent)?;
    let name = parent.display();
    // Its owner may rename what is in a directory, also in a sticky one.
    if is_foreign(&metadata) {
        return refuse(format!(
            "another user owns {name} and may replace what is in it: choose another place"
        ));
    }
    if metadata.mode() & STICKY == 0 && others_may_write(parent, &metadata) {
        let remedy = format!("take them that right (chmod go-w {name}), or choose another place");
        return refuse(format!("other users may replace what is in {name}: {remedy}"));
    }
    if is_foreign(&fs::symlink_metadata(directory)?) {
        return refuse("it belongs to another user".to_owned());
    }
    Ok(())
}

fn others_may_write(directory: &Path, metadata: &fs::Metadata) -> bool {
    const ANYBODY: u32 = 0o002;
    const GROUP: u32 = 0o020;
    let mode = metadata.mode();
    let is_private = || is_private_group(metadata.gid()) && !has_access_list(directory);
    mode & ANYBODY != 0 || (mode & GROUP != 0 && !is_private())
}

/// Many systems make a group for each user, with the same number, and a umask with which it may write to everything of
/// theirs. Who else is in a group, only databases know that a program without the system's C library cannot ask. So any
/// other group counts as one that an attacker is in.
fn is_private_group(group: u32) -> bool {
    group == rustix::process::getegid().as_raw() && group == rustix::process::geteuid().as_raw()
}

/// Where there is one, the mode's rights of the group are the most that anybody gets whom it names (acl(5)). Elsewhere
/// than on Linux the mode does not tell of them.
fn has_access_list(directory: &Path) -> bool {
    let mut unread: [u8; 0] = [];
    let found = rustix::fs::getxattr(directory, c"system.posix_acl_access", &mut unread);
    cfg!(target_os = "linux") && !matches!(found, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Follows links one by one, each only after it was checked. What may be exchanged at any time is not looked at a second
/// time, because it might be a link by then.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_FOLLOWED_MAX {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return fs::canonicalize(&path);
        };
        let checked = check_parent_dir(&path);
        match (fs::symlink_metadata(&path)?.is_symlink(), checked) {
            (false, Ok(())) => return fs::canonicalize(&path),
            (false, Err(_)) => return Ok(fs::canonicalize(directory)?.join(name)),
            (true, Ok(())) => path = directory.join(fs::read_link(&path)?),
            (true, Err(error)) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

/// Neither this user's nor root's.
fn is_foreign(metadata: &fs::Metadata) -> bool {
    ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid())
}

/// Makes a directory, and those above it, for this user only, so that a power loss does not take it away with what is
/// flushed in it.
pub(crate) fn create_private_dir(directory: &Path) -> io::Result<()> {
    // Where it cannot be looked at, to make it would only say that it exists.
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), create_private_dir)?;
    // Another process may make it at the same moment: recursive, because that is no failure then.
    std::os::unix::fs::DirBuilderExt::mode(fs::DirBuilder::new().recursive(true), 0o700).create(directory)?;
    // A directory above may be one that this user cannot read.
    let _ = parent.map(sync_dir);
    Ok(())
}
