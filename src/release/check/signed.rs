//! The signed part of a manifest: what applications that know it would refuse.

use std::time::{Duration, SystemTime};

use super::{Expectations, Report};
use crate::{
    Result,
    manifest::signed::SignedManifest,
    release::{Manifest, Terms, rfc3339},
};

/// Renewed every week, a manifest has three more chances before it expires.
const EXPIRES_SOON: Duration = Duration::from_secs(7 * 86_400);

impl Report {
    pub(super) fn check_signed_part(
        &mut self,
        manifest: &Manifest,
        source: &str,
        expectations: &Expectations<'_>,
    ) {
        let signed = match read(manifest, source, expectations) {
            Ok(signed) => signed,
            Err(error) => return self.found(None, error.to_string()),
        };
        let is_verified = !expectations.manifest_keys.is_empty();
        match &signed {
            None if is_verified => self.found(None, "it is not signed: use `manifest sign`".to_owned()),
            Some(_) if !is_verified => {
                self.warnings.push("the signed manifest is not verified: give its public key".to_owned());
            }
            _ => {}
        }
        let terms = signed.as_ref().map(Terms::of);
        if let (Some(signed), Some(terms)) = (&signed, &terms) {
            self.check_agreement(manifest, signed);
            self.check_validity(signed, terms, source, expectations.now);
        }
        let previous = expectations.previous.and_then(|previous| previous.claimed_terms().ok().flatten());
        if let Some(previous) = previous {
            self.check_sequence(terms.as_ref(), &previous);
        }
    }

    fn check_agreement(&mut self, manifest: &Manifest, signed: &SignedManifest) {
        match manifest.difference(signed) {
            Ok(None) => {}
            Ok(Some(name)) => self.found(
                None,
                format!("`{name}` is not what was signed: sign the manifest again with `manifest sign`"),
            ),
            Err(error) => self.found(None, format!("the signed part: {error}")),
        }
    }

    fn check_validity(&mut self, signed: &SignedManifest, terms: &Terms, source: &str, now: SystemTime) {
        if let Err(error) = signed.check_time(now.into(), source) {
            return self.found(None, error.to_string());
        }
        if terms.expires < now + EXPIRES_SOON {
            self.warnings.push(format!("the signed manifest expires soon: {}", rfc3339(terms.expires)));
        }
    }

    fn check_sequence(&mut self, terms: Option<&Terms>, previous: &Terms) {
        let Some(terms) = terms else {
            let reason =
                "the previous manifest was signed, this one is not: applications that saw that one refuse it";
            return self.found(None, reason.to_owned());
        };
        if terms.sequence <= previous.sequence {
            let (new, old) = (terms.sequence, previous.sequence);
            let reason = format!("sequence {new} is not higher than {old}, which it replaces");
            match (&terms.channel, &previous.channel) {
                // Applications on one of them refuse the other for its name. Those without a channel read both, and count
                // them as one.
                (Some(new), Some(old)) if new != old => {
                    self.warnings.push(format!("{reason}: applications without a `channel` refuse it"));
                }
                _ => self.found(None, reason),
            }
        }
        if (&terms.app, &terms.channel) != (&previous.app, &previous.channel) {
            self.warnings
                .push("it is signed for another application or channel than the previous one".into());
        }
    }
}

fn read(
    manifest: &Manifest,
    source: &str,
    expectations: &Expectations<'_>,
) -> Result<Option<SignedManifest>> {
    let Some(envelope) = manifest.envelope(source)? else { return Ok(None) };
    match expectations.manifest_keys {
        [] => envelope.claimed(source).map(Some),
        keys => envelope.open(keys, source).map(Some),
    }
}

