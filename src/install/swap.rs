//! Replacing a file in one step, so that it is at every instant the complete old or the complete new one.
//!
//! # Implementation
//! The new file gets the old one's attributes and is flushed, then renamed over it, and the directory is flushed.
//! Where the new file lies on another file system, it is first copied beside the target, and the copy verified.
//!
//! # Limitations
//! Hard links to the old file go on showing the old content. If another user's program replaces the target in the
//! same instant, the last rename wins; either way it is complete.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    state::{random_name, short_hash},
    system::{System, check_space},
};

/// Digits of the target's hash in the name of a copy, so that only this target's leftovers are removed.
const OWNER_DIGITS: usize = 8;

/// The file that is replaced, behind all symbolic links, after checking that it can be.
pub(super) fn resolve(target: &Path, system: &dyn System) -> Result<PathBuf> {
    let not_updatable =
        |reason: String| Error::NotUpdatable { reason: format!("{} {reason}", target.display()) };
    let path = system.canonicalize(target).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_updatable("does not exist".to_owned()),
        _ => Error::io("find", target, error),
    })?;
    if !system.is_file(&path).map_err(|error| Error::io("inspect", &path, error))? {
        return Err(not_updatable("is not a file".to_owned()));
    }
    system.check_writable(parent(&path)).map_err(|error| Error::io("replace", &path, error))?;
    Ok(path)
}

/// Where the artifact will be copied to, if it cannot be renamed from `origin`.
pub(super) fn copy_directory(target: &Path, origin: &Path, system: &dyn System) -> Option<PathBuf> {
    let target = resolve(target, system).ok()?;
    let same = system.same_file_system(origin, parent(&target)).unwrap_or(true);
    (!same).then(|| parent(&target).to_owned())
}

pub(super) fn replace_file(
    target: &Path,
    artifact: VerifiedArtifact,
    system: &dyn System,
    before_swap: &mut dyn FnMut(&File) -> Result<()>,
) -> Result<()> {
    let target = resolve(target, system)?;
    let origin = parent(artifact.path()).to_owned();
    let same = system
        .same_file_system(&origin, parent(&target))
        .map_err(|error| Error::io("inspect", &target, error))?;
    if same && try_rename(&artifact, &target, system, before_swap)? {
        return flush(&[parent(&target), &origin], system);
    }
    let original = artifact.path().to_owned();
    let beside = Beside::copy(&artifact, &target, system)?;
    if !try_rename(&beside.copy, &target, system, before_swap)? {
        let error = io::Error::from(io::ErrorKind::CrossesDevices);
        return Err(Error::io("replace", &target, error));
    }
    beside.keep();
    flush(&[parent(&target)], system)?;
    system.remove_file(&original).map_err(|error| Error::io("remove", original, error))
}

/// `false`: the two places turned out to lie on different file systems.
fn try_rename(
    artifact: &VerifiedArtifact,
    target: &Path,
    system: &dyn System,
    before_swap: &mut dyn FnMut(&File) -> Result<()>,
) -> Result<bool> {
    let fail = |error| Error::io("replace", target, error);
    system.adopt_attributes(artifact.file(), target).map_err(fail)?;
    // Without this, a power loss after the rename could leave a file that is there but empty.
    system.sync(artifact.file()).map_err(fail)?;
    before_swap(artifact.file())?;
    match system.rename(artifact.path(), target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        Err(error) => Err(fail(error)),
    }
}

fn flush(directories: &[&Path], system: &dyn System) -> Result<()> {
    directories.iter().try_for_each(|directory| {
        system.sync_dir(directory).map_err(|error| Error::io("flush", *directory, error))
    })
}

/// A verified copy beside the target, removed again unless it was renamed away.
struct Beside<'a> {
    copy: VerifiedArtifact,
    cleanup: Cleanup<'a>,
}

struct Cleanup<'a> {
    path: Option<PathBuf>,
    system: &'a dyn System,
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // If this fails too, the next check removes the file.
            let _ = self.system.remove_file(path);
        }
    }
}

impl<'a> Beside<'a> {
    fn copy(artifact: &VerifiedArtifact, target: &Path, system: &'a dyn System) -> Result<Self> {
        check_space(parent(target), artifact.size(), system)?;
        let path = parent(target).join(format!("{}{}.tmp", prefix(target), random_name()?));
        let file = system.create_private(&path).map_err(|error| Error::io("create", &path, error))?;
        let cleanup = Cleanup { path: Some(path.clone()), system };
        let copy = artifact.copy_to(file, path)?;
        Ok(Self { copy, cleanup })
    }

    fn keep(mut self) {
        self.cleanup.path = None;
    }
}

/// Removes copies that a killed installation left. What cannot be removed stays: it does no harm.
pub(super) fn sweep(target: &Path, system: &dyn System) {
    let Ok(target) = system.canonicalize(target) else { return };
    let prefix = prefix(&target);
    for entry in fs::read_dir(parent(&target)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".tmp"));
        if ours {
            let _ = system.remove_file(&entry.path());
        }
    }
}

fn prefix(target: &Path) -> String {
    let hash = short_hash(target.as_os_str().as_encoded_bytes());
    format!(".updater-{}-", hash.get(..OWNER_DIGITS).unwrap_or(&hash))
}

/// The directory that a file lies in; paths here are absolute, and a file is never the root.
fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
