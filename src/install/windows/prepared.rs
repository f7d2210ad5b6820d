//! [`PreparedInstaller`]: a verified installer in a directory of its own, held until it has started.
//!
//! # Implementation
//! The artifact gets a second name, alone in a fresh private directory, so that no library planted beside it is loaded.
//! It is opened there so that nobody can write, rename or remove it, and only then verified: what was verified is what
//! starts. The staged file keeps its name, and is still there if the installation is given up or this process killed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{InstallerPlan, Run, Wait, msiexec_line, relauncher};
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
    _held: File,
}

impl Relauncher {
    fn copy(origin: &Path, directory: &Path, installers: &dyn Installers) -> Result<Self> {
        let path = directory.join("relauncher.exe");
        fs::copy(origin, &path).map_err(|error| Error::io("copy", &path, error))?;
        let held = installers.hold(&path).map_err(|error| Error::io("open", &path, error))?;
        Ok(Self { path, _held: held })
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
        let relauncher = match plan.run {
            Run::Msiexec { wait: Wait::Outside { .. }, .. } => {
                let origin = relauncher(installers, &**system)?;
                Some(Relauncher::copy(&origin, &directory.path, installers)?)
            }
            _ => None,
        };
        Ok(Self { plan: plan.clone(), artifact, relauncher, directory, system: Arc::clone(system) })
    }

    pub(crate) fn commit(mut self, record: Record<'_>) -> Result<Progress> {
        record(Change::Begins)?;
        let progress = self.run()?;
        // Whoever is at work now needs it.
        self.directory.is_kept = progress == Progress::Begun;
        Ok(progress)
    }

    fn run(&self) -> Result<Progress> {
        let installers = self.plan.installers(&*self.system)?;
        match &self.plan.run {
            Run::Itself { arguments } => {
                let invocation = Invocation {
                    program: self.artifact.path(),
                    arguments: OsStr::new(arguments.trim_start_matches(' ')),
                };
                installers.start(invocation).map_err(|error| self.not_started(error))?;
                Ok(Progress::Begun)
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
                Ok(Progress::Begun)
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
