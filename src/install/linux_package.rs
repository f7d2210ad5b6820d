//! deb, rpm and pacman packages: the package manager that installed the application replaces it. That this happens
//! completely or not at all is up to the package manager.

mod elevation;
mod handover;
mod identity;
#[cfg(test)]
#[cfg(unix)]
mod installs;
mod manager;
mod owner;
mod programs;
mod simulation;

use std::{
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

use self::{
    elevation::Elevation,
    handover::{Handover, last_words},
    identity::Identity,
    manager::Manager,
    owner::Owner,
    programs::{INSPECTION_TIME_MAX, ask},
    simulation::simulate,
};
use super::{Change, Place, Record};
use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    system::{Finished, System, check_space},
    target::{Arch, Format},
};

/// Where root's copy lies: on disk, because `/run` is often too small for an application.
const COPIES: &str = "/var/tmp";
/// As many as the longest magic number needs.
const START_BYTES: u64 = 32;

/// The installed package that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackagePlan {
    format: Format,
    name: String,
    /// A file of it: the application's.
    path: PathBuf,
    /// A higher version is installed now, and that is wanted.
    downgrade: bool,
}

/// The package that `file` belongs to.
///
/// # Errors
/// A package manager gave no answer.
pub(super) fn locate(file: &Path, system: &dyn System) -> io::Result<Option<Place>> {
    let owner = Owner::of(file, system)?;
    Ok(owner.map(|Owner { format, name }| Place::Package { path: file.to_owned(), format, name }))
}

/// A package is only replaced by one of its own format.
pub(super) fn plan(
    format: Format,
    installed: Format,
    name: &str,
    path: &Path,
    downgrade: bool,
) -> Result<PackagePlan> {
    if format == installed {
        return Ok(PackagePlan { format, name: name.to_owned(), path: path.to_owned(), downgrade });
    }
    let path = path.display();
    let reason = format!(
        "{path} belongs to the {installed} package {name}, which cannot be replaced by {format}; if it is not the \
         application, name a file of the application in `executablePath`"
    );
    Err(Error::NotUpdatable { reason })
}

/// Finds out before a download whether somebody could install it.
pub(super) fn check(plan: &PackagePlan, system: &dyn System) -> Result<()> {
    Manager::of(plan.format, system)?;
    Elevation::ways(system).map(drop)
}

pub(super) fn copy_directory(downloads: &Path, system: &dyn System) -> Option<PathBuf> {
    let copies = Path::new(COPIES);
    let same = system.same_file_system(downloads, copies).unwrap_or(true);
    (!same).then(|| copies.to_owned())
}

/// A package that its package manager has agreed to, as far as it can be asked without rights.
#[derive(Debug)]
pub(crate) struct PreparedPackage {
    plan: PackagePlan,
    manager: Manager,
    identity: Identity,
    artifact: VerifiedArtifact,
    system: Arc<dyn System>,
}

impl PreparedPackage {
    pub(super) fn new(
        plan: &PackagePlan,
        artifact: VerifiedArtifact,
        arch: Arch,
        system: &Arc<dyn System>,
    ) -> Result<Self> {
        check_magic(plan.format, &artifact)?;
        let manager = Manager::of(plan.format, &**system)?;
        Elevation::ways(&**system)?;
        let identity = inspect(&manager, plan.format, &artifact, &**system)?;
        check_identity(plan, &identity, arch)?;
        refuse_what_is_installed(&identity, &installed(&manager, &plan.name, &**system))?;
        check_space(Path::new(COPIES), artifact.size(), &**system)?;
        simulate(&manager, &identity, plan.downgrade, &artifact, &**system)?;
        Ok(Self { plan: plan.clone(), manager, identity, artifact, system: Arc::clone(system) })
    }

