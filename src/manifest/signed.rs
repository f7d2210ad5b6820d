//! The signed manifest: an optional member beside the plain ones, which older clients go on reading.
//!
//! ```text
//! "signedManifest": {"payload": "<base64 of JSON>", "signatures": ["<minisign signature of the JSON>"]}
//! ```
//! The payload is a manifest of the static shape with `type` ("updater-manifest"), `specVersion` (1), `sequence`,
//! `issued`, `expires`, and optionally `app` and `channel`. Each trusted comment has `type:manifest` and `sequence:`.
//! Where it is present it has to be valid, and nothing but the payload counts; [`Envelope::names_any`] has the exception.
//!
//! An [`Envelope`] is what a server sent, a [`SignedManifest`] what one of the keys has signed; no release is read out
//! of the former.

#[cfg(test)]
#[cfg(unix)]
mod tests;

use base64::{Engine, engine::general_purpose::STANDARD};
use semver::Version;
use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Object, Reader, Release, kind, parse_object, read_release};
use crate::{
    Error, Result,
    signature::{PublicKey, Signature, SignedMetadata, check_name, verify_reader},
    state::{Sighting, digest},
    target::Os,
};

/// The manifest's member.
pub(crate) const MEMBER: &str = "signedManifest";
/// The payload's `type`: another document under the same key is no manifest.
pub(crate) const TYPE: &str = "updater-manifest";
/// The payload's `specVersion`; a later one may mean something else by the same members.
pub(crate) const SPEC_VERSION: u64 = 1;
/// `type` in the trusted comment.
pub(crate) const PURPOSE: &str = "manifest";
/// Each one costs a verification: a server must not choose how many.
const SIGNATURES_MAX: usize = 16;
/// How far the publisher's clock may be ahead of this machine's.
const CLOCK_SKEW_MAX: Duration = Duration::hours(24);

/// A signed manifest as it was sent: nobody's word yet.
#[derive(Debug)]
pub(crate) struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// What at least one of the keys has signed.
#[derive(Debug)]
pub(crate) struct SignedManifest {
    manifest: Object,
    pub(crate) app: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) sequence: u64,
    pub(crate) issued: OffsetDateTime,
    pub(crate) expires: OffsetDateTime,
    /// Under which keys.
    signers: Vec<PublicKey>,
    /// Tells two payloads of one sequence apart.
    digest: String,
}

impl Envelope {
    /// Nothing where the manifest is not signed. `source` is the URL named in errors.
    pub(crate) fn find(manifest: &Object, source: &str) -> Result<Option<Self>> {
        match manifest.get(MEMBER) {
            None | Some(Value::Null) => Ok(None),
            Some(member) => Self::parse(member, source).map(Some),
        }
    }

    pub(crate) fn parse(member: &Value, source: &str) -> Result<Self> {
        let invalid = |reason: String| signature_error(source, reason);
        let object = member
            .as_object()
            .ok_or_else(|| invalid(format!("`{MEMBER}` must be an object, not {}", kind(member))))?;
        let payload = object.get("payload").and_then(Value::as_str);
        let payload = payload
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or_else(|| invalid("`payload` must be base64".to_owned()))?;
        let signatures = match object.get("signatures").and_then(Value::as_array) {
            Some(signatures) if (1..=SIGNATURES_MAX).contains(&signatures.len()) => signatures,
            _ => return Err(invalid(format!("`signatures` must be an array of 1 to {SIGNATURES_MAX}"))),
        };
        let signatures = signatures
            .iter()
            .map(|text| Signature::parse(text.as_str().unwrap_or_default()))
            .collect::<Result<_>>()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self { payload, signatures })
    }

    /// What it says, which nothing has proved yet: good enough to tell publishers what they signed.
    #[cfg(feature = "release")]
    pub(crate) fn claimed(&self, source: &str) -> Result<SignedManifest> {
        SignedManifest::read(&self.payload, source)
    }

    /// Whether a signature says that it was made with one of these keys. An application that was built before there was
    /// a key for manifests knows none of them, and refusing would keep it from the release that brings the key. It would
    /// stop nobody either: whoever can put the envelope there can leave it out.
    pub(crate) fn names_any(&self, keys: &[PublicKey]) -> bool {
        keys.iter().any(|key| self.signatures.iter().any(|signature| signature.names(key)))
    }

    /// Verifies it, and only then reads it.
    pub(crate) fn open(&self, keys: &[PublicKey], source: &str) -> Result<SignedManifest> {
        let signed = self.signed_by(keys);
        if signed.is_empty() {
            return Err(signature_error(source, "none of the public keys for manifests has signed it"));
        }
        let read = SignedManifest::read(&self.payload, source)?;
        signed.iter().try_for_each(|(_, metadata)| check_comment(metadata, read.sequence, source))?;
        let signers = signed.into_iter().map(|(key, _)| key.clone()).collect();
        Ok(SignedManifest { signers, ..read })
    }

    /// Every pair of a key and what it signed. Signatures under other keys may be for clients of another time.
    fn signed_by<'a>(&self, keys: &'a [PublicKey]) -> Vec<(&'a PublicKey, SignedMetadata)> {
        let pairs = keys.iter().flat_map(|key| self.signatures.iter().map(move |signature| (key, signature)));
        pairs
            .filter_map(|(key, signature)| {
                let metadata =
                    verify_reader(&mut self.payload.as_slice(), signature, std::slice::from_ref(key)).ok()?;
                Some((key, metadata))
            })
            .collect()
    }
}

