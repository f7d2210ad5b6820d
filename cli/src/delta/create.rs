//! `delta create`: what applications of the old version download instead of the new artifact.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use cargo_packager_updater::{
    IntoVersion,
    release::{Delta, DeltaStep},
    sign::SecretKey,
    signature::SignedMetadata,
};
use serde_json::json;

use crate::{
    args::DeltaCreateArgs,
    failure::Failure,
    file::{Access, Draft, beside, read_bytes, signature_beside},
    key::private_key,
    manifest::signed_artifact,
    output::Output,
    signing::{sign, unix_seconds},
};

pub(super) fn run(args: DeltaCreateArgs, output: &Output) -> Result<(), Failure> {
    let key = if args.unsigned { None } else { Some(private_key(args.private_key, args.password)?) };
    let version = match (&key, args.version) {
        (None, _) => None,
        (Some(_), Some(version)) => Some(version.into_version()?.to_string()),
        (Some(_), None) => Some(signed_version(&args.new)?),
    };
    let out = args.out.unwrap_or_else(|| beside(&args.new, ".delta"));
    let started = Instant::now();
    let delta = create(&args.old, &args.new, output)?;
    let (size, full) = (delta.as_bytes().len() as u64, delta.result_size());
    Draft::write(&out, delta.as_bytes(), Access::Everybody)?.replace()?;
    let signature = key.map(|key| sign_delta(&out, &key, version, output)).transpose()?;
    if delta.opaque_streams() * 2 > delta.streams() {
        output.warn(&format!(
            "{} of {} changed streams in {} were compressed in a way that cannot be repeated, which makes the delta large; \
             the README tells which packages make small ones",
            delta.opaque_streams(),
            delta.streams(),
            args.new.display()
        ));
    }
    let seconds = started.elapsed().as_secs_f64();
    let percent = percent(size, full);
    let text = format!(
        "Wrote {}: {size} bytes, {percent:.2} % of {}, in {seconds:.1} s",
        out.display(),
        args.new.display()
    );
    let value = json!({
        "ok": true,
        "delta": out.to_string_lossy(),
        "signaturePath": signature.map(|path| path.to_string_lossy().into_owned()),
        "size": size,
        "fullSize": full,
        "percent": percent,
        "seconds": seconds,
        "base": delta.base_sha256(),
        "result": delta.result_sha256(),
    });
    output.result(&text, &value)
}

fn create(old: &Path, new: &Path, output: &Output) -> Result<Delta, Failure> {
    let (old_bytes, new_bytes) = (read_bytes(old)?, read_bytes(new)?);
    let spinner = output.spinner(format!("Comparing {} with {}", new.display(), old.display()));
    let delta = Delta::create(&old_bytes, &new_bytes, &mut |step| spinner.set_message(says(step)));
    spinner.finish_and_clear();
    delta.map_err(Failure::about(new.display()))
}

const fn says(step: DeltaStep) -> &'static str {
    match step {
        DeltaStep::Scan => "Looking for compressed streams",
        DeltaStep::Compare => "Comparing what they expand to",
        DeltaStep::Compress => "Compressing what changed",
        _ => "Applying the delta, to see that it makes the same artifact",
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

fn sign_delta(
    path: &Path,
    key: &SecretKey,
    version: Option<String>,
    output: &Output,
) -> Result<PathBuf, Failure> {
    let metadata = SignedMetadata {
        timestamp: Some(unix_seconds().to_string()),
        version,
        purpose: Some(Delta::PURPOSE.to_owned()),
        ..SignedMetadata::default()
    };
    sign(path, key, &metadata, output).map(|signed| signed.path)
}

#[allow(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
fn percent(size: u64, full: u64) -> f64 {
    if full == 0 { 100.0 } else { size as f64 * 100.0 / full as f64 }
}