    /// Has the package manager install it, and waits for that.
    pub(super) fn commit(self, record: Record<'_>) -> Result<()> {
        let ways = Elevation::ways(&*self.system)?;
        let digest = self.artifact.sha512()?;
        record(Change::Begins)?;
        let handover = Handover {
            artifact: self.artifact.file(),
            digest: &digest,
            file_name: self.manager.file_name(),
            command: self.manager.install(self.plan.downgrade),
        };
        self.outcome(&handover.run(&ways, &*self.system)?)?;
        // A package manager may keep a file that is the same in both versions, or make one that looks the same. Where
        // this cannot be recorded, the record made before has to do.
        if let Ok(found) = self.system.fingerprint(&self.plan.path) {
            let _ = record(Change::Replaces(found));
        }
        Ok(())
    }

    /// The package manager's word counts, and what it says that is installed now.
    fn outcome(&self, finished: &Finished) -> Result<()> {
        let installed = installed(&self.manager, &self.plan.name, &*self.system);
        if finished.exit_code == Some(0) && self.identity.is_installed(&installed) {
            return Ok(());
        }
        let installer = self.manager.name().to_owned();
        let said = String::from_utf8_lossy(&finished.stderr);
        if let Some(exit_code) = finished.exit_code.filter(|code| *code != 0 && self.manager.is_busy(&said)) {
            return Err(Error::InstallerBusy { installer, exit_code });
        }
        let state = installed.lines().collect::<Vec<_>>().join(", ");
        let state = if state.is_empty() { format!("{} is not installed", self.plan.name) } else { state };
        let reason = format!("{}; installed now: {state}", last_words(&[&finished.stderr]));
        Err(Error::InstallerFailed { installer, exit_code: finished.exit_code, reason })
    }
}

/// What the package manager says of the package now.
fn installed(manager: &Manager, name: &str, system: &dyn System) -> String {
    let finished = ask(&manager.installed(name), None, INSPECTION_TIME_MAX, system);
    finished.map_or_else(|_| String::new(), |finished| String::from_utf8_lossy(&finished.stdout).into_owned())
}

fn check_magic(format: Format, artifact: &VerifiedArtifact) -> Result<()> {
    let mut start = Vec::new();
    let mut file = artifact.file();
    file.rewind()
        .and_then(|()| file.take(START_BYTES).read_to_end(&mut start))
        .map_err(|error| Error::io("read", artifact.path(), error))?;
    let (kinds, expected) = magic(format);
    if kinds.iter().any(|kind| start.starts_with(kind)) {
        return Ok(());
    }
    let reason = format!("it does not begin like {expected}");
    Err(Error::InvalidArtifact { format: format.as_str(), reason })
}

/// deb(5); the lead of an RPM file; what makepkg(8) compresses with.
const fn magic(format: Format) -> (&'static [&'static [u8]], &'static str) {
    match format {
        Format::Rpm => (&[b"\xed\xab\xee\xdb"], "an RPM package"),
        Format::Pacman => {
            (&[b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"\x1f\x8b"], "a package compressed with zstd, xz or gzip")
        }
        _ => (&[b"!<arch>\ndebian-binary"], "a Debian package"),
    }
}

fn inspect(
    manager: &Manager,
    format: Format,
    artifact: &VerifiedArtifact,
    system: &dyn System,
) -> Result<Identity> {
    let question = manager.inspect();
    let name = question.0;
    let finished = ask(&question, Some(artifact.file()), INSPECTION_TIME_MAX, system).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return Error::UnsupportedFormat { format: format.to_string(), reason: error.to_string() };
        }
        Error::io("run", name, error)
    })?;
    let identity = manager.identity(&String::from_utf8_lossy(&finished.stdout));
    identity.filter(|_| finished.exit_code == Some(0)).ok_or_else(|| Error::InvalidArtifact {
        format: format.as_str(),
        reason: format!("{name} cannot read it: {}", last_words(&[&finished.stdout, &finished.stderr])),
    })
}

