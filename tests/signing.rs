//! Keys and signatures interchange with the `minisign` program, in both directions, raw and in the packager's encoding.
#![cfg(feature = "sign")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what fails in a helper fails the test"
)]

#[path = "support/skip.rs"]
mod skip;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::{
    ErrorCode,
    sign::{KeyPair, SecretKey, encode},
    signature::{PublicKey, Signature, SignedMetadata, verify_reader},
};

use skip::skip;

const CONTENT: &[u8] = b"an artifact\0with any bytes\r\n";
const PASSWORD: &str = "correct horse";

/// A directory with an artifact, where `minisign` works.
struct Minisign {
    dir: tempfile::TempDir,
}

impl Minisign {
    /// `None`, and said so, where the program is missing.
    fn find(test: &str) -> Option<Self> {
        if Command::new("minisign").arg("-v").output().is_err() {
            skip(format_args!("minisign (apt-get install minisign), for {test}"));
            return None;
        }
        let this = Self { dir: tempfile::tempdir().unwrap() };
        this.write("artifact", CONTENT);
        Some(this)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Answers every question with the password.
    fn run(&self, args: &[&str]) -> Output {
        let mut child = Command::new("minisign")
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may be done without having read them.
        let _ = write!(child.stdin.take().unwrap(), "{PASSWORD}\n{PASSWORD}\n");
        child.wait_with_output().unwrap()
    }

    fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "minisign {args:?}: {text}");
        text.into_owned()
    }
}

fn decoded(packager: &str) -> String {
    String::from_utf8(STANDARD.decode(packager).unwrap()).unwrap()
}

fn metadata() -> SignedMetadata {
    SignedMetadata {
        timestamp: Some("1767323045".to_owned()),
        file: Some("artifact".to_owned()),
        version: Some("2.0.0".to_owned()),
        target: Some("linux-x86_64".to_owned()),
        ..SignedMetadata::default()
    }
}

fn verified(signature: &str, public_key: &str) -> SignedMetadata {
    let keys = [PublicKey::parse(public_key).unwrap()];
    verify_reader(&mut &*CONTENT, &Signature::parse(signature).unwrap(), &keys).unwrap()
}

#[test]
fn minisign_takes_our_keys_and_signatures() {
    let Some(minisign) = Minisign::find("minisign_takes_our_keys_and_signatures") else { return };
    let pair = KeyPair::generate(PASSWORD).unwrap();
    minisign.write("our.key", decoded(pair.private_key()));
    minisign.write("our.pub", decoded(pair.public_key()));

    let key = SecretKey::parse(pair.private_key(), Some(PASSWORD)).unwrap();
    minisign.write("our.minisig", key.sign(&mut &*CONTENT, &metadata()).unwrap());
    let text = minisign.succeed(&["-V", "-p", "our.pub", "-m", "artifact", "-x", "our.minisig"]);
    assert!(
        text.contains("timestamp:1767323045\tfile:artifact\tversion:2.0.0\ttarget:linux-x86_64"),
        "{text}"
    );
    minisign.write("other", b"another artifact");
    assert!(!minisign.run(&["-V", "-p", "our.pub", "-m", "other", "-x", "our.minisig"]).status.success());

    minisign.succeed(&[
        "-S",
        "-s",
        "our.key",
        "-m",
        "artifact",
        "-x",
        "their.minisig",
        "-t",
        "version:3.0.0",
    ]);
    let signature = minisign.read("their.minisig");
    for text in [encode(&signature), signature] {
        assert_eq!(verified(&text, pair.public_key()).version.as_deref(), Some("3.0.0"));
    }
}

#[test]
fn we_take_the_keys_that_minisign_makes() {
    let Some(minisign) = Minisign::find("we_take_the_keys_that_minisign_makes") else { return };
    for (protection, password) in [(&[][..], Some(PASSWORD)), (&["-W"], None)] {
        minisign.succeed(&[&["-G", "-f", "-p", "their.pub", "-s", "their.key"], protection].concat());
        let (private, public) = (minisign.read("their.key"), minisign.read("their.pub"));
        for text in [&private, &encode(&private)] {
            assert_eq!(SecretKey::needs_password(text).unwrap(), password.is_some());
        }
        // Each encoding once: opening an encrypted key takes seconds.
        let (private, public) =
            if password.is_some() { (encode(&private), encode(&public)) } else { (private, public) };
        let signature =
            SecretKey::parse(&private, password).unwrap().sign(&mut &*CONTENT, &metadata()).unwrap();
        assert_eq!(verified(&signature, &public), metadata());
        minisign.write("our.minisig", signature);
        minisign.succeed(&["-V", "-p", "their.pub", "-m", "artifact", "-x", "our.minisig"]);
    }
}

#[test]
fn legacy_signatures_are_refused_with_the_reason() {
    let Some(minisign) = Minisign::find("legacy_signatures_are_refused_with_the_reason") else { return };
    minisign.succeed(&["-G", "-W", "-p", "their.pub", "-s", "their.key"]);
    minisign.succeed(&["-S", "-l", "-s", "their.key", "-m", "artifact", "-x", "legacy.minisig"]);
    let error = Signature::parse(&minisign.read("legacy.minisig")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidSignature);
    assert!(error.to_string().contains("legacy"), "{error}");
}

#[test]
fn a_signature_is_the_same_when_it_is_kept_and_read_again() {
    let text = include_str!("fixtures/artifact.minisig");
    for spelled in [text.to_owned(), text.replace('\n', "\r\n"), encode(text)] {
        let signature = Signature::parse(&spelled).unwrap();
        assert_eq!(Signature::parse(signature.as_str()).unwrap().as_str(), signature.as_str());
    }
    // Each line in turn, but for the last, behind which line breaks count for nothing.
    for (end, _) in text.match_indices('\n').take(3) {
        let spelled = format!("{}\r\r{}", &text[..end], &text[end..]);
        assert_eq!(
            Signature::parse(&spelled).unwrap_err().code(),
            ErrorCode::InvalidSignature,
            "{spelled:?}"
        );
    }
}
