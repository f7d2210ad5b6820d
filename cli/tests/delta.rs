//! `delta create|apply`, and `manifest create --previous`: from earlier releases to deltas that are announced.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Cli, PUBLIC};
use serde_json::Value;

/// Much text, of which little changes from version to version.
fn artifact(version: u32) -> String {
    let mut state = 1_u64;
    let lines = (0..4_000).map(|line| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{line} {state:x}\n")
    });
    lines.collect::<String>() + &format!("version {version}\n")
}

/// Nothing that could be compressed.
fn noise(seed: u64) -> Vec<u8> {
    let mut state: u64 = seed;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    bytes.take(50_000).collect()
}

/// Each release in a directory of its own, signed.
fn release(cli: &Cli, version: u32) -> String {
    let name = format!("v{version}/App_x86_64.AppImage");
    cli.write(&name, artifact(version));
    cli.succeed(&["signer", "sign", &name, "--version", &format!("{version}.0.0")]);
    name
}

fn json(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap()
}

fn create<'a>(more: &'a [&'a str]) -> Vec<&'a str> {
    let command = ["manifest", "create", "v3", "--version", "3.0.0", "--base-url", "https://example.com/3"];
    [&command[..], more].concat()
}

fn entry(cli: &Cli) -> Value {
    json(&cli.read("v3/latest.json"))["platforms"]["linux-x86_64"].clone()
}

#[test]
fn a_delta_is_small_signed_as_one_and_makes_the_new_artifact() {
    let cli = Cli::with_key();
    let (old, new) = (release(&cli, 1), release(&cli, 2));
    let made = json(&cli.succeed(&["delta", "create", &old, &new, "--json"]).stdout);
    assert!(made["percent"].as_f64().unwrap() < 2.0, "{made}");
    assert_eq!(made["fullSize"].as_u64(), Some(artifact(2).len() as u64));
    let delta = format!("{new}.delta");
    assert_eq!(made["delta"].as_str(), Some(&*delta));
    let said = json(&cli.succeed(&["signer", "verify", &delta, "--pubkey", PUBLIC, "--json"]).stdout);
    let metadata = &said["metadata"];
    assert_eq!((metadata["type"].as_str(), metadata["version"].as_str()), (Some("delta"), Some("2.0.0")));
    cli.succeed(&["delta", "apply", &old, &delta, "made"]);
    assert!(cli.read("made") == artifact(2));
}

#[test]
fn a_delta_for_something_else_makes_nothing() {
    let cli = Cli::with_key();
    let (old, new) = (release(&cli, 1), release(&cli, 2));
    cli.succeed(&["delta", "create", &old, &new, "--out", "x.delta", "--version", "9.0.0"]);
    assert!(cli.fail(&["delta", "apply", &new, "x.delta", "made"]).contains("for another base"));
    assert!(cli.fail(&["delta", "apply", &old, &new, "made"]).contains("not a delta"));
    let mut names = cli.names(".");
    names.retain(|name| name != "v1" && name != "v2");
    assert_eq!(names, ["x.delta", "x.delta.sig"]);
}

#[test]
fn without_a_key_or_a_version_nothing_is_written() {
    let cli = Cli::new();
    cli.write("old", artifact(1));
    cli.write("new", artifact(2));
    assert!(cli.fail(&["delta", "create", "old", "new"]).contains("--version"));
    assert!(cli.fail(&["delta", "create", "old", "new", "--version", "2.0.0"]).contains("private key"));
    assert_eq!(cli.names("."), ["new", "old"]);
    cli.write("new.delta.sig", "of an earlier one");
    cli.succeed(&["delta", "create", "old", "new", "--unsigned"]);
    assert_eq!(cli.names("."), ["new", "new.delta", "old"]);
}

#[test]
fn a_manifest_announces_deltas_from_earlier_releases() {
    let cli = Cli::with_key();
    let (first, _, third) = (release(&cli, 1), release(&cli, 2), release(&cli, 3));
    let ran = cli.succeed(&create(&["--previous", "v1", "v2"]));
    assert!(ran.stdout.contains("  from") && ran.stdout.contains(" 1.0.0 "), "{}", ran.stdout);
    let deltas = entry(&cli)["deltas"].clone();
    let froms: Vec<_> = deltas.as_array().unwrap().iter().map(|delta| delta["from"].clone()).collect();
    assert_eq!(froms, ["1.0.0", "2.0.0"]);
    let delta = &deltas[0];
    let base = delta["base"].as_str().unwrap();
    let file = format!("{third}.from-1.0.0-{}.delta", &base[..8]);
    assert_eq!(delta["url"].as_str().unwrap(), format!("https://example.com/3{}", &file["v3".len()..]));
    assert_eq!(delta["size"].as_u64(), Some(std::fs::metadata(cli.path(&file)).unwrap().len()));
    assert_eq!(delta["signature"], cli.read(&format!("{file}.sig")));
    cli.succeed(&["delta", "apply", &first, &file, "made"]);
    assert!(cli.read("made") == artifact(3));
    let check = ["manifest", "check", "v3/latest.json", "--pubkey", PUBLIC, "--artifacts", "v3"];
    assert_eq!(cli.succeed(&check).stderr, "");
    // Once more: what lies there now are deltas, and no artifacts.
    cli.succeed(&create(&["--previous", "v2"]));
    assert_eq!(entry(&cli)["deltas"].as_array().unwrap().len(), 1);
}

#[test]
fn deltas_are_part_of_what_is_signed() {
    let cli = Cli::with_key();
    release(&cli, 1);
    release(&cli, 3);
    cli.succeed(&create(&["--previous", "v1"]));
    cli.succeed(&["manifest", "sign", "v3/latest.json"]);
    let payload = json(&cli.read("v3/latest.json"))["signedManifest"]["payload"].clone();
    let payload = STANDARD.decode(payload.as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["platforms"]["linux-x86_64"]["deltas"], entry(&cli)["deltas"]);
    assert!(entry(&cli)["deltas"][0]["base"].is_string());
}

#[test]
fn a_delta_that_saves_little_is_left_out() {
    let cli = Cli::with_key();
    for (version, seed) in [(1, 11), (3, 33)] {
        let name = format!("v{version}/App_x86_64.AppImage");
        cli.write(&name, noise(seed));
        cli.succeed(&["signer", "sign", &name, "--version", &format!("{version}.0.0")]);
    }
    let ran = cli.succeed(&create(&["--previous", "v1", "--json"]));
    let row = &json(&ran.stdout)["deltas"][0];
    assert!(row["percent"].as_f64().unwrap() > 60.0 && row["file"].is_null(), "{row}");
    assert!(entry(&cli).get("deltas").is_none());
    assert_eq!(cli.names("v3"), ["App_x86_64.AppImage", "App_x86_64.AppImage.sig", "latest.json"]);
    assert!(ran.stderr.contains("the README tells which packages make small ones"), "{}", ran.stderr);
}

#[test]
fn artifacts_of_other_kinds_are_not_compared() {
    let cli = Cli::with_key();
    release(&cli, 3);
    for (name, format) in [("v1/app_amd64.deb", "deb"), ("v1/App_aarch64.AppImage", "appimage")] {
        cli.write(name, artifact(1));
        cli.succeed(&["signer", "sign", name, "--version", "1.0.0", "--format", format]);
    }
    let ran = cli.succeed(&create(&["--previous", "v1", "--json"]));
    assert_eq!(json(&ran.stdout)["deltas"].as_array().unwrap().len(), 0);
}

#[test]
fn a_manifest_with_deltas_that_nobody_takes_has_a_problem() {
    let cli = Cli::with_key();
    release(&cli, 1);
    release(&cli, 3);
    cli.succeed(&create(&["--previous", "v1"]));
    let good = cli.read("v3/latest.json");
    let check = ["manifest", "check", "v3/latest.json", "--pubkey", PUBLIC, "--artifacts", "v3"];
    let with = |key: &str, value: Value| {
        let mut manifest = json(&good);
        manifest["platforms"]["linux-x86_64"]["deltas"][0][key] = value;
        cli.write("v3/latest.json", manifest.to_string());
    };
    let artifact_signature = cli.read("v3/App_x86_64.AppImage.sig");
    for (key, value, reason) in [
        ("base", "short".into(), "SHA-256"),
        ("base", "f".repeat(64).into(), "it is for the base"),
        ("url", "http://example.com/x.delta".into(), "insecure"),
        ("signature", artifact_signature.into(), "signed type mismatch"),
        ("size", 1.into(), "wrong size"),
        ("url", "https://example.com/gone.delta".into(), "gone.delta"),
    ] {
        with(key, value);
        let said = cli.fail(&check);
        assert!(said.contains(reason), "{key}: {said}");
    }
    cli.write("v3/latest.json", &good);
    let url = json(&good)["platforms"]["linux-x86_64"]["deltas"][0]["url"].clone();
    let (_, name) = url.as_str().unwrap().rsplit_once('/').unwrap();
    cli.write(&format!("v3/{name}"), "another");
    assert!(cli.fail(&check).contains("wrong size"));
}

#[test]
fn deltas_of_the_release_before_become_links_of_a_chain() {
    let cli = Cli::with_key();
    for (version, previous) in [(1, None), (2, Some("v1")), (3, Some("v2"))] {
        release(&cli, version);
        let (dir, name) = (format!("v{version}"), format!("{version}.0.0"));
        let base = format!("https://example.com/{version}");
        let command = ["manifest", "create", &dir, "--version", &name, "--base-url", &base];
        let previous: Vec<&str> = previous.iter().flat_map(|dir| ["--previous", dir]).collect();
        cli.succeed(&[&command[..], &previous].concat());
    }
    let deltas = entry(&cli)["deltas"].clone();
    let [direct, link] = &deltas.as_array().unwrap()[..] else { panic!("{deltas}") };
    assert_eq!((direct["from"].as_str(), direct.get("to")), (Some("2.0.0"), None));
    assert_eq!((link["from"].as_str(), link["to"].as_str()), (Some("1.0.0"), Some("2.0.0")));
    assert_eq!(link["result"], direct["base"]);
    assert!(link["url"].as_str().unwrap().starts_with("https://example.com/2/"), "it stays where it is");
    let check = ["manifest", "check", "v3/latest.json", "--pubkey", PUBLIC, "--artifacts", "v3"];
    assert_eq!(cli.succeed(&check).stderr, "");
}

#[test]
fn an_earlier_manifest_that_cannot_be_read_keeps_nobody_from_the_release() {
    let cli = Cli::with_key();
    release(&cli, 1);
    release(&cli, 3);
    cli.write("v1/latest.json", "{");
    let ran = cli.succeed(&create(&["--previous", "v1"]));
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("v1"), "{}", ran.stderr);
    assert_eq!(entry(&cli)["deltas"].as_array().unwrap().len(), 1);
}

