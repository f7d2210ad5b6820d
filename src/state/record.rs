//! The records that are kept, as JSON.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{signature::Signature, system::Fingerprint};

/// Each has a record of what was installed there last; the bound keeps the file one that is read.
const PLACES_MAX: usize = 16;

/// What was installed. Several copies of an application with one `appId` share it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The last installation at each place that is known to be complete, the latest at the end.
    pub(crate) installed: Vec<Installed>,
    /// One at each place whose last step is being done, or was when the process ended; the target itself tells how it
    /// came out.
    pub(crate) begun: Vec<Begun>,
    /// An artifact with a signed version was installed: from then on every one must have it.
    pub(crate) signed_version_seen: bool,
}

/// An installation whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// Names the target. What comes true at another one proves nothing.
    pub(crate) place: String,
    /// See [`Signature::identity`].
    pub(crate) signature: String,
    /// The version, where the signature carried it.
    pub(crate) version: Option<Version>,
    /// By what its success is told.
    pub(crate) expected: Expected,
}

/// What lies at the target once an installation has succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// This.
    Exactly(Fingerprint),
    /// Anything but this, which lay there before: an installer or a package manager puts it there.
    AnythingBut(Fingerprint),
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Installed {
    /// Named the target; it may have been moved since, so that what it looks like tells what it is.
    pub(crate) place: String,
    /// See [`Signature::identity`].
    pub(crate) signature: String,
    /// What the installed file looks like. If it looks different, it was replaced since.
    pub(crate) fingerprint: Fingerprint,
    /// The version, where the signature carried it.
    pub(crate) version: Option<Version>,
}

/// What a server said of a download that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Partial {
    /// See [`Signature::identity`].
    pub(crate) signature: String,
    /// Strong entity tag (RFC 9110, section 8.8.3).
    pub(crate) etag: Option<String>,
}

/// A release that was downloaded and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Staged {
    pub(crate) version: Version,
    pub(crate) target: String,
    pub(crate) format: String,
    pub(crate) signature: String,
    pub(crate) downloaded_bytes: u64,
    /// The path of the application that staged it.
    pub(crate) application: String,
    /// The application's own, on which it was announced; empty for none.
    pub(crate) channel: String,
    /// The key lines of those that signed the manifest that announced it; none where it was not signed.
    pub(crate) manifest_keys: Vec<String>,
}

impl Staged {
    pub(crate) fn parsed_signature(&self) -> Option<Signature> {
        Signature::parse(&self.signature).ok()
    }
}

impl Expected {
    fn is_met(&self, found: &Fingerprint) -> bool {
        match self {
            Self::Exactly(new) => found == new,
            Self::AnythingBut(old) => found != old,
        }
    }
}

impl State {
    /// What is known while the last step of an installation is being done.
    pub(crate) fn beginning(mut self, begun: Begun) -> Self {
        self.begun.retain(|other| other.place != begun.place);
        self.begun.push(begun);
        forget_oldest(&mut self.begun);
        self
    }

    /// What is known once it was looked what lies at this place. What has not come true has failed.
    pub(crate) fn settled(mut self, place: &str, found: Option<&Fingerprint>) -> Self {
        let here = self.begun.iter().rev().find(|begun| begun.place == place).cloned();
        self.begun.retain(|begun| begun.place != place);
        let came_true = here.zip(found).filter(|(begun, found)| begun.expected.is_met(found));
        if let Some((Begun { place, signature, version, .. }, found)) = came_true {
            self.signed_version_seen |= version.is_some();
            self.installed.retain(|other| other.place != place);
            self.installed.push(Installed { place, signature, version, fingerprint: found.clone() });
            forget_oldest(&mut self.installed);
        }
        self
    }

    /// What is known once an installer or a package manager has said that it failed. Its word counts, and not that
    /// something else lies at the target: undoing it may put the old version back as a new file.
    pub(crate) fn withdrawn(mut self, place: &str) -> Self {
        self.begun.retain(|begun| begun.place != place || matches!(begun.expected, Expected::Exactly(_)));
        self
    }

