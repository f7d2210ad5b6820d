//! From a verified artifact to the installed application: where it is, what is to be done, and doing it.

mod app_bundle;
mod appimage;
mod linux_package;
mod swap;
#[cfg(test)]
#[cfg(unix)]
mod tests;
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

#[cfg(test)]
impl Order {
    /// To replace the application, and no more.
    fn plain(target: &str) -> Self {
        Self {
            target: target.parse().unwrap(),
            version: Version::new(1, 0, 0),
            windows: WindowsConfig::default(),
            relaunch: false,
            will_exit: false,
            downgrade: false,
            args: Vec::new(),
            directory: None,
        }
    }
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
        is_nothing_of_its_own || (self.configured.is_none() && runs_others(self.path()))
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
    if installation.may_be_packaged() {
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

/// Programs that run other people's applications: replacing them is never meant. An AppImage or a bundle is named after its
/// application, whatever it has in it.
fn runs_others(program: &Path) -> bool {
    let name = windows::stem(program);
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
