//! A delta, from two files to a third one with its signature.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use cargo_packager_updater::{
    Version,
    release::{Delta, DeltaStep},
    sign::SecretKey,
    signature::SignedMetadata,
};

use crate::{
    failure::Failure,
    file::{Access, Draft, beside, read_bytes},
    output::Output,
    signing::{SignatureFile, sign, unix_seconds},
};

/// A delta, and what it took.
pub(crate) struct Made {
    pub(crate) delta: Delta,
    pub(crate) seconds: f64,
}

impl Made {
    /// Compares two artifacts.
    pub(crate) fn new(old: &Path, new: &Path, output: &Output) -> Result<Self, Failure> {
        let started = Instant::now();
        let (old_bytes, new_bytes) = (read_bytes(old)?, read_bytes(new)?);
        let spinner = output.spinner();
        let pair = format!("{} → {}", old.display(), new.display());
        let delta = Delta::create(&old_bytes, &new_bytes, &mut |step| {
            spinner.set_message(format!("{pair}: {}", says(step)));
        });
        spinner.finish_and_clear();
        let delta = delta.map_err(Failure::about(new.display()))?;
        if delta.opaque_streams() * 2 > delta.streams() {
            output.warn(&format!(
                "{} of {} changed streams in {} were compressed in a way that cannot be repeated here, which makes the \
                 delta large; the README tells which packages make small ones",
                delta.opaque_streams(),
                delta.streams(),
                new.display()
            ));
        }
        Ok(Self { delta, seconds: started.elapsed().as_secs_f64() })
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.delta.as_bytes().len() as u64
    }

    /// Of the new artifact.
    #[allow(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
    pub(crate) fn percent(&self) -> f64 {
        let full = self.delta.result_size();
        if full == 0 { 100.0 } else { self.size() as f64 * 100.0 / full as f64 }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        Draft::write(path, self.delta.as_bytes(), Access::Everybody)?.replace()
    }
}

const fn says(step: DeltaStep) -> &'static str {
    match step {
        DeltaStep::Scan => "looking for compressed streams",
        DeltaStep::Compare => "comparing what they expand to",
        DeltaStep::Compress => "compressing what changed",
        _ => "applying the delta, to see that it makes the same",
    }
}

/// Signs the file as a delta to this version.
pub(crate) fn sign_delta(
    path: &Path,
    key: &SecretKey,
    version: String,
    output: &Output,
) -> Result<SignatureFile, Failure> {
    let metadata = SignedMetadata {
        timestamp: Some(unix_seconds().to_string()),
        version: Some(version),
        purpose: Some(Delta::PURPOSE.to_owned()),
        ..SignedMetadata::default()
    };
    sign(path, key, &metadata, output)
}

/// The name of a delta beside the artifact that it makes.
pub(crate) fn beside_artifact(artifact: &Path, from: &Version, base_sha256: &str) -> PathBuf {
    // A version may have had several artifacts: for other processors, or built twice.
    const DIGITS: usize = 8;
    let base = base_sha256.get(..DIGITS).unwrap_or(base_sha256);
    beside(artifact, &format!(".from-{from}-{base}.delta"))
}
