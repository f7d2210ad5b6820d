//! `manifest add`: one more artifact in a manifest.

use serde_json::json;

use super::{read, signed_artifact, unversioned, write};
use crate::{args::AddArgs, failure::Failure, file::signature_beside, output::Output};

pub(super) fn run(args: AddArgs, output: &Output) -> Result<(), Failure> {
    let mut manifest = read(&args.manifest)?;
    let signature = signature_beside(&args.file).ok_or_else(|| {
        let file = args.file.display();
        Failure::other(format!("{file} is not signed: neither {file}.sig nor {file}.minisig is there"))
    })?;
    let artifact = signed_artifact(&args.file, &signature)?.with(args.target, args.format);
    let was_signed = manifest.is_signed();
    let keys = manifest
        .add(&artifact, &args.url, unversioned(args.allow_unversioned))
        .map_err(Failure::about(args.file.display()))?;
    write(&args.manifest, &manifest)?;
    if was_signed {
        output.warn("the manifest is not signed any more: sign it again with `manifest sign`");
    }
    let path = args.manifest.to_string_lossy();
    let text = format!("Added {} to {path}: {}", artifact.file_name(), keys.join(", "));
    output.result(&text, &json!({"ok": true, "manifest": path, "keys": keys}))
}
