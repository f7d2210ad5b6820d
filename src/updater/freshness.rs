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
        signed::{Envelope, SignedManifest},
    },
    signature::Signature,
    state::{Rollback, SeenManifests, Staged},
};

impl Context {
    /// Reads what an endpoint answered. Of a signed manifest only the signed part counts. Reads and writes records.
    pub(super) fn read_manifest(&self, body: &[u8], endpoint: &Endpoint, from: &Url) -> Result<Release> {
        let source = display(from);
        let (targets, os) = (self.target_keys(), self.settings.target.os);
        let manifest = parse_object(body, &source)?;
        let Some(envelope) = self.find_envelope(&manifest, &source)? else {
            self.allow_unsigned(&source)?;
            let release = read_release(&manifest, &targets, os, &source)?;
            endpoint.check_artifact_url(&release.url, from)?;
            return Ok(release);
        };
        let signed = envelope.open(&self.settings.manifest_keys, &source)?;
        let config = &self.settings.config;
        signed.check_identity(config.app_id.as_deref(), config.channel.as_deref())?;
        signed.check_time(OffsetDateTime::now_utc(), &source)?;
        // It is the publisher's newest word, whatever it has for this platform: another endpoint must not put an older
        // one in its place.
        self.remember(&signed, &source)?;
        self.forget_withdrawn(&signed.version(&source)?)?;
        let release = signed.release(&targets, os, &source)?;
        endpoint.check_artifact_url(&release.url, from)?;
        Ok(release)
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
    /// demands since it was announced.
    pub(super) fn is_still_announced(&self, staged: &Staged) -> Result<bool> {
        let is_trusted = |line: &String| self.settings.manifest_keys.iter().any(|key| key.as_line() == line);
        let is_signed = staged.manifest_keys.iter().any(is_trusted);
        let is_plain = staged.manifest_keys.is_empty();
        Ok(staged.channel == self.channel() && (is_signed || (is_plain && self.why_signed()?.is_none())))
    }

    /// The same for what is on record, before it is installed: another run may have put it there, and a check may have
    /// changed what is demanded.
    pub(super) fn refuse_unannounced(&self, signature: &Signature) -> Result<()> {
        let Some(staged) = self.data()?.staged_as(signature) else { return Ok(()) };
        if self.is_still_announced(&staged)? {
            return Ok(());
        }
        let reason = format!(
            "{} was staged from another channel, or from a manifest that is not signed as it has to be now",
            staged.version
        );
        Err(Error::NotUpdatable { reason })
    }

    /// Forgets a staged release that is higher than what the publisher has just signed as the newest of this channel: it
    /// was taken back, and must not be installed at the next start. Never on the word of a manifest that nobody signed,
    /// with which a server could undo every update.
    fn forget_withdrawn(&self, newest: &Version) -> Result<()> {
        let Ok(data) = self.data() else { return Ok(()) };
        let withdrawn = || {
            let staged = data.staged().filter(|staged| staged.channel == self.channel())?;
            newest.cmp_precedence(&staged.version).is_lt().then(|| staged.parsed_signature())
        };
        if withdrawn().is_none() {
            return Ok(());
        }
        let _lock = match data.lock() {
            // Something is being staged or installed: the next check sees what has come of it.
            Err(Error::Busy { .. }) => return Ok(()),
            lock => lock?,
        };
        match withdrawn() {
            Some(Some(signature)) => data.discard_staged(&signature),
            Some(None) => data.forget_staged(),
            None => Ok(()),
        }
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

fn rollback_error(rollback: Rollback, sequence: u64, source: &str) -> Error {
    let reason = match rollback {
        Rollback::Older(seen) => format!("its sequence is {sequence}, and {seen} was seen before"),
        Rollback::Equivocation(seen) => {
            format!("its sequence is {seen}, and another manifest with the same one was seen before")
        }
    };
    Error::ManifestRollback { url: source.to_owned(), reason }
}
