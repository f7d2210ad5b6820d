//! From a verified artifact to the installed application: where it is, what is to be done, and doing it.

mod app_bundle;
mod appimage;
mod linux_package;
mod swap;
pub(crate) mod windows;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use semver::Version;

pub(crate) use appimage::own_appimage;
pub(crate) use linux_package::{PackagePlan, PreparedPackage};

use crate::{
    Error, Result, WindowsConfig,
    relaunch::Launch,
    signature::VerifiedArtifact,
    system::{Fingerprint, System},
    target::{Format, Os, Target},
};

/// The application as it is installed here.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// What an update replaces, or why nothing can be replaced.
    place: Result<Place, String>,
    /// The package that it turned out to belong to, once that is known. Asking for it starts processes.
    package: OnceLock<Option<Place>>,
    /// The running executable.
    executable: PathBuf,
    /// `executablePath`.
    configured: Option<PathBuf>,
}

/// How an application is installed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// One file that this user may replace.
    File {
        path: PathBuf,
        /// It is an AppImage already.
        appimage: bool,
    },
    /// A macOS application bundle.
    Bundle { path: PathBuf },
    /// A file of a package, which its package manager replaces.
    Package {
        path: PathBuf,
        format: Format,
        /// The package's name.
        name: String,
    },
    /// A program that an installer of Windows replaces.
    Program {
        path: PathBuf,
        /// What installed it, where that can be told.
        format: Option<Format>,
    },
}

/// What is asked of an installation besides replacing the application.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) target: Target,
    /// The version that is installed.
    pub(crate) version: Version,
    pub(crate) windows: WindowsConfig,
    /// Start the new version afterwards.
    pub(crate) relaunch: bool,
    /// This process ends when the installation has begun; otherwise it waits for its end where that is possible.
    pub(crate) will_exit: bool,
    /// A higher version is installed now.
    pub(crate) downgrade: bool,
    /// Arguments for the new version, and its directory, where a program that outlives this one starts it.
    pub(crate) args: Vec<OsString>,
    pub(crate) directory: Option<PathBuf>,
}

/// What installing comes down to. Data only, so that it can be tested on any machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InstallPlan {
    /// Put the artifact in the place of this file.
    ReplaceFile(PathBuf),
    /// Put the bundle in the artifact in the place of this one.
    ReplaceBundle(PathBuf),
    /// Have the package manager replace the package.
    InstallPackage(PackagePlan),
    /// Run the artifact, or have it run.
    RunInstaller(windows::InstallerPlan),
}

/// An installation of which only the last step is missing.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Prepared {
    File(swap::PreparedFile),
    Bundle(app_bundle::PreparedBundle),
    Package(PreparedPackage),
    Installer(windows::PreparedInstaller),
}

/// What the last step does to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It puts something there that looks like this.
    Replaces(Fingerprint),
    /// It has somebody else replace it: an installer or a package manager.
    Begins,
}

/// How far the last step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The new version is in place.
    Done,
    /// An installer is at work. What is started after this process waits for it.
    Begun,
    /// A program that outlives this one does the rest, starting the new version included.
    HandedOver,
}

/// Told what the last step does, before it is done; an error keeps it from being done.
pub(crate) type Record<'a> = &'a mut dyn FnMut(Change) -> Result<()>;

impl Place {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. }
            | Self::Bundle { path }
            | Self::Package { path, .. }
            | Self::Program { path, .. } => path,
        }
    }

    /// What tells one version that is installed there from another.
    fn mark(&self) -> PathBuf {
        match self {
            Self::File { path, .. } | Self::Package { path, .. } | Self::Program { path, .. } => path.clone(),
            Self::Bundle { path } => path.join(app_bundle::INFO_PLIST),
        }
    }

    /// What was installed, where that can be told.
    const fn format(&self) -> Option<Format> {
        match self {
            Self::File { appimage: true, .. } => Some(Format::AppImage),
            Self::File { appimage: false, .. } => None,
            Self::Bundle { .. } => Some(Format::App),
            Self::Package { format, .. } => Some(*format),
            Self::Program { format, .. } => *format,
        }
    }
}

