//! Manifests that nobody honest would publish: none installs anything, and none brings the application down. What they
//! announce was signed as 1.5.0, so that not one of them could be right.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::{Target, Updater};
use serde_json::{Map, Value, json};

use crate::support::{App, Panics, Random, Release, Reply, Server, Signer, in_hours, rounds, within};

/// A server with the artifact and whatever manifest it is given.
struct Host {
    server: Server,
    manifest: Arc<Mutex<Vec<u8>>>,
    release: Release,
}

impl Host {
    fn new() -> Self {
        let manifest = Arc::new(Mutex::new(Vec::new()));
        let (shown, release) = (Arc::clone(&manifest), Release::version("1.5.0"));
        let artifact = release.artifact.clone();
        let server = Server::start(move |request| match request.path.as_str() {
            "/latest.json" => Reply::ok(shown.lock().unwrap().clone()),
            "/artifact" => Reply::ok(artifact.clone()),
            _ => Reply::status(404),
        });
        Self { server, manifest, release }
    }

    /// Sound, but for what it is a manifest of.
    fn base(&self) -> Value {
        let entry = json!({
            "url": self.server.url("/artifact"),
            "signature": self.release.signature,
            "format": "appimage",
            "size": self.release.artifact.len(),
        });
        json!({
            "version": "9.9.9",
            "notes": "n",
            "pub_date": "2026-01-02T03:04:05Z",
            "platforms": {Target::current().unwrap().to_string(): entry},
        })
    }

    /// The base once more, to be signed.
    fn payload(&self) -> Value {
        let mut payload = self.base();
        payload["type"] = "updater-manifest".into();
        payload["specVersion"] = 1.into();
        payload["sequence"] = 1.into();
        payload["issued"] = in_hours(-1).into();
        payload["expires"] = in_hours(24).into();
        payload
    }

    /// The base, with this signed by the author.
    fn signed(&self, payload: &[u8]) -> Value {
        let signature = Signer::author().sign(payload, "type:manifest\tsequence:1");
        let mut manifest = self.base();
        manifest["signedManifest"] =
            json!({"payload": STANDARD.encode(payload), "signatures": [STANDARD.encode(signature)]});
        manifest
    }

    /// Whether a check accepted it, which is the first one of this application; installing never works.
    async fn try_to_install(&self, app: &App, manifest: &[u8]) -> bool {
        if app.data.exists() {
            fs::remove_dir_all(&app.data).unwrap();
        }
        manifest.clone_into(&mut self.manifest.lock().unwrap());
        let updater = app.updater(self.server.url("/latest.json"));
        let Ok(Some(update)) = check(&updater).await else { return false };
        let installed = within(update.download_and_install(Default::default(), Default::default())).await;
        let shown = String::from_utf8_lossy(manifest);
        assert!(installed.is_err(), "it was installed: {shown:.2000}");
        true
    }
}

async fn check(
    updater: &Updater,
) -> cargo_packager_updater::Result<Option<cargo_packager_updater::updater::Update>> {
    within(updater.check()).await
}

/// What may stand anywhere.
fn values() -> Vec<Value> {
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("\0"),
        json!("\u{202e}9.9.9"),
        json!("x".repeat(100_000)),
        json!("../../../../etc/passwd"),
        json!("$(reboot)"),
        json!("%s%n"),
        json!([]),
        json!({}),
        json!([[], {}]),
        json!({"url": "x"}),
        deep,
    ]
}

