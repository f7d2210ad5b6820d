//! `manifest create`: from a directory of signed artifacts to the file that a static host serves.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use cargo_packager_updater::{
    release::{Manifest, rfc3339},
    signature::{Signature, verify_reader},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    deltas::{Previous, Row, table},
    signed_artifact, signed_files, unversioned, write,
};
use crate::{
    args::CreateArgs,
    failure::Failure,
    file::{open_artifact, read_text},
    key::{private_key, public_key},
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
    let previous = match args.previous.as_slice() {
        [] => None,
        dirs => Some(Previous::read(dirs, private_key(args.private_key, args.password)?, output)?),
    };
    if let Some(key) = &args.pubkey {
        for dir in &args.previous {
            verify_all(&signed_files(dir, output)?, key, output)?;
        }
    }
    let mut rows = Vec::new();
    let base = args.base_url.trim_end_matches('/');
    let mut placed = Map::new();
    for (path, signature) in &artifacts {
        let artifact = signed_artifact(path, signature)?;
        let url = url_below(base, artifact.file_name());
        let keys = manifest
            .add(&artifact, &url, unversioned(args.allow_unversioned))
            .map_err(Failure::about(path.display()))?;
        placed.insert(artifact.file_name().to_owned(), keys.into());
        if let Some(previous) = &previous {
            rows.extend(previous.add_to(&mut manifest, (path, &artifact), base, output)?);
        }
    }
    let out = args.out.unwrap_or_else(|| args.dir.join("latest.json"));
    write(&out, &manifest)?;
    report(&out, &manifest, &rows, output)
}

/// Where a file lies whose directory is at `base`, which does not end with a slash.
pub(super) fn url_below(base: &str, name: &str) -> String {
    format!("{base}/{}", utf8_percent_encode(name, RESERVED))
}

fn report(out: &Path, manifest: &Manifest, deltas: &[Row], output: &Output) -> Result<(), Failure> {
    let mut lines = vec![format!("Wrote {} for version {}", out.display(), manifest.version())];
    lines.extend(manifest.platforms().iter().map(|(key, entry)| format!("  {key}: {}", entry.url())));
    lines.extend(table(deltas));
    let platforms: Map<String, Value> =
        manifest.platforms().iter().map(|(key, entry)| (key.clone(), entry.url().into())).collect();
    let value = json!({
        "ok": true,
        "manifest": out.to_string_lossy(),
        "version": manifest.version().to_string(),
        "platforms": platforms,
        "deltas": deltas.iter().map(Row::to_json).collect::<Vec<_>>(),
    });
    output.result(&lines.join("\n"), &value)
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
