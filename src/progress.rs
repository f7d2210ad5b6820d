//! [`Progress`]: how far a download is, told often enough for a smooth bar and seldom enough to cost nothing.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(50); // 20 a second

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Bytes come from the server.
    Download,
    /// The artifact is made of what is at hand and of what came.
    Patch,
    /// The signature is checked.
    Verify,
}

impl Phase {
    /// `download`, `patch` or `verify`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Patch => "patch",
            Self::Verify => "verify",
        }
    }
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes of the artifact that are at hand, including those of an earlier attempt; while deltas are downloaded, bytes of
    /// them, and while they are applied, bytes that they have made.
    pub transferred: u64,
    /// Bytes of the whole artifact, where known; while deltas are downloaded, of all of them, and while they are applied, of all
    /// that they make: each of a chain makes a whole artifact.
    pub total: Option<u64>,
    /// Mean speed of this phase so far; of verifying, that of what came before.
    pub bytes_per_second: u64,
}

impl Progress {
    /// From 0 to 100, where the total is known.
    pub fn percent(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "a percentage needs no more than 53 bits")]
        self.total
            .map(|total| if total == 0 { 100.0 } else { self.transferred as f64 * 100.0 / total as f64 })
    }
}

/// Receives progress.
pub type OnProgress = Box<dyn FnMut(Progress) + Send>;

/// Calls back at most 20 times a second, and always at the end of a phase.
pub(crate) struct Meter {
    on_progress: Option<OnProgress>,
    started: Option<(Instant, u64)>,
    last_call: Option<Instant>,
    /// Of several downloads: what came before this one, and the bytes of all.
    before: u64,
    whole: Option<u64>,
}

impl Meter {
    pub(crate) const fn new(on_progress: Option<OnProgress>) -> Self {
        Self { on_progress, started: None, last_call: None, before: 0, whole: None }
    }

    /// The next download is one of several.
    pub(crate) const fn is_part_of(&mut self, before: u64, whole: Option<u64>) {
        self.before = before;
        self.whole = whole;
    }

    /// What comes next has a speed of its own.
    pub(crate) const fn restart(&mut self) {
        self.started = None;
    }

    pub(crate) fn advance(&mut self, transferred: u64, total: Option<u64>) {
        let transferred = self.before.saturating_add(transferred);
        self.step(Phase::Download, transferred, self.whole.or(total));
    }

    pub(crate) fn patch(&mut self, made: u64, total: u64) {
        self.step(Phase::Patch, made, Some(total));
    }

    fn step(&mut self, phase: Phase, transferred: u64, total: Option<u64>) {
        let now = Instant::now();
        self.started.get_or_insert((now, transferred));
        if self.last_call.is_none_or(|last| now.duration_since(last) >= INTERVAL) {
            self.call(phase, transferred, total, now);
        }
    }

    pub(crate) fn finish(&mut self, phase: Phase, size: u64) {
        self.call(phase, size, Some(size), Instant::now());
    }

    fn call(&mut self, phase: Phase, transferred: u64, total: Option<u64>, now: Instant) {
        self.last_call = Some(now);
        let bytes_per_second = self
            .started
            .map_or(0, |(since, from)| rate(transferred.saturating_sub(from), now.duration_since(since)));
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(Progress { phase, transferred, total, bytes_per_second });
        }
    }
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let millis = time.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX)
}

/// Turns progress into chunks whose lengths add up to the size exactly, also when a download starts over or deltas made the
/// artifact.
#[derive(Debug, Default)]
pub struct ChunkMeter {
    reported: u64,
}

impl ChunkMeter {
    /// The length of what is new, and of the whole where known; `None` if nothing is.
    pub fn chunk(&mut self, progress: &Progress) -> Option<(u64, Option<u64>)> {
        // What deltas make on the way is no part of the artifact; the last phase tells the rest.
        if progress.phase == Phase::Patch {
            return None;
        }
        let new = progress.transferred.saturating_sub(self.reported);
        self.reported += new;
        (new > 0).then_some((new, progress.total))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn progress(transferred: u64) -> Progress {
        Progress { phase: Phase::Download, transferred, total: Some(100), bytes_per_second: 0 }
    }

    #[test]
    fn chunks_add_up_although_the_download_started_over() {
        let mut meter = ChunkMeter::default();
        let chunks: Vec<u64> = [30, 60, 10, 50, 80, 100, 100]
            .into_iter()
            .filter_map(|transferred| meter.chunk(&progress(transferred)))
            .map(|(length, _)| length)
            .collect();
        assert_eq!(chunks, [30, 30, 20, 20]);
    }

    #[test]
    fn chunks_add_up_although_a_chain_of_deltas_made_several_artifacts() {
        let mut meter = ChunkMeter::default();
        let phases = [(Phase::Download, 20), (Phase::Patch, 300), (Phase::Verify, 100)];
        let chunks: Vec<u64> = phases
            .into_iter()
            .filter_map(|(phase, transferred)| meter.chunk(&Progress { phase, ..progress(transferred) }))
            .map(|(length, _)| length)
            .collect();
        assert_eq!(chunks, [20, 80]);
    }

    #[test]
    fn many_small_steps_cause_few_calls_and_the_end_is_told() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let mut meter = Meter::new(Some(Box::new(move |p| sink.lock().unwrap().push(p))));
        for step in 1..=10_000 {
            meter.advance(step, Some(10_000));
        }
        meter.finish(Phase::Download, 10_000);
        let seen = seen.lock().unwrap();
        assert!(seen.len() < 1_000, "{}", seen.len());
        assert_eq!(seen.last().unwrap().transferred, 10_000);
    }

    #[test]
    fn percent_is_known_when_the_total_is() {
        assert_eq!(progress(25).percent(), Some(25.0));
        assert_eq!(Progress { total: None, ..progress(25) }.percent(), None);
        assert_eq!(Progress { total: Some(0), ..progress(0) }.percent(), Some(100.0));
    }
}