    /// Whether the artifact with this signature is what lies at the target now.
    pub(crate) fn is_installed(&self, signature: &Signature, found: Option<&Fingerprint>) -> bool {
        self.known(found).is_some_and(|installed| installed.signature == signature.identity())
    }

    /// Whether an installation of the artifact with this signature was begun at this place, and has not come true.
    pub(crate) fn has_failed(&self, signature: &Signature, place: &str, found: Option<&Fingerprint>) -> bool {
        let is_same = |begun: &&Begun| begun.place == place && begun.signature == signature.identity();
        let begun = self.begun.iter().find(is_same);
        begun.is_some_and(|begun| !found.is_some_and(|found| begun.expected.is_met(found)))
    }

    /// The version that lies at the target, where an installation has proved it.
    pub(crate) fn installed_version(&self, found: Option<&Fingerprint>) -> Option<&Version> {
        self.known(found)?.version.as_ref()
    }

    fn known(&self, found: Option<&Fingerprint>) -> Option<&Installed> {
        self.installed.iter().rev().find(|installed| Some(&installed.fingerprint) == found)
    }
}

fn forget_oldest<T>(records: &mut Vec<T>) {
    let excess = records.len().saturating_sub(PLACES_MAX);
    records.drain(..excess);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "here";
    const ELSEWHERE: &str = "elsewhere";

    fn looks(inode: u64) -> Fingerprint {
        Fingerprint { inode, size: 1, modified_ns: 1 }
    }

    fn own() -> Signature {
        Signature::parse(include_str!("../../tests/fixtures/artifact.minisig")).unwrap()
    }

    fn installation(place: &str, signature: &str, expected: Expected) -> Begun {
        let (place, signature) = (place.to_owned(), signature.to_owned());
        Begun { place, signature, version: Some(Version::new(2, 0, 0)), expected }
    }

    fn begun(expected: Expected) -> State {
        let installed = Installed {
            place: HERE.to_owned(),
            signature: "old".to_owned(),
            fingerprint: looks(1),
            version: Some(Version::new(1, 0, 0)),
        };
        State { installed: vec![installed], ..State::default() }
            .beginning(installation(HERE, "new", expected))
    }

    fn last(state: &State) -> (&str, bool) {
        (&state.installed.last().unwrap().signature, state.signed_version_seen)
    }

    fn outcome(expected: Expected, found: Option<Fingerprint>) -> (String, bool) {
        let state = begun(expected).settled(HERE, found.as_ref());
        assert!(state.begun.is_empty() && state.installed.len() == 1);
        let (signature, seen) = last(&state);
        (signature.to_owned(), seen)
    }

    #[test]
    fn an_installation_counts_once_the_target_shows_it() {
        let succeeded = ("new".to_owned(), true);
        assert_eq!(outcome(Expected::Exactly(looks(2)), Some(looks(2))), succeeded);
        assert_eq!(outcome(Expected::AnythingBut(looks(1)), Some(looks(2))), succeeded);
    }

    #[test]
    fn one_that_failed_makes_nobody_forget_what_was_installed_before() {
        let failed = ("old".to_owned(), false);
        assert_eq!(outcome(Expected::Exactly(looks(2)), Some(looks(1))), failed);
        assert_eq!(outcome(Expected::Exactly(looks(2)), Some(looks(3))), failed);
        assert_eq!(outcome(Expected::AnythingBut(looks(1)), Some(looks(1))), failed);
        assert_eq!(outcome(Expected::AnythingBut(looks(1)), None), failed);
    }

    #[test]
    fn what_another_copy_looks_like_says_nothing_of_an_installation() {
        for expected in [Expected::AnythingBut(looks(1)), Expected::Exactly(looks(7))] {
            let state = begun(expected);
            assert_eq!(state.clone().settled(ELSEWHERE, Some(&looks(7))), state);
            assert_eq!(state.clone().withdrawn(ELSEWHERE), state);
            let signature = own();
            let state =
                state.beginning(installation(HERE, signature.identity(), Expected::AnythingBut(looks(1))));
            assert!(state.has_failed(&signature, HERE, Some(&looks(1))));
            assert!(!state.has_failed(&signature, ELSEWHERE, Some(&looks(1))));
        }
    }

    #[test]
    fn what_is_installed_elsewhere_makes_nobody_forget_what_is_here() {
        let state = begun(Expected::Exactly(looks(2))).settled(HERE, Some(&looks(2)));
        let both = state
            .beginning(installation(ELSEWHERE, "other", Expected::Exactly(looks(8))))
            .settled(ELSEWHERE, Some(&looks(8)));
        for found in [looks(2), looks(8)] {
            assert_eq!(both.installed_version(Some(&found)), Some(&Version::new(2, 0, 0)));
        }
        assert_eq!(both.installed_version(Some(&looks(1))), None);
    }

    #[test]
    fn of_one_place_the_last_beginning_counts() {
        let state = begun(Expected::Exactly(looks(2)));
        let again = state.beginning(installation(HERE, "newer", Expected::Exactly(looks(3))));
        assert_eq!(again.begun.len(), 1);
        assert_eq!(last(&again.settled(HERE, Some(&looks(3)))), ("newer", true));
    }

    #[test]
    fn an_installation_has_failed_until_that_is_settled_and_only_for_its_own_artifact() {
        let (own, expected) = (own(), Expected::AnythingBut(looks(1)));
        assert!(!begun(expected.clone()).has_failed(&own, HERE, Some(&looks(1))));
        let state = State::default().beginning(installation(HERE, own.identity(), expected));
        assert!(state.has_failed(&own, HERE, Some(&looks(1))) && state.has_failed(&own, HERE, None));
        assert!(!state.has_failed(&own, HERE, Some(&looks(2))));
        assert!(!state.settled(HERE, Some(&looks(1))).has_failed(&own, HERE, Some(&looks(1))));
    }

    #[test]
    fn what_an_installer_calls_a_failure_is_one_whatever_its_undoing_left_at_the_target() {
        let state = begun(Expected::AnythingBut(looks(1))).withdrawn(HERE).settled(HERE, Some(&looks(2)));
        assert_eq!(last(&state), ("old", false));
    }

    #[test]
    fn what_this_program_replaced_itself_is_told_by_the_target_also_after_an_error() {
        let replaced = begun(Expected::Exactly(looks(2)));
        assert_eq!(replaced.clone().withdrawn(HERE), replaced);
    }

    #[test]
    fn what_is_installed_is_the_recorded_artifact_for_as_long_as_nothing_replaces_it() {
        let own = own();
        let mut state = begun(Expected::Exactly(looks(2)));
        assert!(!state.is_installed(&own, Some(&looks(1))));
        state.installed[0].signature = own.identity().to_owned();
        assert!(state.is_installed(&own, Some(&looks(1))));
        assert_eq!(state.installed_version(Some(&looks(1))), Some(&Version::new(1, 0, 0)));
        for found in [None, Some(&looks(2))] {
            assert!(!state.is_installed(&own, found));
            assert_eq!(state.installed_version(found), None);
        }
        assert!(!State::default().is_installed(&own, None));
    }

    #[test]
    fn the_record_is_bounded_and_forgets_what_was_installed_the_longest_ago() {
        let longest = Version::parse(&format!("1.0.0-{}", "x".repeat(250))).unwrap();
        let state = (0..100).fold(State::default(), |state, number| {
            let place = format!("{number:032}");
            let new = |expected| Begun {
                version: Some(longest.clone()),
                ..installation(&place, own().identity(), expected)
            };
            let (found, before) = (looks(u64::MAX - number), looks(number));
            let state = state.beginning(new(Expected::Exactly(found.clone()))).settled(&place, Some(&found));
            state.beginning(new(Expected::AnythingBut(before)))
        });
        assert_eq!((state.installed.len(), state.begun.len()), (PLACES_MAX, PLACES_MAX));
        assert!(state.is_installed(&own(), Some(&looks(u64::MAX - 99))));
        assert!(!state.is_installed(&own(), Some(&looks(u64::MAX))));
        assert!(serde_json::to_vec(&state).unwrap().len() as u64 <= super::super::RECORD_MAX_BYTES);
    }
}
