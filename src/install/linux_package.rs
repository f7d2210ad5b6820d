//! deb, rpm and pacman packages: the package manager that installed the application replaces it. That this happens
//! completely or not at all is up to the package manager.

mod elevation;
mod handover;
mod manager;
mod owner;
mod programs;

use std::{
    ffi::OsString,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::{
    elevation::Elevation,
    handover::{Handover, failed, last_words},
    manager::{Identity, Manager},
    owner::Owner,
    programs::find,
};
use super::{Change, Place, Record};
use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    system::{Finished, Program, System, check_space},
    target::Format,
};

/// Where root's copy lies: on disk, because `/run` is often too small for an application.
const COPIES: &str = "/var/tmp";
/// As many as the longest magic number needs.
const START_BYTES: u64 = 32;
const INSPECTION_TIME_MAX: Duration = Duration::from_secs(30);
/// apt-get reads the index of every package there is.
const SIMULATION_TIME_MAX: Duration = Duration::from_secs(120);
/// apt-get takes a path only where it ends in `.deb`; this one leads to the open file, whatever its path leads to.
const WITH_DEB_NAME: &str = r#"directory=$(mktemp -d) || exit
trap 'rm -rf -- "$directory"' EXIT
trap 'exit 143' TERM
ln -s /proc/self/fd/0 "$directory/update.deb" || exit
"$@" "$directory/update.deb"
"#;

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
        system: &Arc<dyn System>,
    ) -> Result<Self> {
        check_magic(plan.format, &artifact)?;
        let manager = Manager::of(plan.format, &**system)?;
        Elevation::ways(&**system)?;
        let identity = inspect(&manager, plan.format, &artifact, &**system)?;
        if identity.name != plan.name {
            let reason = format!(
                "the artifact is the {} package {}, but {} belongs to {}; if that is not the application, name a file \
                 of the application in `executablePath`",
                plan.format,
                identity.name,
                plan.path.display(),
                plan.name
            );
            return Err(Error::NotUpdatable { reason });
        }
        check_space(Path::new(COPIES), artifact.size(), &**system)?;
        simulate(&manager, plan.downgrade, &artifact, &**system)?;
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
        let installed = self.installed();
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

    /// What the package manager says of the package now.
    fn installed(&self) -> String {
        let (program, args) = self.manager.installed(&self.plan.name);
        let finished = find(program, &*self.system).and_then(|path| {
            let run = Program { path: &path, args: &args, stdin: None, time_max: Some(INSPECTION_TIME_MAX) };
            self.system.run(&run).ok()
        });
        finished.map_or_else(String::new, |finished| String::from_utf8_lossy(&finished.stdout).into_owned())
    }
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
    let (name, args) = manager.inspect();
    let path = find(name, system).ok_or_else(|| {
        let reason = format!("{name} is not installed");
        Error::UnsupportedFormat { format: format.to_string(), reason }
    })?;
    let finished = ask(&path, &args, artifact, INSPECTION_TIME_MAX, system)?;
    let identity = Identity::parse(&String::from_utf8_lossy(&finished.stdout));
    identity.filter(|_| finished.exit_code == Some(0)).ok_or_else(|| Error::InvalidArtifact {
        format: format.as_str(),
        reason: format!("{name} cannot read it: {}", last_words(&[&finished.stdout, &finished.stderr])),
    })
}

/// A missing dependency is refused before anybody is asked for a password, and before anything is unpacked.
fn simulate(
    manager: &Manager,
    downgrade: bool,
    artifact: &VerifiedArtifact,
    system: &dyn System,
) -> Result<()> {
    let Some(mut command) = manager.simulate(downgrade) else { return Ok(()) };
    if matches!(manager, Manager::Apt(_)) {
        command.splice(0..0, ["/bin/sh", "-c", WITH_DEB_NAME, "updater"].map(OsString::from));
    }
    let Some((path, args)) = command.split_first() else { return Ok(()) };
    let finished = ask(Path::new(path), args, artifact, SIMULATION_TIME_MAX, system)?;
    let said = [finished.stdout.as_slice(), finished.stderr.as_slice()].concat();
    if finished.exit_code == Some(0) || !manager.is_refusal(&String::from_utf8_lossy(&said)) {
        return Ok(());
    }
    Err(failed(manager.name(), &finished))
}

/// Gives the artifact to a program as its input.
fn ask(
    path: &Path,
    args: &[OsString],
    artifact: &VerifiedArtifact,
    time_max: Duration,
    system: &dyn System,
) -> Result<Finished> {
    let program = Program { path, args, stdin: Some(artifact.file()), time_max: Some(time_max) };
    system.run(&program).map_err(|error| Error::io("run", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

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
