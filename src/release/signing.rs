//! Signing a manifest (feature `sign` too).

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use semver::Version;
use serde_json::{Value, json};

use super::{Manifest, Terms, rfc3339, terms::SOURCE};
use crate::{
    Error, Result,
    manifest::{
        Object,
        signed::{PURPOSE, SPEC_VERSION, SignedManifest, TYPE},
    },
    sign::{SecretKey, encode},
    signature::SignedMetadata,
};

/// What whoever renews a manifest knows of it from elsewhere. Without that, a host that was broken into could have any old
/// one signed as the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The version that is the newest.
    pub version: Version,
    /// The application that it is for.
    pub app: Option<String>,
    /// The channel that it is for.
    pub channel: Option<String>,
}

impl Manifest {
    /// The manifest with a signed part for what it announces, which replaces any other.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where the same key has signed a sequence as high before; [`Error::Signing`];
    /// [`Error::InvalidManifest`], [`Error::ManifestExpired`] where applications would refuse it.
    pub fn sign(self, key: &SecretKey, terms: &Terms) -> Result<Self> {
        if let Some(before) = self.terms_signed_by(key)
            && terms.sequence <= before.sequence
        {
            let reason = format!("must be higher than {}, which the key has signed before", before.sequence);
            return Err(Error::option_invalid("sequence", terms.sequence.to_string(), reason));
        }
        let payload = serde_json::to_vec(&terms.payload(self.plain()?))
            .map_err(|error| Error::Signing { reason: error.to_string() })?;
        let metadata = SignedMetadata {
            purpose: Some(PURPOSE.to_owned()),
            sequence: Some(terms.sequence.to_string()),
            ..SignedMetadata::default()
        };
        let signature = encode(&key.sign(&mut payload.as_slice(), &metadata)?);
        let part = json!({"payload": STANDARD.encode(&payload), "signatures": [signature]});
        let signed = self.with_signed_part(part);
        // What applications would refuse is found here, and not by every one of them.
        signed.open(key)?.check_time(terms.issued.into(), SOURCE)?;
        Ok(signed)
    }

    /// Signs the same release anew, on other terms. Only what this key has signed before, what is still valid and what is
    /// `known` is signed again: a host that was broken into must not have anything else signed by whoever renews.
    ///
    /// # Errors
    /// [`Error::ManifestSignature`] where this key has not signed it, [`Error::ManifestUnsigned`] where nobody has;
    /// [`Error::ManifestExpired`]; [`Error::InvalidManifest`] where the plain members are not those that were signed;
    /// [`Error::SignedVersionMismatch`], [`Error::SignedMetadataMismatch`] where it is not the known one; and as
    /// [`Self::sign`].
    pub fn renew(
        self,
        key: &SecretKey,
        known: &Known,
        now: SystemTime,
        renewed: impl FnOnce(Terms) -> Terms,
    ) -> Result<Self> {
        let read = self.open(key)?;
        read.check_time(now.into(), SOURCE)?;
        if let Some(name) = self.difference(&read)? {
            return Err(Error::manifest(&SOURCE, format!("`{name}` is not what was signed")));
        }
        known.check(&self, &read)?;
        let terms = renewed(Terms::of(&read));
        self.sign(key, &terms)
    }

    /// What this key has signed it with; nothing where it has not.
    pub fn terms_signed_by(&self, key: &SecretKey) -> Option<Terms> {
        self.open(key).ok().map(|read| Terms::of(&read))
    }

    fn open(&self, key: &SecretKey) -> Result<SignedManifest> {
        let envelope = self.envelope(SOURCE)?.ok_or_else(|| {
            let reason = "there is nothing to renew".to_owned();
            Error::ManifestUnsigned { url: SOURCE.to_owned(), reason }
        })?;
        envelope.open(std::slice::from_ref(key.public_key()), SOURCE)
    }
}