fn check_identity(plan: &PackagePlan, identity: &Identity, arch: Arch) -> Result<()> {
    let PackagePlan { format, name, path, .. } = plan;
    if identity.name != *name {
        let reason = format!(
            "the artifact is the {format} package {}, but {} belongs to {name}; if that is not the application, name a \
             file of the application in `executablePath`",
            identity.name,
            path.display()
        );
        return Err(Error::NotUpdatable { reason });
    }
    if identity.is_for_another_than(arch) {
        let reason =
            format!("it is made for {}, another processor than {}", identity.architecture, arch.as_str());
        return Err(Error::InvalidArtifact { format: format.as_str(), reason });
    }
    Ok(())
}

/// apt-get has nothing to do for a version that is installed, whatever else is in the package, and calls that a success:
/// the old files would count as the new release.
fn refuse_what_is_installed(identity: &Identity, installed: &str) -> Result<()> {
    if !identity.is_installed(installed) {
        return Ok(());
    }
    let reason = format!(
        "the artifact is {} {}, which is installed already; a new release needs a package with a new version",
        identity.name, identity.version
    );
    Err(Error::NotUpdatable { reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn an_artifact_of_another_format_is_no_update_of_a_package() {
        let plan = |format, installed| plan(format, installed, "app", Path::new("/opt/app/app"), false);
        for format in [Format::Deb, Format::Rpm, Format::Pacman] {
            assert_eq!(plan(format, format).unwrap().name, "app");
            for other in [Format::AppImage, Format::Deb, Format::Rpm, Format::Pacman] {
                if other != format {
                    let message = plan(other, format).unwrap_err().to_string();
                    assert!(message.contains(&format!("the {format} package app")), "{message}");
                    assert!(message.contains("executablePath"), "{message}");
                }
            }
        }
    }

    fn identity(line: &str) -> Identity {
        Identity::from_line(line).unwrap()
    }

    #[test]
    fn another_package_is_no_update_and_one_for_another_processor_is_no_package_for_this_target() {
        let plan = plan(Format::Deb, Format::Deb, "app", Path::new("/opt/app/app"), false).unwrap();
        let code = |line| check_identity(&plan, &identity(line), Arch::X86_64).map_err(|error| error.code());
        assert_eq!(code("app 2.0.0 amd64"), Ok(()));
        assert_eq!(code("app 2.0.0 all"), Ok(()));
        assert_eq!(code("app 2.0.0 arm64"), Err(ErrorCode::InvalidArtifact));
        assert_eq!(code("other 2.0.0 amd64"), Err(ErrorCode::NotUpdatable));
    }

    #[test]
    fn a_version_that_is_installed_already_is_no_update() {
        let refused = |line| refuse_what_is_installed(&identity(line), "app 1.0.0 installed\n");
        assert!(refused("app 2.0.0 all").is_ok());
        let error = refused("app 1.0.0 all").unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable);
        assert!(error.to_string().contains("app 1.0.0, which is installed already"), "{error}");
        // It can still be completed.
        let half = "app 2.0.0 half-configured\n";
        assert!(refuse_what_is_installed(&identity("app 2.0.0 all"), half).is_ok());
    }

    #[test]
    fn packages_are_told_by_how_they_begin() {
        let begins = |format, bytes: &[u8]| magic(format).0.iter().any(|kind| bytes.starts_with(kind));
        assert!(begins(
            Format::Deb,
            b"!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\n"
        ));
        assert!(!begins(Format::Deb, b"!<arch>\nmember.o/"));
        assert!(begins(Format::Rpm, b"\xed\xab\xee\xdb\x03\0\0\0"));
        assert!(begins(Format::Pacman, b"\x28\xb5\x2f\xfd\x04"));
        for format in [Format::Deb, Format::Rpm, Format::Pacman] {
            assert!(!begins(format, b"") && !begins(format, b"\x7fELF") && !begins(format, b"<html>"));
        }
    }
}
