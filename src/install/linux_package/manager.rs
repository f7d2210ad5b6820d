//! What each package manager is asked, and how its answers are read. Data only.
//!
//! Sources: apt-get(8), dpkg(1), dpkg-deb(1), dpkg-query(1), rpm(8), pacman(8).

use std::{ffi::OsString, path::PathBuf};

use super::{
    identity::Identity,
    programs::{Question, find},
};
use crate::{Error, Result, system::System, target::Format};

/// The artifact, as it is handed to a program that may not be given its path: that could lead to another file by then.
pub(super) const INPUT: &str = "/proc/self/fd/0";

/// The package manager for one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manager {
    /// apt-get, which also fetches what the new version newly depends on.
    Apt(PathBuf),
    Dpkg(PathBuf),
    Rpm(PathBuf),
    Pacman(PathBuf),
}

impl Manager {
    pub(super) fn of(format: Format, system: &dyn System) -> Result<Self> {
        let found = match format {
            Format::Rpm => find("rpm", system).map(Self::Rpm),
            Format::Pacman => find("pacman", system).map(Self::Pacman),
            _ => find("apt-get", system).map(Self::Apt).or_else(|| find("dpkg", system).map(Self::Dpkg)),
        };
        found.ok_or_else(|| {
            let reason = "its package manager is not installed".to_owned();
            Error::UnsupportedFormat { format: format.to_string(), reason }
        })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Apt(_) => "apt-get",
            Self::Dpkg(_) => "dpkg",
            Self::Rpm(_) => "rpm",
            Self::Pacman(_) => "pacman",
        }
    }

    /// apt-get tells packages from names by their ending.
    pub(super) const fn file_name(&self) -> &'static str {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => "update.deb",
            Self::Rpm(_) => "update.rpm",
            Self::Pacman(_) => "update.pkg",
        }
    }

    /// Installs the file in the working directory; asks nothing. Configuration files that the administrator changed
    /// stay, and other packages are not removed for it.
    pub(super) fn install(&self, downgrade: bool) -> Vec<OsString> {
        let file = format!("./{}", self.file_name());
        match self {
            Self::Apt(_) => self.command(&["-o", "Dpkg::Use-Pty=0"], downgrade, &file),
            Self::Dpkg(_) | Self::Rpm(_) | Self::Pacman(_) => self.command(&[], downgrade, &file),
        }
    }

    /// Finds out, without rights, whether that would succeed. rpm and pacman may want a signature of their own, as their
    /// administrator has decided; one by the application's author says nothing about that, so it is not overruled
    /// (`--nosignature`).
    pub(super) fn simulate(&self, downgrade: bool) -> Vec<OsString> {
        match self {
            Self::Apt(_) => self.command(&["--simulate"], downgrade, ""),
            Self::Dpkg(_) => self.command(&["--no-act"], downgrade, INPUT),
            Self::Rpm(_) => self.command(&["--test"], downgrade, INPUT),
            Self::Pacman(_) => self.command(&["--print"], downgrade, INPUT),
        }
    }

    fn command(&self, more: &[&str], downgrade: bool, file: &str) -> Vec<OsString> {
        let (program, args, allow_downgrade): (_, &[&str], _) = match self {
            Self::Apt(program) => (program, &APT, "--allow-downgrades"),
            Self::Dpkg(program) => (program, &DPKG, ""),
            Self::Rpm(program) => (program, &["--upgrade"], "--oldpackage"),
            Self::Pacman(program) => (program, &["--upgrade", "--noconfirm"], ""),
        };
        let allowed = downgrade && !allow_downgrade.is_empty();
        let refused = matches!(self, Self::Dpkg(_)) && !downgrade;
        let args = args.iter().chain(more).copied();
        let args =
            args.chain(allowed.then_some(allow_downgrade)).chain(refused.then_some("--refuse-downgrade"));
        let args = args.chain(["--"]).chain((!file.is_empty()).then_some(file));
        std::iter::once(program.into()).chain(args.map(OsString::from)).collect()
    }

    /// What the artifact at [`INPUT`] is.
    pub(super) fn inspect(&self) -> Question {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => {
                let format = "--showformat=${Package} ${Version} ${Architecture}\\n";
                ("dpkg-deb", words(&["--show", format, "--", INPUT]))
            }
            Self::Rpm(_) => {
                let format = "%{NAME} %{EVR} %{ARCH}\\n";
                ("rpm", words(&["--query", "--package", "--queryformat", format, "--", INPUT]))
            }
            Self::Pacman(_) => ("pacman", words(&["--query", "--info", "--file", "--", INPUT])),
        }
    }

    /// The answer to that.
    pub(super) fn identity(&self, said: &str) -> Option<Identity> {
        match self {
            Self::Apt(_) | Self::Dpkg(_) | Self::Rpm(_) => Identity::from_line(said),
            Self::Pacman(_) => Identity::from_fields(said),
        }
    }

    /// What is installed under this name: its name and version, and its state where there are several.
    pub(super) fn installed(&self, name: &str) -> Question {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => {
                let format = "--showformat=${Package} ${Version} ${db:Status-Status}\\n";
                ("dpkg-query", words(&["--show", format, "--", name]))
            }
            Self::Rpm(_) => ("rpm", words(&["--query", "--queryformat", "%{NAME} %{EVR}\\n", "--", name])),
            Self::Pacman(_) => ("pacman", words(&["--query", "--", name])),
        }
    }

    /// What a package depends on, asked of dpkg-deb for one in a file, of dpkg-query for an installed one.
    pub(super) fn dependencies(program: &'static str, package: &str) -> Question {
        (program, words(&["--show", "--showformat=${Pre-Depends}\\n${Depends}\\n", "--", package]))
    }

    /// Succeeds unless pacman has a later version than this.
    pub(super) fn is_no_downgrade(identity: &Identity) -> Question {
        ("pacman", words(&["--deptest", "--", &format!("{}<={}", identity.name, identity.version)]))
    }

    /// Whether a simulation that ended like this was a refusal of the package.
    pub(super) fn is_refusal(&self, exit_code: Option<i32>, said: &str) -> bool {
        let failed = exit_code != Some(0);
        match self {
            Self::Apt(_) | Self::Pacman(_) => failed,
            // It passes over such a package, and calls that a success.
            Self::Dpkg(_) => failed || said.contains("will not downgrade"),
            // To ordinary users it may also refuse because it would write to its database, or cannot read it.
            Self::Rpm(_) => {
                let about_database = ["cannot open Packages ", "can't create transaction lock"];
                failed && !about_database.iter().any(|words| said.contains(words))
            }
        }
    }

    /// Whether it gave up because somebody else is at it.
    pub(super) fn is_busy(&self, said: &str) -> bool {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => {
                said.contains("Could not get lock") || said.contains("lock was locked by another process")
            }
            // The reason is EAGAIN's: whoever may not write gets another one.
            Self::Rpm(_) => {
                said.contains("can't create transaction lock")
                    && said.contains("(Resource temporarily unavailable)")
            }
            Self::Pacman(_) => said.contains("unable to lock database"),
        }
    }
}