impl Known {
    fn check(&self, manifest: &Manifest, read: &SignedManifest) -> Result<()> {
        if manifest.version() != &self.version {
            let (announced, signed) = (self.version.clone(), manifest.version().to_string());
            return Err(Error::SignedVersionMismatch { announced, signed });
        }
        let names = [("app", &self.app, &read.app), ("channel", &self.channel, &read.channel)];
        for (field, known, signed) in names {
            if known != signed {
                let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
                let (expected, signed) = (shown(known), shown(signed));
                return Err(Error::SignedMetadataMismatch { field, expected, signed });
            }
        }
        Ok(())
    }
}

impl Terms {
    /// The payload for a release.
    fn payload(&self, plain: Object) -> Object {
        let mut payload = plain;
        let text = |text: &String| Value::from(text.as_str());
        let values = [
            ("type", Some(TYPE.into())),
            ("specVersion", Some(SPEC_VERSION.into())),
            ("app", self.app.as_ref().map(text)),
            ("channel", self.channel.as_ref().map(text)),
            ("sequence", Some(self.sequence.into())),
            ("issued", Some(rfc3339(self.issued).into())),
            ("expires", Some(rfc3339(self.expires).into())),
        ];
        for (name, value) in values {
            payload.remove(name);
            payload.extend(value.map(|value| (name.to_owned(), value)));
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ErrorCode, sign::KeyPair};

    const DAY: Duration = Duration::from_secs(86_400);

    fn secret_key() -> SecretKey {
        SecretKey::parse(KeyPair::generate("").unwrap().private_key(), Some("")).unwrap()
    }

    fn terms(sequence: u64) -> Terms {
        let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let app = Some("com.example.app".to_owned());
        Terms { app, channel: None, sequence, issued, expires: issued + DAY }
    }

    fn manifest() -> Manifest {
        let signature = include_str!("../../tests/fixtures/artifact.minisig");
        let entry = json!({"url": "https://example.com/A.AppImage", "signature": signature, "more": 1});
        let text =
            json!({"version": "2.0.0", "notes": "n", "rollout": 5, "platforms": {"linux-x86_64": entry}});
        Manifest::parse(text.to_string().as_bytes(), "x").unwrap()
    }

    fn known() -> Known {
        Known { version: Version::new(2, 0, 0), app: terms(0).app, channel: None }
    }

    fn next(old: Terms) -> Terms {
        Terms { sequence: old.sequence + 1, ..old }
    }

    fn renew(manifest: Manifest, key: &SecretKey, known: &Known, late: Duration) -> Result<Manifest> {
        manifest.renew(key, known, terms(0).issued + late, next)
    }

    fn again(manifest: &Manifest) -> Manifest {
        Manifest::parse(manifest.to_json().unwrap().as_bytes(), "x").unwrap()
    }

    #[test]
    fn what_is_signed_is_what_is_announced_and_its_terms() {
        let key = secret_key();
        let signed = again(&manifest().sign(&key, &terms(7)).unwrap());
        assert_eq!(signed.claimed_terms().unwrap(), Some(terms(7)));
        let read = signed.open(&key).unwrap();
        assert_eq!(signed.difference(&read).unwrap(), None);
        assert_eq!(read.manifest()["rollout"], 5);
        assert_eq!(read.manifest()["platforms"]["linux-x86_64"]["more"], 1);
        assert!(!signed.plain().unwrap().contains_key("signedManifest"));
    }

    #[test]
    fn a_renewal_changes_nothing_but_the_terms() {
        let key = secret_key();
        let signed = manifest().sign(&key, &terms(7)).unwrap();
        let renewed = renew(signed.clone(), &key, &known(), DAY / 2).unwrap();
        assert_eq!(renewed.claimed_terms().unwrap(), Some(terms(8)));
        assert_eq!(renewed.plain().unwrap(), signed.plain().unwrap());
    }

    #[test]
    fn only_what_the_same_key_has_signed_is_renewed() {
        let key = secret_key();
        let code = |manifest| renew(manifest, &key, &known(), DAY / 2).unwrap_err().code();
        assert_eq!(code(manifest()), ErrorCode::ManifestUnsigned);
        assert_eq!(code(manifest().sign(&secret_key(), &terms(7)).unwrap()), ErrorCode::ManifestSignature);
        let signed = manifest().sign(&key, &terms(7)).unwrap();
        let mut other = serde_json::to_value(&signed).unwrap();
        other["platforms"]["linux-x86_64"]["url"] = "https://attacker.example/A.AppImage".into();
        let other = Manifest::parse(other.to_string().as_bytes(), "x").unwrap();
        assert_eq!(code(other), ErrorCode::InvalidManifest);
    }

    #[test]
    fn an_old_one_is_not_renewed_whatever_a_host_claims() {
        let key = secret_key();
        let signed = || manifest().sign(&key, &terms(7)).unwrap();
        let code = |known: &Known, late| renew(signed(), &key, known, late).unwrap_err().code();
        assert_eq!(code(&known(), DAY), ErrorCode::ManifestExpired);
        let newer = Known { version: Version::new(2, 0, 1), ..known() };
        assert_eq!(code(&newer, DAY / 2), ErrorCode::SignedVersionMismatch);
        for app in [None, Some("com.example.other".to_owned())] {
            assert_eq!(code(&Known { app, ..known() }, DAY / 2), ErrorCode::SignedMetadataMismatch);
        }
        let beta = Known { channel: Some("beta".to_owned()), ..known() };
        assert_eq!(code(&beta, DAY / 2), ErrorCode::SignedMetadataMismatch);
    }

    #[test]
    fn a_sequence_that_the_key_has_used_before_is_refused_and_that_of_a_stranger_counts_for_nothing() {
        let (key, stranger) = (secret_key(), secret_key());
        let signed = manifest().sign(&key, &terms(7)).unwrap();
        for sequence in [6, 7] {
            let error = signed.clone().sign(&key, &terms(sequence)).unwrap_err();
            assert_eq!(error.option(), Some("sequence"));
        }
        assert!(signed.clone().sign(&key, &terms(8)).is_ok());
        let claimed = manifest().sign(&stranger, &terms((1 << 53) - 2)).unwrap();
        assert_eq!(claimed.terms_signed_by(&key), None);
        assert!(claimed.sign(&key, &terms(1)).is_ok());
    }

    #[test]
    fn terms_that_applications_would_refuse_are_refused() {
        let key = secret_key();
        let sign = |change: fn(&mut Terms)| {
            let mut terms = terms(1);
            change(&mut terms);
            manifest().sign(&key, &terms).map(drop).map_err(|error| error.code())
        };
        assert_eq!(sign(|terms| terms.expires = terms.issued), Err(ErrorCode::InvalidManifest));
        assert_eq!(sign(|terms| terms.sequence = 1 << 53), Err(ErrorCode::InvalidManifest));
        assert_eq!(sign(|terms| terms.sequence = (1 << 53) - 1), Ok(()));
    }

    #[test]
    fn the_next_sequence_is_higher_also_where_the_clock_is_not() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(Terms::next_sequence(None, at(100)), 100);
        assert_eq!(Terms::next_sequence(Some(99), at(100)), 100);
        assert_eq!(Terms::next_sequence(Some(100), at(100)), 101);
        assert_eq!(Terms::next_sequence(Some(500), at(100)), 501);
        assert_eq!(Terms::next_sequence(None, SystemTime::UNIX_EPOCH - DAY), 0);
    }

    #[test]
    fn another_artifact_takes_the_signed_part_away() {
        use super::super::{SignedArtifact, Unversioned};
        let mut signed = manifest().sign(&secret_key(), &terms(1)).unwrap();
        let artifact =
            SignedArtifact::new("a_amd64.deb", 7, include_str!("../../tests/fixtures/artifact.minisig"));
        signed.add(&artifact.unwrap(), "https://example.com/a.deb", Unversioned::Allow).unwrap();
        assert!(!signed.is_signed());
    }
}