impl Installation {
    /// `configured` is `executablePath`.
    pub(crate) fn locate(configured: Option<&Path>, os: Os, system: &dyn System) -> Result<Self> {
        let executable =
            system.current_exe().map_err(|error| Error::io("find", "the running executable", error))?;
        let place = match os {
            Os::Linux => appimage::locate(configured, &executable, system),
            Os::MacOs => app_bundle::locate(configured, &executable, system),
            Os::Windows => windows::locate(configured, &executable, system),
        };
        let package = OnceLock::new();
        if os != Os::Linux || place.as_ref().is_ok_and(|place| place.format().is_some()) {
            let _ = package.set(None);
        }
        Ok(Self { place, package, executable, configured: configured.map(Path::to_owned) })
    }

    /// Finds out, once, whether the application belongs to a package. May take a moment, so it belongs on a thread that
    /// may wait.
    pub(crate) fn find_package(&self, system: &dyn System) {
        if self.package.get().is_some() {
            return;
        }
        let file = self.configured.as_deref().unwrap_or(&self.executable);
        // Whoever gave no answer is asked again by the next check.
        if let Ok(package) = linux_package::locate(file, system) {
            let _ = self.package.set(package);
        }
    }

    /// What an update replaces, or why nothing can be replaced.
    fn place(&self) -> Result<&Place, &String> {
        match self.package.get() {
            Some(Some(package)) => Ok(package),
            _ => self.place.as_ref(),
        }
    }

    /// Whether other applications may run from the same file.
    pub(crate) fn is_shared(&self) -> bool {
        let is_nothing_of_its_own = self.place.is_err() && matches!(self.package.get(), Some(None));
        is_nothing_of_its_own || (self.configured.is_none() && runs_others(&self.executable))
    }

    /// Whether it is still to be found out if the application belongs to a package.
    pub(crate) fn may_be_packaged(&self) -> bool {
        self.package.get().is_none()
    }

    /// What an update replaces; where nothing can be replaced, the running executable.
    pub(crate) fn path(&self) -> &Path {
        self.place().map_or(&self.executable, Place::path)
    }

    /// What was installed, where that can be told.
    pub(crate) fn format(&self) -> Option<Format> {
        self.place().ok()?.format()
    }

    /// How it is started again.
    pub(crate) fn launch(&self) -> Launch<'_> {
        match self.place() {
            Ok(Place::Bundle { path }) => Launch::Bundle(path),
            Ok(place) => Launch::Program(place.path()),
            // What is no application that could be updated can be started all the same.
            Err(_) => Launch::Program(self.configured.as_ref().unwrap_or(&self.executable)),
        }
    }

    /// Tells whether what an update replaces was replaced.
    pub(crate) fn fingerprint(&self, system: &dyn System) -> Option<Fingerprint> {
        system.fingerprint(&self.place().ok()?.mark()).ok()
    }
}

/// Decides what to do with an artifact of this format.
///
/// # Errors
/// [`Error::UnsupportedFormat`], [`Error::NotUpdatable`]; [`Error::InvalidOption`] for what an installer cannot be told.
pub(crate) fn plan(format: Format, installation: &Installation, order: &Order) -> Result<InstallPlan> {
    // It might be a package's: what its package manager put there is nobody else's to replace.
    if installation.package.get().is_none() {
        let path = installation.path().display();
        return Err(not_updatable(format!(
            "no package manager says whether {path} belongs to a package; try again later"
        )));
    }
    let place = installation.place().map_err(|reason| not_updatable(reason.clone()))?;
    match (format, place) {
        (Format::AppImage, Place::File { path, .. }) => Ok(InstallPlan::ReplaceFile(path.clone())),
        (Format::App, Place::Bundle { path }) => {
            app_bundle::refuse_translocated(path)?;
            Ok(InstallPlan::ReplaceBundle(path.clone()))
        }
        (format, Place::Package { path, format: installed, name }) => {
            linux_package::plan(format, *installed, name, path, order.downgrade)
                .map(InstallPlan::InstallPackage)
        }
        (format, Place::File { path, .. }) if format.is_package() => {
            let reason = format!(
                "{} belongs to no {format} package: a package is only replaced by the same package",
                path.display()
            );
            Err(not_updatable(reason))
        }
        (Format::Nsis | Format::Wix, Place::Program { path, format: installed }) => {
            windows::plan(format, *installed, path, order).map(InstallPlan::RunInstaller)
        }
        (format, _) => {
            let reason = "this version of the updater cannot install it".to_owned();
            Err(Error::UnsupportedFormat { format: format.to_string(), reason })
        }
    }
}

