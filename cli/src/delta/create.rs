//! `delta create`: what applications of the old version download instead of the new artifact.

use std::{fs, io, path::Path};

use cargo_packager_updater::IntoVersion;
use serde_json::json;

use super::make::{Made, MakingBar, sign_delta};
use crate::{
    args::DeltaCreateArgs,
    failure::Failure,
    file::{beside, signature_beside},
    key::private_key,
    manifest::signed_artifact,
    output::Output,
};

pub(super) fn run(args: DeltaCreateArgs, output: &Output) -> Result<(), Failure> {
    let signing = if args.unsigned {
        None
    } else {
        let version = match args.version {
            Some(version) => version.into_version()?.to_string(),
            None => signed_version(&args.new)?,
        };
        Some((private_key(args.key.private_key, args.key.password)?, version))
    };
    let out = args.out.unwrap_or_else(|| beside(&args.new, ".delta"));
    let made = Made::new(&args.old, &args.new, &mut MakingBar::new(1, output), output)?;
    // A signature of an earlier one would not fit what is written.
    remove_if_there(&beside(&out, ".sig"))?;
    made.write(&out)?;
    let signature = signing.map(|(key, version)| sign_delta(&out, &key, version, output)).transpose()?;
    let (size, percent, seconds) = (made.size(), made.percent(), made.seconds);
    let text = format!(
        "Wrote {}: {size} bytes, {percent:.2} % of {}, in {seconds:.1} s",
        out.display(),
        args.new.display()
    );
    let value = json!({
        "ok": true,
        "delta": out.to_string_lossy(),
        "signaturePath": signature.map(|signature| signature.path.to_string_lossy().into_owned()),
        "size": size,
        "fullSize": made.delta.result_size(),
        "percent": percent,
        "seconds": seconds,
        "base": made.delta.base_sha256(),
        "result": made.delta.result_sha256(),
    });
    output.result(&text, &value)
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// The version that applications compare with the announced one.
fn signed_version(artifact: &Path) -> Result<String, Failure> {
    let missing = || {
        let path = artifact.display();
        Failure::other(format!(
            "no signature beside {path} tells its version: sign it first, or give --version"
        ))
    };
    let path = signature_beside(artifact).ok_or_else(missing)?;
    signed_artifact(artifact, &path)?.claimed().version.clone().ok_or_else(missing)
}
