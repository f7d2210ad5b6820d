//! `signer generate`, `signer sign`, `signer verify`.

mod generate;
mod sign;
mod verify;

use cargo_packager_updater::signature::SignedMetadata;
use serde_json::{Map, Value};

use crate::{args::SignerCommand, failure::Failure, output::Output};

pub(crate) fn run(command: SignerCommand, output: &Output) -> Result<(), Failure> {
    match command {
        SignerCommand::Generate(args) => generate::run(args, output),
        SignerCommand::Sign(args) => sign::run(args, output),
        SignerCommand::Verify(args) => verify::run(&args, output),
    }
}

fn fields_as_json(metadata: &SignedMetadata) -> Value {
    metadata.fields().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into()
}