/// Programs that run other people's applications: replacing them is never meant.
fn runs_others(executable: &Path) -> bool {
    let name = windows::stem(executable);
    ["node", "nodejs", "electron"].iter().any(|program| name.eq_ignore_ascii_case(program))
}

fn not_updatable(reason: String) -> Error {
    Error::NotUpdatable { reason }
}

/// Finds out whether the plan can be carried out, before anything is downloaded for it.
pub(crate) fn check(plan: &InstallPlan, system: &dyn System) -> Result<()> {
    match plan {
        InstallPlan::ReplaceFile(target) => swap::resolve(target, system).map(drop),
        InstallPlan::ReplaceBundle(target) => app_bundle::check(target, system),
        InstallPlan::InstallPackage(plan) => linux_package::check(plan, system),
        InstallPlan::RunInstaller(plan) => plan.check(system),
    }
}

/// Whether macOS would have to ask for an administrator. What a package manager or an installer of Windows asks for is
/// not known before it runs.
pub(crate) fn needs_administrator(plan: &InstallPlan, system: &dyn System) -> Result<bool> {
    match plan {
        InstallPlan::ReplaceBundle(target) => app_bundle::needs_administrator(target, system),
        InstallPlan::ReplaceFile(_) | InstallPlan::InstallPackage(_) | InstallPlan::RunInstaller(_) => {
            Ok(false)
        }
    }
}

/// A second place that needs room for the artifact, besides the one that it is downloaded to.
pub(crate) fn copy_directory(plan: &InstallPlan, downloads: &Path, system: &dyn System) -> Option<PathBuf> {
    match plan {
        InstallPlan::ReplaceFile(target) => swap::copy_directory(target, downloads, system),
        InstallPlan::ReplaceBundle(target) => app_bundle::copy_directory(target, system),
        InstallPlan::InstallPackage(_) => linux_package::copy_directory(downloads, system),
        InstallPlan::RunInstaller(_) => None,
    }
}

/// Does everything but the last step. Nothing of the application has changed yet. `scratch` is for directories that the
/// next check removes.
pub(crate) fn prepare(
    plan: &InstallPlan,
    artifact: VerifiedArtifact,
    order: &Order,
    scratch: &Path,
    system: &Arc<dyn System>,
) -> Result<Prepared> {
    match plan {
        InstallPlan::ReplaceFile(path) => {
            appimage::check_artifact(artifact.path(), order.target.arch, &**system)?;
            swap::PreparedFile::new(path, artifact, system).map(Prepared::File)
        }
        InstallPlan::ReplaceBundle(path) => {
            app_bundle::PreparedBundle::new(path, artifact, system).map(Prepared::Bundle)
        }
        InstallPlan::InstallPackage(plan) => {
            PreparedPackage::new(plan, artifact, order.target.arch, system).map(Prepared::Package)
        }
        InstallPlan::RunInstaller(plan) => {
            windows::PreparedInstaller::new(plan, artifact, scratch, system).map(Prepared::Installer)
        }
    }
}

impl Prepared {
    /// Does the last step.
    pub(crate) fn commit(self, record: Record<'_>) -> Result<Progress> {
        match self {
            Self::File(file) => file.commit(record).map(|()| Progress::Done),
            Self::Bundle(bundle) => bundle.commit(record),
            Self::Package(package) => package.commit(record).map(|()| Progress::Done),
            Self::Installer(installer) => installer.commit(record),
        }
    }
}

