//! [`SeenManifests`]: which signed manifests this application has seen, so that none older is believed.

use serde::{Deserialize, Serialize};

/// Manifests of different channels and keys are counted apart: neither must hold the other up. Bounded, so that the
/// record stays one that is read; far more than an application has.
const COUNTERS_MAX: usize = 32;

/// A signed manifest that passed every other check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) channel: String,
    /// The key lines of those that signed it.
    pub(crate) keys: Vec<String>,
    pub(crate) sequence: u64,
    /// Digest of the payload.
    pub(crate) payload: String,
}

/// The memory of one application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenManifests {
    /// The channels, as the application names them, on which a manifest was signed: from then on each must be.
    signed_channels: Vec<String>,
    counters: Vec<Counter>,
}

/// The highest sequence of one channel under one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counter {
    channel: String,
    key: String,
    sequence: u64,
    payload: String,
}

/// Why a manifest is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// This sequence was seen before.
    Older(u64),
    /// This sequence was seen with another payload: somebody signs one thing for some and another for others.
    Equivocation(u64),
}

impl SeenManifests {
    /// Whether only a signed manifest will do on this channel.
    pub(crate) fn requires_signed(&self, channel: &str) -> bool {
        self.signed_channels.iter().any(|signed| signed == channel)
    }

    /// The memory with this manifest in it, seen by an application on `channel`. A manifest that was signed under
    /// several keys must be new enough under each.
    pub(crate) fn with(&self, sighting: &Sighting, channel: &str) -> Result<Self, Rollback> {
        let mut seen = self.clone();
        seen.signed_channels.retain(|known| known != channel);
        seen.signed_channels.push(channel.to_owned());
        for key in &sighting.keys {
            seen.count(key, sighting)?;
        }
        // The longest unseen first.
        let excess = seen.counters.len().saturating_sub(COUNTERS_MAX);
        seen.counters.drain(..excess);
        let excess = seen.signed_channels.len().saturating_sub(COUNTERS_MAX);
        seen.signed_channels.drain(..excess);
        Ok(seen)
    }

    fn count(&mut self, key: &str, sighting: &Sighting) -> Result<(), Rollback> {
        let Sighting { channel, sequence, payload, .. } = sighting;
        let is_same = |counter: &Counter| counter.channel == *channel && counter.key == *key;
        for known in self.counters.iter().filter(|counter| is_same(counter)) {
            if *sequence < known.sequence {
                return Err(Rollback::Older(known.sequence));
            }
            if *sequence == known.sequence && *payload != known.payload {
                return Err(Rollback::Equivocation(known.sequence));
            }
        }
        // To the end: it was seen last.
        self.counters.retain(|counter| !is_same(counter));
        self.counters.push(Counter {
            channel: channel.clone(),
            key: key.to_owned(),
            sequence: *sequence,
            payload: payload.clone(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(channel: &str, keys: &[&str], sequence: u64, payload: &str) -> Sighting {
        Sighting {
            channel: channel.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            sequence,
            payload: payload.to_owned(),
        }
    }

    fn after(sightings: &[Sighting]) -> SeenManifests {
        sightings.iter().fold(SeenManifests::default(), |seen, sighting| seen.with(sighting, "").unwrap())
    }

    #[test]
    fn a_lower_sequence_is_a_rollback_and_the_same_one_is_not() {
        let seen = after(&[sighting("", &["a"], 7, "x")]);
        assert_eq!(seen.with(&sighting("", &["a"], 6, "x"), ""), Err(Rollback::Older(7)));
        assert_eq!(seen.with(&sighting("", &["a"], 7, "x"), ""), Ok(seen.clone()));
        assert!(seen.with(&sighting("", &["a"], 8, "y"), "").is_ok());
    }

    #[test]
    fn one_sequence_with_two_payloads_is_equivocation() {
        let seen = after(&[sighting("", &["a"], 7, "x")]);
        assert_eq!(seen.with(&sighting("", &["a"], 7, "y"), ""), Err(Rollback::Equivocation(7)));
    }

    #[test]
    fn channels_and_keys_are_counted_apart() {
        let seen = after(&[sighting("stable", &["a"], 9, "x")]);
        assert!(seen.with(&sighting("beta", &["a"], 1, "y"), "").is_ok());
        // A stolen key that was run up to the end of all numbers must not outlive its rotation.
        let stolen = after(&[sighting("stable", &["a"], u64::MAX, "x")]);
        assert!(stolen.with(&sighting("stable", &["b"], 1, "y"), "").is_ok());
    }

    #[test]
    fn under_several_keys_it_must_be_new_enough_under_each() {
        let seen = after(&[sighting("", &["a"], 5, "x"), sighting("", &["b"], 9, "y")]);
        assert_eq!(seen.with(&sighting("", &["a", "b"], 8, "z"), ""), Err(Rollback::Older(9)));
        let both = seen.with(&sighting("", &["a", "b"], 10, "z"), "").unwrap();
        assert_eq!(both.with(&sighting("", &["a"], 9, "q"), ""), Err(Rollback::Older(10)));
    }

    #[test]
    fn a_signed_manifest_is_required_only_on_the_channel_where_one_was_seen() {
        let seen = SeenManifests::default().with(&sighting("stable", &["a"], 1, "x"), "stable").unwrap();
        assert!(seen.requires_signed("stable"));
        assert!(!seen.requires_signed("beta") && !seen.requires_signed(""));
    }

    #[test]
    fn what_is_seen_again_and_again_is_not_forgotten_for_what_is_seen_once() {
        let stable = sighting("stable", &["a"], 7, "x");
        let mut seen = SeenManifests::default().with(&stable, "stable").unwrap();
        for n in 0..100 {
            let other = sighting(&n.to_string(), &["a"], 1, "x");
            seen = seen.with(&other, &other.channel).unwrap();
            assert!(seen.requires_signed("stable"));
            assert_eq!(seen.with(&sighting("stable", &["a"], 6, "x"), "stable"), Err(Rollback::Older(7)));
            seen = seen.with(&stable, "stable").unwrap();
        }
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_is_oldest() {
        let many: Vec<Sighting> =
            (0..1000).map(|n| sighting(&format!("{n}{}", "\"".repeat(250)), &["k"], 1, "x")).collect();
        let seen = many
            .iter()
            .fold(SeenManifests::default(), |seen, sighting| seen.with(sighting, &sighting.channel).unwrap());
        assert_eq!((seen.counters.len(), seen.signed_channels.len()), (COUNTERS_MAX, COUNTERS_MAX));
        assert!(seen.requires_signed(&many[999].channel) && !seen.requires_signed(&many[0].channel));
        assert!(serde_json::to_vec(&seen).unwrap().len() as u64 <= super::super::RECORD_MAX_BYTES);
    }
}
