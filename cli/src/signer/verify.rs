//! `signer verify`: whether an artifact is what its author signed, and as what.

use cargo_packager_updater::signature::{Signature, verify_reader};
use serde_json::json;

use super::fields_as_json;
use crate::{
    args::VerifyArgs,
    failure::Failure,
    file::{open_artifact, read_text, signature_beside},
    key::public_key,
    output::Output,
};

pub(super) fn run(args: &VerifyArgs, output: &Output) -> Result<(), Failure> {
    let keys = [public_key(&args.pubkey)?];
    let signature_path =
        args.signature.clone().or_else(|| signature_beside(&args.file)).ok_or_else(|| {
            let file = args.file.display();
            Failure::other(format!(
                "neither {file}.sig nor {file}.minisig is there; --signature names another file"
            ))
        })?;
    let signature =
        Signature::parse(&read_text(&signature_path)?).map_err(Failure::about(signature_path.display()))?;
    let (file, size) = open_artifact(&args.file)?;
    let bar = output.bar(size, format!("Verifying {}", args.file.display()));
    let metadata = verify_reader(&mut bar.wrap_read(file), &signature, &keys)
        .map_err(Failure::about(args.file.display()))?;
    bar.finish_and_clear();

    let mut lines = vec![format!("Verified {}", args.file.display())];
    lines.extend(metadata.fields().map(|(name, value)| format!("  {name}: {value}")));
    let value = json!({
        "ok": true,
        "file": args.file.to_string_lossy(),
        "signaturePath": signature_path.to_string_lossy(),
        "metadata": fields_as_json(&metadata),
    });
    output.result(&lines.join("\n"), &value)
}
