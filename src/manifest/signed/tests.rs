use minisign::KeyPair;
use serde_json::json;

use super::*;
use crate::{
    ErrorCode,
    signature::testing::{public_key, sign_as},
};

const SOURCE: &str = "https://releases.example.com/latest.json";
const COMMENT: &str = "type:manifest\tsequence:7";

fn payload() -> Value {
    json!({
        "type": "updater-manifest",
        "specVersion": 1,
        "app": "com.example.app",
        "channel": "stable",
        "sequence": 7,
        "issued": "2026-01-02T00:00:00Z",
        "expires": "2026-02-01T00:00:00Z",
        "version": "2.0.0",
        "platforms": {},
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut payload = payload();
    payload[key] = value;
    payload
}

fn member(payload: &Value, comment: &str) -> Value {
    let payload = payload.to_string();
    let signature = sign_as(payload.as_bytes(), comment);
    json!({"payload": STANDARD.encode(payload), "signatures": [signature.as_str()]})
}

fn open(payload: &Value, comment: &str) -> Result<SignedManifest> {
    Envelope::parse(&member(payload, comment), SOURCE)?.open(&[public_key()], SOURCE)
}

fn stranger() -> PublicKey {
    PublicKey::parse(&KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64()).unwrap()
}

fn code<T: std::fmt::Debug>(outcome: Result<T>) -> ErrorCode {
    outcome.unwrap_err().code()
}

fn time(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

#[test]
fn what_the_author_signed_is_read() {
    let signed = open(&payload(), COMMENT).unwrap();
    assert_eq!((signed.app.as_deref(), signed.channel.as_deref()), (Some("com.example.app"), Some("stable")));
    assert_eq!(signed.sequence, 7);
    let sighting = signed.sighting("stable");
    assert_eq!(
        (sighting.keys, sighting.version),
        (vec![public_key().as_line().to_owned()], Some(Version::new(2, 0, 0)))
    );
}

#[test]
fn a_release_is_bound_to_the_keys_and_the_expiry_of_the_manifest_that_announced_it() {
    let artifact = json!({
        "url": "https://releases.example.com/app.AppImage",
        "signature": sign_as(b"", "version:2.0.0").as_str(),
        "format": "appimage",
    });
    let signed = open(&with("platforms", json!({ "linux-x86_64": artifact })), COMMENT).unwrap();
    let release = signed.release(&["linux-x86_64".to_owned()], Os::Linux, SOURCE).unwrap();
    assert_eq!(release.manifest_keys, [public_key()]);
    assert_eq!(release.expires, Some(time("2026-02-01T00:00:00Z")));
}

#[test]
fn an_envelope_names_the_keys_that_its_signatures_name() {
    let envelope = Envelope::parse(&member(&payload(), COMMENT), SOURCE).unwrap();
    assert!(envelope.names_any(&[stranger(), public_key()]));
    assert!(!envelope.names_any(&[stranger()]));
}

#[test]
fn a_manifest_is_signed_where_it_has_the_member() {
    let object = |member: Value| json!({ MEMBER: member }).as_object().unwrap().clone();
    let find = |manifest: &Object| Envelope::find(manifest, SOURCE).map(|found| found.is_some());
    assert!(!find(&Object::new()).unwrap());
    assert!(!find(&object(Value::Null)).unwrap());
    assert!(find(&object(member(&payload(), COMMENT))).unwrap());
    assert_eq!(code(find(&object(json!("signed")))), ErrorCode::ManifestSignature);
}

#[test]
fn a_server_does_not_choose_how_many_signatures_are_verified() {
    let with_signatures = |count: usize| {
        let mut member = member(&payload(), COMMENT);
        let signature = member["signatures"][0].clone();
        member["signatures"] = vec![signature; count].into();
        Envelope::parse(&member, SOURCE)
    };
    with_signatures(SIGNATURES_MAX).unwrap();
    for count in [0, SIGNATURES_MAX + 1] {
        assert_eq!(code(with_signatures(count)), ErrorCode::ManifestSignature);
    }
}

#[test]
fn a_document_or_a_signature_for_something_else_is_no_manifest() {
    for (payload, expected) in [
        (with("type", json!("delta-manifest")), ErrorCode::SignedMetadataMismatch),
        (with("specVersion", json!(2)), ErrorCode::InvalidManifest),
        (with("platforms", Value::Null), ErrorCode::InvalidManifest),
        (with("expires", json!("2026-01-02T00:00:00Z")), ErrorCode::InvalidManifest),
    ] {
        assert_eq!(code(open(&payload, COMMENT)), expected, "{payload}");
    }
    for comment in ["sequence:7", "type:manifest", "type:delta\tsequence:7", "type:manifest\tsequence:8"] {
        assert_eq!(code(open(&payload(), comment)), ErrorCode::ManifestSignature, "{comment}");
    }
}

#[test]
fn it_is_for_one_application_on_one_channel() {
    let signed = open(&payload(), COMMENT).unwrap();
    signed.check_identity(Some("com.example.app"), Some("stable")).unwrap();
    for (app, channel) in [("com.example.other", "stable"), ("com.example.app", "beta")] {
        let outcome = signed.check_identity(Some(app), Some(channel));
        assert_eq!(code(outcome), ErrorCode::SignedMetadataMismatch, "{app} {channel}");
    }
}

#[test]
fn it_is_valid_from_a_day_before_it_was_issued_until_it_expires() {
    let signed = open(&payload(), COMMENT).unwrap();
    let check = |now| signed.check_time(time(now), SOURCE);
    for valid in ["2026-01-01T00:00:00Z", "2026-01-31T23:59:59Z"] {
        check(valid).unwrap();
    }
    for invalid in ["2025-12-31T23:59:59Z", "2026-02-01T00:00:00Z"] {
        assert_eq!(code(check(invalid)), ErrorCode::ManifestExpired, "{invalid}");
    }
}
