//! [`Shelf`]: a release with its deltas, and the server that has them all.

use std::{io::Write, ops::Deref, sync::Arc};

use cargo_packager_updater::{release::Delta, updater::Update};
use flate2::{Compression, write::ZlibEncoder};
use serde_json::{Value, json};

use super::{App, MANIFEST, Random, Release, Reply, Request, Server, Signer, appimage};

const ARTIFACT: &str = "/App.AppImage";

/// An artifact of this version, made like an image: a header, and blocks that are compressed each by itself. Few of them
/// change from one version to the next.
pub(crate) fn image(blocks: u32, version: u32) -> Vec<u8> {
    image_of(blocks, version, |text, random| {
        writeln!(text, "line {} {:x}", text.len(), random.next()).unwrap()
    })
}

/// The same, but each block takes its compressor a hundred times as long: wherever it looks for what went before, there is a
/// little of it everywhere.
pub(crate) fn slow_image(blocks: u32, version: u32) -> Vec<u8> {
    image_of(blocks, version, |text, random| text.push(b'a' + u8::from(random.fraction() < 0.5)))
}

fn image_of(blocks: u32, version: u32, extend: impl Fn(&mut Vec<u8>, &mut Random)) -> Vec<u8> {
    let mut bytes = appimage(5_000, 1);
    for block in 0..blocks {
        // A third of what changed with a version stays changed.
        let last_change = (1..=version).rev().find(|version| (block + version) % 7 == 0).unwrap_or(0);
        let mut text = format!("block {block} of version {last_change}\n").into_bytes();
        let mut random = Random::seeded(u64::from(block) + 1);
        while text.len() < 24 << 10 {
            extend(&mut text, &mut random);
        }
        let mut encoder = ZlibEncoder::new(bytes, Compression::best());
        encoder.write_all(&text).unwrap();
        bytes = encoder.finish().unwrap();
        bytes.extend(block.to_le_bytes());
    }
    bytes
}

/// A delta, and what a manifest says of it.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) bytes: Vec<u8>,
    /// Members of its entry beside the URL.
    pub(crate) entry: Value,
}

impl Published {
    /// Signed by the author for version 2.0.0.
    pub(crate) fn new(old: &[u8], new: &[u8]) -> Self {
        Self::to_version("2.0.0", old, new)
    }

    pub(crate) fn to_version(version: &str, old: &[u8], new: &[u8]) -> Self {
        let delta = Delta::create(old, new, &mut |_| {}).unwrap();
        let entry = json!({"from": "1.0.0", "base": delta.base_sha256()});
        let this = Self { bytes: Vec::new(), entry };
        this.with_bytes(delta.as_bytes().to_vec(), &format!("timestamp:1\ttype:delta\tversion:{version}"))
    }

    /// One on the way to the release.
    pub(crate) fn link(version: &str, old: &[u8], new: &[u8]) -> Self {
        let delta = Delta::create(old, new, &mut |_| {}).unwrap();
        Self::to_version(version, old, new).with("to", version).with("result", delta.result_sha256())
    }

    /// Other bytes, signed by the author with this trusted comment.
    pub(crate) fn with_bytes(self, bytes: Vec<u8>, trusted_comment: &str) -> Self {
        let signature = Signer::author().sign(&bytes, trusted_comment);
        let size = bytes.len();
        Self { bytes, ..self }.with("signature", signature).with("size", size)
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.entry[key] = value.into();
        self
    }

    /// Other bytes than those that were signed.
    pub(crate) fn sent_as(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        change(&mut self.bytes);
        self
    }
}

/// Its deltas lie at `/0.delta` and so on.
pub(crate) struct Shelf {
    server: Server,
    pub(crate) release: Arc<Release>,
}

impl Deref for Shelf {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Shelf {
    /// Version 2.0.0 with this content, and these deltas.
    pub(crate) fn new(artifact: &[u8], deltas: Vec<Published>) -> Self {
        Self::with(artifact, deltas, |delta, _| Reply::ok(delta.bytes.clone()))
    }

    /// Answers requests for deltas in this way.
    pub(crate) fn with(
        artifact: &[u8],
        deltas: Vec<Published>,
        answer: impl Fn(&Published, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::of(Self::release(artifact), deltas, answer)
    }

    /// Version 2.0.0 with this content.
    pub(crate) fn release(artifact: &[u8]) -> Release {
        let signature = Signer::author().sign(artifact, "timestamp:1\tversion:2.0.0");
        Release { artifact: artifact.to_vec(), signature, ..Release::new() }.with_size()
    }

    pub(crate) fn of(
        release: Release,
        deltas: Vec<Published>,
        answer: impl Fn(&Published, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let release = Arc::new(release);
        let served = Arc::clone(&release);
        let server = Server::start(move |request| match request.path.as_str() {
            MANIFEST => {
                let entries = deltas.iter().enumerate().map(|(number, delta)| {
                    let mut entry = delta.entry.clone();
                    if entry.get("url").is_none() {
                        entry["url"] = request.url(&format!("/{number}.delta")).into();
                    }
                    entry
                });
                let release = Release::clone(&served).with_entry("deltas", Value::from_iter(entries));
                Reply::ok(release.manifest(&request.url(ARTIFACT)).to_string())
            }
            ARTIFACT => served.answer(request),
            path => {
                let number = path.strip_prefix('/').and_then(|path| path.strip_suffix(".delta"));
                let number = number.and_then(|number| number.parse::<usize>().ok());
                number
                    .and_then(|number| deltas.get(number))
                    .map_or_else(|| Reply::status(404), |delta| answer(delta, request))
            }
        });
        Self { server, release }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.url(MANIFEST)
    }

    pub(crate) async fn update(&self, app: &App) -> Update {
        app.updater(self.endpoint()).check().await.unwrap().expect("an update is offered")
    }

    /// How often the whole artifact was asked for.
    pub(crate) fn full_downloads(&self) -> usize {
        self.requests(ARTIFACT).len()
    }
}
