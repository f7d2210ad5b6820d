//! The records that are kept, as JSON.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{signature::Signature, system::Fingerprint};

/// What was installed here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The last installation; written before its last step, so that the step decides whether it counts.
    pub(crate) installed: Option<Installed>,
    /// An installation that an installer completes in its own time. Its fingerprint is the one of what is to be
    /// replaced: that another one is found there tells that it came to its end.
    #[serde(default)]
    pub(crate) begun: Option<Installed>,
    /// An artifact with a signed version was installed: from then on every one must have it.
    #[serde(default)]
    pub(crate) signed_version_seen: bool,
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Installed {
    /// See [`Signature::identity`].
    pub(crate) signature: String,
    /// What the installed file looks like. If it looks different, it was not installed, or replaced since.
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
}

impl Staged {
    pub(crate) fn parsed_signature(&self) -> Option<Signature> {
        Signature::parse(&self.signature).ok()
    }
}

impl State {
    /// What is known once it was looked what lies at the target now. An installation that was begun and changed nothing
    /// has failed.
    pub(crate) fn settled(mut self, found: Option<&Fingerprint>) -> Self {
        let replaced = self.begun.take().zip(found).filter(|(begun, found)| begun.fingerprint != **found);
        if let Some((begun, found)) = replaced {
            self.signed_version_seen |= begun.version.is_some();
            self.installed = Some(Installed { fingerprint: found.clone(), ..begun });
        }
        self
    }

    /// Whether the artifact with this signature is what lies at the target now.
    pub(crate) fn is_installed(&self, signature: &Signature, found: Option<&Fingerprint>) -> bool {
        self.installed.as_ref().is_some_and(|installed| {
            installed.signature == signature.identity() && Some(&installed.fingerprint) == found
        })
    }

    /// Whether this application only takes artifacts whose signature carries the version. It does once such a one was
    /// completely installed, which the target itself proves if this process never got to say so.
    pub(crate) fn requires_signed_version(&self, found: Option<&Fingerprint>) -> bool {
        self.signed_version_seen
            || self
                .installed
                .as_ref()
                .is_some_and(|installed| installed.version.is_some() && Some(&installed.fingerprint) == found)
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

    fn installation(fingerprint: Fingerprint) -> Option<Installed> {
        Some(Installed { signature: "s".to_owned(), fingerprint, version: Some(Version::new(2, 0, 0)) })
    }

    #[test]
    fn an_installation_that_was_begun_counts_once_something_else_is_found_there() {
        let state = State { begun: installation(looks(1)), ..State::default() };
        let settled = state.clone().settled(Some(&looks(2)));
        assert_eq!(settled.installed, installation(looks(2)));
        assert!(settled.signed_version_seen && settled.begun.is_none());
    }

    #[test]
    fn an_installation_that_changed_nothing_has_failed() {
        let earlier = State { installed: installation(looks(7)), ..State::default() };
        for found in [Some(&looks(1)), None] {
            let state = State { begun: installation(looks(1)), ..earlier.clone() };
            assert_eq!(state.settled(found), earlier);
        }
    }
}
