//! Outlives an application on Windows. While an MSI is installed nobody of the application may be alive; so this small
//! program waits for its end, runs msiexec, and starts the installed version again, whatever came of it. An NSIS installer
//! runs by itself, and this program waits for the end of both.
//!
//! # Rights
//! It is started by the application and so has its rights, never more: starting a program cannot raise them, installers
//! ask for them in a process of their own, and what is started here has the rights of this program again.
//!
//! What to do arrives through the standard input, as `Job` says, and a pipe named there takes the answers. It has no
//! window and prints nothing. Its exit code is 0 where all that was asked could be done, whatever the installer said of
//! it, and else 1.

#![cfg_attr(windows, windows_subsystem = "windows")]

#[cfg(windows)]
#[path = "../../src/system/windows/job.rs"]
mod job;
#[cfg(windows)]
mod run;

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    run::run()
}

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
