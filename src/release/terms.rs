//! [`Terms`]: what a signed manifest says besides the release: for whom it is, and until when.

use std::time::SystemTime;

use super::Manifest;
use crate::{Error, Result, manifest::signed::SignedManifest};

/// Named in errors in place of an endpoint.
pub(super) const SOURCE: &str = "the manifest";
/// The members of a payload that the plain manifest does not have.
const MEMBERS: [&str; 7] = ["type", "specVersion", "app", "channel", "sequence", "issued", "expires"];

/// What is signed with a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The application's identifier: others that trust the same key refuse it.
    pub app: Option<String>,
    /// The release channel it is for.
    pub channel: Option<String>,
    /// Higher than that of every manifest before it, up to 2^53 - 1.
    pub sequence: u64,
    /// From when it is valid; applications allow for 24 h of difference between clocks.
    pub issued: SystemTime,
    /// Until when. Applications refuse it afterwards, so that an old one cannot be served for ever.
    pub expires: SystemTime,
}

impl Terms {
    /// A sequence that is higher than `previous` and needs no memory: the seconds since 1970, unless more are used up.
    pub fn next_sequence(previous: Option<u64>, now: SystemTime) -> u64 {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        previous.map_or(seconds, |previous| seconds.max(previous.saturating_add(1)))
    }

    pub(super) fn of(read: &SignedManifest) -> Self {
        Self {
            app: read.app.clone(),
            channel: read.channel.clone(),
            sequence: read.sequence,
            issued: read.issued.into(),
            expires: read.expires.into(),
        }
    }
}

impl Manifest {
    /// What it was signed with, as it says itself: nothing is verified. Nothing where it is not signed.
    ///
    /// # Errors
    /// [`Error::ManifestSignature`], [`Error::InvalidManifest`].
    pub fn claimed_terms(&self) -> Result<Option<Terms>> {
        let Some(envelope) = self.envelope(SOURCE)? else { return Ok(None) };
        Ok(Some(Terms::of(&envelope.claimed(SOURCE)?)))
    }

    /// A member that older applications, which read the plain ones, see otherwise than those that read the signed ones.
    pub(super) fn difference(&self, read: &SignedManifest) -> Result<Option<String>> {
        let payload = serde_json::to_vec(read.manifest())
            .map_err(|error| Error::manifest(&SOURCE, error.to_string()))?;
        let signed = Self::parse(&payload, SOURCE)?.plain()?;
        let plain = self.plain()?;
        let mut names = plain.keys().chain(signed.keys()).filter(|name| !MEMBERS.contains(&name.as_str()));
        Ok(names.find(|name| plain.get(*name) != signed.get(*name)).cloned())
    }
}
