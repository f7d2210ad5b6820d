//! [`DataDir`]: what must outlive a run, in a directory of this user for this application.
//!
//! ```text
//! lock                 held while an update is staged or installed
//! state.json           what was installed last
//! manifests.json       which signed manifests were seen, manifests.lock while that changes
//! staged.json          the release that a finished download belongs to
//! download/<id>.part   an unfinished download, <id>.json what is needed to resume it
//! download/<id>.bin    a finished one
//! base/<sha256>.bin    the artifact that deltas are for, where the format needs one
//! install/<random>/    an installer, alone, while it runs
//! ```

mod base;
mod record;
mod seen;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use ring::digest;
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use record::{Begun, Expected, Partial, Staged, State};
pub(crate) use seen::{Rollback, SeenManifests, Sighting};

use crate::{
    Error, Result,
    hex::hex,
    signature::Signature,
    system::{
        System, check_parent_dir, check_private_dir, create_private_dir, is_in_use, open_own, private,
        replace, state_home, sync_dir, sync_file,
    },
};

/// Hexadecimal digits of a name made from a hash: 128 bits, far beyond chance.
const NAME_DIGITS: usize = 32;
/// A check holds the lock for a moment while it tidies up; an update that begins right then is not turned away.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(10);
/// Whoever holds that lock writes one small record: 5 s are enough for a crowd.
const MANIFESTS_LOCK_ATTEMPTS: u32 = 500;
const RECORD_MAX_BYTES: u64 = 64 << 10; // 64 KiB

