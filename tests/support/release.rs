//! [`Release`]: a signed artifact and what a manifest says of it; [`Site`]: the server that has both.

use std::{ops::Deref, sync::Arc};

use cargo_packager_updater::Target;
use serde_json::{Map, Value, json};

use super::{App, Draft, Reply, Request, Server, Signer, appimage};

pub(crate) const MANIFEST: &str = "/latest.json";
pub(crate) const ARTIFACT: &str = "/App.AppImage";
pub(crate) const ETAG: &str = "\"one\"";

#[derive(Clone)]
pub(crate) struct Release {
    pub(crate) version: String,
    /// What the server sends, which need not be what was signed.
    pub(crate) artifact: Vec<u8>,
    pub(crate) signature: String,
    /// Members added to the platform's entry.
    pub(crate) entry: Map<String, Value>,
}

impl Release {
    /// Version 2.0.0, signed as such by the author.
    pub(crate) fn new() -> Self {
        Self::version("2.0.0")
    }

    pub(crate) fn version(version: &str) -> Self {
        Self::signed_as(version, &format!("timestamp:1\tfile:App.AppImage\tversion:{version}"))
    }

    /// Announced as `version`; the trusted comment says what it says.
    pub(crate) fn signed_as(version: &str, trusted_comment: &str) -> Self {
        Self::of_size(300_000, version, trusted_comment)
    }

    pub(crate) fn of_size(bytes: usize, version: &str, trusted_comment: &str) -> Self {
        let seed = version.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
        let artifact = appimage(bytes, seed);
        let signature = Signer::author().sign(&artifact, trusted_comment);
        Self { version: version.to_owned(), artifact, signature, entry: Map::new() }
    }

    pub(crate) fn with_entry(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.entry.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn with_size(self) -> Self {
        let size = self.artifact.len();
        self.with_entry("size", size)
    }

    pub(crate) fn manifest(&self, artifact_url: &str) -> Value {
        let mut entry = json!({"url": artifact_url, "signature": self.signature});
        entry.as_object_mut().unwrap().extend(self.entry.clone());
        json!({"version": self.version, "platforms": {Target::current().unwrap().to_string(): entry}})
    }

    /// What an honest server with ranges and a strong entity tag answers.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let rest = request
            .header("range")
            .filter(|_| request.header("if-range").is_none_or(|tag| tag == ETAG))
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        let size = self.artifact.len();
        match rest {
            None => Reply::ok(self.artifact.clone()).header("ETag", ETAG),
            Some(first) if first >= size => {
                Reply::status(416).header("Content-Range", format!("bytes */{size}"))
            }
            Some(first) => Reply::status(206)
                .body(&self.artifact[first..])
                .header("ETag", ETAG)
                .header("Content-Range", format!("bytes {first}-{}/{size}", size - 1)),
        }
    }
}

pub(crate) struct Site {
    server: Server,
    pub(crate) release: Arc<Release>,
}

impl Deref for Site {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Site {
    pub(crate) fn honest(release: Release) -> Self {
        Self::new(release, |release, request| release.answer(request))
    }

    /// Its manifest is this draft, filled in.
    pub(crate) fn signed(release: Release, draft: Draft) -> Self {
        let release = Arc::new(release);
        let served = Arc::clone(&release);
        let server = Server::start(move |request| match request.path.as_str() {
            MANIFEST => draft.clone().of(&served.manifest(&request.url(ARTIFACT))).reply(),
            ARTIFACT => served.answer(request),
            _ => Reply::status(404),
        });
        Self { server, release }
    }

    /// Answers requests for the artifact in this way.
    pub(crate) fn new(
        release: Release,
        artifact: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let release = Arc::new(release);
        let served = Arc::clone(&release);
        let server = Server::start(move |request| match request.path.as_str() {
            MANIFEST => Reply::ok(served.manifest(&request.url(ARTIFACT)).to_string()),
            ARTIFACT => artifact(&served, request),
            _ => Reply::status(404),
        });
        Self { server, release }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.url(MANIFEST)
    }

    /// The requests for the artifact so far.
    pub(crate) fn downloads(&self) -> Vec<Request> {
        self.requests(ARTIFACT)
    }

    pub(crate) fn wait_for_download(&self) {
        self.wait_for(ARTIFACT);
    }

    /// What version 1.0.0 of the application is offered.
    pub(crate) async fn update(&self, app: &App) -> cargo_packager_updater::updater::Update {
        app.updater(self.endpoint()).check().await.unwrap().expect("an update is offered")
    }
}
