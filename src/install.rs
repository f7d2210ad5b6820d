//! From a verified artifact to the installed application: where it is, what is to be done, and doing it.

mod appimage;
mod swap;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

pub(crate) use appimage::own_appimage;

use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    system::System,
    target::{Format, Target},
};

/// The application as it is installed here.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    /// What an update replaces, or why nothing can be replaced.
    pub(crate) target: Result<PathBuf, String>,
    /// The running executable.
    executable: PathBuf,
    /// What was installed, where that can be told.
    pub(crate) format: Option<Format>,
}

/// What installing comes down to. Data only, so that it can be tested on any machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InstallPlan {
    /// Put the artifact in the place of this file.
    ReplaceFile(PathBuf),
}

impl Installation {
    /// `configured` is `executablePath`.
    pub(crate) fn locate(configured: Option<&Path>, system: &dyn System) -> Result<Self> {
        let executable =
            system.current_exe().map_err(|error| Error::io("find", "the running executable", error))?;
        let target =
            configured.map_or_else(|| appimage::locate(&executable, system), |path| Ok(path.to_owned()));
        let format = target
            .as_ref()
            .ok()
            .filter(|path| appimage::is_appimage_file(path, system))
            .map(|_| Format::AppImage);
        Ok(Self { target, executable, format })
    }

    /// What an update replaces; where nothing can be replaced, the running executable.
    pub(crate) fn path(&self) -> &Path {
        self.target.as_ref().unwrap_or(&self.executable)
    }
}

/// Decides what to do with an artifact of this format.
///
/// # Errors
/// [`Error::UnsupportedFormat`], [`Error::NotUpdatable`].
pub(crate) fn plan(format: Format, installation: &Installation) -> Result<InstallPlan> {
    if format != Format::AppImage {
        let reason = "this version of the updater cannot install it".to_owned();
        return Err(Error::UnsupportedFormat { format: format.to_string(), reason });
    }
    match &installation.target {
        Ok(target) => Ok(InstallPlan::ReplaceFile(target.clone())),
        Err(reason) => Err(Error::NotUpdatable { reason: reason.clone() }),
    }
}

/// Finds out whether the plan can be carried out, before anything is downloaded for it.
pub(crate) fn check(plan: &InstallPlan, system: &dyn System) -> Result<()> {
    match plan {
        InstallPlan::ReplaceFile(target) => swap::resolve(target, system).map(drop),
    }
}

/// A second place that needs room for the artifact, besides the one that it is downloaded to.
pub(crate) fn copy_directory(plan: &InstallPlan, downloads: &Path, system: &dyn System) -> Option<PathBuf> {
    match plan {
        InstallPlan::ReplaceFile(target) => swap::copy_directory(target, downloads, system),
    }
}

/// Carries out the plan. `before_swap` sees the new file when only the last step is missing.
pub(crate) fn execute(
    plan: &InstallPlan,
    artifact: VerifiedArtifact,
    target: Target,
    system: &dyn System,
    before_swap: &mut dyn FnMut(&File) -> Result<()>,
) -> Result<()> {
    match plan {
        InstallPlan::ReplaceFile(path) => {
            appimage::check_artifact(artifact.path(), target.arch, system)?;
            swap::replace_file(path, artifact, system, before_swap)
        }
    }
}

/// Removes what an installation that was killed left beside the target.
pub(crate) fn sweep(installation: &Installation, system: &dyn System) {
    if let Ok(target) = &installation.target {
        swap::sweep(target, system);
    }
}