const APT: [&str; 8] = [
    "install",
    "-q",
    "-y",
    "--no-remove",
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
];
const DPKG: [&str; 3] = ["--force-confdef", "--force-confold", "--install"];

fn words(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, system::testing::FakeSystem};

    fn shown(command: &[OsString]) -> String {
        command.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_format_is_its_own_package_managers() {
        let with = |programs: &[&str]| {
            let add = |system: FakeSystem, name: &&str| system.with_program(&format!("/usr/bin/{name}"), "");
            programs.iter().fold(FakeSystem::default(), add)
        };
        let name = |format, programs: &[&str]| Manager::of(format, &with(programs)).map(|found| found.name());
        let all = ["apt-get", "dpkg", "rpm", "pacman"];
        for (format, expected) in [(Format::Deb, "apt-get"), (Format::Rpm, "rpm"), (Format::Pacman, "pacman")]
        {
            assert_eq!(name(format, &all).unwrap(), expected);
            let others: Vec<_> =
                all.into_iter().filter(|name| *name != expected && *name != "dpkg").collect();
            assert_eq!(name(format, &others).unwrap_err().code(), ErrorCode::UnsupportedFormat);
        }
        assert_eq!(name(Format::Deb, &["dpkg", "rpm"]).unwrap(), "dpkg");
    }

    #[test]
    fn command_lines_are_those_of_the_manuals() {
        let (apt, dpkg) = (Manager::Apt("/usr/bin/apt-get".into()), Manager::Dpkg("/usr/bin/dpkg".into()));
        let (rpm, pacman) = (Manager::Rpm("/usr/bin/rpm".into()), Manager::Pacman("/usr/bin/pacman".into()));
        let keep = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold";
        for (manager, downgrade, install, simulate) in [
            (
                &apt,
                false,
                format!(
                    "/usr/bin/apt-get install -q -y --no-remove {keep} -o Dpkg::Use-Pty=0 -- ./update.deb"
                ),
                format!("/usr/bin/apt-get install -q -y --no-remove {keep} --simulate --"),
            ),
            (
                &apt,
                true,
                format!(
                    "/usr/bin/apt-get install -q -y --no-remove {keep} -o Dpkg::Use-Pty=0 --allow-downgrades -- ./update.deb"
                ),
                format!("/usr/bin/apt-get install -q -y --no-remove {keep} --simulate --allow-downgrades --"),
            ),
            (
                &dpkg,
                false,
                "/usr/bin/dpkg --force-confdef --force-confold --install --refuse-downgrade -- ./update.deb"
                    .into(),
                "/usr/bin/dpkg --force-confdef --force-confold --install --no-act --refuse-downgrade -- /proc/self/fd/0".into(),
            ),
            (
                &dpkg,
                true,
                "/usr/bin/dpkg --force-confdef --force-confold --install -- ./update.deb".into(),
                "/usr/bin/dpkg --force-confdef --force-confold --install --no-act -- /proc/self/fd/0".into(),
            ),
            (
                &rpm,
                false,
                "/usr/bin/rpm --upgrade -- ./update.rpm".into(),
                "/usr/bin/rpm --upgrade --test -- /proc/self/fd/0".into(),
            ),
            (
                &rpm,
                true,
                "/usr/bin/rpm --upgrade --oldpackage -- ./update.rpm".into(),
                "/usr/bin/rpm --upgrade --test --oldpackage -- /proc/self/fd/0".into(),
            ),
            (
                &pacman,
                false,
                "/usr/bin/pacman --upgrade --noconfirm -- ./update.pkg".into(),
                "/usr/bin/pacman --upgrade --noconfirm --print -- /proc/self/fd/0".into(),
            ),
        ] {
            assert_eq!(shown(&manager.install(downgrade)), install);
            assert_eq!(shown(&manager.simulate(downgrade)), simulate);
        }
    }

    #[test]
    fn questions_are_those_of_the_manuals_and_answers_are_read_as_they_say() {
        let question = |(program, args): Question| format!("{program} {}", shown(&args));
        let (line, fields) = ("app 2.0.0 all\n", "Name : app\nVersion : 2.0.0\nArchitecture : any\n");
        for (manager, name, inspect, installed, answer) in [
            (
                Manager::Apt("/usr/bin/apt-get".into()),
                "apt-get",
                "dpkg-deb --show --showformat=${Package} ${Version} ${Architecture}\\n -- /proc/self/fd/0",
                "dpkg-query --show --showformat=${Package} ${Version} ${db:Status-Status}\\n -- app",
                line,
            ),
            (
                Manager::Dpkg("/usr/bin/dpkg".into()),
                "dpkg",
                "dpkg-deb --show --showformat=${Package} ${Version} ${Architecture}\\n -- /proc/self/fd/0",
                "dpkg-query --show --showformat=${Package} ${Version} ${db:Status-Status}\\n -- app",
                line,
            ),
            (
                Manager::Rpm("/usr/bin/rpm".into()),
                "rpm",
                "rpm --query --package --queryformat %{NAME} %{EVR} %{ARCH}\\n -- /proc/self/fd/0",
                "rpm --query --queryformat %{NAME} %{EVR}\\n -- app",
                line,
            ),
            (
                Manager::Pacman("/usr/bin/pacman".into()),
                "pacman",
                "pacman --query --info --file -- /proc/self/fd/0",
                "pacman --query -- app",
                fields,
            ),
        ] {
            assert_eq!(manager.name(), name);
            assert_eq!(question(manager.inspect()), inspect);
            assert_eq!(question(manager.installed("app")), installed);
            let identity = manager.identity(answer).unwrap();
            assert_eq!((identity.name.as_str(), identity.version.as_str()), ("app", "2.0.0"));
            assert_eq!(manager.identity("app"), None);
        }
    }

    #[test]
    fn a_lock_held_by_another_is_told_from_failures() {
        let apt = Manager::Apt("/usr/bin/apt-get".into());
        assert!(
            apt.is_busy(
                "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt)"
            )
        );
        assert!(apt.is_busy("dpkg: error: dpkg frontend lock was locked by another process with pid 12"));
        assert!(!apt.is_busy("E: Sub-process /usr/bin/dpkg returned an error code (1)"));
        let pacman = Manager::Pacman("/usr/bin/pacman".into());
        assert!(pacman.is_busy("error: failed to init transaction (unable to lock database)"));
        let rpm = Manager::Rpm("/usr/bin/rpm".into());
        let lock = "error: can't create transaction lock on /usr/lib/sysimage/rpm/.rpm.lock";
        assert!(rpm.is_busy(&format!("{lock} (Resource temporarily unavailable)")));
        assert!(!rpm.is_busy(&format!("{lock} (Read-only file system)")));
    }

    #[test]
    fn what_rpm_says_of_a_package_is_a_refusal_and_what_it_says_of_its_database_is_none() {
        let rpm = Manager::Rpm("/usr/bin/rpm".into());
        for reason in [
            "error: Failed dependencies:\n\tlib is needed by app-2.0.0-1.x86_64",
            "\tpackage app-2.0.0-1.aarch64 is intended for a different architecture",
            "\tpackage app-2.0.0-1.x86_64 does not verify: no signature",
            "\tpackage app-3.0.0-1.x86_64 (which is newer than app-2.0.0-1.x86_64) is already installed",
            "\tfile /opt/app from install of app-2.0.0-1.x86_64 conflicts with file from package other",
        ] {
            assert!(rpm.is_refusal(Some(2), reason), "{reason}");
        }
        for reason in [
            "error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Permission denied)",
            "error: cannot open Packages database in /var/lib/rpm",
        ] {
            assert!(!rpm.is_refusal(Some(1), reason), "{reason}");
        }
    }
}
