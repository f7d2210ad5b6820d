//! The command line for publishers: keys, signatures, manifests, differential updates, and a local update server.
//!
//! A library, so that the npm package runs the same program as the `cargo-packager-updater` binary.

mod args;
mod delta;
mod failure;
mod file;
mod key;
mod manifest;
mod output;
mod serve;
mod signer;
mod signing;
mod usage;

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
};

use args::{Arguments, Command};
use output::Output;

/// Runs one command and gives its exit code: 0 done, 1 failed, 2 wrong usage.
///
/// `args` starts with the program's name, as shown in the help: a path, or a command such as
/// `npx @crabnebula/updater`. Writes to standard output and standard error, reads passwords from the terminal, and
/// blocks until the command is done. Neither panics nor ends the process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    // A panic that crossed into Node would abort it without a word.
    catch_unwind(AssertUnwindSafe(|| match usage::parse(&args) {
        Ok(arguments) => execute(arguments),
        Err(exit) => exit.report(),
    }))
    .unwrap_or(failure::FAILED)
}

fn execute(arguments: Arguments) -> i32 {
    let output = Output::new(arguments.json);
    let result = match arguments.command {
        Command::Signer(command) => signer::run(command, &output),
        Command::Manifest(command) => manifest::run(command, &output),
        Command::Delta(command) => delta::run(command, &output),
        Command::Serve(args) => serve::run(&args, &output),
    };
    match result {
        Ok(()) => failure::DONE,
        Err(failure) => failure.report(&output),
    }
}
