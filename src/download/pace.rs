//! [`Pace`]: tells a slow link from a server that only keeps the connection busy.

use std::time::Instant;

use crate::Limits;

/// Counts bytes over a window of time.
pub(super) struct Pace<'a> {
    limits: &'a Limits,
    window_began: Instant,
    bytes: u64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, window_began: Instant::now(), bytes: 0 }
    }

    /// Counts bytes that have just come. The error is the reason, for a person.
    pub(super) fn check(&mut self, bytes: u64) -> Result<(), String> {
        self.check_at(bytes, Instant::now())
    }

    fn check_at(&mut self, bytes: u64, now: Instant) -> Result<(), String> {
        self.bytes += bytes;
        if now.duration_since(self.window_began) < self.limits.trickle_window {
            return Ok(());
        }
        if self.bytes < self.limits.trickle_min_bytes {
            return Err(format!(
                "only {} bytes within {} s",
                self.bytes,
                self.limits.trickle_window.as_secs()
            ));
        }
        (self.window_began, self.bytes) = (now, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(bytes_each_second: u64) -> Result<(), String> {
        let limits = Limits::default();
        let mut pace = Pace::new(&limits);
        let began = pace.window_began;
        (1..=180).try_for_each(|second| pace.check_at(bytes_each_second, began + Duration::from_secs(second)))
    }

    #[test]
    fn a_trickle_below_the_limit_counts_as_silence() {
        assert!(outcome(1024).is_ok());
        assert!(outcome(1023).unwrap_err().contains("within 60 s"));
        assert!(outcome(1).is_err());
    }
}
