use base64::{Engine, engine::general_purpose::STANDARD};

use super::{ARTIFACT, PUBKEY, SIGNATURE};
use crate::signature::{PublicKey, Signature, verify_reader};

/// A public key, a zero byte and a signature. Each is one thing, however it is spelled, and neither can be exchanged for
/// another one.
pub fn signature(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (key, signature) = text.split_once('\0').unwrap_or((&text, &text));
    if let Ok(key) = PublicKey::parse(key) {
        check_key(&key);
    }
    if let Ok(parsed) = Signature::parse(signature) {
        check_signature(signature, &parsed);
    }
}

fn check_key(key: &PublicKey) {
    assert_eq!(PublicKey::parse(key.as_line()).as_ref(), Ok(key));
    assert_eq!(STANDARD.decode(key.as_line()).unwrap().len(), 42);
    let authors = PublicKey::parse(PUBKEY).unwrap();
    if is_accepted(&Signature::parse(SIGNATURE).unwrap(), key) {
        assert_eq!(*key, authors);
    }
}

fn check_signature(text: &str, parsed: &Signature) {
    for spelled in [parsed.as_str().to_owned(), STANDARD.encode(text.trim_start_matches('\u{feff}'))] {
        let again = Signature::parse(&spelled).map(|again| again.as_str().to_owned());
        // What was wrapped once already is not wrapped twice.
        if STANDARD.decode(text.trim()).is_err() {
            assert_eq!(again.as_deref().ok(), Some(parsed.as_str()));
        }
    }
    if is_accepted(parsed, &PublicKey::parse(PUBKEY).unwrap()) {
        // The untrusted comment alone is anybody's.
        assert!(parsed.as_str().lines().skip(1).eq(SIGNATURE.lines().skip(1)), "{text}");
    }
}

fn is_accepted(signature: &Signature, key: &PublicKey) -> bool {
    verify_reader(&mut &*ARTIFACT, signature, std::slice::from_ref(key)).is_ok()
}
