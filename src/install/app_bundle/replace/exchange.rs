//! Replacing a bundle in one step, so that it is at every instant the complete old or the complete new one.
//!
//! # Implementation
//! The archive is unpacked into a private directory beside the bundle, read through the verifier once more on the way,
//! given the bundle's mode and owner, and flushed. Then the two directories change places (`RENAME_SWAP`,
//! `RENAME_EXCHANGE`), and once that is on disk, what is now the old one is removed. Nothing is ever written into the old
//! bundle.
//!
//! # Limitations
//! A file system that cannot exchange directories (not APFS, HFS+; some network shares) sees the old one renamed away
//! and the new one renamed in. A crash exactly between leaves the application under a hidden name beside its own; the
//! next check or installation by another program that is configured with its path puts it back. Where a share knows no
//! locks, what a killed installation left stays, because it cannot be told from what is about to be installed.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    archive::{Disk, Limits, unpack},
    install::{
        Change, Record,
        app_bundle::INFO_PLIST,
        swap::{Seen, parent, prefix},
    },
    signature::VerifiedArtifact,
    state::random_name,
    system::{System, check_space, hold, is_exchange_unsupported, is_held},
};

/// A verified bundle beside the one that it will replace, on disk already.
#[derive(Debug)]
pub(crate) struct Exchange {
    target: PathBuf,
    seen: Seen,
    artifact: VerifiedArtifact,
    new: Beside,
    system: Arc<dyn System>,
}

impl Exchange {
    /// `target` is behind all symbolic links.
    pub(super) fn new(target: PathBuf, artifact: VerifiedArtifact, system: &Arc<dyn System>) -> Result<Self> {
        let seen = Seen::new(&target.join(INFO_PLIST), &**system)?;
        check_space(parent(&target), unpacked_at_least(&artifact), &**system)?;
        let new = Beside::create(&target, system)?;
        let this = Self { target, seen, artifact, new, system: Arc::clone(system) };
        this.unpack()?;
        Ok(this)
    }

    fn unpack(&self) -> Result<()> {
        let tree = self.system.tree();
        let fail = |error| Error::io("replace", &self.target, error);
        let old = tree.open_root(&self.target).map_err(fail)?;
        let (theirs, _) = tree.owner_and_mode(&old).map_err(fail)?;
        let (own, _) = tree.owner_and_mode(&self.new.root).map_err(fail)?;
        let owner = (theirs != own).then_some(theirs);
        let mut disk = Disk::new(&self.new.path, &self.new.root, owner, tree);
        let limits = Limits::for_archive(self.artifact.size());
        self.artifact.read_again(|archive| unpack(archive, limits, &mut disk))?;
        tree.adopt_root(&self.new.root, &old).map_err(fail)?;
        tree.sync_tree(&self.new.root).map_err(fail)
    }

    pub(super) fn commit(mut self, record: Record<'_>) -> Result<()> {
        self.seen.check(&self.target, &*self.system)?;
        let new = self.new.path.join(INFO_PLIST);
        let fingerprint = self.system.fingerprint(&new).map_err(|error| Error::io("inspect", &new, error))?;
        record(Change::Replaces(fingerprint))?;
        self.swap().map_err(|error| Error::io("replace", &self.target, error))?;
        // LaunchServices reads a bundle anew when its time has changed. If this fails, it will notice later.
        let _ = self.system.tree().touch(&self.new.root);
        // The new version is in place; an archive that stays is removed by the next check.
        let _ = self.system.remove_file(self.artifact.path());
        let parent = parent(&self.target);
        self.system.sync_dir(parent).map_err(|error| Error::io("flush", parent, error))
    }

    fn swap(&mut self) -> io::Result<()> {
        match self.system.tree().exchange(&self.new.root, &self.new.path, &self.target) {
            Err(error) if is_exchange_unsupported(&error) => self.swap_in_two_steps(),
            outcome => outcome,
        }
    }

    fn swap_in_two_steps(&mut self) -> io::Result<()> {
        let old = self.system.tree().open_root(&self.target)?;
        let aside = self.new.path.with_extension(ASIDE);
        self.system.rename(&old, &self.target, &aside)?;
        if let Err(error) = self.system.rename(&self.new.root, &self.new.path, &self.target) {
            // If this fails too, the next check does it.
            let _ = self.system.rename(&old, &aside, &self.target);
            return Err(error);
        }
        self.new.path = aside;
        Ok(())
    }
}

