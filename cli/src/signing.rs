//! A signature beside a file.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use cargo_packager_updater::{
    Error,
    sign::{SecretKey, encode},
    signature::{Signature, SignedMetadata, verify_reader},
};

use crate::{
    failure::Failure,
    file::{Access, Draft, beside, open_artifact},
    output::Output,
};

/// What was written.
pub(crate) struct SignatureFile {
    pub(crate) path: PathBuf,
    /// In the packager's encoding.
    pub(crate) signature: String,
    pub(crate) metadata: SignedMetadata,
}

/// What was signed is read again and verified before anybody else sees the signature: a file that changed meanwhile,
/// or a fault in the machine, is found here and not by every application.
pub(crate) fn sign(
    path: &Path,
    key: &SecretKey,
    common: &SignedMetadata,
    output: &Output,
) -> Result<SignatureFile, Failure> {
    let about = || Failure::about(path.display());
    let metadata = SignedMetadata { file: Some(file_name(path)?), ..common.clone() };
    let (file, size) = open_artifact(path)?;
    let bar = output.bar(size, format!("Signing {}", path.display()));
    let text = key.sign(&mut bar.wrap_read(file), &metadata).map_err(about())?;
    bar.finish_and_clear();

    let signature = Signature::parse(&text).map_err(about())?;
    let (file, size) = open_artifact(path)?;
    let bar = output.bar(size, format!("Verifying {}", path.display()));
    let keys = [key.public_key().clone()];
    let verified = verify_reader(&mut bar.wrap_read(file), &signature, &keys).map_err(about())?;
    bar.finish_and_clear();
    if verified != metadata {
        let reason = "the signature does not say what it was asked to".to_owned();
        return Err(about()(Error::Signing { reason }));
    }

    let encoded = encode(&text);
    let signature_path = beside(path, ".sig");
    Draft::write(&signature_path, encoded.as_bytes(), Access::Everybody)?.replace()?;
    Ok(SignatureFile { path: signature_path, signature: encoded, metadata: verified })
}

fn file_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Failure::other(format!("{} has no name in UTF-8", path.display())))
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
