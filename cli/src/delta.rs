//! `delta create`, `delta apply`.

mod apply;
mod create;
mod make;

use crate::{args::DeltaCommand, failure::Failure, output::Output};

pub(crate) use make::{Made, MakingBar, PERCENT_MAX, beside_artifact, sign_delta};

pub(crate) fn run(command: DeltaCommand, output: &Output) -> Result<(), Failure> {
    match command {
        DeltaCommand::Create(args) => create::run(args, output),
        DeltaCommand::Apply(args) => apply::run(&args, output),
    }
}