fn urls(server: &Server) -> Vec<Value> {
    let own = server.url("/artifact");
    let port = server.port();
    [
        "file:///etc/passwd".to_owned(),
        "file://127.0.0.1/etc/passwd".to_owned(),
        "FILE:/etc/passwd".to_owned(),
        "ftp://127.0.0.1/x".to_owned(),
        "data:application/octet-stream;base64,AAAA".to_owned(),
        "javascript:alert(1)".to_owned(),
        "blob:http://127.0.0.1/x".to_owned(),
        "about:blank".to_owned(),
        "//127.0.0.1/artifact".to_owned(),
        "/artifact".to_owned(),
        "http://example.com/artifact".to_owned(),
        "http://127.0.0.1.example.com/artifact".to_owned(),
        format!("http://127.0.0.1:{port}@example.com/artifact"),
        format!("http://user:secret@127.0.0.1:{port}/missing"),
        format!("http://127.0.0.1:{port}/artifact\u{0}"),
        format!("http://127.0.0.1:{port}/artifact\r\nX: y"),
        format!("http://127.0.0.1:{port}\\@example.com/artifact"),
        format!("http:/\\127.0.0.1:{port}/missing"),
        "http://[::1/artifact".to_owned(),
        "http://127.0.0.1:99999/artifact".to_owned(),
        "http://127.0.0.1:0/artifact".to_owned(),
        "http://2130706433/artifact".to_owned(),
        "http://0x7f.1/artifact".to_owned(),
        format!("https://127.0.0.1:{port}/artifact"),
        format!("{own}?{}", "x".repeat(60_000)),
        format!("{own}#fragment"),
        own.replace("/artifact", "/a/../artifact"),
    ]
    .map(Value::from)
    .to_vec()
}

/// Two hundred and more that somebody has thought of.
fn written(host: &Host) -> Vec<Vec<u8>> {
    let base = host.base();
    let key = Target::current().unwrap().to_string();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut manifest = base.clone();
        change(&mut manifest);
        manifest.to_string().into_bytes()
    };
    let mut all = Vec::new();
    for value in values() {
        for member in ["version", "notes", "pub_date", "platforms", "signedManifest"] {
            all.push(with(&|manifest| manifest[member] = value.clone()));
        }
        for member in ["url", "signature", "format", "size"] {
            all.push(with(&|manifest| manifest["platforms"][&key][member] = value.clone()));
        }
        all.push(with(&|manifest| manifest["platforms"][&key] = value.clone()));
        all.push(value.to_string().into_bytes());
    }
    for url in urls(&host.server) {
        all.push(with(&|manifest| manifest["platforms"][&key]["url"] = url.clone()));
    }
    for format in ["deb", "rpm", "pacman", "app", "nsis", "wix", "AppImage", "exe", "appimage "] {
        all.push(with(&|manifest| manifest["platforms"][&key]["format"] = format.into()));
    }
    for version in
        ["9.9", "9.9.9.9", "vv9.9.9", "9.9.9 ", "99999999999999999999.0.0", "9.9.9-", "9.9.9+", "٩.9.9"]
    {
        all.push(with(&|manifest| manifest["version"] = version.into()));
    }
    for signature in signatures(&host.release.signature) {
        all.push(with(&|manifest| manifest["platforms"][&key]["signature"] = signature.clone().into()));
    }
    all.extend(texts(&base.to_string()));
    all
}

fn signatures(sound: &str) -> Vec<String> {
    let lines: Vec<&str> = sound.lines().collect();
    let mut all: Vec<String> = (0..lines.len())
        .map(|left_out| {
            let kept = lines.iter().enumerate().filter(|(line, _)| *line != left_out);
            kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        })
        .collect();
    all.extend([
        sound.replace("version:1.5.0", "version:9.9.9"),
        sound.replace("trusted comment: ", "trusted comment: version:9.9.9\t"),
        format!("{sound}trusted comment: version:9.9.9\n"),
        sound.to_uppercase(),
        sound.repeat(2),
    ]);
    all
}

/// Wrong as texts, not as values.
fn texts(sound: &str) -> Vec<Vec<u8>> {
    let text = |text: String| text.into_bytes();
    let mut all = vec![
        text(format!("{sound}{sound}")),
        text(format!("{sound},")),
        text(format!("/* */{sound}")),
        text(format!("\u{feff}\u{feff}{sound}")),
        text(sound.replacen('{', "{\"version\":\"1.0.0\",", 1)),
        text(sound.replacen("\"url\"", "\"url\":\"x\",\"url\"", 1)),
        text(sound.replacen("\"url\"", "\"\\u0075rl\":\"x\",\"url\"", 1)),
        text(sound.replace('"', "'")),
        text("[".repeat(500_000)),
        text("{\"a\":".repeat(150_000)),
        text(format!("{{\"version\":{}}}", "9".repeat(500_000))),
        text(format!("\"{}\"", "\\u0000".repeat(100_000))),
        text("<!doctype html><title>Log in</title>".to_owned()),
        text("null".to_owned()),
        text(String::new()),
        sound.bytes().map(|byte| byte | 0x80).collect(),
        sound.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        vec![0; 100_000],
        vec![0xff; 100_000],
    ];
    all.extend((1..sound.len()).step_by(37).map(|end| sound.as_bytes()[..end].to_vec()));
    all
}

