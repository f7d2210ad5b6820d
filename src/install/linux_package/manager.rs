//! What each package manager is asked, and how its answers are read. Data only.
//!
//! Sources: apt-get(8), dpkg(1), dpkg-deb(1), dpkg-query(1), rpm(8), pacman(8).

use std::{ffi::OsString, path::PathBuf};

use super::programs::find;
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

/// A program of the package manager's, found by its name, and its arguments.
pub(super) type Question = (&'static str, Vec<OsString>);

/// A package's name and version, in the spelling of its package manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) version: String,
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

    /// Finds out, without rights, whether that would succeed. dpkg cannot tell.
    pub(super) fn simulate(&self, downgrade: bool) -> Option<Vec<OsString>> {
        match self {
            Self::Apt(_) => Some(self.command(&["--simulate"], downgrade, "")),
            Self::Dpkg(_) => None,
            Self::Rpm(_) => Some(self.command(&["--test"], downgrade, INPUT)),
            Self::Pacman(_) => Some(self.command(&["--print"], downgrade, INPUT)),
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

    /// What the artifact at [`INPUT`] is: its name and version.
    pub(super) fn inspect(&self) -> Question {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => {
                ("dpkg-deb", words(&["--show", "--showformat=${Package} ${Version}\\n", "--", INPUT]))
            }
            Self::Rpm(_) => {
                ("rpm", words(&["--query", "--package", "--queryformat", RPM_IDENTITY, "--", INPUT]))
            }
            Self::Pacman(_) => ("pacman", words(&["--query", "--file", "--", INPUT])),
        }
    }

    /// What is installed under this name: its name and version, and its state where there are several.
    pub(super) fn installed(&self, name: &str) -> Question {
        match self {
            Self::Apt(_) | Self::Dpkg(_) => {
                let format = "--showformat=${Package} ${Version} ${db:Status-Status}\\n";
                ("dpkg-query", words(&["--show", format, "--", name]))
            }
            Self::Rpm(_) => ("rpm", words(&["--query", "--queryformat", RPM_IDENTITY, "--", name])),
            Self::Pacman(_) => ("pacman", words(&["--query", "--", name])),
        }
    }

    /// Whether a refusal to simulate is about the package. rpm also refuses where it would have to write to its
    /// database.
    pub(super) fn is_refusal(&self, said: &str) -> bool {
        !matches!(self, Self::Rpm(_))
            || said.contains("Failed dependencies")
            || said.contains("conflicts with")
    }

    /// Whether it gave up because somebody else is at it.
    pub(super) fn is_busy(&self, said: &str) -> bool {
        let words: &[&str] = match self {
            Self::Apt(_) | Self::Dpkg(_) => &["Could not get lock", "lock was locked by another process"],
            Self::Rpm(_) => &["can't create transaction lock"],
            Self::Pacman(_) => &["unable to lock database"],
        };
        words.iter().any(|words| said.contains(words))
    }
}

const RPM_IDENTITY: &str = "%{NAME} %{EVR}\\n";
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

impl Identity {
    /// From the one line that says it.
    pub(super) fn parse(said: &str) -> Option<Self> {
        let mut lines = said.lines().filter(|line| !line.is_empty());
        let mut words = lines.next()?.split(' ').map(str::to_owned);
        let (name, version) = (words.next()?, words.next()?);
        let whole =
            words.next().is_none() && lines.next().is_none() && !name.is_empty() && !version.is_empty();
        whole.then_some(Self { name, version })
    }

    /// Whether this is what the package manager says is there, and nothing is left to do for it.
    pub(super) fn is_installed(&self, said: &str) -> bool {
        said.lines().any(|line| {
            let mut words = line.split(' ');
            words.next() == Some(&self.name)
                && words.next() == Some(&self.version)
                && words.next().is_none_or(|state| state == "installed")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &[OsString]) -> String {
        command.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
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
                Some(format!("/usr/bin/apt-get install -q -y --no-remove {keep} --simulate --")),
            ),
            (
                &apt,
                true,
                format!(
                    "/usr/bin/apt-get install -q -y --no-remove {keep} -o Dpkg::Use-Pty=0 --allow-downgrades -- ./update.deb"
                ),
                Some(format!(
                    "/usr/bin/apt-get install -q -y --no-remove {keep} --simulate --allow-downgrades --"
                )),
            ),
            (
                &dpkg,
                false,
                "/usr/bin/dpkg --force-confdef --force-confold --install --refuse-downgrade -- ./update.deb"
                    .into(),
                None,
            ),
            (
                &dpkg,
                true,
                "/usr/bin/dpkg --force-confdef --force-confold --install -- ./update.deb".into(),
                None,
            ),
            (
                &rpm,
                false,
                "/usr/bin/rpm --upgrade -- ./update.rpm".into(),
                Some("/usr/bin/rpm --upgrade --test -- /proc/self/fd/0".into()),
            ),
            (
                &rpm,
                true,
                "/usr/bin/rpm --upgrade --oldpackage -- ./update.rpm".into(),
                Some("/usr/bin/rpm --upgrade --test --oldpackage -- /proc/self/fd/0".into()),
            ),
            (
                &pacman,
                false,
                "/usr/bin/pacman --upgrade --noconfirm -- ./update.pkg".into(),
                Some("/usr/bin/pacman --upgrade --noconfirm --print -- /proc/self/fd/0".into()),
            ),
        ] {
            assert_eq!(shown(&manager.install(downgrade)), install);
            assert_eq!(manager.simulate(downgrade).map(|command| shown(&command)), simulate);
        }
    }

    #[test]
    fn a_package_is_told_by_one_line_with_two_words() {
        let identity = |said: &str| Identity::parse(said).map(|identity| (identity.name, identity.version));
        assert_eq!(identity("app 1:2.0-1\n"), Some(("app".into(), "1:2.0-1".into())));
        for said in ["", "\n", "app", "app ", " 1.0", "app 1.0 x", "app 1.0\nother 2.0\n"] {
            assert_eq!(identity(said), None, "{said:?}");
        }
    }

    #[test]
    fn only_what_is_there_completely_is_installed() {
        let identity = Identity { name: "app".into(), version: "2.0".into() };
        for (said, installed) in [
            ("app 2.0 installed\n", true),
            ("app 2.0\n", true),
            ("app 1.0 installed\napp 2.0 installed\n", true),
            ("app 2.0 half-configured\n", false),
            ("app 2.0.1 installed\n", false),
            ("apps 2.0 installed\n", false),
            ("", false),
        ] {
            assert_eq!(identity.is_installed(said), installed, "{said:?}");
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
    }
}