/// Ends the name of a new bundle, and of an old one that was exchanged for it.
pub(super) const BESIDE: &str = "tmp";
/// Ends the name of an old bundle for the moment in which the new one takes its place.
pub(super) const ASIDE: &str = "old";

/// gzip keeps the size of what was packed, as far as 32 bits hold it (RFC 1952, section 2.3.1, `ISIZE`).
pub(super) fn unpacked_at_least(artifact: &VerifiedArtifact) -> u64 {
    let (mut file, mut size) = (artifact.file(), [0; 4]);
    let read = file.seek(SeekFrom::End(-4)).and_then(|_| file.read_exact(&mut size));
    // What cannot be read here is reported when it is unpacked.
    read.map_or(0, |()| u64::from(u32::from_le_bytes(size)))
}

/// A directory beside the bundle: the new one, and once they were exchanged, the old one. It is removed in the end.
#[derive(Debug)]
struct Beside {
    path: PathBuf,
    root: File,
    system: Arc<dyn System>,
}

impl Beside {
    fn create(target: &Path, system: &Arc<dyn System>) -> Result<Self> {
        let path = parent(target).join(format!("{}{}.{BESIDE}", prefix(target), random_name()?));
        let root = system.tree().create_root(&path).map_err(|error| Error::io("create", &path, error))?;
        let this = Self { path, root, system: Arc::clone(system) };
        // While it is held, no sweep takes the directory for a leftover.
        hold(&this.root).map_err(|error| Error::io("lock", &this.path, error))?;
        Ok(this)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // If this fails, the next check removes the directory.
        let _ = remove(&self.path, &*self.system);
    }
}

/// Removes a directory beside the bundle. It may be the old bundle, which a power loss puts back into its place until
/// the exchange is on disk.
fn remove(path: &Path, system: &dyn System) -> io::Result<()> {
    system.sync_dir(parent(path))?;
    system.tree().remove_tree(path)
}

/// Removes what a killed installation left, and puts back a bundle that it had renamed away. What cannot be removed
/// stays: it does no harm.
pub(crate) fn sweep(target: &Path, system: &dyn System) {
    let target = canonical(target, system);
    recover(&target, system);
    if fs::symlink_metadata(&target).is_err() {
        return;
    }
    for path in leftovers(&target, &[BESIDE, ASIDE]) {
        if let Some(_held) = hold_unused(&path, system) {
            let _ = remove(&path, system);
        }
    }
}

/// Puts back a bundle that was renamed away, where nothing is in its place.
pub(super) fn recover(target: &Path, system: &dyn System) {
    let missing = fs::symlink_metadata(target).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if !missing {
        return;
    }
    for path in leftovers(target, &[ASIDE]) {
        // The first one that fits is in its place, and the next one not put over it.
        let _ = system.tree().open_root(&path).and_then(|old| system.rename(&old, &path, target));
    }
}

fn leftovers(target: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let prefix = prefix(target);
    let entries = fs::read_dir(parent(target)).into_iter().flatten().flatten();
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        name.starts_with(&prefix) && endings.contains(&ending)
    };
    entries.map(|entry| entry.path()).filter(ours).collect()
}

/// Nothing, where somebody is installing it at this moment, or will at the end of their process, or nobody can tell. Who
/// has made it and does not hold it yet waits while it is held, and then finds no directory to unpack into.
fn hold_unused(path: &Path, system: &dyn System) -> Option<File> {
    // To find out that it is not held is to hold it.
    system.tree().open_root(path).ok().filter(|root| !is_held(root))
}

/// The path of the bundle behind all links, also where it is missing at the moment.
pub(super) fn canonical(target: &Path, system: &dyn System) -> PathBuf {
    system.canonicalize(target).unwrap_or_else(|_| {
        let parent = system.canonicalize(parent(target)).unwrap_or_else(|_| parent(target).to_owned());
        target.file_name().map_or_else(|| target.to_owned(), |name| parent.join(name))
    })
}
