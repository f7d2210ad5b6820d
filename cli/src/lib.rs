//! The command line.

use std::ffi::OsString;

/// Runs.
pub fn run(_args: impl IntoIterator<Item = OsString>) -> i32 {
    0
}