/// The directory of one application.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// While it lives, no other update of this application is under way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// Where the data of an application lies. `configured` may be shared by several applications.
    ///
    /// Default: `crabnebula-updater` in `$XDG_STATE_HOME`, else `~/.local/state`; on Windows, in `%LOCALAPPDATA%`.
    pub(crate) fn locate(configured: Option<&Path>, application: &str, system: &dyn System) -> Result<Self> {
        let base = match configured {
            Some(path) => path.to_owned(),
            None => state_home(system)
                .ok_or_else(|| {
                    let reason = "there is no home directory to put it into by default";
                    Error::option_invalid("dataDir", "nothing", reason)
                })?
                .join("crabnebula-updater"),
        };
        Ok(Self { path: base.join(application) })
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Makes the directory where it is missing, and refuses one that belongs to somebody else.
    pub(crate) fn prepare(&self) -> Result<()> {
        if let Some(base) = self.path.parent() {
            create_private_dir(base).map_err(|error| Error::io("create", base, error))?;
            // Else a link that somebody else put there would be followed, and decide where everything is written.
            check_parent_dir(base).map_err(|error| Error::io("use", base, error))?;
        }
        for directory in [self.path.clone(), self.downloads()] {
            create_private_dir(&directory).map_err(|error| Error::io("create", &directory, error))?;
            check_parent_dir(&directory).map_err(|error| Error::io("use", &directory, error))?;
            check_private_dir(&directory).map_err(|error| Error::io("use", &directory, error))?;
        }
        Ok(())
    }

    /// Begins an update. May wait for a moment, so it belongs on a thread that may.
    ///
    /// # Errors
    /// [`Error::Busy`] where another one is under way, in this process or another.
    pub(crate) fn lock(&self) -> Result<Lock> {
        self.lock_file("lock", LOCK_ATTEMPTS)
    }

    fn lock_file(&self, name: &str, attempts: u32) -> Result<Lock> {
        self.prepare()?;
        let path = self.path.join(name);
        if path.is_dir() {
            remove(&path)?;
        }
        let file = open_own(OpenOptions::new().write(true).create(true).truncate(false), &path)
            .map_err(|error| Error::io("open", &path, error))?;
        for _ in 0..attempts {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_WAIT),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
            }
        }
        Err(Error::Busy { lock: path })
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.path.join("download")
    }

    /// For directories that are of use to one installation.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("install")
    }

    pub(crate) fn partial(&self, signature: &Signature) -> PathBuf {
        self.downloads().join(format!("{}.part", short_hash(signature.identity().as_bytes())))
    }

    pub(crate) fn finished(&self, signature: &Signature) -> PathBuf {
        self.partial(signature).with_extension("bin")
    }

    /// What was installed last; the default where nothing is known. A damaged file counts as none: first use again.
    ///
    /// # Errors
    /// Where it is there but cannot be read, because what it demands must not be forgotten.
    pub(crate) fn state(&self) -> Result<State> {
        Ok(self.read("state.json")?.unwrap_or_default())
    }

    pub(crate) fn write_state(&self, state: &State) -> Result<()> {
        self.set_damaged_aside::<State>("state.json")?;
        self.write("state.json", state)
    }

    /// Which signed manifests were seen; none where nothing is known. A damaged file counts as none, as in
    /// [`Self::state`].
    ///
    /// # Errors
    /// Where it is there but cannot be read, because what it demands must not be forgotten.
    pub(crate) fn seen_manifests(&self) -> Result<SeenManifests> {
        Ok(self.read("manifests.json")?.unwrap_or_default())
    }

    /// Changes what was seen. Checks may run at once, in this process and others: each reads what the one before it
    /// wrote, so that no sequence is ever lowered. Where nothing changes, nothing is locked or written.
    pub(crate) fn change_seen_manifests(
        &self,
        change: impl Fn(&SeenManifests) -> Result<SeenManifests>,
    ) -> Result<()> {
        let seen = self.seen_manifests()?;
        if change(&seen)? == seen {
            return Ok(());
        }
        let _lock = self.lock_file("manifests.lock", MANIFESTS_LOCK_ATTEMPTS)?;
        let seen = self.seen_manifests()?;
        let changed = change(&seen)?;
        if changed == seen {
            return Ok(());
        }
        self.set_damaged_aside::<SeenManifests>("manifests.json")?;
        self.write("manifests.json", &changed)
    }

    /// Kept for whoever looks for the cause.
    fn set_damaged_aside<T: DeserializeOwned>(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let exists = path.try_exists().map_err(|error| Error::io("read", &path, error))?;
        if !exists || self.read::<T>(name)?.is_some() {
            return Ok(());
        }
        let aside = path.with_extension("damaged");
        remove(&aside)?;
        replace(&path, &aside).map_err(|error| Error::io("set aside", &path, error))
    }

    pub(crate) fn staged(&self) -> Option<Staged> {
        self.read("staged.json").ok().flatten()
    }

    pub(crate) fn is_staged(&self, signature: &Signature) -> bool {
        self.staged_as(signature).is_some()
    }

    /// What is staged, where it is the artifact with this signature.
    pub(crate) fn staged_as(&self, signature: &Signature) -> Option<Staged> {
        let is_same = |staged: Signature| staged.identity() == signature.identity();
        self.staged().filter(|staged| staged.parsed_signature().is_some_and(is_same))
    }

    pub(crate) fn forget_staged(&self) -> Result<()> {
        remove(&self.path.join("staged.json"))
    }

    pub(crate) fn write_staged(&self, staged: &Staged) -> Result<()> {
        self.write("staged.json", staged)
    }

    /// What is needed to resume the download with this signature.
    pub(crate) fn partial_record(&self, signature: &Signature) -> Option<Partial> {
        let record = read_record(&self.partial(signature).with_extension("json")).ok().flatten();
        record.filter(|partial: &Partial| partial.signature == signature.identity())
    }

    pub(crate) fn write_partial_record(&self, signature: &Signature, partial: &Partial) -> Result<()> {
        write_record(&self.partial(signature).with_extension("json"), partial)
    }

    /// Forgets the staged update and its file.
    pub(crate) fn discard_staged(&self, signature: &Signature) -> Result<()> {
        if self.is_staged(signature) {
            self.forget_staged()?;
        }
        let path = self.finished(signature);
        match fs::remove_file(&path) {
            // An installer that was begun, and whoever waits for it: the next check removes it.
            Err(error) if is_in_use(&error) => Ok(()),
            _ => remove(&path),
        }
    }

    /// Removes the downloads of every signature but these, half-written records, and what installers were run from. It
    /// only tidies: what cannot be removed, such as a program that runs on Windows, is left to the next time.
    pub(crate) fn sweep<'a>(&self, keep: impl IntoIterator<Item = &'a Signature>) {
        let kept: Vec<String> =
            keep.into_iter().map(|signature| short_hash(signature.identity().as_bytes())).collect();
        let is_kept = |path: &Path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            // Beside a finished download, an unfinished one is of no use.
            let finished = path.with_extension("bin");
            let needed = path == finished || !finished.exists();
            needed && !is_temporary(path) && kept.iter().any(|name| name == stem)
        };
        let downloads = entries(&self.downloads()).filter(|path| !is_kept(path));
        for path in downloads.chain(entries(&self.scratch())) {
            let _ = remove(&path);
        }
        self.sweep_bases();
        self.sweep_records();
    }

    fn sweep_records(&self) {
        let found = || entries(&self.path).filter(|path| is_temporary(path));
        // Whoever holds that lock is writing one of them.
        if found().next().is_some()
            && let Ok(_lock) = self.lock_file("manifests.lock", 1)
        {
            found().for_each(|path| drop(remove(&path)));
        }
    }

    /// A record in a directory that somebody else could write to is nobody's word.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match check_private_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // What cannot be looked at is there all the same.
            checked => {
                checked.map_err(|error| Error::io("use", &self.path, error))?;
                read_record(&self.path.join(name))
            }
        }
    }

    fn write(&self, name: &str, record: &impl Serialize) -> Result<()> {
        self.prepare()?;
        write_record(&self.path.join(name), record)
    }
}