#[test]
fn a_delta_that_cannot_be_made_keeps_nobody_from_the_release() {
    let cli = Cli::with_key();
    release(&cli, 1);
    release(&cli, 3);
    // It expands to more than applications allow.
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &vec![0; 80 << 20]).unwrap();
    cli.write("v3/App_x86_64.AppImage", encoder.finish().unwrap());
    cli.succeed(&["signer", "sign", "v3/App_x86_64.AppImage", "--version", "3.0.0"]);
    let ran = cli.succeed(&create(&["--previous", "v1"]));
    assert!(ran.stdout.contains("left out: ") && ran.stdout.contains("more than"), "{}", ran.stdout);
    assert!(entry(&cli).get("deltas").is_none());
}

#[test]
fn what_is_the_same_or_comes_twice_is_compared_once() {
    let cli = Cli::with_key();
    let (old, new) = (release(&cli, 1), release(&cli, 3));
    for (from, to) in [(&old, "again"), (&new, "same")] {
        for ending in ["", ".sig"] {
            let to = format!("{to}/App_x86_64.AppImage{ending}");
            cli.write(&to, cli.read(&format!("{from}{ending}")));
        }
    }
    let ran = cli.succeed(&create(&["--previous", "v1", "again", "same", "--json"]));
    assert_eq!(json(&ran.stdout)["deltas"].as_array().unwrap().len(), 1);
}

#[test]
fn an_earlier_artifact_that_was_changed_is_noticed_with_the_public_key() {
    let cli = Cli::with_key();
    let (old, _) = (release(&cli, 1), release(&cli, 3));
    cli.write(&old, "another");
    assert!(cli.fail(&create(&["--previous", "v1", "--pubkey", PUBLIC])).contains("signature mismatch"));
}
