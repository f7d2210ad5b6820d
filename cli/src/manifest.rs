//! `manifest create`, `manifest add`, `manifest sign`, `manifest check`.

mod add;
mod check;
mod create;
mod deltas;
mod sign;

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_packager_updater::{
    Format,
    release::{Delta, Manifest, SignedArtifact, Unversioned},
};

use crate::{
    args::ManifestCommand,
    failure::Failure,
    file::{Access, Draft, read_text, signature_beside},
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
    let size = fs::metadata(path).map_err(|error| Failure::io("read", path, error))?.len();
    SignedArtifact::new(name, size, &read_text(signature)?).map_err(Failure::about(signature.display()))
}

/// Each artifact with its signature, by name.
fn signed_files(dir: &Path, output: &Output) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let failed = |error| Failure::io("read", dir, error);
    let mut signed = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.is_file() {
            continue;
        }
        match signature_beside(&path) {
            Some(signature) if is_of_delta(&signature)? => {}
            Some(signature) => signed.push((path, signature)),
            None if Format::from_file_name(&path.to_string_lossy()).is_some() => {
                output.warn(&format!("{} is not signed and is left out", path.display()));
            }
            None => {}
        }
    }
    if signed.is_empty() {
        return Err(Failure::other(format!("there is no signed artifact in {}", dir.display())));
    }
    signed.sort();
    Ok(signed)
}

/// Deltas lie beside the artifacts that they make, and are announced with them.
fn is_of_delta(signature: &Path) -> Result<bool, Failure> {
    let parsed = SignedArtifact::new("", 0, &read_text(signature)?);
    let artifact = parsed.map_err(Failure::about(signature.display()))?;
    Ok(artifact.claimed().purpose.as_deref() == Some(Delta::PURPOSE))
}
