//! `manifest create`, `manifest add`, `manifest sign`, `manifest check`.

mod add;
mod check;
mod create;
mod sign;

use std::path::Path;

use cargo_packager_updater::release::{Manifest, SignedArtifact, Unversioned};

use crate::{
    args::ManifestCommand,
    failure::Failure,
    file::{Access, Draft, read_text},
    output::Output,
};

pub(crate) fn run(command: ManifestCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ManifestCommand::Create(args) => create::run(args, output),
        ManifestCommand::Add(args) => add::run(args, output),
        ManifestCommand::Sign(args) => sign::run(args, output),
        ManifestCommand::Check(args) => check::run(&args, output),
    }
}

const fn unversioned(allow: bool) -> Unversioned {
    if allow { Unversioned::Allow } else { Unversioned::Refuse }
}

fn read(path: &Path) -> Result<Manifest, Failure> {
    Ok(Manifest::parse(read_text(path)?.as_bytes(), &path.to_string_lossy())?)
}

fn write(path: &Path, manifest: &Manifest) -> Result<(), Failure> {
    Draft::write(path, manifest.to_json()?.as_bytes(), Access::Everybody)?.replace()
}

pub(crate) fn signed_artifact(path: &Path, signature: &Path) -> Result<SignedArtifact, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::other(format!("{} has no name in UTF-8", path.display())))?;
    let size = std::fs::metadata(path).map_err(|error| Failure::io("read", path, error))?.len();
    SignedArtifact::new(name, size, &read_text(signature)?).map_err(Failure::about(signature.display()))
}
