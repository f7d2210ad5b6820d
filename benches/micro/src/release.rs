//! A release, as an endpoint announces it.

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::fuzzing::author;
use serde_json::{Value, json};

/// The platform that is asked for, and what it installs.
pub const PLATFORM: &str = "linux-x86_64";
const DELTAS: usize = 5;
/// Each platform with the end of its artifact's name.
const PLATFORMS: [(&str, &str); 10] = [
    (PLATFORM, "AppImage"),
    ("linux-aarch64", "AppImage"),
    ("linux-armv7", "AppImage"),
    ("linux-x86_64-deb", "deb"),
    ("linux-aarch64-deb", "deb"),
    ("macos-x86_64", "app.tar.gz"),
    ("macos-aarch64", "app.tar.gz"),
    ("windows-x86_64", "exe"),
    ("windows-i686", "exe"),
    ("windows-aarch64", "exe"),
];

/// A manifest for one platform, without deltas.
pub fn small() -> Vec<u8> {
    let platforms = json!({PLATFORM: artifact(PLATFORM, "AppImage")});
    json!({"version": "2.0.0", "platforms": platforms}).to_string().into_bytes()
}

/// A manifest for ten platforms, with deltas for each.
pub fn large() -> Vec<u8> {
    large_value().to_string().into_bytes()
}

/// The same beside what its author signed.
pub fn signed() -> Vec<u8> {
    let mut manifest = large_value();
    let mut payload = manifest.clone();
    for (key, value) in [
        ("type", json!("updater-manifest")),
        ("specVersion", json!(1)),
        ("sequence", json!(7)),
        ("issued", json!("2026-01-01T00:00:00Z")),
        ("expires", json!("2026-02-01T00:00:00Z")),
    ] {
        payload[key] = value;
    }
    let payload = payload.to_string();
    let signature = author::sign(payload.as_bytes(), "type:manifest\tsequence:7");
    manifest["signedManifest"] = json!({"payload": STANDARD.encode(payload), "signatures": [signature]});
    manifest.to_string().into_bytes()
}

fn large_value() -> Value {
    let platforms: Value =
        PLATFORMS.map(|(key, end)| (key.to_owned(), with_deltas(key, end))).into_iter().collect();
    json!({
        "version": "2.0.0",
        "notes": "What is new. ".repeat(40),
        "pub_date": "2026-01-01T00:00:00Z",
        "platforms": platforms,
    })
}

fn with_deltas(key: &str, end: &str) -> Value {
    let mut artifact = artifact(key, end);
    artifact["deltas"] = (0..DELTAS).map(|minor| delta(key, minor)).collect();
    artifact
}

fn artifact(key: &str, end: &str) -> Value {
    json!({
        "url": format!("https://releases.example.com/2.0.0/example-{key}.{end}"),
        "signature": signature(key, "version:2.0.0"),
        "size": 100_000_000,
    })
}

fn delta(key: &str, minor: usize) -> Value {
    let name = format!("example-{key}-1.{minor}.0.delta");
    json!({
        "from": format!("1.{minor}.0"),
        "url": format!("https://releases.example.com/2.0.0/{name}"),
        "size": 5_000_000,
        "signature": signature(&name, "version:2.0.0\ttype:delta"),
        "base": "0123456789abcdef".repeat(4),
    })
}

/// As the packager encodes it.
fn signature(file: &str, comment: &str) -> String {
    STANDARD.encode(author::sign(file.as_bytes(), &format!("timestamp:1767225600\tfile:{file}\t{comment}")))
}