#[cfg(test)]
#[cfg(feature = "sign")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        release::{Unversioned, check},
        sign::{KeyPair, SecretKey},
        signature::PublicKey,
    };

    const DAY: Duration = Duration::from_secs(86_400);

    fn secret_key() -> SecretKey {
        SecretKey::parse(KeyPair::generate("").unwrap().private_key(), Some("")).unwrap()
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY
    }

    fn manifest(notes: &str) -> Manifest {
        release("2.0.0", notes)
    }

    fn release(version: &str, notes: &str) -> Manifest {
        let signature = include_str!("../../../tests/fixtures/artifact.minisig");
        let platforms =
            json!({"linux-x86_64": {"url": "https://example.com/A.AppImage", "signature": signature}});
        let text = json!({"version": version, "notes": notes, "platforms": platforms});
        Manifest::parse(text.to_string().as_bytes(), "x").unwrap()
    }

    fn signed(key: &SecretKey, sequence: u64, days: u32) -> Manifest {
        let terms = Terms { app: None, channel: None, sequence, issued: now(), expires: now() + days * DAY };
        manifest("n").sign(key, &terms).unwrap()
    }

    fn on_channel(key: &SecretKey, channel: Option<&str>, sequence: u64) -> Manifest {
        let channel = channel.map(ToOwned::to_owned);
        let terms = Terms { app: None, channel, sequence, issued: now(), expires: now() + 30 * DAY };
        manifest("n").sign(key, &terms).unwrap()
    }

    fn found(
        manifest: &Manifest,
        previous: Option<&Manifest>,
        keys: &[PublicKey],
    ) -> (Vec<String>, Vec<String>) {
        let text = manifest.to_json().unwrap();
        let expectations =
            Expectations { previous, unversioned: Unversioned::Allow, manifest_keys: keys, now: now() };
        let report = check(text.as_bytes(), "x", &expectations);
        (report.problems.iter().map(ToString::to_string).collect(), report.warnings)
    }

    fn problem(manifest: &Manifest, previous: Option<&Manifest>, keys: &[PublicKey]) -> String {
        let (mut problems, _) = found(manifest, previous, keys);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn a_sound_one_that_follows_another_is_fine() {
        let key = secret_key();
        let keys = [key.public_key().clone()];
        assert_eq!(found(&signed(&key, 2, 30), Some(&signed(&key, 1, 30)), &keys), (vec![], vec![]));
        assert_eq!(found(&manifest("n"), None, &[]), (vec![], vec![]));
    }

    #[test]
    fn what_applications_would_refuse_is_a_problem() {
        let key = secret_key();
        let sound = signed(&key, 2, 30);
        let keys = [key.public_key().clone()];
        let strangers = [secret_key().public_key().clone()];
        assert!(problem(&sound, None, &strangers).contains("none of the public keys"));
        assert!(problem(&manifest("n"), None, &keys).contains("it is not signed"));
        assert!(
            problem(&sound, Some(&signed(&key, 2, 30)), &keys).contains("sequence 2 is not higher than 2")
        );
        assert!(problem(&sound, Some(&signed(&key, 3, 30)), &[]).contains("sequence 2 is not higher than 3"));
        assert!(problem(&manifest("n"), Some(&sound), &[]).contains("this one is not"));
        let other = manifest("other").with_signed_part(sound.signed_part().unwrap().clone());
        assert!(problem(&other, None, &keys).contains("`notes` is not what was signed"));
        let broken = manifest("n").with_signed_part(json!({"payload": 1}));
        assert!(problem(&broken, None, &[]).contains("`payload` must be base64"));
    }

    #[test]
    fn a_release_may_be_taken_back_by_who_signs_that() {
        let key = secret_key();
        let keys = [key.public_key().clone()];
        let withdrawn = || release("2.5.0", "n");
        let terms = signed(&key, 1, 30).claimed_terms().unwrap().unwrap();
        let taken_back = signed(&key, 2, 30);
        for previous in [withdrawn().sign(&key, &terms).unwrap(), withdrawn()] {
            let (problems, warnings) = found(&taken_back, Some(&previous), &keys);
            assert!(problems.is_empty() && warnings.len() == 1, "{problems:?} {warnings:?}");
            let text = &warnings[0];
            assert!(text.contains("2.0.0 is lower than 2.5.0") && text.contains("forget"), "{text}");
        }
        let unsigned = problem(&manifest("n"), Some(&withdrawn()), &[]);
        assert!(
            unsigned.contains("2.0.0 is lower than 2.5.0") && unsigned.contains("`manifest sign`"),
            "{unsigned}"
        );
        let strangers = [secret_key().public_key().clone()];
        assert!(problem(&taken_back, Some(&withdrawn()), &strangers).contains("none of the public keys"));
    }

    #[test]
    fn a_sequence_that_no_application_takes_is_a_problem_whatever_the_channels() {
        let key = secret_key();
        for channels in [
            (None, None),
            (Some("beta"), Some("beta")),
            // Either one is read by applications of the other's channel too.
            (None, Some("beta")),
            (Some("beta"), None),
        ] {
            let (before, after) = channels;
            let previous = on_channel(&key, before, 7);
            let text = problem(&on_channel(&key, after, 7), Some(&previous), &[]);
            assert!(text.contains("sequence 7 is not higher than 7"), "{channels:?}: {text}");
            let (problems, _) = found(&on_channel(&key, after, 8), Some(&previous), &[]);
            assert!(problems.is_empty(), "{channels:?}: {problems:?}");
        }
    }

    #[test]
    fn a_sequence_that_applications_without_a_channel_refuse_is_a_warning() {
        let key = secret_key();
        let keys = [key.public_key().clone()];
        let warnings_of = |sequence| {
            let previous = on_channel(&key, Some("beta"), 7);
            let (problems, warnings) =
                found(&on_channel(&key, Some("stable"), sequence), Some(&previous), &keys);
            assert!(problems.is_empty(), "{problems:?}");
            warnings.iter().filter(|text| text.contains("without a `channel`")).count()
        };
        assert_eq!((warnings_of(7), warnings_of(8)), (1, 0));
    }

    #[test]
    fn one_that_expires_is_told_before_and_after() {
        let key = secret_key();
        let keys = [key.public_key().clone()];
        let (problems, warnings) = found(&signed(&key, 1, 6), None, &keys);
        assert!(problems.is_empty() && warnings.len() == 1, "{problems:?} {warnings:?}");
        let (issued, expires) = (now() - 2 * DAY, now() - DAY);
        let terms = Terms { app: None, channel: None, sequence: 1, issued, expires };
        assert!(problem(&manifest("n").sign(&key, &terms).unwrap(), None, &[]).contains("expired"));
    }
}
