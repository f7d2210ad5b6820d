//! What a [`Context`] believes of a manifest: where it has to be signed, and that it is no older than those before.

use semver::Version;
use time::OffsetDateTime;
use url::Url;

use super::Context;
use crate::{
    Error, Result,
    endpoint::{Endpoint, display},
    manifest::{
        Object, Release, parse_object, read_release,
        signed::{Envelope, SignedManifest, check_expiry},
    },
    signature::PublicKey,
    state::{Rollback, SeenManifests, Staged},
};

/// Only what the manifest may send the client to. A delta that lies elsewhere is one fewer.
fn reachable(mut release: Release, endpoint: &Endpoint, from: &Url) -> Result<Release> {
    endpoint.check_artifact_url(&release.url, from)?;
    release.deltas.retain(|delta| endpoint.check_artifact_url(&delta.url, from).is_ok());
    Ok(release)
}

impl Context {
    /// Reads what an endpoint answered. Of a signed manifest only the signed part counts. Reads and writes records.
    pub(super) fn read_manifest(&self, body: &[u8], endpoint: &Endpoint, from: &Url) -> Result<Release> {
        let source = display(from);
        let (targets, os) = (self.target_keys(), self.settings.target.os);
        let manifest = parse_object(body, &source)?;
        let Some(envelope) = self.find_envelope(&manifest, &source)? else {
            self.allow_unsigned(&source)?;
            return reachable(read_release(&manifest, &targets, os, &source)?, endpoint, from);
        };
        let signed = envelope.open(&self.settings.manifest_keys, &source)?;
        let config = &self.settings.config;
        signed.check_identity(config.app_id.as_deref(), config.channel.as_deref())?;
        signed.check_time(OffsetDateTime::now_utc(), &source)?;
        // It is the publisher's newest word, whatever it has for this platform: another endpoint must not put an older
        // one in its place.
        self.remember(&signed, &source)?;
        reachable(signed.release(&targets, os, &source)?, endpoint, from)
    }

    /// The signed part that this application has to believe or to refuse.
    fn find_envelope(&self, manifest: &Object, source: &str) -> Result<Option<Envelope>> {
        let Some(envelope) = Envelope::find(manifest, source)? else { return Ok(None) };
        let has_own_keys = self.settings.config.manifest_pubkeys.is_some();
        let is_for_us = has_own_keys || envelope.names_any(&self.settings.manifest_keys);
        Ok((is_for_us || self.why_signed()?.is_some()).then_some(envelope))
    }

    /// Refuses an answer that nobody signed where a signed one is demanded.
    pub(super) fn allow_unsigned(&self, source: &str) -> Result<()> {
        match self.why_signed()? {
            Some(reason) => {
                Err(Error::ManifestUnsigned { url: source.to_owned(), reason: reason.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Why only a signed manifest will do; nothing where any will.
    fn why_signed(&self) -> Result<Option<&'static str>> {
        if self.settings.config.require_signed_manifest {
            return Ok(Some("`requireSignedManifest` is set"));
        }
        let was_seen = self.seen_manifests()?.requires_signed(self.channel());
        Ok(was_seen.then_some("one was seen before, and from then on each has to be signed"))
    }

    /// Whether a staged release would be believed now: the application may have changed its channel, its keys or its
    /// demands since it was announced, and the publisher may have taken it back.
    pub(super) fn is_still_announced(&self, staged: &Staged) -> Result<bool> {
        let keys: Vec<&str> = staged.manifest_keys.iter().map(String::as_str).collect();
        Ok(staged.channel == self.channel() && self.is_believed(&staged.version, &keys)?)
    }

    /// Whether a release of this channel would be believed whose manifest was signed under these keys, or not at all.
    fn is_believed(&self, version: &Version, keys: &[&str]) -> Result<bool> {
        let is_trusted = |line: &&str| self.settings.manifest_keys.iter().any(|key| key.as_line() == *line);
        let is_signed = keys.iter().any(is_trusted);
        let may_be_plain = keys.is_empty() && self.why_signed()?.is_none();
        // Only what is signed takes back: else a server could undo every update.
        let is_withdrawn = self.seen_manifests()?.has_withdrawn(self.channel(), version);
        Ok((is_signed || may_be_plain) && !is_withdrawn)
    }

    /// The same before an installation: a check may have changed what is demanded. What is on disk counts, since another
    /// run may have put it there; and where that is gone, `record`: who takes a release back removes what is on disk, but
    /// cannot always remove the artifact.
    pub(super) fn refuse_unannounced(&self, record: &Staged) -> Result<()> {
        let data = self.data()?;
        let on_disk = record.parsed_signature().and_then(|signature| data.staged_as(&signature));
        let on_disk = on_disk.filter(|staged| self.is_ours(staged));
        let staged = on_disk.as_ref().unwrap_or(record);
        if self.is_still_announced(staged)? { Ok(()) } else { Err(not_announced(&staged.version)) }
    }

    /// The same for a release that was found a while ago. The manifest may also have expired since: who holds up the
    /// download must not win the time in which another one is to be had.
    pub(super) fn refuse_outdated(&self, release: &Release, source: &str) -> Result<()> {
        if let Some(expires) = release.expires {
            check_expiry(expires, OffsetDateTime::now_utc(), source)?;
        }
        let keys: Vec<&str> = release.manifest_keys.iter().map(PublicKey::as_line).collect();
        if self.is_believed(&release.version, &keys)? { Ok(()) } else { Err(not_announced(&release.version)) }
    }

    pub(super) fn channel(&self) -> &str {
        self.settings.config.channel.as_deref().unwrap_or_default()
    }

    /// Without a place for data every manifest is the first.
    fn seen_manifests(&self) -> Result<SeenManifests> {
        self.data().map_or_else(|_| Ok(SeenManifests::default()), |data| data.seen_manifests())
    }

    fn remember(&self, signed: &SignedManifest, source: &str) -> Result<()> {
        let sighting = signed.sighting(self.channel());
        let refuse = |rollback| rollback_error(rollback, sighting.sequence, source);
        let change = |seen: &SeenManifests| seen.with(&sighting).map_err(refuse);
        match self.data() {
            Ok(data) => data.change_seen_manifests(change),
            Err(_) => Ok(()),
        }
    }
}

fn not_announced(version: &Version) -> Error {
    let reason = format!(
        "{version} was announced on another channel or by a manifest that is not signed as it has to be now, or was taken \
         back since"
    );
    Error::NotUpdatable { reason }
}

fn rollback_error(rollback: Rollback, sequence: u64, source: &str) -> Error {
    let reason = match rollback {
        Rollback::Older(seen) => format!("its sequence is {sequence}, and {seen} was seen before"),
        Rollback::Equivocation(seen) => {
            format!("its sequence is {seen}, and another manifest with the same one was seen before")
        }
    };
    Error::ManifestRollback { url: source.to_owned(), reason }
}
