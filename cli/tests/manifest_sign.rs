//! `manifest sign`: what it signs, what it renews, and what it refuses to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use common::{Cli, PRIVATE_KEY_VARIABLE, PUBLIC};
use serde_json::{Value, json};

const SIGN: [&str; 5] = ["manifest", "sign", "dist/latest.json", "--app", "com.example.app"];
const RENEW: [&str; 8] =
    ["manifest", "sign", "dist/latest.json", "--renew", "--version", "v2.0.0", "--app", "com.example.app"];
const CHECK: [&str; 5] = ["manifest", "check", "dist/latest.json", "--manifest-pubkey", PUBLIC];

/// A release with a manifest that is not signed.
fn release() -> Cli {
    let cli = Cli::with_key();
    add_artifact(&cli, "dist/App_x86_64.AppImage");
    let create = ["manifest", "create", "dist", "--version", "2.0.0", "--base-url", "https://example.com"];
    cli.succeed(&create);
    cli
}

fn add_artifact(cli: &Cli, name: &str) {
    cli.write(name, name);
    cli.succeed(&["signer", "sign", name, "--version", "2.0.0"]);
}

fn sign(cli: &Cli, command: &[&str], more: &[&str]) -> Value {
    let ran = cli.succeed(&[command, more, &["--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap()
}

fn manifest(cli: &Cli) -> Value {
    serde_json::from_str(&cli.read("dist/latest.json")).unwrap()
}

#[test]
fn a_signed_manifest_says_for_whom_and_until_when() {
    let cli = release();
    let before = manifest(&cli);
    let said = sign(&cli, &SIGN, &["--channel", "stable", "--sequence", "7", "--valid-days", "3650"]);
    assert_eq!(
        (&said["sequence"], &said["app"], &said["channel"]),
        (&json!(7), &json!("com.example.app"), &json!("stable"))
    );
    let mut after = manifest(&cli);
    assert!(after.as_object_mut().unwrap().remove("signedManifest").is_some());
    assert_eq!(after, before, "older applications read what they read before");
    assert_eq!(cli.succeed(&CHECK).stderr, "");
}

#[test]
fn each_signature_has_a_higher_sequence_without_being_told() {
    let cli = release();
    let numbers: Vec<u64> = [&SIGN[..], &SIGN, &RENEW]
        .iter()
        .map(|command| sign(&cli, command, &[])["sequence"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    let far_ahead = sign(&cli, &SIGN, &["--sequence", "9000000000"]);
    assert_eq!(far_ahead["sequence"].as_u64().unwrap() + 1, sign(&cli, &SIGN, &[])["sequence"]);
}

#[test]
fn a_renewal_keeps_the_release_and_for_whom_it_is() {
    let cli = release();
    let first = sign(&cli, &SIGN, &["--channel", "stable", "--valid-days", "1"]);
    assert!(cli.fail(&RENEW).contains("signed channel mismatch"));
    let second = sign(&cli, &RENEW, &["--channel", "stable", "--valid-days", "30"]);
    assert_eq!((&second["app"], &second["channel"]), (&first["app"], &first["channel"]));
    assert!(second["expires"].as_str() > first["expires"].as_str());
    cli.write("old.json", cli.read("dist/latest.json"));
    sign(&cli, &RENEW, &["--channel", "stable"]);
    cli.succeed(&[&CHECK[..], &["--previous", "old.json"]].concat());
}

#[test]
fn what_somebody_else_put_there_is_not_renewed() {
    let cli = release();
    assert!(cli.fail(&RENEW).contains("nothing to renew"));
    sign(&cli, &SIGN, &[]);
    let other_version = [&RENEW[..5], &["2.0.1"], &RENEW[6..]].concat();
    assert!(cli.fail(&other_version).contains("signed version mismatch"));
    assert_eq!(cli.run(&RENEW[..4]).code, 2, "what is renewed has to be known");
    let sound = cli.read("dist/latest.json");
    cli.write("dist/latest.json", sound.replace("https://example.com", "https://attacker.example"));
    assert!(cli.fail(&RENEW).contains("`platforms` is not what was signed"));
    cli.write("dist/latest.json", &sound);
    cli.succeed(&["signer", "generate", "--path", "other.key", "--ci"]);
    let stranger = [&RENEW[..], &["--private-key", "other.key", "--password", ""]].concat();
    assert!(cli.fail(&stranger).contains("none of the public keys"));
    assert_eq!(cli.read("dist/latest.json"), sound);
}

#[test]
fn one_more_artifact_takes_the_signature_away_and_says_so() {
    let cli = release();
    sign(&cli, &SIGN, &[]);
    cli.write("old.json", cli.read("dist/latest.json"));
    add_artifact(&cli, "dist/a_amd64.deb");
    let url = "https://example.com/a_amd64.deb";
    let added = cli.succeed(&["manifest", "add", "dist/latest.json", "dist/a_amd64.deb", "--url", url]);
    assert!(added.stderr.contains("`manifest sign`"), "{}", added.stderr);
    let text = cli.fail(&["manifest", "check", "dist/latest.json", "--previous", "old.json"]);
    assert!(text.contains("this one is not"), "{text}");
}

#[test]
fn a_check_tells_a_manifest_of_another_key() {
    let cli = release();
    sign(&cli, &SIGN, &[]);
    let other = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let text = cli.fail(&["manifest", "check", "dist/latest.json", "--manifest-pubkey", other]);
    assert!(text.contains("none of the public keys"), "{text}");
}

#[test]
fn who_signs_for_no_application_is_warned() {
    let cli = release();
    let ran = cli.succeed(&SIGN[..3]);
    assert!(ran.stderr.contains("--app"), "{}", ran.stderr);
    assert_eq!(cli.succeed(&SIGN).stderr, "");
    assert_eq!(cli.run(&[&SIGN[..], &["--version", "2.0.0"]].concat()).code, 2);
    let without_key = cli.with(PRIVATE_KEY_VARIABLE, "");
    assert!(without_key.fail(&SIGN).contains("no private key"));
}

#[test]
fn a_check_passes_what_takes_a_release_back_and_says_what_happens() {
    let cli = release();
    sign(&cli, &SIGN, &[]);
    cli.write("old.json", cli.read("dist/latest.json"));
    cli.succeed(&["signer", "sign", "dist/App_x86_64.AppImage", "--version", "1.5.0"]);
    let create = ["manifest", "create", "dist", "--version", "1.5.0", "--base-url", "https://example.com"];
    cli.succeed(&create);
    let against_old = ["--previous", "old.json"];
    assert!(cli.fail(&[&CHECK[..3], &against_old].concat()).contains("sign this manifest"));
    // It was made anew, and knows nothing of the sequence before.
    sign(&cli, &SIGN, &["--sequence", "9000000000"]);
    let checked = cli.succeed(&[&CHECK[..], &against_old].concat());
    assert!(checked.stderr.contains("1.5.0 is lower than 2.0.0") && checked.stderr.contains("forget"));
}
