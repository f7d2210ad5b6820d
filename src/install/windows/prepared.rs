//! [`PreparedInstaller`]: a verified installer in a directory of its own, held until its end or that of this process.
//!
//! # Implementation
//! The artifact gets a second name in a fresh private directory, where nobody could plant a library for it to load.
//! It is opened there so that nobody can write, rename or remove it, and only then verified: what was verified is what
//! starts. The staged file keeps its name, and is still there if the installation is given up or this process killed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{InstallerPlan, Run, Wait, msiexec_line};
use crate::{
    Error, Result,
    install::{Change, Progress, Record},
    signature::VerifiedArtifact,
    state::{random_name, remove},
    system::{Installers, Invocation, System},
};

const MSIEXEC: &str = "msiexec.exe";
/// Windows error code of a refused request for rights (`ERROR_CANCELLED`).
const CANCELLED: i32 = 1223;

/// Exit codes of msiexec (Windows Installer, "Error Codes").
const DONE: [i32; 3] = [
    0,    // ERROR_SUCCESS
    3010, // ERROR_SUCCESS_REBOOT_REQUIRED
    1641, // ERROR_SUCCESS_REBOOT_INITIATED
];
const USER_EXIT: i32 = 1602; // ERROR_INSTALL_USEREXIT
const ALREADY_RUNNING: i32 = 1618; // ERROR_INSTALL_ALREADY_RUNNING

/// An installer that is verified and held.
#[derive(Debug)]
pub(crate) struct PreparedInstaller {
    plan: InstallerPlan,
    artifact: VerifiedArtifact,
    relauncher: Option<Relauncher>,
    // Removed when the files in it were let go of: after the members above.
    directory: PrivateDirectory,
    system: Arc<dyn System>,
}

/// A copy of the program that outlives this one: the one that was installed is about to be replaced.
#[derive(Debug)]
struct Relauncher {
    path: PathBuf,
    held: File,
}

impl Relauncher {
    fn copy(origin: &Path, directory: &Path, installers: &dyn Installers) -> Result<Self> {
        let path = directory.join("relauncher.exe");
        fs::copy(origin, &path).map_err(|error| Error::io("copy", &path, error))?;
        let held = installers.hold(&path).map_err(|error| Error::io("open", &path, error))?;
        Ok(Self { path, held })
    }

    /// The copy for this plan. Where the application only might be started again later, by `relaunch()`, it does without.
    fn prepare(
        plan: &InstallerPlan,
        directory: &Path,
        installers: &dyn Installers,
        system: &dyn System,
    ) -> Result<Option<Self>> {
        let copy = || Self::copy(&plan.relauncher(installers, system)?, directory, installers);
        match plan.run {
            _ if plan.needs_relauncher() => copy().map(Some),
            Run::Itself { .. } => Ok(copy().ok()),
            // When msiexec has ended, nothing is in its way.
            Run::Msiexec { .. } => Ok(None),
        }
    }
}

/// Removed again, unless it is still needed.
#[derive(Debug)]
struct PrivateDirectory {
    path: PathBuf,
    is_kept: bool,
}

impl PrivateDirectory {
    fn new(scratch: &Path, installers: &dyn Installers) -> Result<Self> {
        let path = scratch.join(random_name()?);
        installers.create_directory(&path).map_err(|error| Error::io("create", &path, error))?;
        Ok(Self { path, is_kept: false })
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        if !self.is_kept {
            // If this fails, the next check removes it.
            let _ = remove(&self.path);
        }
    }
}