/// Removes what an installation that was killed left beside the target.
pub(crate) fn sweep(installation: &Installation, system: &dyn System) {
    match installation.place() {
        Ok(Place::File { path, .. }) => swap::sweep(path, system),
        Ok(Place::Bundle { path }) => app_bundle::sweep(path, system),
        // What is left is the package manager's.
        Ok(Place::Package { .. } | Place::Program { .. }) | Err(_) => {}
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use rustix::io::Errno;

    use super::*;
    use crate::{
        ErrorCode,
        system::{
            OsSystem,
            failing::{Failing, FailingSystem, Layout},
            testing::{FakeSystem, eventually},
        },
    };

    const APPIMAGE: &[u8] = b"\x7fELF\x02\x01\x01\0AI\x02";
    const DPKG: (&str, &str) = ("/usr/bin/dpkg-query", r#"[ "$3" = /usr/bin/node ] && echo "nodejs: $3""#);

    fn located(configured: Option<&str>, system: &FakeSystem) -> Installation {
        let installation = Installation::locate(configured.map(Path::new), Os::Linux, system).unwrap();
        installation.find_package(system);
        installation
    }

    fn planned(format: Format, installation: &Installation) -> Result<InstallPlan> {
        let order = Order {
            target: "linux-x86_64".parse().unwrap(),
            version: Version::new(1, 0, 0),
            windows: WindowsConfig::default(),
            relaunch: false,
            will_exit: false,
            downgrade: false,
            args: Vec::new(),
            directory: None,
        };
        plan(format, installation, &order)
    }

    fn refusal(format: Format, installation: &Installation) -> String {
        let error = planned(format, installation).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable);
        error.to_string()
    }

    #[test]
    fn for_an_appimage_no_package_manager_is_started() {
        let system = FakeSystem::default()
            .with_file("/opt/App.AppImage", &[APPIMAGE, &[0; 20]].concat())
            .with_program(DPKG.0, DPKG.1);
        let appimage = located(Some("/opt/App.AppImage"), &system);
        assert_eq!(appimage.format(), Some(Format::AppImage));
        assert!(system.runs().is_empty());
        assert!(refusal(Format::Deb, &appimage).contains("/opt/App.AppImage belongs to no deb package"));
    }

    #[test]
    fn only_what_runs_from_a_file_of_its_own_is_told_by_that_file() {
        let runs_from = |executable: &str, configured: Option<&str>, os, system: FakeSystem| {
            let system = system.with_executable(executable);
            let installation = Installation::locate(configured.map(Path::new), os, &system).unwrap();
            installation.find_package(&system);
            installation.is_shared()
        };
        let unpackaged = || FakeSystem::default().with_program(DPKG.0, "exit 1");
        let packaged = || FakeSystem::default().with_program(DPKG.0, r#"echo "app: $3""#);
        // What a package manager has answered is kept for each file.
        assert!(runs_from("/usr/lib/node/node", None, Os::Linux, packaged()));
        assert!(runs_from("/usr/lib/electron37/electron", None, Os::Linux, packaged()));
        assert!(runs_from(r"C:\Program Files\nodejs\node.exe", None, Os::Windows, unpackaged()));
        assert!(runs_from("/opt/script/run", None, Os::Linux, unpackaged()));
        assert!(!runs_from("/opt/app/app", None, Os::Linux, packaged()));
        assert!(!runs_from(r"C:\App\App.exe", None, Os::Windows, unpackaged()));
        let app = "/opt/App/App";
        assert!(!runs_from("/usr/lib/node/node", Some(app), Os::Linux, unpackaged().with_file(app, b"")));
        // It may still turn out to be a package's.
        let silent = FakeSystem::default().with_broken_program(DPKG.0);
        assert!(!runs_from("/opt/silent/app", None, Os::Linux, silent));
    }

    #[test]
    fn what_a_package_brought_is_only_replaced_by_a_package() {
        let system = FakeSystem::default().with_program(DPKG.0, DPKG.1);
        let node = located(None, &system);
        assert_eq!(node.format(), Some(Format::Deb));
        assert!(matches!(planned(Format::Deb, &node), Ok(InstallPlan::InstallPackage(_))));
        let reason = refusal(Format::AppImage, &node);
        assert!(reason.contains("/usr/bin/node belongs to the deb package nodejs"), "{reason}");
        assert!(reason.contains("`executablePath`"), "{reason}");
    }

    #[test]
    fn an_installer_of_windows_replaces_no_file() {
        let system =
            FakeSystem::default().with_file("/opt/app/run", b"#!/bin/sh").with_program(DPKG.0, "exit 1");
        let error = planned(Format::Nsis, &located(Some("/opt/app/run"), &system)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedFormat);
    }

    /// An application that is a file, and one that is a bundle, on disk.
    fn installed() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap();
        let (file, bundle) = (base.join("App.AppImage"), base.join("X.app"));
        fs::write(&file, APPIMAGE).unwrap();
        fs::create_dir_all(bundle.join("Contents")).unwrap();
        fs::write(bundle.join(app_bundle::INFO_PLIST), "1").unwrap();
        (directory, file, bundle)
    }

    #[test]
    fn what_tells_one_version_from_another_is_the_file_or_the_bundles_list() {
        let (_directory, file, bundle) = installed();
        for (path, mark, os) in
            [(&file, file.clone(), Os::Linux), (&bundle, bundle.join(app_bundle::INFO_PLIST), Os::MacOs)]
        {
            let installation = Installation::locate(Some(path), os, &OsSystem).unwrap();
            assert_eq!(installation.fingerprint(&OsSystem), Some(OsSystem.fingerprint(&mark).unwrap()));
        }
    }

    #[test]
    fn each_plan_is_asked_what_it_needs_before_a_download() {
        let (_directory, file, bundle) = installed();
        let parent = file.parent().unwrap();
        let elsewhere = FailingSystem::new(Layout::TwoFileSystems, Failing::Only(usize::MAX), Errno::IO);
        for (plan, copies_to) in [
            (InstallPlan::ReplaceFile(file.clone()), Some(parent.to_owned())),
            (InstallPlan::ReplaceBundle(bundle.clone()), Some(parent.to_owned())),
        ] {
            check(&plan, &OsSystem).unwrap();
            assert!(!needs_administrator(&plan, &OsSystem).unwrap());
            assert_eq!(copy_directory(&plan, parent, &elsewhere), copies_to);
        }
        for plan in [
            InstallPlan::ReplaceFile(parent.join("missing")),
            InstallPlan::ReplaceBundle(parent.join("missing.app")),
        ] {
            assert_eq!(check(&plan, &OsSystem).unwrap_err().code(), ErrorCode::NotUpdatable);
        }
    }

    #[test]
    fn what_a_killed_installation_left_is_removed_beside_each_kind_of_application() {
        let (_directory, file, bundle) = installed();
        for (path, os, left) in [(&file, Os::Linux, "1.tmp"), (&bundle, Os::MacOs, "1.tmp")] {
            let left = path.with_file_name(format!("{}{left}", swap::prefix(path)));
            if os == Os::Linux {
                fs::write(&left, "").unwrap()
            } else {
                fs::create_dir(&left).unwrap()
            }
            let installation = Installation::locate(Some(path), os, &OsSystem).unwrap();
            eventually(|| {
                sweep(&installation, &OsSystem);
                !left.exists()
            });
            assert!(!left.exists(), "{}", left.display());
        }
    }

    #[test]
    fn what_may_be_a_packages_is_not_replaced_before_its_package_manager_has_answered() {
        let file = "/opt/may be a package's/app";
        let silent = FakeSystem::default().with_file(file, b"#!/bin/sh").with_broken_program(DPKG.0);
        let app = located(Some(file), &silent);
        assert!(app.format().is_none());
        assert!(refusal(Format::AppImage, &app).contains(file));
        let answering = FakeSystem::default().with_program(DPKG.0, "exit 1");
        app.find_package(&answering);
        assert_eq!(planned(Format::AppImage, &app).unwrap(), InstallPlan::ReplaceFile(file.into()));
        app.find_package(&answering);
        assert_eq!(answering.runs().len(), 1, "an answer is kept");
    }
}