/// A manifest like the sound one, but for one to four changes.
fn generated(host: &Host, random: &mut Random) -> Vec<u8> {
    changed(host.base(), random)
}

/// The same of a signed one: changed before it was signed or after.
fn generated_signed(host: &Host, random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0 {
        let payload = changed(host.payload(), random);
        return host.signed(&payload).to_string().into_bytes();
    }
    let payload = host.payload().to_string();
    changed(host.signed(payload.as_bytes()), random)
}

fn changed(mut manifest: Value, random: &mut Random) -> Vec<u8> {
    for _ in 0..random.below(2) {
        replace_something(&mut manifest, &values(), random);
    }
    let mut bytes = manifest.to_string().into_bytes();
    for _ in 0..=random.below(3) {
        change_bytes(&mut bytes, random);
    }
    bytes
}

fn replace_something(value: &mut Value, with: &[Value], random: &mut Random) {
    match value {
        Value::Object(members) if !members.is_empty() && random.below(4) > 0 => {
            let key = members.keys().nth(random.below(members.len())).unwrap().clone();
            rename_sometimes(members, &key, random);
            if let Some(member) = members.get_mut(&key) {
                replace_something(member, with, random);
            }
        }
        other => *other = random.pick(with).clone(),
    }
}

fn rename_sometimes(members: &mut Map<String, Value>, key: &str, random: &mut Random) {
    if random.below(5) == 0
        && let Some(value) = members.remove(key)
    {
        members.insert(
            random.pick(&["", "URL", "version ", "__proto__", "linux", "platforms"]).to_string(),
            value,
        );
    }
}

fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    const TOKENS: [&str; 12] =
        ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "null", "1e999", "\u{7f}"];
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => drop(bytes.remove(at)),
        2 => drop(bytes.splice(at..at, random.pick(&TOKENS).bytes())),
        _ => {
            let end = (at + random.below(40)).min(bytes.len());
            let copied = bytes[at..end].to_vec();
            drop(bytes.splice(end..end, copied));
        }
    }
}

#[tokio::test]
async fn no_hostile_manifest_installs_anything() {
    let (host, app, panics) = (Host::new(), App::new(), Panics::watch());
    assert!(host.try_to_install(&app, host.base().to_string().as_bytes()).await, "the base is accepted");
    let (all, mut refused) = (written(&host), 0);
    for manifest in &all {
        refused += usize::from(!host.try_to_install(&app, manifest).await);
    }
    println!("{refused} of {} are worse than the base", all.len());
    assert!(all.len() >= 305, "only {}", all.len());
    // What a check accepts may be no worse than the base, whose only fault is its version.
    assert!(refused >= 274, "only {refused} of {} are worse than the base", all.len());
    app.assert_untouched();
    panics.assert_none();
}

#[tokio::test]
async fn nor_does_any_that_chance_makes() {
    let host = Host::new();
    try_all(&host, "hostile manifests", generated).await;
}

#[tokio::test]
async fn nor_does_any_that_was_signed_or_changed_after_that() {
    let (host, app) = (Host::new(), App::new());
    let sound = host.signed(host.payload().to_string().as_bytes());
    assert!(host.try_to_install(&app, sound.to_string().as_bytes()).await, "the base is accepted");
    try_all(&host, "hostile signed manifests", generated_signed).await;
}

async fn try_all(host: &Host, name: &str, generate: fn(&Host, &mut Random) -> Vec<u8>) {
    let (app, panics, mut random) = (App::new(), Panics::watch(), Random::new(name));
    let (mut accepted, rounds) = (0, rounds(300, 10_000, 100_000));
    for _ in 0..rounds {
        accepted += u64::from(host.try_to_install(&app, &generate(host, &mut random)).await);
    }
    assert!(accepted > 0, "none came so far as a download: they are not alike enough");
    assert!(accepted < rounds / 2, "most are no different from a sound one");
    println!("{accepted} of {rounds} came so far as a download");
    app.assert_untouched();
    panics.assert_none();
}
