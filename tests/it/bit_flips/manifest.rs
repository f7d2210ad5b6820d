//! The same of a signed manifest, asked for by an application that has seen none before.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::{Config, Updater};
use serde_json::{Value, json};

use crate::support::{App, Board, Draft, Random, Reply, rounds, sample};

const MEMBER: &str = "signedManifest";

/// Whoever reads a manifest, and the one that was signed.
struct Reader {
    app: App,
    board: Board,
    sound: Value,
    read: String,
}

impl Reader {
    async fn new() -> Self {
        let (app, board, sound) = (App::new(), Board::new(), Draft::new(7).manifest());
        let mut this = Self { app, board, sound, read: String::new() };
        this.read = this.check(this.sound.to_string().into_bytes()).await.unwrap();
        this
    }

    /// The release, and what is remembered; `None` where it is refused.
    async fn check(&self, manifest: Vec<u8>) -> Option<String> {
        if self.app.data.exists() {
            fs::remove_dir_all(&self.app.data).unwrap();
        }
        self.board.show(Reply::ok(manifest));
        let config = Config { require_signed_manifest: true, ..self.app.config(self.board.url()) };
        let update = Updater::new("1.0.0", config).unwrap().check().await.ok()?.expect("it is newer");
        let remembered = self.app.data_files().into_iter().find(|path| path.ends_with("manifests.json"));
        let remembered = fs::read_to_string(remembered.unwrap()).unwrap();
        let entry = (update.target(), update.format(), update.size(), update.download_url().as_str());
        let shown = (update.version(), update.body(), update.date_text(), update.signature());
        Some(format!("{shown:?} {entry:?} {remembered}"))
    }

    /// Shows some of the flips, or all, each made by `flip`; the numbers of those that were refused and accepted.
    async fn try_flips(
        &self,
        name: &str,
        bytes: usize,
        quick: u64,
        flip: impl Fn(usize) -> Vec<u8>,
    ) -> [usize; 2] {
        let (mut random, mut counts) = (Random::new(name), [0, 0]);
        for bit in sample(bytes * 8, rounds(quick, 2_000, u64::MAX), &mut random) {
            let manifest = flip(bit);
            let found = self.check(manifest.clone()).await;
            counts[usize::from(found.is_some())] += 1;
            let Some(found) = found else { continue };
            let case = format!("{name}: bit {bit}: {}", String::from_utf8_lossy(&manifest));
            assert_eq!(found, self.read, "{case}");
            assert!(self.is_signed_the_same(&manifest), "{case}");
        }
        println!("{name}: {counts:?} were refused and accepted");
        counts
    }

    /// But for the untrusted comment.
    fn is_signed_the_same(&self, manifest: &[u8]) -> bool {
        let signed = |manifest: &Value| {
            let envelope = &manifest[MEMBER];
            let signature = decoded(&envelope["signatures"][0]);
            let lines: Vec<Vec<u8>> = signature.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            (decoded(&envelope["payload"]), lines[1..4].to_vec())
        };
        signed(&serde_json::from_slice(manifest).unwrap()) == signed(&self.sound)
    }

    fn with(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut manifest = self.sound.clone();
        change(&mut manifest[MEMBER]);
        manifest.to_string().into_bytes()
    }
}

fn decoded(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().unwrap().trim()).unwrap()
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[tokio::test]
async fn of_a_signed_manifest_only_what_nobody_reads_may_change() {
    let reader = Reader::new().await;
    let sound = reader.sound.to_string().into_bytes();
    let counts = reader.try_flips("manifest flips", sound.len(), 200, |bit| flip(&sound, bit)).await;
    assert!(counts.iter().all(|count| *count > 0), "{counts:?} were refused and accepted");
}

#[tokio::test]
async fn a_signed_payload_with_another_bit_is_refused() {
    let reader = Reader::new().await;
    let payload = decoded(&reader.sound[MEMBER]["payload"]);
    let [refused, accepted] = reader
        .try_flips("payload flips", payload.len(), 100, |bit| {
            reader.with(|envelope| envelope["payload"] = STANDARD.encode(flip(&payload, bit)).into())
        })
        .await;
    assert!(refused > 0 && accepted == 0, "{accepted} were accepted");
}

#[tokio::test]
async fn of_a_manifests_signature_only_the_untrusted_comment_may_change() {
    let reader = Reader::new().await;
    let signature = decoded(&reader.sound[MEMBER]["signatures"][0]);
    let counts = reader
        .try_flips("manifest signature flips", signature.len(), 200, |bit| {
            let changed = STANDARD.encode(flip(&signature, bit));
            reader.with(|envelope| envelope["signatures"] = json!([changed]))
        })
        .await;
    assert!(counts.iter().all(|count| *count > 0), "{counts:?} were refused and accepted");
}
