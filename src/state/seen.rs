//! [`SeenManifests`]: which signed manifests this application has seen, so that none older is believed.

use semver::Version;
use serde::{Deserialize, Serialize};

/// Channels and keys are those that the application is configured with, so that there are few; the bound keeps the record
/// one that is read.
const COUNTERS_MAX: usize = 32;

/// A signed manifest that is for this application and valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// The application's own: who answers must not choose what is forgotten or counted anew.
    pub(crate) channel: String,
    /// The key lines of those that signed it.
    pub(crate) keys: Vec<String>,
    pub(crate) sequence: u64,
    /// Digest of the payload.
    pub(crate) payload: String,
    /// What it announces, where that can be read.
    pub(crate) version: Option<Version>,
}

/// The memory of one application: the highest sequence of each channel under each key, the last seen at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SeenManifests {
    counters: Vec<Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counter {
    channel: String,
    key: String,
    sequence: u64,
    payload: String,
    version: Option<Version>,
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
    /// Whether only a signed manifest will do on this channel: one was seen there, under whatever key.
    pub(crate) fn requires_signed(&self, channel: &str) -> bool {
        self.counters.iter().any(|counter| counter.channel == channel)
    }

    /// Whether the publisher's last word on this channel is a lower version: this one was taken back.
    pub(crate) fn has_withdrawn(&self, channel: &str, version: &Version) -> bool {
        let last = self.counters.iter().rev().find(|counter| counter.channel == channel);
        let announced = last.and_then(|counter| counter.version.as_ref());
        announced.is_some_and(|announced| announced.cmp_precedence(version).is_lt())
    }

    /// The memory with this manifest in it. One that was signed under several keys must be new enough under each of those
    /// whose signatures it has come with: who takes one away is left with what holds under the others.
    pub(crate) fn with(&self, sighting: &Sighting) -> Result<Self, Rollback> {
        let mut seen = self.clone();
        for key in &sighting.keys {
            seen.count(key, sighting)?;
        }
        let excess = seen.counters.len().saturating_sub(COUNTERS_MAX);
        seen.counters.drain(..excess);
        Ok(seen)
    }

    fn count(&mut self, key: &str, sighting: &Sighting) -> Result<(), Rollback> {
        let Sighting { channel, sequence, payload, version, .. } = sighting;
        let is_known = |counter: &Counter| counter.channel == *channel && counter.key == key;
        for known in self.counters.iter().filter(|counter| is_known(counter)) {
            if *sequence < known.sequence {
                return Err(Rollback::Older(known.sequence));
            }
            if *sequence == known.sequence && *payload != known.payload {
                return Err(Rollback::Equivocation(known.sequence));
            }
        }
        self.counters.retain(|counter| !is_known(counter));
        self.counters.push(Counter {
            channel: channel.clone(),
            key: key.to_owned(),
            sequence: *sequence,
            payload: payload.clone(),
            version: version.clone(),
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
            version: None,
        }
    }

    fn announcing(version: &str, sighting: Sighting) -> Sighting {
        Sighting { version: Some(version.parse().unwrap()), ..sighting }
    }

    fn after(sightings: &[Sighting]) -> SeenManifests {
        sightings.iter().fold(SeenManifests::default(), |seen, sighting| seen.with(sighting).unwrap())
    }

    #[test]
    fn a_lower_sequence_is_a_rollback_and_the_same_one_is_not() {
        let seen = after(&[sighting("", &["a"], 7, "x")]);
        assert_eq!(seen.with(&sighting("", &["a"], 6, "x")), Err(Rollback::Older(7)));
        assert_eq!(seen.with(&sighting("", &["a"], 7, "x")), Ok(seen.clone()));
        assert!(seen.with(&sighting("", &["a"], 8, "y")).is_ok());
    }

    #[test]
    fn one_sequence_with_two_payloads_is_equivocation() {
        let seen = after(&[sighting("", &["a"], 7, "x")]);
        assert_eq!(seen.with(&sighting("", &["a"], 7, "y")), Err(Rollback::Equivocation(7)));
    }

    #[test]
    fn channels_and_keys_are_counted_apart() {
        let seen = after(&[sighting("stable", &["a"], 9, "x")]);
        assert!(seen.with(&sighting("beta", &["a"], 1, "y")).is_ok());
        // A stolen key that was run up to the end of all numbers must not outlive its rotation.
        let stolen = after(&[sighting("stable", &["a"], u64::MAX, "x")]);
        assert!(stolen.with(&sighting("stable", &["b"], 1, "y")).is_ok());
    }

    #[test]
    fn under_several_keys_it_must_be_new_enough_under_each() {
        let seen = after(&[sighting("", &["a"], 5, "x"), sighting("", &["b"], 9, "y")]);
        assert_eq!(seen.with(&sighting("", &["a", "b"], 8, "z")), Err(Rollback::Older(9)));
        let both = seen.with(&sighting("", &["a", "b"], 10, "z")).unwrap();
        assert_eq!(both.with(&sighting("", &["a"], 9, "q")), Err(Rollback::Older(10)));
    }

    #[test]
    fn a_signed_manifest_is_required_only_on_the_channel_where_one_was_seen() {
        let seen = SeenManifests::default().with(&sighting("stable", &["a"], 1, "x")).unwrap();
        assert!(seen.requires_signed("stable"));
        assert!(!seen.requires_signed("beta") && !seen.requires_signed(""));
    }

    #[test]
    fn what_is_higher_than_the_last_word_on_its_channel_was_taken_back() {
        let higher = announcing("2.0.0", sighting("stable", &["a"], 1, "x"));
        let lower = announcing("1.5.0+7", sighting("stable", &["b"], 1, "y"));
        let elsewhere = announcing("1.0.0", sighting("beta", &["a"], 9, "z"));
        let seen = after(&[higher.clone(), lower, elsewhere]);
        for (version, withdrawn) in
            [("2.0.0", true), ("1.5.1-rc.1", true), ("1.5.0", false), ("1.4.0", false)]
        {
            assert_eq!(seen.has_withdrawn("stable", &version.parse().unwrap()), withdrawn, "{version}");
        }
        let version = Version::new(2, 0, 0);
        assert!(!seen.has_withdrawn("", &version));
        assert!(!seen.with(&Sighting { sequence: 2, ..higher }).unwrap().has_withdrawn("stable", &version));
        let unreadable = sighting("stable", &["a"], 3, "q");
        assert!(!seen.with(&unreadable).unwrap().has_withdrawn("stable", &version));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_was_seen_the_longest_ago() {
        let longest = format!("1.0.0-{}", "x".repeat(250));
        let on = |channel: &str, sequence| announcing(&longest, sighting(channel, &["k"], sequence, "x"));
        let others = (0..1000).map(|n| format!("{n}{}", "\"".repeat(250)));
        let seen = others.fold(SeenManifests::default(), |seen, channel| {
            // One that is in use is not pushed out by any number of others.
            let seen = seen.with(&on("stable", 1)).unwrap();
            seen.with(&on(&channel, 1)).unwrap()
        });
        assert_eq!(seen.counters.len(), COUNTERS_MAX);
        assert!(seen.requires_signed("stable"));
        assert_eq!(seen.with(&on("stable", 0)), Err(Rollback::Older(1)));
        assert!(serde_json::to_vec(&seen).unwrap().len() as u64 <= super::super::RECORD_MAX_BYTES);
    }
}
