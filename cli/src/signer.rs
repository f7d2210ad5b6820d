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

/// What a signature says, by the names it has there.
fn fields(metadata: &SignedMetadata) -> Vec<(&'static str, &str)> {
    let all = [
        ("timestamp", &metadata.timestamp),
        ("file", &metadata.file),
        ("version", &metadata.version),
        ("target", &metadata.target),
        ("format", &metadata.format),
        ("channel", &metadata.channel),
        ("app", &metadata.app),
        ("type", &metadata.purpose),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
}

fn fields_as_json(metadata: &SignedMetadata) -> Value {
    fields(metadata)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect::<Map<_, _>>()
        .into()
}
