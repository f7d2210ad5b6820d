//! Outlives an application on Windows. While an MSI is installed nobody of the application may be alive; so this small
//! program waits for its end, runs msiexec, and starts the installed version again, whatever came of it.
//!
//! # Rights
//! It is started by the application and so has its rights, never more: starting a program cannot raise them, msiexec
//! asks for them in a process of its own, and what is started here has the rights of this program again.
//!
//! What to do arrives through the standard input, as `Job` says. It has no window, prints nothing, and its exit
//! code is that of the installer, else 1 where something could not be done.

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