impl PreparedInstaller {
    pub(crate) fn new(
        plan: &InstallerPlan,
        artifact: VerifiedArtifact,
        scratch: &Path,
        system: &Arc<dyn System>,
    ) -> Result<Self> {
        plan.check_magic(artifact.path(), &**system)?;
        let installers = plan.installers(&**system)?;
        let directory = PrivateDirectory::new(scratch, installers)?;
        let path = directory.path.join(&plan.file_name);
        let (trust, origin) = (Arc::clone(artifact.trust()), artifact.path().to_owned());
        // It is open for writing, which nobody may be from here on.
        drop(artifact);
        installers.link(&origin, &path).map_err(|error| Error::io("link", &path, error))?;
        let held = installers.hold(&path).map_err(|error| Error::io("open", &path, error))?;
        let artifact = VerifiedArtifact::from_file(held, path, &trust)?;
        let relauncher = Relauncher::prepare(plan, &directory.path, installers, &**system)?;
        Ok(Self { plan: plan.clone(), artifact, relauncher, directory, system: Arc::clone(system) })
    }

    pub(crate) fn commit(mut self, record: Record<'_>) -> Result<Progress> {
        record(Change::Begins)?;
        let progress = self.run()?;
        if progress == Progress::Done {
            self.put_on_record(record);
        }
        // Whoever is at work now needs it.
        self.directory.is_kept = progress != Progress::Done || self.relauncher.is_some();
        if let Some(Relauncher { path, held }) = self.relauncher {
            self.plan.installers(&*self.system)?.adopt(path, held);
        }
        Ok(progress)
    }

    /// The exit code says that it is installed, also where the program stays the same until Windows starts again (3010)
    /// because it is running. Where this cannot be recorded, the record made before has to do.
    fn put_on_record(&self, record: Record<'_>) {
        if let Ok(found) = self.system.fingerprint(&self.plan.application) {
            let _ = record(Change::Replaces(found));
        }
    }

    fn run(&self) -> Result<Progress> {
        let installers = self.plan.installers(&*self.system)?;
        match &self.plan.run {
            Run::Itself { arguments, then } => {
                let invocation = Invocation {
                    program: self.artifact.path(),
                    arguments: OsStr::new(arguments.trim_start_matches(' ')),
                };
                let relauncher = self.relauncher.as_ref().map(|relauncher| &*relauncher.path);
                installers
                    .start(relauncher, self.artifact.file(), invocation, then.as_ref())
                    .map_err(|error| self.not_started(error))?;
                Ok(if then.is_some() { Progress::HandedOver } else { Progress::Begun })
            }
            Run::Msiexec { arguments, wait } => {
                let program = installers
                    .system_directory()
                    .map_err(|error| Error::io("find", MSIEXEC, error))?
                    .join(MSIEXEC);
                let line = msiexec_line(self.artifact.path(), arguments);
                self.run_msiexec(installers, Invocation { program: &program, arguments: &line }, wait)
            }
        }
    }

    fn run_msiexec(
        &self,
        installers: &dyn Installers,
        invocation: Invocation<'_>,
        wait: &Wait,
    ) -> Result<Progress> {
        match (wait, &self.relauncher) {
            (Wait::Outside { then }, Some(relauncher)) => {
                installers
                    .outlive(&relauncher.path, self.artifact.file(), invocation, then.as_ref())
                    .map_err(|error| Error::io("start", &relauncher.path, error))?;
                Ok(Progress::HandedOver)
            }
            _ => {
                let code = installers
                    .run(invocation)
                    .map_err(|error| Error::io("start", invocation.program, error))?;
                outcome(code).map(|()| Progress::Done)
            }
        }
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        if error.raw_os_error() == Some(CANCELLED) {
            let reason = format!("the request to run {} was refused", self.plan.file_name);
            return Error::ElevationDenied { reason };
        }
        Error::io("start", self.artifact.path(), error)
    }
}

