use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::author;
use crate::{
    manifest::{
        Object, Release, json, parse_object, read_release,
        signed::{Envelope, MEMBER, SignedManifest},
    },
    state::{Rollback, SeenManifests},
    target::{Os, canonical_key},
};

const SOURCE: &str = "https://releases.example.com/latest.json";

/// What an endpoint answers, and what an author may have signed.
pub fn manifest(input: &[u8]) {
    check_json(input);
    let Ok(object) = parse_object(input, SOURCE) else { return };
    check_releases(|targets, os| read_release(&object, targets, os, SOURCE));
    if let Ok(Some(envelope)) = Envelope::find(&object, SOURCE) {
        check_envelope(&envelope);
    }
    let Some(sequence) = object.get("sequence").and_then(Value::as_u64) else { return };
    let comment = format!("type:manifest\tsequence:{sequence}");
    let signature = author::sign(input, &comment);
    let member = json!({"payload": STANDARD.encode(input), "signatures": [signature]});
    let envelope = Envelope::parse(&member, SOURCE).expect("it has the form of a signed manifest");
    if let Some(signed) = check_envelope(&envelope) {
        assert_eq!(signed.sequence, sequence);
        check_claims(&signed, &object);
    }
}

/// What this reader accepts every other one reads the same.
fn check_json(input: &[u8]) {
    if let Ok(value) = json::parse(input) {
        let input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
        assert_eq!(serde_json::from_slice::<Value>(input).unwrap(), value);
    }
}

fn check_releases(read: impl Fn(&[String], Os) -> crate::Result<Release>) {
    for (os, bundle, platform) in [
        (Os::Linux, "linux-x86_64-appimage", "linux-x86_64"),
        (Os::MacOs, "macos-aarch64-app", "macos-aarch64"),
        (Os::Windows, "windows-x86_64-nsis", "windows-x86_64"),
    ] {
        let Ok(release) = read(&[bundle.to_owned(), platform.to_owned()], os) else { continue };
        assert_eq!(release.format.os(), os);
        assert!([bundle, platform].contains(&canonical_key(&release.target).as_str()), "{}", release.target);
        assert!(release.size.is_none_or(|size| size < 1 << 53));
        assert_eq!(release.version.to_string().parse().ok(), Some(release.version));
        assert_eq!(release.url.as_str().parse().as_ref(), Ok(&release.url));
    }
}

fn check_envelope(envelope: &Envelope) -> Option<SignedManifest> {
    let signed = envelope.open(std::slice::from_ref(author::public_key()), SOURCE).ok()?;
    check_releases(|targets, os| signed.release(targets, os, SOURCE));
    let _ = signed.check_identity(Some("com.example.app"), Some("stable"));
    assert!(signed.issued < signed.expires);
    assert!(signed.check_time(signed.expires, SOURCE).is_err());
    assert!(signed.check_time(signed.issued, SOURCE).is_ok());
    let _ = signed.check_time(OffsetDateTime::UNIX_EPOCH, SOURCE);
    check_memory(&signed);
    Some(signed)
}

/// Nothing was read that is not in the payload.
fn check_claims(signed: &SignedManifest, payload: &Object) {
    assert_eq!(payload.get("type").and_then(Value::as_str), Some("updater-manifest"));
    assert_eq!(payload.get("specVersion").and_then(Value::as_u64), Some(1));
    assert!(payload.get("platforms").is_some_and(Value::is_object));
    assert!(!payload.contains_key(MEMBER) || signed.sequence < 1 << 53);
    for (name, read) in [("app", &signed.app), ("channel", &signed.channel)] {
        assert_eq!(payload.get(name).and_then(Value::as_str), read.as_deref());
    }
}

/// Once seen, none older is believed.
fn check_memory(signed: &SignedManifest) {
    let sighting = signed.sighting("stable");
    let seen = SeenManifests::default().with(&sighting).unwrap();
    assert_eq!(seen.with(&sighting).as_ref(), Ok(&seen));
    let Some(older) = signed.sequence.checked_sub(1) else { return };
    let older = crate::state::Sighting { sequence: older, ..sighting };
    assert_eq!(seen.with(&older), Err(Rollback::Older(signed.sequence)));
}
