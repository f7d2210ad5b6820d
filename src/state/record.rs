//! The records that are kept, as JSON.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{signature::Signature, system::Fingerprint};

/// What was installed here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The last installation that is known to be complete.
    pub(crate) installed: Option<Installed>,
    /// One whose last step is being done, or was when the process ended; the target itself tells how it came out.
    #[serde(default)]
    pub(crate) begun: Option<Begun>,
    /// An artifact with a signed version was installed: from then on every one must have it.
    #[serde(default)]
    pub(crate) signed_version_seen: bool,
}

/// An installation whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
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
    /// The application's own, on which it was announced; empty for none. A record that does not tell must not be believed
    /// on any.
    #[serde(default)]
    pub(crate) channel: String,
    /// The key lines of those that signed the manifest that announced it; none where it was not signed. A record that
    /// does not tell is good for nobody who demands a signed one.
    #[serde(default)]
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
    /// What is known once it was looked what lies at the target. What has not come true has failed.
    pub(crate) fn settled(mut self, found: Option<&Fingerprint>) -> Self {
        let came_true = self.begun.take().zip(found).filter(|(begun, found)| begun.expected.is_met(found));
        if let Some((Begun { signature, version, .. }, found)) = came_true {
            self.signed_version_seen |= version.is_some();
            self.installed = Some(Installed { signature, version, fingerprint: found.clone() });
        }
        self
    }

    /// What is known once an installer or a package manager has said that it failed. Its word counts, and not that
    /// something else lies at the target: undoing it may put the old version back as a new file.
    pub(crate) fn withdrawn(mut self) -> Self {
        self.begun.take_if(|begun| matches!(begun.expected, Expected::AnythingBut(_)));
        self
    }

    /// Whether the artifact with this signature is what lies at the target now.
    pub(crate) fn is_installed(&self, signature: &Signature, found: Option<&Fingerprint>) -> bool {
        self.installed.as_ref().is_some_and(|installed| {
            installed.signature == signature.identity() && Some(&installed.fingerprint) == found
        })
    }

    /// Whether an installation of the artifact with this signature was begun, and has not come true.
    pub(crate) fn has_failed(&self, signature: &Signature, found: Option<&Fingerprint>) -> bool {
        let begun = self.begun.as_ref().filter(|begun| begun.signature == signature.identity());
        begun.is_some_and(|begun| !found.is_some_and(|found| begun.expected.is_met(found)))
    }

    /// The version that lies at the target, where an installation has proved it.
    pub(crate) fn installed_version(&self, found: Option<&Fingerprint>) -> Option<&Version> {
        let installed = self.installed.as_ref().filter(|installed| Some(&installed.fingerprint) == found)?;
        installed.version.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(inode: u64) -> Fingerprint {
        Fingerprint { inode, size: 1, modified_ns: 1 }
    }

    fn begun(expected: Expected) -> State {
        let installed = Installed {
            signature: "old".to_owned(),
            fingerprint: looks(1),
            version: Some(Version::new(1, 0, 0)),
        };
        let begun = Begun { signature: "new".to_owned(), version: Some(Version::new(2, 0, 0)), expected };
        State { installed: Some(installed), begun: Some(begun), signed_version_seen: false }
    }

    fn outcome(expected: Expected, found: Option<Fingerprint>) -> (String, bool) {
        let state = begun(expected).settled(found.as_ref());
        assert!(state.begun.is_none());
        (state.installed.unwrap().signature, state.signed_version_seen)
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
    fn an_installation_has_failed_until_that_is_settled_and_only_for_its_own_artifact() {
        let own = Signature::parse(include_str!("../../tests/fixtures/artifact.minisig")).unwrap();
        let mut state = begun(Expected::AnythingBut(looks(1)));
        assert!(!state.has_failed(&own, Some(&looks(1))));
        state.begun.as_mut().unwrap().signature = own.identity().to_owned();
        assert!(state.has_failed(&own, Some(&looks(1))) && state.has_failed(&own, None));
        assert!(!state.has_failed(&own, Some(&looks(2))));
        assert!(!state.settled(Some(&looks(1))).has_failed(&own, Some(&looks(1))));
    }

    #[test]
    fn what_an_installer_calls_a_failure_is_one_whatever_its_undoing_left_at_the_target() {
        let state = begun(Expected::AnythingBut(looks(1))).withdrawn().settled(Some(&looks(2)));
        assert_eq!((state.installed.unwrap().signature.as_str(), state.signed_version_seen), ("old", false));
    }

    #[test]
    fn what_this_program_replaced_itself_is_told_by_the_target_also_after_an_error() {
        let replaced = begun(Expected::Exactly(looks(2)));
        assert_eq!(replaced.clone().withdrawn(), replaced);
    }

    #[test]
    fn what_is_installed_is_the_recorded_artifact_for_as_long_as_nothing_replaces_it() {
        let own = Signature::parse(include_str!("../../tests/fixtures/artifact.minisig")).unwrap();
        let mut state = begun(Expected::Exactly(looks(2)));
        assert!(!state.is_installed(&own, Some(&looks(1))));
        state.installed.as_mut().unwrap().signature = own.identity().to_owned();
        assert!(state.is_installed(&own, Some(&looks(1))));
        assert_eq!(state.installed_version(Some(&looks(1))), Some(&Version::new(1, 0, 0)));
        for found in [None, Some(&looks(2))] {
            assert!(!state.is_installed(&own, found));
            assert_eq!(state.installed_version(found), None);
        }
        assert!(!State::default().is_installed(&own, None));
    }
}
