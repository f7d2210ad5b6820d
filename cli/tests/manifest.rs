//! `manifest create|add|check`: from signed artifacts to a manifest that can be published.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use common::{Cli, PUBLIC};
use serde_json::Value;

const CREATE: [&str; 6] =
    ["manifest", "create", "dist", "--base-url", "https://example.com/dl/", "--version"];

fn sign(cli: &Cli, name: &str, more: &[&str]) {
    cli.write(name, name.as_bytes());
    cli.succeed(&[&["signer", "sign", name], more].concat());
}

/// Two platforms, one of them with two formats.
fn release(version: &str) -> Cli {
    let cli = Cli::with_key();
    sign(&cli, "dist/My App_x86_64.AppImage", &["--version", version]);
    sign(&cli, "dist/my-app_amd64.deb", &["--version", version, "--format", "deb"]);
    sign(&cli, "dist/setup.exe", &["--version", version, "--target", "windows-x86_64"]);
    cli
}

fn manifest(cli: &Cli) -> Value {
    serde_json::from_str(&cli.read("dist/latest.json")).unwrap()
}

fn keys(cli: &Cli) -> Vec<String> {
    manifest(cli)["platforms"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_directory_of_signed_artifacts_becomes_a_manifest() {
    let cli = release("2.0.0");
    cli.write("dist/notes.md", "- faster\n");
    let more =
        ["2.0.0", "--notes-file", "dist/notes.md", "--pub-date", "2026-01-02T03:04:05Z", "--pubkey", PUBLIC];
    let ran = cli.succeed(&[&CREATE[..], &more].concat());
    assert_eq!(ran.stderr, "");
    let manifest = manifest(&cli);
    assert_eq!(
        (manifest["version"].as_str(), manifest["notes"].as_str(), manifest["pub_date"].as_str()),
        (Some("2.0.0"), Some("- faster\n"), Some("2026-01-02T03:04:05Z"))
    );
    let expected = ["linux-x86_64", "linux-x86_64-appimage", "linux-x86_64-deb", "windows-x86_64"];
    assert_eq!(keys(&cli), expected);
    let plain = &manifest["platforms"]["linux-x86_64"];
    assert_eq!(plain["url"], "https://example.com/dl/My%20App_x86_64.AppImage");
    assert_eq!(plain["signature"], cli.read("dist/My App_x86_64.AppImage.sig"));
    assert_eq!((plain["format"].as_str(), plain["size"].as_u64()), (Some("appimage"), Some(27)));
    let check = ["manifest", "check", "dist/latest.json", "--pubkey", PUBLIC, "--artifacts", "dist"];
    assert_eq!(cli.succeed(&check).stderr, "");
}

#[test]
fn the_same_directory_gives_the_same_bytes() {
    let cli = release("2.0.0");
    let more = [&CREATE[..], &["2.0.0", "--pub-date", "2026-01-02T03:04:05Z"]].concat();
    cli.succeed(&more);
    let first = cli.read("dist/latest.json");
    cli.succeed(&[&more[..], &["--out", "again.json"]].concat());
    assert_eq!(cli.read("again.json"), first);
    assert!(first.starts_with("{\n  \"version\": \"2.0.0\",\n") && first.ends_with("}\n"));
}

#[test]
fn what_was_signed_as_something_else_is_not_published() {
    let create = |cli: &Cli, more: &[&str]| cli.fail(&[&CREATE[..], more].concat());
    let cli = release("1.0.0");
    assert!(create(&cli, &["2.0.0"]).contains("announced 2.0.0, signed as 1.0.0"));
    sign(&cli, "dist/my-app_amd64.deb", &[]);
    let text = create(&cli, &["1.0.0"]);
    assert!(text.contains("my-app_amd64.deb") && text.contains("signer sign --version 1.0.0"), "{text}");
    cli.succeed(&[&CREATE[..], &["1.0.0", "--allow-unversioned", "--out", "other.json"]].concat());
    cli.write("dist/my-app_amd64.deb", "tampered");
    let text = create(&cli, &["1.0.0", "--allow-unversioned", "--pubkey", PUBLIC]);
    assert!(text.contains("my-app_amd64.deb: signature mismatch"), "{text}");
    assert!(!cli.path("dist/latest.json").exists());
}

#[test]
fn a_mistake_names_its_remedy() {
    let create = |cli: &Cli, more: &[&str]| cli.fail(&[&CREATE[..], more].concat());
    let cli = Cli::with_key();
    cli.write("dist/unsigned.AppImage", "x");
    let text = create(&cli, &["2.0.0"]);
    assert!(
        text.contains("unsigned.AppImage is not signed") && text.contains("no signed artifact"),
        "{text}"
    );
    sign(&cli, "dist/App.AppImage", &["--version", "2.0.0"]);
    assert!(create(&cli, &["2.0.0"]).contains("sign with `--target linux-x86_64`"));
    sign(&cli, "dist/App.AppImage", &["--version", "2.0.0", "--target", "linux-x86_64"]);
    sign(&cli, "dist/App_x64.AppImage", &["--version", "2.0.0"]);
    assert!(create(&cli, &["2.0.0"]).contains("already"));
    assert!(create(&cli, &["2"]).contains("invalid version"));
    assert!(create(&cli, &["2.0.0", "--pub-date", "today"]).contains("pub_date"));
    let plain_http = ["manifest", "create", "dist", "--base-url", "http://example.com", "--version", "2.0.0"];
    assert!(cli.fail(&plain_http).contains("insecure url"));
    assert!(!cli.path("dist/latest.json").exists());
}

#[test]
fn raw_signatures_are_published_in_the_packagers_encoding() {
    let cli = Cli::with_key();
    sign(&cli, "dist/a_amd64.deb", &["--version", "2.0.0"]);
    let encoded = cli.read("dist/a_amd64.deb.sig");
    let raw = String::from_utf8(base64(&encoded)).unwrap();
    std::fs::remove_file(cli.path("dist/a_amd64.deb.sig")).unwrap();
    cli.write("dist/a_amd64.deb.minisig", raw);
    cli.succeed(&[&CREATE[..], &["2.0.0", "--pubkey", PUBLIC]].concat());
    assert_eq!(manifest(&cli)["platforms"]["linux-x86_64"]["signature"], encoded);
}

/// Four characters of six bits are three bytes.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |c: &u8| ALPHABET.iter().position(|other| other == c).unwrap();
    let digits: Vec<usize> = text.trim_end_matches('=').as_bytes().iter().map(value).collect();
    let bits =
        |chunk: &[usize]| chunk.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - chunk.len()));
    let bytes = |chunk: &[usize]| {
        let all = u32::try_from(bits(chunk)).unwrap().to_be_bytes();
        all[1..chunk.len()].to_vec()
    };
    digits.chunks(4).flat_map(bytes).collect()
}

