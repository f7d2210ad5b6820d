//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::failure::Failure;

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Owner,
    Everybody,
}

/// Content on disk beside its destination, under a name that nobody knows yet.
pub(crate) struct Draft {
    file: NamedTempFile,
    path: PathBuf,
}

impl Draft {
    pub(crate) fn write(path: &Path, content: &[u8], access: Access) -> Result<Self, Failure> {
        let failed = |error| Failure::io("write", path, error);
        let mut file = builder(access).tempfile_in(directory_of(path)).map_err(failed)?;
        file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// To write more, before anybody sees it.
    pub(crate) fn as_file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Takes the destination's place, whatever is there.
    pub(crate) fn replace(self) -> Result<(), Failure> {
        let path = self.path;
        self.file.persist(&path).map_err(|error| Failure::io("write", &path, error.error))?;
        sync_directory(&path)
    }

    /// Takes the destination's name, which must be free.
    pub(crate) fn create(self) -> Result<(), Failure> {
        let path = self.path;
        self.file.persist_noclobber(&path).map_err(|error| Failure::io("create", &path, error.error))?;
        sync_directory(&path)
    }
}

/// A small file's text; the limit is only there to not read a disk image by mistake.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    const TEXT_MAX_BYTES: u64 = 8 << 20;
    let failed = |error| Failure::io("read", path, error);
    let mut text = String::new();
    let read = open(path)?.take(TEXT_MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > TEXT_MAX_BYTES {
        return Err(Failure::other(format!("{} is larger than {TEXT_MAX_BYTES} bytes", path.display())));
    }
    Ok(text)
}

/// A whole artifact.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let (mut file, size) = open_artifact(path)?;
    let failed = |error| Failure::io("read", path, error);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX))
        .map_err(|error| failed(error.into()))?;
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::io("read", path, error))
}

/// Opens a file with its size in bytes; a directory or a device has none that could be signed.
pub(crate) fn open_artifact(path: &Path) -> Result<(File, u64), Failure> {
    let metadata = fs::metadata(path).map_err(|error| Failure::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(Failure::other(format!("{} is not a file", path.display())));
    }
    Ok((open(path)?, metadata.len()))
}

/// The path with another ending behind its name: `app.exe` and `.sig` give `app.exe.sig`.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// The signature's path: what the packager writes, else what minisign does.
pub(crate) fn signature_beside(path: &Path) -> Option<PathBuf> {
    [".sig", ".minisig"].iter().map(|ending| beside(path, ending)).find(|path| path.is_file())
}

fn builder(access: Access) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".updater-");
    if access == Access::Everybody {
        open_to_everybody(&mut builder);
    }
    builder
}

/// The umask takes away what this user does not want to give.
#[cfg(unix)]
fn open_to_everybody(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

/// Elsewhere files inherit from their directory who may read them.
#[cfg(not(unix))]
const fn open_to_everybody(_: &mut Builder<'_, '_>) {}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Without it a power loss could undo the rename.
fn sync_directory(path: &Path) -> Result<(), Failure> {
    if cfg!(windows) {
        return Ok(()); // directories cannot be flushed there
    }
    let directory = directory_of(path);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Failure::io("flush", directory, error))
}
