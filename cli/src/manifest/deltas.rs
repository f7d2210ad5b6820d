//! Deltas from earlier releases, for a manifest that is made.

use std::path::{Path, PathBuf};

use cargo_packager_updater::{
    release::{Manifest, SignedArtifact, SignedDelta},
    sign::SecretKey,
};
use serde_json::{Value, json};

use super::{create::url_below, signed_artifact, signed_files};
use crate::{
    delta::{Made, beside_artifact, sign_delta},
    failure::Failure,
    output::Output,
};

/// A larger one takes work that hardly saves anything.
const PERCENT_MAX: f64 = 60.0;

/// A delta that was made, and perhaps left out.
pub(super) struct Row {
    from: String,
    size: u64,
    percent: f64,
    seconds: f64,
    /// Where it is announced.
    file: Option<PathBuf>,
}

impl Row {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "from": self.from,
            "size": self.size,
            "percent": self.percent,
            "seconds": self.seconds,
            "file": self.file.as_ref().map(|path| path.to_string_lossy()),
        })
    }
}

/// Releases that applications may have.
pub(super) struct Previous {
    artifacts: Vec<(PathBuf, SignedArtifact)>,
    key: SecretKey,
}

impl Previous {
    pub(super) fn read(dirs: &[PathBuf], key: SecretKey, output: &Output) -> Result<Self, Failure> {
        let mut artifacts = Vec::new();
        for dir in dirs {
            for (path, signature) in signed_files(dir, output)? {
                let artifact = signed_artifact(&path, &signature)?;
                artifacts.push((path, artifact));
            }
        }
        Ok(Self { artifacts, key })
    }

    /// Makes a delta from each earlier artifact of the same kind, and announces it unless it is too large.
    pub(super) fn add_to(
        &self,
        manifest: &mut Manifest,
        (path, artifact): (&Path, &SignedArtifact),
        base_url: &str,
        output: &Output,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        for (old_path, old) in &self.artifacts {
            if !is_earlier_one_of(old, artifact)? {
                continue;
            }
            let Some(from) = &old.claimed().version else {
                let name = old_path.display();
                output.warn(&format!("the signature of {name} has no version: there is no delta from it"));
                continue;
            };
            let made = Made::new(old_path, path, output)?;
            let file = (made.percent() <= PERCENT_MAX).then(|| beside_artifact(path, from));
            if let Some(file) = &file {
                made.write(file)?;
                let signed = sign_delta(file, &self.key, manifest.version().to_string(), output)?;
                let delta = SignedDelta::new(&made.delta, from, &signed.signature)?;
                let url = url_below(base_url, &file_name(file));
                manifest.add_delta(artifact, &delta, &url).map_err(Failure::about(file.display()))?;
            }
            let (size, percent, seconds) = (made.size(), made.percent(), made.seconds);
            rows.push(Row { from: from.clone(), size, percent, seconds, file });
        }
        Ok(rows)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// For the same platform and of the same format, where both can be told.
fn is_earlier_one_of(old: &SignedArtifact, new: &SignedArtifact) -> Result<bool, Failure> {
    let (Ok(old_format), Ok(old_targets)) = (old.format(), old.targets()) else { return Ok(false) };
    let new_targets = new.targets()?;
    Ok(old_format == new.format()? && old_targets.iter().any(|target| new_targets.contains(target)))
}

/// For people: what each delta costs and saves.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    let heading = ["from", "bytes", "share", "seconds"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        [
            row.from.clone(),
            row.size.to_string(),
            format!("{:.2} %", row.percent),
            format!("{:.1}", row.seconds),
        ]
    });
    let cells: Vec<[String; 4]> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..4).map(|column| width(column).unwrap_or(0)).collect();
    let notes = std::iter::once("").chain(rows.iter().map(|row| match row.file {
        Some(_) => "",
        None => "  left out: too large to be worth it",
    }));
    let line = |(row, note): (&[String; 4], &str)| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}"));
        cells.collect::<String>() + note
    };
    if rows.is_empty() { Vec::new() } else { cells.iter().zip(notes).map(line).collect() }
}