#[test]
fn one_more_artifact_joins_its_siblings() {
    let cli = Cli::with_key();
    sign(&cli, "dist/a_amd64.deb", &["--version", "2.0.0"]);
    cli.succeed(&[&CREATE[..], &["2.0.0"]].concat());
    assert_eq!(keys(&cli), ["linux-x86_64"]);
    sign(&cli, "new/App.AppImage", &["--version", "2.0.0"]);
    let add = [
        "manifest",
        "add",
        "dist/latest.json",
        "new/App.AppImage",
        "--url",
        "https://example.com/App.AppImage",
    ];
    assert!(cli.fail(&add).contains("--target"));
    let targeted = [&add[..], &["--target", "linux-x86_64"]].concat();
    let ran = cli.succeed(&[&targeted[..], &["--json"]].concat());
    let added: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(added["keys"], serde_json::json!(["linux-x86_64", "linux-x86_64-appimage"]));
    assert_eq!(keys(&cli), ["linux-x86_64", "linux-x86_64-appimage", "linux-x86_64-deb"]);
    let before = cli.read("dist/latest.json");
    cli.succeed(&targeted);
    assert_eq!(cli.read("dist/latest.json"), before);

    sign(&cli, "new/App.AppImage", &["--version", "2.0.1"]);
    assert!(cli.fail(&targeted).contains("signed as 2.0.1"));
    sign(&cli, "new/App.AppImage", &["--version", "2.0.0", "--target", "linux-armv7"]);
    assert!(cli.fail(&targeted).contains("signed target mismatch"));
    assert_eq!(cli.read("dist/latest.json"), before);
}

#[test]
fn a_check_finds_what_is_wrong_with_the_bytes() {
    let cli = release("2.0.0");
    cli.succeed(&[&CREATE[..], &["2.0.0"]].concat());
    let check = ["manifest", "check", "dist/latest.json", "--pubkey", PUBLIC, "--artifacts", "dist"];
    cli.write("dist/setup.exe", "tampered.bytes");
    assert!(cli.fail(&check).contains("problem: windows-x86_64: dist/setup.exe: signature mismatch"));
    cli.write("dist/setup.exe", "longer than it was");
    assert!(cli.fail(&check).contains("wrong size"));
    std::fs::remove_file(cli.path("dist/setup.exe")).unwrap();
    assert!(cli.fail(&check).contains("setup.exe"));
    let other_key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let text =
        cli.fail(&["manifest", "check", "dist/latest.json", "--pubkey", other_key, "--artifacts", "dist"]);
    assert!(text.contains("linux-x86_64: dist/My App_x86_64.AppImage: signature mismatch"), "{text}");
    cli.succeed(&["manifest", "check", "dist/latest.json"]);
    for half in [["--pubkey", PUBLIC], ["--artifacts", "dist"]] {
        assert_eq!(cli.run(&[&["manifest", "check", "dist/latest.json"], &half[..]].concat()).code, 2);
    }
}

#[test]
fn a_check_compares_with_the_release_before() {
    let cli = release("1.0.0");
    cli.succeed(&[&CREATE[..], &["1.0.0", "--out", "old.json"]].concat());
    sign(&cli, "dist/setup.exe", &["--target", "windows-x86_64"]);
    cli.succeed(&[&CREATE[..], &["1.0.0", "--allow-unversioned"]].concat());
    let check = ["manifest", "check", "dist/latest.json"];
    assert!(cli.fail(&check).contains("windows-x86_64: the signature does not carry a version"));
    cli.succeed(&[&check[..], &["--allow-unversioned"]].concat());
    let compared =
        cli.run(&[&check[..], &["--allow-unversioned", "--previous", "old.json", "--json"]].concat());
    assert_eq!((compared.code, compared.stderr.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let problem = &report["problems"][0];
    assert_eq!(problem["key"], "windows-x86_64");
    assert!(problem["reason"].as_str().unwrap().contains("drops the version"), "{report}");
}

#[test]
fn a_check_tells_every_problem_of_a_broken_manifest() {
    let cli = Cli::new();
    cli.write(
        "broken.json",
        r#"{"version": "2.0.0", "platforms": {"linux-x86_64": {}, "macos-aarch64": 7}}"#,
    );
    let text = cli.fail(&["manifest", "check", "broken.json"]);
    assert!(text.contains("linux-x86_64: ") && text.contains("macos-aarch64: "), "{text}");
    assert!(text.contains("2 problems"), "{text}");
    cli.write("broken.json", "<html>");
    assert!(cli.fail(&["manifest", "check", "broken.json"]).contains("web page"));
    assert!(cli.fail(&["manifest", "check", "missing.json"]).contains("missing.json"));
}
