//! The program under test, in a directory of its own.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Made with `minisign -G -W` for these tests: opens without the costly derivation from a password.
pub(crate) const KEY: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAY9YQVNIWzAvvx/P7gRc3QEDAOpjyooTcqPFyykKsR8zIBy7IlKqEb+u8VXJUcRgN3FwndgajnQAcRtojFxPXMAxECiTuDF5WAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
pub(crate) const PUBLIC: &str = "RWRj1hBU0hbMC+u8VXJUcRgN3FwndgajnQAcRtojFxPXMAxECiTuDF5W";
pub(crate) const PRIVATE_KEY_VARIABLE: &str = "CARGO_PACKAGER_SIGN_PRIVATE_KEY";
pub(crate) const PASSWORD_VARIABLE: &str = "CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD";

pub(crate) struct Cli {
    dir: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cli {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// With the test key in the environment.
    pub(crate) fn with_key() -> Self {
        Self::new().with(PRIVATE_KEY_VARIABLE, KEY)
    }

    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(program(), args)
    }

    /// Another program, with the same surroundings.
    pub(crate) fn command_of(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove(PRIVATE_KEY_VARIABLE).env_remove(PASSWORD_VARIABLE);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn succeed(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Gives everything that was printed.
    pub(crate) fn fail(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 1, "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout + &ran.stderr
    }
}

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cargo-packager-updater"))
}
