//! [`Elevation`]: how this process becomes root.

use std::{ffi::OsString, path::PathBuf};

use super::programs::find;
use crate::{Error, Result, system::System};

/// A way to run a program as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Elevation {
    /// This process is root.
    Root,
    /// pkexec(1) asks the user through the agent of the desktop, or at the terminal.
    Pkexec(PathBuf),
    /// sudo(8) asks at the terminal, whatever its input is.
    Sudo(PathBuf),
}

impl Elevation {
    /// The ways to try, in this order.
    ///
    /// # Errors
    /// [`Error::ElevationDenied`] where there is none.
    pub(super) fn ways(system: &dyn System) -> Result<Vec<Self>> {
        if system.is_root() {
            return Ok(vec![Self::Root]);
        }
        let sudo = find("sudo", system);
        let usable = sudo.clone().filter(|_| system.has_terminal());
        let ways: Vec<Self> =
            find("pkexec", system).map(Self::Pkexec).into_iter().chain(usable.map(Self::Sudo)).collect();
        if ways.is_empty() {
            let sudo = if sudo.is_some() {
                "sudo would need the foreground of a terminal"
            } else {
                "there is no sudo"
            };
            let reason = format!("this process is not root, there is no pkexec, and {sudo}");
            return Err(Error::ElevationDenied { reason });
        }
        Ok(ways)
    }

    /// The program and arguments that run `command` as root.
    pub(super) fn wrap(&self, command: Vec<OsString>) -> Vec<OsString> {
        let prefix: Vec<OsString> = match self {
            Self::Root => Vec::new(),
            Self::Pkexec(program) => vec![program.into()],
            Self::Sudo(program) => vec![program.into(), "--".into()],
        };
        prefix.into_iter().chain(command).collect()
    }

    /// Whether the program could not ask, or nobody may say yes, so that another way is worth a try. pkexec(1) ends
    /// with 127 then, and with 126 where the user dismissed the question.
    pub(super) fn cannot_ask(&self, exit_code: Option<i32>) -> bool {
        matches!(self, Self::Pkexec(_)) && exit_code == Some(127)
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Root => "/bin/sh",
            Self::Pkexec(_) => "pkexec",
            Self::Sudo(_) => "sudo",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, system::testing::FakeSystem};

    fn ways(system: &FakeSystem) -> Vec<&'static str> {
        Elevation::ways(system).unwrap().iter().map(Elevation::name).collect()
    }

    fn system(programs: &[&str]) -> FakeSystem {
        programs.iter().fold(FakeSystem::default(), |system, path| system.with_program(path, ""))
    }

    #[test]
    fn root_asks_nobody_and_others_first_where_they_see_it() {
        let both = || system(&["/usr/bin/pkexec", "/usr/bin/sudo"]);
        assert_eq!(ways(&both().with_root()), ["/bin/sh"]);
        assert_eq!(ways(&both()), ["pkexec"]);
        assert_eq!(ways(&both().with_terminal()), ["pkexec", "sudo"]);
        assert_eq!(ways(&system(&["/usr/bin/sudo"]).with_terminal()), ["sudo"]);
    }

    #[test]
    fn where_nobody_can_be_asked_it_is_said_what_was_looked_for() {
        let refused = |system: &FakeSystem| {
            let error = Elevation::ways(system).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ElevationDenied);
            error.to_string()
        };
        assert!(refused(&system(&[])).ends_with("there is no pkexec, and there is no sudo"));
        assert!(
            refused(&system(&["/usr/bin/sudo"])).ends_with("sudo would need the foreground of a terminal")
        );
        assert!(refused(&system(&["/home/me/bin/pkexec"])).contains("there is no pkexec"));
    }
}
