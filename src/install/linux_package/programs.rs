//! Programs that are run by their whole path: `PATH` belongs to the user, not to the system.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::system::{Finished, Program, System};

/// Enough to read one package or one entry of a database.
pub(super) const INSPECTION_TIME_MAX: Duration = Duration::from_secs(30);

const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// A program, found by its name, and its arguments.
pub(super) type Question = (&'static str, Vec<OsString>);

/// The program with this name, if the system has it.
pub(super) fn find(name: &str, system: &dyn System) -> Option<PathBuf> {
    let paths = DIRECTORIES.map(|directory| Path::new(directory).join(name));
    paths.into_iter().find(|path| system.check_executable(path).is_ok())
}

/// Runs a program, which reads `input`, to its end. [`io::ErrorKind::NotFound`] where the system does not have it.
pub(super) fn ask(
    (name, args): &Question,
    input: Option<&File>,
    time_max: Duration,
    system: &dyn System,
) -> io::Result<Finished> {
    let not_installed = || io::Error::new(io::ErrorKind::NotFound, format!("{name} is not installed"));
    let path = find(name, system).ok_or_else(not_installed)?;
    system.run(&Program { path: &path, args, stdin: input, time_max: Some(time_max) })
}
