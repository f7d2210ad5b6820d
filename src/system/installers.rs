//! [`Installers`]: what the installers of Windows need of the operating system.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::Command;

/// A program, and the line that it is to be told.
#[allow(dead_code, reason = "read on Windows")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation<'a> {
    pub(crate) program: &'a Path,
    /// Everything behind the program's name, quoted as the program reads it.
    pub(crate) arguments: &'a OsStr,
}

/// Running installers.
pub(crate) trait Installers: Send + Sync + std::fmt::Debug {
    /// Where Windows keeps its own programs.
    fn system_directory(&self) -> io::Result<PathBuf>;
    /// The program that outlives this process, beside the module that this code is part of.
    fn relauncher(&self) -> io::Result<PathBuf>;
    /// Makes a directory for this user only.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Gives a file a second name; where the file system knows only one for each, a copy.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Opens a file for reading; while it is held, nobody can change, replace, rename or remove it.
    fn hold(&self, path: &Path) -> io::Result<File>;
    /// Starts an installer, and asks the user for the rights that its manifest demands. Its file stays held until this
    /// process ends, and what is started after this process waits for the end of the installer too: the command, else what
    /// was asked for before. `relauncher`, else the one that is used already, runs before the installer does.
    fn start(
        &self,
        relauncher: Option<&Path>,
        held: &File,
        installer: Invocation<'_>,
        then: Option<&Command>,
    ) -> io::Result<()>;
    /// Runs a program, and gives its exit code.
    fn run(&self, invocation: Invocation<'_>) -> io::Result<i32>;
    /// From here on this copy is what outlives this process.
    fn adopt(&self, relauncher: PathBuf, held: File);
    /// Has `relauncher` wait for the end of this process, run the installer, which it holds in the meantime, and then
    /// start the command, else what was asked for before, whatever came of it. Another command that is to be started after
    /// this process takes the place of this one, and the installer runs all the same.
    fn outlive(
        &self,
        relauncher: &Path,
        held: &File,
        installer: Invocation<'_>,
        then: Option<&Command>,
    ) -> io::Result<()>;
}
