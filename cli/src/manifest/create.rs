//! `manifest create`: from a directory of signed artifacts to the file that a static host serves.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use cargo_packager_updater::{
    Format,
    release::{Manifest, rfc3339},
    signature::{Signature, verify_reader},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{signed_artifact, unversioned, write};
use crate::{
    args::CreateArgs,
    failure::Failure,
    file::{open_artifact, read_text, signature_beside},
    key::public_key,
    output::Output,
};

/// RFC 3986, section 2.3: what needs no encoding in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn run(args: CreateArgs, output: &Output) -> Result<(), Failure> {
    let notes = match &args.notes_file {
        Some(path) => Some(read_text(path)?),
        None => args.notes,
    };
    let date = args.pub_date.unwrap_or_else(|| rfc3339(SystemTime::now()));
    let mut manifest = Manifest::new(args.version.as_str(), notes, Some(date))?;
    let artifacts = signed_files(&args.dir, output)?;
    if let Some(key) = &args.pubkey {
        verify_all(&artifacts, key, output)?;
    }
    let base = args.base_url.trim_end_matches('/');
    let mut placed = Map::new();
    for (path, signature) in &artifacts {
        let artifact = signed_artifact(path, signature)?;
        let url = format!("{base}/{}", utf8_percent_encode(artifact.file_name(), RESERVED));
        let keys = manifest
            .add(&artifact, &url, unversioned(args.allow_unversioned))
            .map_err(Failure::about(path.display()))?;
        placed.insert(artifact.file_name().to_owned(), keys.into());
    }
    let out = args.out.unwrap_or_else(|| args.dir.join("latest.json"));
    write(&out, &manifest)?;
    report(&out, &manifest, output)
}

fn report(out: &Path, manifest: &Manifest, output: &Output) -> Result<(), Failure> {
    let mut lines = vec![format!("Wrote {} for version {}", out.display(), manifest.version())];
    lines.extend(manifest.platforms().iter().map(|(key, entry)| format!("  {key}: {}", entry.url())));
    let platforms: Map<String, Value> =
        manifest.platforms().iter().map(|(key, entry)| (key.clone(), entry.url().into())).collect();
    let value = json!({
        "ok": true,
        "manifest": out.to_string_lossy(),
        "version": manifest.version().to_string(),
        "platforms": platforms,
    });
    output.result(&lines.join("\n"), &value)
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

fn verify_all(artifacts: &[(PathBuf, PathBuf)], key: &str, output: &Output) -> Result<(), Failure> {
    let keys = [public_key(key)?];
    for (path, signature) in artifacts {
        let signature =
            Signature::parse(&read_text(signature)?).map_err(Failure::about(signature.display()))?;
        let (file, size) = open_artifact(path)?;
        let bar = output.bar(size, format!("Verifying {}", path.display()));
        verify_reader(&mut bar.wrap_read(file), &signature, &keys).map_err(Failure::about(path.display()))?;
        bar.finish_and_clear();
    }
    Ok(())
}
