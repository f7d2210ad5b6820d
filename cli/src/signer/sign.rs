//! `signer sign`: a signature beside each artifact.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use cargo_packager_updater::{
    Error, IntoVersion,
    sign::{SecretKey, encode},
    signature::{Signature, SignedMetadata, verify_reader},
};
use serde_json::{Value, json};

use super::fields_as_json;
use crate::{
    args::SignArgs,
    failure::Failure,
    file::{Access, Draft, beside, open_artifact},
    key::private_key,
    output::Output,
};

pub(super) fn run(args: SignArgs, output: &Output) -> Result<(), Failure> {
    let common = SignedMetadata {
        timestamp: Some(unix_seconds().to_string()),
        version: args.version.map(|text| text.into_version()).transpose()?.map(|version| version.to_string()),
        target: args.target,
        format: args.format.map(|format| format.to_string()),
        channel: args.channel,
        app: args.app,
        ..SignedMetadata::default()
    };
    let key = private_key(args.private_key, args.password)?;
    if common.version.is_none() {
        output.warn(
            "without --version the signatures carry none: an old artifact could then be offered as a new one, and \
             `manifest check` refuses it",
        );
    }
    let mut lines = Vec::new();
    let mut signed = Vec::new();
    for path in &args.files {
        let (signature_path, value) = sign(path, &key, &common, output)?;
        lines.push(format!("Signed {}: {}", path.display(), signature_path.display()));
        signed.push(value);
    }
    output.result(&lines.join("\n"), &json!({"ok": true, "signed": signed}))
}

/// What was signed is read again and verified before anybody else sees the signature: a file that changed meanwhile,
/// or a fault in the machine, is found here and not by every application.
fn sign(
    path: &Path,
    key: &SecretKey,
    common: &SignedMetadata,
    output: &Output,
) -> Result<(PathBuf, Value), Failure> {
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
    let value = json!({
        "file": path.to_string_lossy(),
        "signaturePath": signature_path.to_string_lossy(),
        "signature": encoded,
        "metadata": fields_as_json(&verified),
    });
    Ok((signature_path, value))
}

fn file_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Failure::other(format!("{} has no name in UTF-8", path.display())))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
