//! Deltas from earlier releases, for a manifest that is made.

use std::path::{Path, PathBuf};

use cargo_packager_updater::{
    IntoVersion, Version,
    release::{Delta, Manifest, SignedArtifact, SignedDelta},
    sign::SecretKey,
};
use serde_json::{Value, json};

use super::{create::url_below, read, signed_artifact, signed_files};
use crate::{
    delta::{Made, MakingBar, PERCENT_MAX, beside_artifact, sign_delta},
    failure::Failure,
    file::open_artifact,
    output::Output,
};

/// A delta that was made, or not.
pub(super) struct Row {
    artifact: String,
    from: String,
    outcome: Outcome,
}

enum Outcome {
    Announced {
        file: PathBuf,
        made: Made,
    },
    /// It would hardly save anything.
    TooLarge(Made),
    Failed(Failure),
}

impl Row {
    pub(super) fn to_json(&self) -> Value {
        let made = self.outcome.made();
        json!({
            "artifact": self.artifact,
            "from": self.from,
            "size": made.map(Made::size),
            "percent": made.map(Made::percent),
            "seconds": made.map(|made| made.seconds),
            "file": match &self.outcome {
                Outcome::Announced { file, .. } => Some(file.to_string_lossy()),
                _ => None,
            },
        })
    }

    fn cells(&self) -> [String; 5] {
        let made = self.outcome.made();
        let shown = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
        [
            self.artifact.clone(),
            self.from.clone(),
            shown(made.map(|made| made.size().to_string())),
            shown(made.map(|made| format!("{:.2} %", made.percent()))),
            shown(made.map(|made| format!("{:.1}", made.seconds))),
        ]
    }

    fn note(&self) -> String {
        match &self.outcome {
            Outcome::Announced { .. } => String::new(),
            Outcome::TooLarge(_) => "  left out: too large to be worth it".to_owned(),
            Outcome::Failed(failure) => format!("  left out: {failure}"),
        }
    }
}

impl Outcome {
    const fn made(&self) -> Option<&Made> {
        match self {
            Self::Announced { made, .. } | Self::TooLarge(made) => Some(made),
            Self::Failed(_) => None,
        }
    }
}

/// An artifact that applications may have.
struct Old {
    path: PathBuf,
    artifact: SignedArtifact,
    version: Version,
}

/// A release that applications may have.
struct Release {
    artifacts: Vec<Old>,
    /// Where it announces deltas itself, they go on to the new one.
    manifest: Option<Manifest>,
}

/// The releases that applications may have.
pub(super) struct Previous {
    releases: Vec<Release>,
    key: SecretKey,
}

impl Previous {
    pub(super) fn read(dirs: &[PathBuf], key: SecretKey, output: &Output) -> Result<Self, Failure> {
        let releases = dirs.iter().map(|dir| Release::read(dir, output)).collect::<Result<_, _>>()?;
        Ok(Self { releases, key })
    }

    /// Makes a delta from each earlier artifact that this one replaces. One that cannot be made costs its users bytes, and
    /// nobody the release.
    pub(super) fn add_to(
        &self,
        manifest: &mut Manifest,
        (path, artifact): (&Path, &SignedArtifact),
        base_url: &str,
        output: &Output,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        let mut links = Vec::new();
        let replaced = self.replaced_by(artifact)?;
        let mut making = MakingBar::new(replaced.len(), output);
        for (release, old) in replaced {
            let outcome = match Made::new(&old.path, path, &mut making, output) {
                Ok(made) if made.percent() > PERCENT_MAX => Outcome::TooLarge(made),
                Ok(made) => {
                    links.push((release, old, made.delta.base_sha256()));
                    let file = making.hidden_while(|| {
                        self.announce(&made, manifest, (path, artifact), (old, base_url), output)
                    })?;
                    Outcome::Announced { file, made }
                }
                Err(failure) => Outcome::Failed(failure),
            };
            let (artifact, from) = (artifact.file_name().to_owned(), old.version.to_string());
            rows.push(Row { artifact, from, outcome });
        }
        // Behind the direct ones: applications read only so many.
        for (release, old, base) in &links {
            if let Some(previous) = &release.manifest {
                manifest.add_links(artifact, (previous, &old.artifact, base))?;
            }
        }
        Ok(rows)
    }

    /// Earlier artifacts of the same kind, but not the very same, and none twice.
    fn replaced_by(&self, artifact: &SignedArtifact) -> Result<Vec<(&Release, &Old)>, Failure> {
        let mut replaced = Vec::new();
        let mut known = Vec::new();
        for release in &self.releases {
            for old in &release.artifacts {
                let is_same = artifact.signature() == old.artifact.signature();
                if is_same || !artifact.replaces(&old.artifact)? {
                    continue;
                }
                match open_artifact(&old.path).map(|(file, _)| Delta::sha256_of(&file)) {
                    Ok(Ok(sha256)) if known.contains(&sha256) => continue,
                    Ok(Ok(sha256)) => known.push(sha256),
                    // Why it cannot be read is said where a delta is made of it.
                    _ => {}
                }
                replaced.push((release, old));
            }
        }
        Ok(replaced)
    }

    fn announce(
        &self,
        made: &Made,
        manifest: &mut Manifest,
        (path, artifact): (&Path, &SignedArtifact),
        (old, base_url): (&Old, &str),
        output: &Output,
    ) -> Result<PathBuf, Failure> {
        let file = beside_artifact(path, &old.version, &made.delta.base_sha256());
        made.write(&file)?;
        let signed = sign_delta(&file, &self.key, manifest.version().to_string(), output)?;
        let delta = SignedDelta::new(&made.delta, &old.version, &signed.signature)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        manifest
            .add_delta(artifact, &delta, &url_below(base_url, &name))
            .map_err(Failure::about(file.display()))?;
        Ok(file)
    }
}

impl Release {
    fn read(dir: &Path, output: &Output) -> Result<Self, Failure> {
        let mut artifacts = Vec::new();
        for (path, signature) in signed_files(dir, output)? {
            let artifact = signed_artifact(&path, &signature)?;
            match artifact.claimed().version.as_deref().map(IntoVersion::into_version) {
                Some(Ok(version)) => artifacts.push(Old { path, artifact, version }),
                _ => output.warn(&format!(
                    "the signature of {} names no version: there is no delta from it",
                    path.display()
                )),
            }
        }
        let path = dir.join("latest.json");
        let manifest = path.is_file().then(|| read(&path)).transpose();
        let manifest = manifest.unwrap_or_else(|failure| {
            output.warn(&format!(
                "{failure}: the deltas that it announces do not go on from {}",
                dir.display()
            ));
            None
        });
        Ok(Self { artifacts, manifest })
    }
}

/// For people: what each delta costs and saves.
pub(super) fn table(rows: &[Row]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let heading = ["artifact", "from", "bytes", "share", "seconds"].map(str::to_owned);
    let cells: Vec<[String; 5]> = std::iter::once(heading).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let notes = std::iter::once(String::new()).chain(rows.iter().map(Row::note));
    let line = |(row, note): (&[String; 5], String)| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}"));
        cells.collect::<String>() + &note
    };
    cells.iter().zip(notes).map(line).collect()
}
