//! Programs that are run by their whole path: `PATH` belongs to the user, not to the system.

use std::path::{Path, PathBuf};

use crate::system::System;

const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// The program with this name, if the system has it.
pub(super) fn find(name: &str, system: &dyn System) -> Option<PathBuf> {
    let paths = DIRECTORIES.map(|directory| Path::new(directory).join(name));
    paths.into_iter().find(|path| system.check_executable(path).is_ok())
}