impl SignedManifest {
    fn read(payload: &[u8], source: &str) -> Result<Self> {
        let reader = Reader { source };
        let manifest = parse_object(payload, source)?;
        let missing = |key: &str| reader.invalid(format!("`{key}` is missing in the signed manifest"));
        let time = |key: &str| {
            let text = reader.optional_text(&manifest, key)?.ok_or_else(|| missing(key))?;
            reader.time(key, text)
        };
        let name = |key: &str| Ok::<_, Error>(reader.optional_text(&manifest, key)?.map(str::to_owned));
        let number = |key: &str| reader.whole_number(&manifest, key)?.ok_or_else(|| missing(key));
        check_kind(reader.text(&manifest, "type")?, number("specVersion")?, &reader)?;
        let (issued, expires) = (time("issued")?, time("expires")?);
        if expires <= issued {
            return Err(reader.invalid("the signed manifest expires before it is issued"));
        }
        // Without keys for platforms, one platform's answer would be good for any other.
        if !manifest.get("platforms").is_some_and(Value::is_object) {
            return Err(missing("platforms"));
        }
        Ok(Self {
            app: name("app")?,
            channel: name("channel")?,
            sequence: number("sequence")?,
            issued,
            expires,
            signers: Vec::new(),
            digest: digest(payload),
            manifest,
        })
    }

    /// Whether it is for this application, on this channel.
    pub(crate) fn check_identity(&self, app_id: Option<&str>, channel: Option<&str>) -> Result<()> {
        check_name("app", self.app.as_deref(), app_id)?;
        check_name("channel", self.channel.as_deref(), channel)
    }

    /// Whether it is valid at this time: who withholds newer manifests cannot do so for ever.
    pub(crate) fn check_time(&self, now: OffsetDateTime, source: &str) -> Result<()> {
        check_expiry(self.expires, now, source)?;
        if self.issued > now.saturating_add(CLOCK_SKEW_MAX) {
            return Err(time_error("was issued in the future", self.issued, now, source));
        }
        Ok(())
    }

    /// What it announces for whatever platform.
    fn version(&self) -> Option<Version> {
        Reader { source: "" }.version(&self.manifest).ok()
    }

    /// The release for one target; see [`read_release`].
    pub(crate) fn release(&self, targets: &[String], os: Os, source: &str) -> Result<Release> {
        let release = read_release(&self.manifest, targets, os, source)?;
        Ok(Release { manifest_keys: self.signers.clone(), expires: Some(self.expires), ..release })
    }

    /// The members of the payload.
    #[cfg(feature = "release")]
    pub(crate) const fn manifest(&self) -> &Object {
        &self.manifest
    }

    /// What an application on this channel is to remember of it.
    pub(crate) fn sighting(&self, channel: &str) -> Sighting {
        Sighting {
            channel: channel.to_owned(),
            keys: self.signers.iter().map(|key| key.as_line().to_owned()).collect(),
            sequence: self.sequence,
            payload: self.digest.clone(),
            version: self.version(),
        }
    }
}

/// Whether what is to be believed until `expires` still is.
pub(crate) fn check_expiry(expires: OffsetDateTime, now: OffsetDateTime, source: &str) -> Result<()> {
    if now < expires { Ok(()) } else { Err(time_error("expired", expires, now, source)) }
}

fn time_error(what: &str, when: OffsetDateTime, now: OffsetDateTime, source: &str) -> Error {
    let shown = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let reason = format!("it {what}: {}; the time of this machine is {}", shown(when), shown(now));
    Error::ManifestExpired { url: source.to_owned(), reason }
}

fn check_kind(found: &str, spec_version: u64, reader: &Reader<'_>) -> Result<()> {
    if found != TYPE {
        let (expected, signed) = (TYPE.to_owned(), found.to_owned());
        return Err(Error::SignedMetadataMismatch { field: "type", expected, signed });
    }
    if spec_version != SPEC_VERSION {
        let reason =
            format!("`specVersion` {spec_version} is for a later updater; this one reads {SPEC_VERSION}");
        return Err(reader.invalid(reason));
    }
    Ok(())
}

/// A signature that was made for something else must not become one of a manifest.
fn check_comment(metadata: &SignedMetadata, sequence: u64, source: &str) -> Result<()> {
    let found = (metadata.purpose.as_deref(), metadata.sequence.as_deref());
    if found == (Some(PURPOSE), Some(sequence.to_string().as_str())) {
        return Ok(());
    }
    let shown = |text: Option<&str>| text.unwrap_or("nothing").to_owned();
    let reason = format!(
        "the trusted comment must have type:{PURPOSE} and sequence:{sequence}, and has {} and {}",
        shown(found.0),
        shown(found.1)
    );
    Err(signature_error(source, reason))
}

fn signature_error(source: &str, reason: impl Into<String>) -> Error {
    Error::ManifestSignature { url: source.to_owned(), reason: crate::error::clip(&reason.into()) }
}
