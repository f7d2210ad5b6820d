//! The `cargo-packager-updater` program; all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = cargo_packager_updater_cli::run(std::env::args_os());
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