fn outcome(code: i32) -> Result<()> {
    let installer = MSIEXEC.to_owned();
    match code {
        code if DONE.contains(&code) => Ok(()),
        USER_EXIT => Err(Error::InstallerCancelled { installer, exit_code: code }),
        ALREADY_RUNNING => Err(Error::InstallerBusy { installer, exit_code: code }),
        code => {
            let reason = "the codes are explained in the documentation of Windows Installer".to_owned();
            Err(Error::InstallerFailed { installer, exit_code: Some(code), reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex};

    use tempfile::TempDir;

    use super::*;
    use crate::{
        ErrorCode,
        signature::{Announced, PublicKey, Signature, Trust},
        system::{Command, OsSystem, testing::FakeSystem},
        target::Format,
    };

    const ARTIFACT: &[u8] = include_bytes!("../../../tests/fixtures/artifact");
    const SIGNATURE: &str = include_str!("../../../tests/fixtures/artifact.minisig");
    const KEY: &str = include_str!("../../../tests/fixtures/fixture.pub");

    /// Notes what it is asked, and answers with this error or exit code.
    #[derive(Debug, Default)]
    struct FakeInstallers {
        relauncher: PathBuf,
        answer: i32,
        /// What somebody puts in the place of the installer before it is held.
        swapped: Option<&'static [u8]>,
        asked: Mutex<Vec<String>>,
    }

    impl FakeInstallers {
        fn note(&self, what: &str, invocation: Invocation<'_>) {
            let program = invocation.program.file_name().unwrap().to_string_lossy();
            let note = format!("{what} {program}: {}", invocation.arguments.to_string_lossy());
            self.asked.lock().unwrap().push(note);
        }

        fn note_then(&self, then: Option<&Command>) {
            self.asked.lock().unwrap().extend(then.map(|then| format!("then {}", then.program.display())));
        }

        fn answer(&self) -> io::Result<()> {
            if self.answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(self.answer)) }
        }
    }

    impl Installers for FakeInstallers {
        fn system_directory(&self) -> io::Result<PathBuf> {
            Ok("/system".into())
        }

        fn relauncher(&self) -> io::Result<PathBuf> {
            Ok(self.relauncher.clone())
        }

        fn create_directory(&self, directory: &Path) -> io::Result<()> {
            fs::create_dir_all(directory)
        }

        fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
            fs::hard_link(from, to)
        }

        fn hold(&self, path: &Path) -> io::Result<File> {
            if let Some(swapped) = self.swapped {
                fs::remove_file(path)?;
                fs::write(path, swapped)?;
            }
            File::open(path)
        }

        fn adopt(&self, relauncher: PathBuf, _: File) {
            assert!(relauncher.is_file());
            self.asked.lock().unwrap().push("adopt".to_owned());
        }

        fn start(
            &self,
            relauncher: Option<&Path>,
            _: &File,
            installer: Invocation<'_>,
            then: Option<&Command>,
        ) -> io::Result<()> {
            assert!(relauncher.is_none_or(Path::is_file));
            self.note("start", installer);
            self.note_then(then);
            self.answer()
        }

        fn run(&self, invocation: Invocation<'_>) -> io::Result<i32> {
            self.note("run", invocation);
            Ok(self.answer)
        }

        fn outlive(
            &self,
            relauncher: &Path,
            _: &File,
            installer: Invocation<'_>,
            then: Option<&Command>,
        ) -> io::Result<()> {
            assert!(relauncher.is_file());
            self.note("outlive", installer);
            self.note_then(then);
            self.answer()
        }
    }

    /// A staged artifact, and what runs it.
    struct Scene {
        directory: TempDir,
        installers: Arc<FakeInstallers>,
    }

    impl Scene {
        fn answering(answer: i32) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let relauncher = directory.path().join("shipped.exe");
            let (staged, application) = (directory.path().join("staged"), directory.path().join("App.exe"));
            for (path, content) in [(&staged, ARTIFACT), (&relauncher, b"MZ"), (&application, b"MZ")] {
                fs::write(path, content).unwrap();
            }
            let installers = FakeInstallers { relauncher, answer, ..FakeInstallers::default() };
            Self { directory, installers: Arc::new(installers) }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn prepare(&self, run: Run) -> PreparedInstaller {
            self.try_prepare(run).unwrap()
        }

        fn try_prepare(&self, run: Run) -> Result<PreparedInstaller> {
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
            let staged = self.path("staged");
            let artifact =
                VerifiedArtifact::from_file(File::open(&staged).unwrap(), staged.clone(), &trust).unwrap();
            let (application, file_name) = (self.path("App.exe"), "installer".to_owned());
            let plan = InstallerPlan { application, file_name, run };
            let magic: &[u8] =
                if plan.format() == Format::Nsis { b"MZ" } else { b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" };
            let relauncher = &self.installers.relauncher;
            let mut system = FakeSystem::default()
                .with_disk()
                .with_file(staged.to_str().unwrap(), magic)
                .with_installers(Arc::<FakeInstallers>::clone(&self.installers));
            if relauncher.is_file() {
                system = system.with_file(relauncher.to_str().unwrap(), b"MZ");
            }
            let system: Arc<dyn System> = Arc::new(system);
            PreparedInstaller::new(&plan, artifact, &self.path("install"), &system)
        }

        fn commit(&self, run: Run) -> Result<Progress> {
            let asked = &self.installers.asked;
            self.prepare(run).commit(&mut |change| {
                asked.lock().unwrap().push(format!("{change:?}"));
                Ok(())
            })
        }

        fn asked(&self) -> String {
            let directory = self.path("install").read_dir().unwrap().next();
            let asked = self.installers.asked.lock().unwrap().join("\n");
            directory.map_or(asked.clone(), |directory| {
                asked.replace(directory.unwrap().path().to_str().unwrap(), "<private>")
            })
        }

        fn left(&self) -> Vec<String> {
            let directories = self.path("install").read_dir().unwrap();
            let mut names: Vec<String> = directories
                .flat_map(|directory| directory.unwrap().path().read_dir().unwrap())
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn nsis() -> Run {
        Run::Itself { arguments: " /S \"a b\"".to_owned(), then: Some(application()) }
    }

    fn application() -> Command {
        Command { program: "/app/App.exe".into(), args: Vec::new(), env: Vec::new(), directory: None }
    }

    fn msi(wait: Wait) -> Run {
        Run::Msiexec { arguments: " /quiet".to_owned(), wait }
    }

    #[test]
    fn an_installer_starts_in_a_directory_of_its_own_after_that_was_put_on_record() {
        let scene = Scene::answering(0);
        assert_eq!(scene.commit(nsis()).unwrap(), Progress::HandedOver);
        assert_eq!(scene.asked(), "Begins\nstart installer: /S \"a b\"\nthen /app/App.exe\nadopt");
        assert_eq!(scene.left(), ["installer", "relauncher.exe"]);
    }

    #[test]
    fn what_is_put_in_the_place_of_a_verified_installer_does_not_start() {
        let mut scene = Scene::answering(0);
        Arc::get_mut(&mut scene.installers).unwrap().swapped = Some(b"MZ, and malice");
        for run in [nsis(), msi(Wait::Outside { then: None }), msi(Wait::Here { relaunch: false })] {
            assert_eq!(scene.try_prepare(run).unwrap_err().code(), ErrorCode::SignatureMismatch);
        }
        assert_eq!(fs::read(scene.path("staged")).unwrap(), ARTIFACT);
        assert_eq!((scene.asked(), scene.left().len()), (String::new(), 0));
    }

    #[test]
    fn a_missing_relauncher_stops_only_what_needs_it() {
        for (run, is_needed) in [
            (nsis(), true),
            (msi(Wait::Outside { then: None }), true),
            (msi(Wait::Here { relaunch: true }), true),
            (Run::Itself { arguments: String::new(), then: None }, false),
            (msi(Wait::Here { relaunch: false }), false),
        ] {
            let scene = Scene::answering(0);
            fs::remove_file(&scene.installers.relauncher).unwrap();
            let outcome =
                scene.try_prepare(run.clone()).and_then(|prepared| prepared.commit(&mut |_| Ok(())));
            let expected = if is_needed { Err(ErrorCode::NotUpdatable) } else { Ok(()) };
            assert_eq!(outcome.map(drop).map_err(|error| error.code()), expected, "{run:?}");
        }
    }

    #[test]
    fn what_is_started_later_is_started_by_a_copy_that_no_installation_replaces() {
        for (run, left) in [
            (Run::Itself { arguments: String::new(), then: None }, vec!["installer", "relauncher.exe"]),
            (msi(Wait::Here { relaunch: true }), vec!["installer", "relauncher.exe"]),
            (msi(Wait::Here { relaunch: false }), vec![]),
        ] {
            let scene = Scene::answering(0);
            scene.commit(run.clone()).unwrap();
            assert_eq!(scene.left(), left, "{run:?}");
            assert_eq!(scene.asked().ends_with("adopt"), !left.is_empty(), "{run:?}");
        }
    }

    #[test]
    fn refused_rights_keep_the_update_staged_and_leave_nothing_else() {
        let scene = Scene::answering(CANCELLED);
        assert_eq!(scene.commit(nsis()).unwrap_err().code(), ErrorCode::ElevationDenied);
        assert_eq!(fs::read(scene.path("staged")).unwrap(), ARTIFACT);
        assert!(scene.left().is_empty());
    }

    #[test]
    fn an_installation_that_is_given_up_leaves_the_update_staged() {
        let scene = Scene::answering(0);
        drop(scene.prepare(nsis()));
        assert_eq!(fs::read(scene.path("staged")).unwrap(), ARTIFACT);
        assert!(scene.left().is_empty());
    }

    #[test]
    fn nothing_starts_that_cannot_be_put_on_record() {
        let scene = Scene::answering(0);
        let refused = scene.prepare(nsis()).commit(&mut |_| Err(Error::Cancelled));
        assert_eq!(refused.unwrap_err().code(), ErrorCode::Cancelled);
        assert_eq!((scene.asked(), scene.left().len()), (String::new(), 0));
    }

    #[test]
    fn a_package_outlives_the_application_and_starts_the_new_one() {
        let scene = Scene::answering(0);
        let then = Some(application());
        assert_eq!(scene.commit(msi(Wait::Outside { then })).unwrap(), Progress::HandedOver);
        let expected =
            "Begins\noutlive msiexec.exe: /i \"<private>/installer\" /quiet\nthen /app/App.exe\nadopt";
        assert_eq!(scene.asked(), expected);
        assert_eq!(scene.left(), ["installer", "relauncher.exe"]);
    }

    #[test]
    fn what_msiexec_has_installed_is_on_record_also_where_the_program_stays_until_windows_starts_again() {
        for code in [0, 3010] {
            let scene = Scene::answering(code);
            scene.commit(msi(Wait::Here { relaunch: false })).unwrap();
            let found = OsSystem.fingerprint(&scene.path("App.exe")).unwrap();
            assert!(
                scene.asked().ends_with(&format!("\n{:?}", Change::Replaces(found))),
                "{}",
                scene.asked()
            );
        }
    }

    #[test]
    fn the_exit_code_of_msiexec_decides() {
        for (code, expected) in [
            (0, None),
            (3010, None),
            (1641, None),
            (USER_EXIT, Some(ErrorCode::InstallerCancelled)),
            (ALREADY_RUNNING, Some(ErrorCode::InstallerBusy)),
            (1603, Some(ErrorCode::InstallerFailed)),
            (-1, Some(ErrorCode::InstallerFailed)),
        ] {
            let scene = Scene::answering(code);
            let outcome = scene.commit(msi(Wait::Here { relaunch: false }));
            assert!(scene.left().is_empty());
            match (outcome, expected) {
                (Ok(progress), None) => assert_eq!(progress, Progress::Done),
                (Err(error), Some(expected)) => {
                    assert_eq!((error.code(), error.exit_code()), (expected, Some(code)));
                }
                (outcome, _) => panic!("{code}: {outcome:?}"),
            }
        }
    }
}
