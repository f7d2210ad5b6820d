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
use indicatif::ProgressBar;

use crate::{
    failure::Failure,
    file::{Access, Draft, beside, read_bytes},
    output::Output,
    signing::{SignatureFile, sign, unix_seconds},
};

/// A larger one takes work that hardly saves anything.
pub(crate) const PERCENT_MAX: f64 = 60.0;

/// How far the making of several deltas is, on a terminal only.
pub(crate) struct MakingBar {
    bar: ProgressBar,
    before: u64,
}

impl MakingBar {
    const STEPS: [DeltaStep; 4] =
        [DeltaStep::Scan, DeltaStep::Compare, DeltaStep::Compress, DeltaStep::Verify];

    pub(crate) fn new(deltas: usize, output: &Output) -> Self {
        let steps = deltas.saturating_mul(Self::STEPS.len());
        Self { bar: output.steps(u64::try_from(steps).unwrap_or(u64::MAX)), before: 0 }
    }

    fn step(&self, pair: &str, step: DeltaStep) {
        let done = Self::STEPS.iter().position(|known| *known == step).unwrap_or_default();
        self.bar.set_position(self.before + done as u64);
        self.bar.set_message(format!("{pair}: {}", says(step)));
    }

    /// For what writes to the terminal itself.
    pub(crate) fn hidden_while<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// One is made, or cannot be.
    fn next(&mut self) {
        self.before += Self::STEPS.len() as u64;
        self.bar.set_position(self.before);
    }
}

impl Drop for MakingBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A delta, and what it took.
pub(crate) struct Made {
    pub(crate) delta: Delta,
    pub(crate) seconds: f64,
}

impl Made {
    /// Compares two artifacts.
    pub(crate) fn new(
        old: &Path,
        new: &Path,
        making: &mut MakingBar,
        output: &Output,
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let delta = create(old, new, making);
        making.next();
        let this = Self { delta: delta?, seconds: started.elapsed().as_secs_f64() };
        if let Some(warning) = this.warning(new) {
            making.hidden_while(|| output.warn(&warning));
        }
        Ok(this)
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

    /// Where most of what changed cannot be compressed again, or is not even known to be compressed.
    fn warning(&self, new: &Path) -> Option<String> {
        let (opaque, all) = (self.delta.opaque_streams(), self.delta.streams());
        let reason = if opaque * 2 > all {
            format!("{opaque} of {all} changed streams were compressed in a way that cannot be repeated here")
        } else if self.percent() > PERCENT_MAX {
            "most of what changed was compressed in a way that is not known here, or is new".to_owned()
        } else {
            return None;
        };
        let (new, percent) = (new.display(), self.percent());
        Some(format!(
            "the delta has {percent:.0} % of {new}: {reason}; the README tells which packages make small ones"
        ))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        Draft::write(path, self.delta.as_bytes(), Access::Everybody)?.replace()
    }
}

fn create(old: &Path, new: &Path, making: &MakingBar) -> Result<Delta, Failure> {
    let (old_bytes, new_bytes) = (read_bytes(old)?, read_bytes(new)?);
    let pair = format!("{} → {}", old.display(), new.display());
    Delta::create(&old_bytes, &new_bytes, &mut |step| making.step(&pair, step))
        .map_err(Failure::about(new.display()))
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
