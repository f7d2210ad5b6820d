//! One changed bit, anywhere: nothing but the untrusted comment may change.

mod manifest;

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::signature::{PublicKey, Signature, SignedMetadata, verify_reader};

use crate::support::{Random, Signer, rounds};

const COMMENT: &str = "timestamp:1\tversion:2.0.0\ttarget:linux-x86_64";

fn artifact() -> &'static [u8] {
    static ARTIFACT: OnceLock<Vec<u8>> = OnceLock::new();
    ARTIFACT.get_or_init(|| crate::support::appimage(4096, 5))
}

fn signature() -> String {
    Signer::author().sign(artifact(), COMMENT)
}

/// What is accepted, as a person would write it down.
fn verify(key: &str, signature: &str, artifact: &[u8]) -> Result<SignedMetadata, String> {
    let key = PublicKey::parse(key)?;
    let signature = Signature::parse(signature).map_err(|error| error.to_string())?;
    verify_reader(&mut &*artifact, &signature, &[key]).map_err(|error| error.to_string())
}

/// Every text that is one bit away and still UTF-8, with the place of the bit.
fn flipped(text: &str) -> impl Iterator<Item = (usize, String)> {
    let flip = move |at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at / 8] ^= 1 << (at % 8);
        String::from_utf8(bytes).ok().map(|text| (at / 8, text))
    };
    (0..text.len() * 8).filter_map(flip)
}

#[test]
fn of_a_signature_only_the_untrusted_comment_may_change() {
    let (key, signature) = (Signer::author().pubkey(), signature());
    let signed = verify(&key, &signature, artifact()).unwrap();
    let prefix = "untrusted comment: ".len();
    let comment = prefix..signature.find('\n').unwrap();
    let mut accepted = 0;
    for (at, text) in flipped(&signature) {
        // What is read of it at all is the same four lines, whatever stands around them.
        let Ok(found) = verify(&key, &text, artifact()) else {
            assert!(!comment.contains(&at) || text[comment.clone()].contains(['\n', '\r']), "{at}: {text}");
            continue;
        };
        accepted += 1;
        assert_eq!(found, signed);
        let same = |line: usize| text.lines().nth(line) == signature.lines().nth(line);
        assert!(same(1) && same(2) && same(3), "byte {at}: {text}");
    }
    println!("signature: {accepted} were accepted");
    assert!(accepted > comment.len(), "{accepted}");
}

#[test]
fn of_a_packaged_signature_only_the_untrusted_comment_may_change() {
    let key = Signer::author().pubkey();
    let signature = signature();
    let signed = verify(&key, &signature, artifact()).unwrap();
    let mut accepted = 0;
    for (at, text) in flipped(&STANDARD.encode(&signature)) {
        let Ok(found) = verify(&key, &text, artifact()) else { continue };
        accepted += 1;
        assert_eq!(found, signed);
        let inner = String::from_utf8(STANDARD.decode(text.trim()).unwrap()).unwrap();
        let same = |line: usize| inner.lines().nth(line) == signature.lines().nth(line);
        assert!(same(1) && same(2) && same(3), "byte {at}: {inner}");
    }
    assert!(accepted > 0, "not even another untrusted comment was accepted");
}

#[test]
fn a_key_with_another_bit_verifies_nothing() {
    assert_no_other_key_is_as_good(&Signer::author().pubkey());
}

#[test]
fn nor_does_a_packaged_key_unless_it_is_in_the_untrusted_comment() {
    let file = format!("untrusted comment: minisign public key\n{}\n", Signer::author().pubkey());
    let same = assert_no_other_key_is_as_good(&STANDARD.encode(file));
    assert!(same > 0, "not even another untrusted comment was accepted");
}

/// Unless it is read as the very same key; how many are.
fn assert_no_other_key_is_as_good(text: &str) -> usize {
    let (key, signature) = (Signer::author().pubkey(), signature());
    assert!(verify(text, &signature, artifact()).is_ok());
    let (mut same, mut refused) = (0, 0);
    for (at, text) in flipped(text) {
        if PublicKey::parse(&text).is_ok_and(|read| read.as_line() == key) {
            same += 1;
        } else {
            assert!(verify(&text, &signature, artifact()).is_err(), "byte {at}: {text}");
            refused += 1;
        }
    }
    println!("key: {refused} were refused, {same} are the same");
    assert!(refused > 0, "all are the same key");
    same
}

#[test]
fn an_artifact_with_another_bit_is_refused() {
    let mut random = Random::new("artifact flips");
    let (key, signature) = (Signer::author().pubkey(), signature());
    let mut bytes = artifact().to_vec();
    for round in 0..rounds(300, 100_000, 100_000) {
        let bit = random.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&key, &signature, &bytes).is_err(), "round {round}: bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(verify(&key, &signature, &bytes).is_ok());
}
