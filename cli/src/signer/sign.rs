//! `signer sign`: a signature beside each artifact.

use cargo_packager_updater::{IntoVersion, signature::SignedMetadata};
use serde_json::json;

use super::fields_as_json;
use crate::{
    args::SignArgs,
    failure::Failure,
    key::private_key,
    output::Output,
    signing::{sign, unix_seconds},
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
    let key = private_key(args.key.private_key, args.key.password)?;
    if common.version.is_none() {
        output.warn(
            "without --version the signatures carry none: an old artifact could then be offered as a new one, and \
             `manifest check` refuses it",
        );
    }
    let mut lines = Vec::new();
    let mut signed = Vec::new();
    for path in &args.files {
        let file = sign(path, &key, &common, output)?;
        lines.push(format!("Signed {}: {}", path.display(), file.path.display()));
        signed.push(json!({
            "file": path.to_string_lossy(),
            "signaturePath": file.path.to_string_lossy(),
            "signature": file.signature,
            "metadata": fields_as_json(&file.metadata),
        }));
    }
    output.result(&lines.join("\n"), &json!({"ok": true, "signed": signed}))
}
