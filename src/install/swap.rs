//! Replacing a file in one step, so that it is at every instant the complete old or the complete new one.
//!
//! # Implementation
//! The new file gets the old one's attributes and is flushed, then renamed over it, and the directory is flushed.
//! Where the new file lies on another file system, it is first copied beside the target, and the copy verified. It gets
//! the attributes in the last step only: with those of the application it is of no use to a later run that wants to
//! verify it, because they may keep this user from writing or make it another user's.
//!
//! # Limitations
//! Hard links to the old file go on showing the old content. If another user's program replaces the target in the
//! same instant, the last rename wins; either way it is complete. Where a share knows no locks, a copy that a killed
//! installation left stays, because it cannot be told from one that is about to be installed.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Change, Record};
use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    state::{random_name, short_hash},
    system::{Fingerprint, System, check_space, hold, is_held, private},
};

/// Digits of the target's hash in the name of a copy, so that only this target's leftovers are removed.
const OWNER_DIGITS: usize = 8;

/// The file that is replaced, behind all symbolic links, after checking that it can be.
pub(super) fn resolve(target: &Path, system: &dyn System) -> Result<PathBuf> {
    let not_updatable =
        |reason: String| Error::NotUpdatable { reason: format!("{} {reason}", target.display()) };
    let path = system.resolve(target).map_err(|error| match error.kind() {
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

/// A verified file beside the one that it will replace, or where it can be renamed from, on disk already.
#[derive(Debug)]
pub(crate) struct PreparedFile {
    target: PathBuf,
    seen: Seen,
    artifact: VerifiedArtifact,
    beside: Option<Beside>,
    system: Arc<dyn System>,
}

impl PreparedFile {
    pub(super) fn new(target: &Path, artifact: VerifiedArtifact, system: &Arc<dyn System>) -> Result<Self> {
        let target = resolve(target, &**system)?;
        let seen = Seen::new(&target, &**system)?;
        let same = system
            .same_file_system(parent(artifact.path()), parent(&target))
            .map_err(|error| Error::io("inspect", &target, error))?;
        let mut this = Self { target, seen, artifact, beside: None, system: Arc::clone(system) };
        if !same {
            this.copy()?;
        }
        Ok(this)
    }

    pub(super) fn commit(mut self, record: Record<'_>) -> Result<()> {
        self.seen.check(&self.target, &*self.system)?;
        // A mounted directory can look like the same file system and not be.
        if !self.swap(record)? {
            self.copy()?;
            if !self.swap(record)? {
                let error = io::Error::from(io::ErrorKind::CrossesDevices);
                return Err(Error::io("replace", &self.target, error));
            }
        }
        let system = &*self.system;
        let origin = parent(self.artifact.path());
        if self.beside.is_none() {
            return flush(&[parent(&self.target), origin], system);
        }
        // The new version is in place; an original that stays is removed by the next check.
        let _ = system.remove_file(self.artifact.path());
        flush(&[parent(&self.target)], system)
    }

    fn copy(&mut self) -> Result<()> {
        self.beside = Some(Beside::copy(&self.artifact, &self.target, &self.system)?);
        Ok(())
    }

    fn finish_file(&self, file: &File) -> Result<()> {
        let fail = |error| Error::io("replace", &self.target, error);
        self.system.adopt_attributes(file, &self.target).map_err(fail)?;
        // Without this, a power loss after the rename could leave a file that is there but empty.
        self.system.sync(file).map_err(fail)
    }

    /// `false`: the two places turned out to lie on different file systems.
    fn swap(&self, record: Record<'_>) -> Result<bool> {
        let new = self.beside.as_ref().map_or(&self.artifact, |beside| &beside.copy);
        self.finish_file(new.file())?;
        let inspect = |error| Error::io("inspect", "the new file", error);
        record(Change::Replaces(self.system.fingerprint_of(new.file()).map_err(inspect)?))?;
        match self.system.rename(new.file(), new.path(), &self.target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
            Err(error) => Err(Error::io("replace", &self.target, error)),
        }
    }
}

fn flush(directories: &[&Path], system: &dyn System) -> Result<()> {
    directories.iter().try_for_each(|directory| {
        system.sync_dir(directory).map_err(|error| Error::io("flush", *directory, error))
    })
}

/// A verified copy beside the target, removed again unless it was renamed away.
#[derive(Debug)]
struct Beside {
    copy: VerifiedArtifact,
    _cleanup: Cleanup,
}

#[derive(Debug)]
struct Cleanup {
    path: PathBuf,
    system: Arc<dyn System>,
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // If this fails, the next check removes the file.
        let _ = self.system.remove_file(&self.path);
    }
}

impl Beside {
    fn copy(artifact: &VerifiedArtifact, target: &Path, system: &Arc<dyn System>) -> Result<Self> {
        check_space(parent(target), artifact.size(), &**system)?;
        let path = parent(target).join(format!("{}{}.tmp", prefix(target), random_name()?));
        let file = system.create_private(&path).map_err(|error| Error::io("create", &path, error))?;
        let cleanup = Cleanup { path: path.clone(), system: Arc::clone(system) };
        // While it is held, no sweep takes the copy for a leftover.
        hold(&file).map_err(|error| Error::io("lock", &path, error))?;
        let copy = artifact.copy_to(file, path)?;
        Ok(Self { copy, _cleanup: cleanup })
    }
}

/// Removes copies that a killed installation left. What cannot be removed stays: it does no harm.
pub(super) fn sweep(target: &Path, system: &dyn System) {
    let Ok(target) = system.canonicalize(target) else { return };
    let prefix = prefix(&target);
    for entry in fs::read_dir(parent(&target)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(".tmp"));
        if ours && !in_use(&entry.path()) {
            let _ = system.remove_file(&entry.path());
        }
    }
}

/// Somebody is installing it at this moment, or will at the end of their process.
fn in_use(copy: &Path) -> bool {
    let open = |options: &mut OpenOptions| private(options).open(copy);
    // With the attributes of the application it may not be for writing, without which some shares give no lock, or not
    // for this user. What cannot be opened is not known to be nobody's.
    let file =
        open(OpenOptions::new().read(true).write(true)).or_else(|_| open(OpenOptions::new().read(true)));
    file.map_or(true, |file| is_held(&file))
}

/// What an update that is prepared will replace. In the meantime somebody may have installed a newer version there.
#[derive(Debug)]
pub(super) struct Seen {
    mark: PathBuf,
    fingerprint: Fingerprint,
}

impl Seen {
    /// `mark` is the file that tells one version from another.
    pub(super) fn new(mark: &Path, system: &dyn System) -> Result<Self> {
        Ok(Self { mark: mark.to_owned(), fingerprint: look_at(mark, system)? })
    }

    pub(super) fn check(&self, target: &Path, system: &dyn System) -> Result<()> {
        if look_at(&self.mark, system)? == self.fingerprint {
            return Ok(());
        }
        let reason = format!("{} was replaced since this update was prepared", target.display());
        Err(Error::NotUpdatable { reason })
    }
}

fn look_at(mark: &Path, system: &dyn System) -> Result<Fingerprint> {
    system.fingerprint(mark).map_err(|error| Error::io("inspect", mark, error))
}

/// Begins the names of what is put beside a target, and of nothing else.
pub(super) fn prefix(target: &Path) -> String {
    let hash = short_hash(target.as_os_str().as_encoded_bytes());
    format!(".updater-{}-", hash.get(..OWNER_DIGITS).unwrap_or(&hash))
}

/// The directory that a file lies in; paths here are absolute, and a file is never the root.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        ffi::OsString,
        os::unix::fs::{MetadataExt, PermissionsExt, chown},
    };

    use rustix::io::Errno;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        ErrorCode,
        signature::{Announced, PublicKey, Signature, Trust},
        system::{
            OsSystem,
            failing::{Failing, FailingSystem, Layout},
            testing::eventually,
        },
        target::Format,
    };

    const OLD: &[u8] = b"the old application";
    const NEW: &[u8] = include_bytes!("../../tests/fixtures/artifact");
    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");
    const KEY: &str = include_str!("../../tests/fixtures/fixture.pub");
    const LAYOUTS: [Layout; 3] = [Layout::OneFileSystem, Layout::TwoFileSystems, Layout::TwoMounts];
    const FAILURES: [(Errno, ErrorCode); 4] = [
        (Errno::ACCESS, ErrorCode::PermissionDenied),
        (Errno::NOSPC, ErrorCode::NoSpace),
        (Errno::IO, ErrorCode::Io),
        (Errno::ROFS, ErrorCode::ReadOnlyVolume),
    ];

    /// An application, and beside its directory one with a verified artifact.
    struct Scene {
        directory: TempDir,
        target: PathBuf,
        origin: PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let base = fs::canonicalize(directory.path()).unwrap();
            let (target, origin) = (base.join("application/App"), base.join("download/artifact"));
            for (path, content) in [(&target, OLD), (&origin, NEW)] {
                fs::create_dir(parent(path)).unwrap();
                fs::write(path, content).unwrap();
            }
            Self { directory, target, origin }
        }

        fn artifact(&self) -> VerifiedArtifact {
            let announced = Announced {
                version: "2.0.0".parse().unwrap(),
                target: "linux-x86_64".to_owned(),
                format: Format::AppImage,
                channel: None,
                app_id: None,
                signed_version_required: true,
            };
            let keys = vec![PublicKey::parse(KEY).unwrap()];
            let trust = Arc::new(Trust { keys, signature: Signature::parse(SIGNATURE).unwrap(), announced });
            let file = OsSystem.open_private(&self.origin).unwrap();
            VerifiedArtifact::from_file(file, self.origin.clone(), &trust).unwrap()
        }

        fn replace(&self, system: &Arc<FailingSystem>) -> Result<()> {
            self.replace_with(self.artifact(), system, &mut |_| Ok(()))
        }

        fn replace_with(
            &self,
            artifact: VerifiedArtifact,
            system: &Arc<FailingSystem>,
            record: Record<'_>,
        ) -> Result<()> {
            let system: Arc<dyn System> = Arc::<FailingSystem>::clone(system);
            PreparedFile::new(&self.target, artifact, &system)?.commit(record)
        }

        fn names(&self) -> Vec<OsString> {
            fs::read_dir(parent(&self.target)).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        }

        fn assert_complete(&self, expected: &[u8]) {
            assert_eq!(fs::read(&self.target).unwrap(), expected);
            assert_eq!(self.names(), ["App"]);
        }
    }

    fn never_failing(layout: Layout) -> Arc<FailingSystem> {
        Arc::new(FailingSystem::new(layout, Failing::Only(usize::MAX), Errno::IO))
    }

    /// Fails the first call, the second, and so on, until all succeed; `check` sees each failure. Gives their number.
    fn fail_each(
        layout: Layout,
        failing: impl Fn(usize) -> Failing,
        error: Errno,
        check: impl Fn(&Scene, &FailingSystem, Error),
    ) -> usize {
        for call in 0.. {
            let (scene, system) = (Scene::new(), Arc::new(FailingSystem::new(layout, failing(call), error)));
            let outcome = scene.replace(&system);
            if !system.has_failed() {
                outcome.unwrap();
                scene.assert_complete(NEW);
                assert!(!scene.origin.exists());
                return call;
            }
            match outcome {
                Err(error) => check(&scene, &system, error),
                // What is left to tidy up when the new version is in place is no failure of the installation.
                Ok(()) => assert!(system.has_swapped(), "a failure is not hidden"),
            }
        }
        unreachable!("an installation has an end");
    }

    #[test]
    fn whichever_call_fails_the_application_is_complete_and_nothing_is_left_beside_it() {
        for layout in LAYOUTS {
            for (error, code) in FAILURES {
                let unflushed = std::cell::Cell::new(0);
                let calls = fail_each(layout, Failing::Only, error, |scene, system, error| {
                    assert_eq!(error.code(), code, "{error}");
                    unflushed.set(unflushed.get() + usize::from(system.has_swapped()));
                    scene.assert_complete(if system.has_swapped() { NEW } else { OLD });
                });
                assert!(calls > 6, "{layout:?}: only {calls} calls were seen");
                // Renamed and not flushed: a power loss could bring the old one back, so it is not called installed.
                let directories = if layout == Layout::OneFileSystem { 2 } else { 1 };
                assert_eq!(unflushed.get(), directories, "{layout:?}");
            }
        }
    }

    #[test]
    fn what_is_not_there_or_no_file_cannot_be_updated() {
        let scene = Scene::new();
        for path in [scene.target.with_file_name("missing"), parent(&scene.target).to_owned()] {
            assert_eq!(resolve(&path, &OsSystem).unwrap_err().code(), ErrorCode::NotUpdatable);
        }
        let hidden = scene.target.with_file_name("x".repeat(300));
        assert_eq!(resolve(&hidden, &OsSystem).unwrap_err().code(), ErrorCode::Io);
    }

    #[test]
    fn a_copy_needs_room_beside_the_target_on_another_file_system() {
        let scene = Scene::new();
        let asked = |layout| copy_directory(&scene.target, parent(&scene.origin), &*never_failing(layout));
        assert_eq!(asked(Layout::OneFileSystem), None);
        assert_eq!(asked(Layout::TwoFileSystems).as_deref(), Some(parent(&scene.target)));
    }

    #[test]
    fn where_cleaning_up_fails_too_the_next_sweep_does_it() {
        let mut left_behind = 0;
        for layout in LAYOUTS {
            let left = std::cell::Cell::new(0);
            fail_each(layout, Failing::AllFrom, Errno::IO, |scene, system, _| {
                left.set(left.get() + scene.names().len() - 1);
                eventually(|| {
                    sweep(&scene.target, &OsSystem);
                    scene.names().len() == 1
                });
                scene.assert_complete(if system.has_swapped() { NEW } else { OLD });
            });
            left_behind += left.get();
        }
        assert!(left_behind > 0, "there was nothing to sweep");
    }

    #[test]
    fn after_a_failure_the_next_attempt_succeeds() {
        for layout in LAYOUTS {
            fail_each(layout, Failing::Only, Errno::IO, |scene, system, _| {
                if system.has_swapped() {
                    return;
                }
                scene.replace(&never_failing(layout)).unwrap();
                scene.assert_complete(NEW);
            });
        }
    }

    #[test]
    fn what_cannot_be_recorded_is_not_installed() {
        for layout in LAYOUTS {
            let scene = Scene::new();
            let refuse = &mut |_| Err(Error::io("write", "state.json", Errno::NOSPC.into()));
            let error = scene.replace_with(scene.artifact(), &never_failing(layout), refuse).unwrap_err();
            assert_eq!(error.code(), ErrorCode::NoSpace);
            scene.assert_complete(OLD);
        }
    }

    #[test]
    fn a_copy_that_was_changed_while_it_was_made_is_not_installed() {
        let scene = Scene::new();
        let artifact = scene.artifact();
        fs::write(&scene.origin, b"ARTIFACT\n").unwrap();
        let system = never_failing(Layout::TwoFileSystems);
        let error = scene.replace_with(artifact, &system, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::SignatureMismatch);
        scene.assert_complete(OLD);
    }

    #[test]
    fn a_sweep_leaves_a_copy_that_is_about_to_be_installed() {
        let scene = Scene::new();
        let system: Arc<dyn System> = never_failing(Layout::TwoFileSystems);
        let prepared = PreparedFile::new(&scene.target, scene.artifact(), &system).unwrap();
        sweep(&scene.target, &OsSystem);
        assert_eq!(scene.names().len(), 2);
        prepared.commit(&mut |_| Ok(())).unwrap();
        scene.assert_complete(NEW);
    }

    #[test]
    fn a_sweep_leaves_a_copy_that_has_the_attributes_of_the_application_already() {
        let scene = Scene::new();
        let path = scene.target.with_file_name(format!("{}1.tmp", prefix(&scene.target)));
        let copy = OsSystem.create_private(&path).unwrap();
        copy.set_permissions(fs::Permissions::from_mode(0o555)).unwrap();
        if OsSystem.is_root() {
            // Root may write to everything; what it cannot open as its own is another user's.
            chown(&path, Some(65_534), Some(65_534)).unwrap();
        }
        copy.lock().unwrap();
        sweep(&scene.target, &OsSystem);
        assert_eq!(scene.names().len(), 2);
        drop(copy);
        eventually(|| {
            sweep(&scene.target, &OsSystem);
            scene.names().len() == 1
        });
        scene.assert_complete(OLD);
    }

    #[test]
    fn what_cannot_be_opened_is_not_known_to_be_a_leftover() {
        let scene = Scene::new();
        let path = scene.target.with_file_name(format!("{}1.tmp", prefix(&scene.target)));
        std::os::unix::fs::symlink(&scene.origin, &path).unwrap();
        sweep(&scene.target, &OsSystem);
        assert_eq!(scene.names().len(), 2);
    }

    #[test]
    fn an_update_that_was_prepared_does_not_replace_what_was_installed_since() {
        for layout in LAYOUTS {
            let scene = Scene::new();
            let system: Arc<dyn System> = never_failing(layout);
            let prepared = PreparedFile::new(&scene.target, scene.artifact(), &system).unwrap();
            let newer = scene.target.with_file_name("newer");
            fs::write(&newer, b"a newer application").unwrap();
            fs::rename(newer, &scene.target).unwrap();
            let error = prepared.commit(&mut |_| unreachable!("nothing is recorded")).unwrap_err();
            assert_eq!(error.code(), ErrorCode::NotUpdatable, "{error}");
            scene.assert_complete(b"a newer application");
            assert!(scene.origin.exists());
        }
    }

    /// An application that this user may not write to, and that is another user's where this one may give it away.
    fn guarded() -> Scene {
        let scene = Scene::new();
        fs::set_permissions(parent(&scene.origin), fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(&scene.origin, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(&scene.target, fs::Permissions::from_mode(0o555)).unwrap();
        if OsSystem.is_root() {
            chown(&scene.target, Some(65_534), Some(65_534)).unwrap();
        }
        scene
    }

    #[test]
    fn an_application_that_cannot_be_written_to_keeps_its_attributes() {
        for layout in LAYOUTS {
            let scene = guarded();
            let before = fs::metadata(&scene.target).unwrap();
            scene.replace(&never_failing(layout)).unwrap();
            scene.assert_complete(NEW);
            let after = fs::metadata(&scene.target).unwrap();
            assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        }
    }

    #[test]
    fn what_was_prepared_for_it_stays_usable_when_the_process_is_killed() {
        let scene = guarded();
        let system: Arc<dyn System> = never_failing(Layout::OneFileSystem);
        let prepared = PreparedFile::new(&scene.target, scene.artifact(), &system).unwrap();
        assert_eq!(fs::metadata(&scene.origin).unwrap().mode() & 0o7777, 0o600);
        scene.artifact();
        // In the last step: everything is done but the renaming.
        prepared
            .commit(&mut |_| {
                assert_eq!(fs::metadata(&scene.origin).unwrap().mode() & 0o7777, 0o555);
                Err(Error::io("write", "state.json", Errno::NOSPC.into()))
            })
            .unwrap_err();
        scene.artifact();
        scene.replace(&never_failing(Layout::OneFileSystem)).unwrap();
        scene.assert_complete(NEW);
    }

    #[test]
    fn what_was_prepared_and_is_given_up_leaves_nothing() {
        let scene = Scene::new();
        let system: Arc<dyn System> = never_failing(Layout::TwoFileSystems);
        drop(PreparedFile::new(&scene.target, scene.artifact(), &system).unwrap());
        scene.assert_complete(OLD);
        assert!(scene.origin.exists());
    }

    #[test]
    fn a_sweep_leaves_what_belongs_to_others() {
        let scene = Scene::new();
        let directory = parent(&scene.target);
        let own = prefix(&scene.target);
        let neighbour = prefix(&directory.join("Other"));
        let others = [format!("{neighbour}1.tmp"), format!("{own}1"), format!("x{own}1.tmp")];
        for name in others.iter().chain([&format!("{own}1.tmp")]) {
            fs::write(directory.join(name), "").unwrap();
        }
        let link = scene.directory.path().join("link");
        std::os::unix::fs::symlink(&scene.target, &link).unwrap();
        sweep(&link, &OsSystem);
        assert!(others.iter().all(|name| directory.join(name).exists()));
        assert!(!directory.join(format!("{own}1.tmp")).exists());
    }
}