/// A file name for anything: the start of its SHA-256.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    let mut name = digest(bytes);
    name.truncate(NAME_DIGITS);
    name
}

/// SHA-256 of a file in hexadecimal digits.
pub(crate) fn digest_of(file: &File) -> io::Result<String> {
    base::copy(file, io::sink())
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes))
}

/// Text that nobody can guess, so that nobody can have put a file under that name before.
pub(crate) fn random_name() -> Result<String> {
    let mut bytes = [0; NAME_DIGITS / 2];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io {
        operation: "read random bytes for",
        path: "a file name".into(),
        source: error.to_string().into(),
    })?;
    Ok(hex(bytes))
}

fn is_temporary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

/// What a link leads to, which somebody else may have put there, is not the updater's.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_directory = fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir());
    let found = is_directory.then(|| fs::read_dir(directory).ok()).flatten();
    found.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Removes what is there: a directory has no place among these files, and must not stop every later update.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Nothing where there is no record, or a damaged one.
fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let fail = |error| Error::io("read", path, error);
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        _ => return Ok(None),
    }
    let file = open_own(OpenOptions::new().read(true), path).map_err(fail)?;
    if file.metadata().map_err(fail)?.len() > RECORD_MAX_BYTES {
        return Ok(None);
    }
    match serde_json::from_reader(io::BufReader::new(file)) {
        Ok(record) => Ok(Some(record)),
        Err(error) if error.is_io() => Err(fail(error.into())),
        Err(_) => Ok(None),
    }
}

/// Writes beside, flushes and renames: a crash leaves the old record or the new one.
fn write_record(path: &Path, record: &impl Serialize) -> Result<()> {
    let fail = |error| Error::io("write", path, error);
    let text = serde_json::to_vec(record).map_err(|error| fail(error.into()))?;
    if text.len() as u64 > RECORD_MAX_BYTES {
        // It would count as damaged, and what it says would be lost without a word.
        let reason =
            format!("the record has {} bytes, more than the {RECORD_MAX_BYTES} that are read", text.len());
        return Err(fail(io::Error::other(reason)));
    }
    if path.is_dir() {
        remove(path)?;
    }
    let temporary = path.with_file_name(format!("{}.tmp", random_name()?));
    let written = private(OpenOptions::new().write(true).create_new(true))
        .open(&temporary)
        .and_then(|mut file| file.write_all(&text).and_then(|()| sync_file(&file)))
        .and_then(|()| replace(&temporary, path))
        .and_then(|()| path.parent().map_or(Ok(()), sync_dir));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(fail)
}
