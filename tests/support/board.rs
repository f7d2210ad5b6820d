//! [`Board`]: an endpoint whose answer changes between checks; [`Draft`]: a signed manifest in the making.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::Target;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Reply, Server, Signer};

pub(crate) struct Board {
    server: Server,
    answer: Arc<Mutex<Reply>>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let answer = Arc::new(Mutex::new(Reply::status(404)));
        let shown = Arc::clone(&answer);
        Self { server: Server::start(move |_| shown.lock().unwrap().clone()), answer }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("/latest.json")
    }

    pub(crate) fn show(&self, answer: Reply) {
        *self.answer.lock().unwrap() = answer;
    }
}

/// Valid as it is begun; each change makes it something else. The plain members announce 0.1.0, so that whoever reads
/// them offers nothing.
#[derive(Clone)]
pub(crate) struct Draft {
    payload: Value,
    plain: Value,
    signers: Vec<(&'static Signer, Option<String>)>,
    /// Done to the envelope at the very end.
    spoilt: Option<fn(&mut Value)>,
    text: Option<String>,
}

pub(crate) fn in_hours(hours: i64) -> String {
    (OffsetDateTime::now_utc() + Duration::hours(hours)).format(&Rfc3339).unwrap()
}

impl Draft {
    /// Version 2.0.0, signed by the author, valid for a day.
    pub(crate) fn new(sequence: u64) -> Self {
        let url = "https://example.com/App.AppImage";
        let artifact = Signer::author().sign(b"artifact", "version:2.0.0");
        let platforms = json!({Target::current().unwrap().to_string(): {"url": url, "signature": artifact}});
        let payload = json!({
            "type": "updater-manifest",
            "specVersion": 1,
            "sequence": sequence,
            "issued": in_hours(-1),
            "expires": in_hours(24),
            "version": "2.0.0",
            "platforms": platforms,
        });
        let plain = json!({"version": "0.1.0", "platforms": platforms});
        Self { payload, plain, signers: vec![(Signer::author(), None)], spoilt: None, text: None }
    }

    /// Changes a member of the payload; `Null` takes it away.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => drop(self.payload.as_object_mut().unwrap().remove(key)),
            value => self.payload[key] = value,
        }
        self
    }

    /// Announces this release, in the signed part and beside it.
    pub(crate) fn of(self, manifest: &Value) -> Self {
        let members = ["version", "platforms"].map(|key| (key, manifest[key].clone()));
        members
            .into_iter()
            .fold(self, |draft, (key, value)| draft.with(key, value.clone()).announcing(key, value))
    }

    /// Something that is no JSON object, or one in another spelling.
    pub(crate) fn saying(self, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    pub(crate) fn payload(&self) -> &Value {
        &self.payload
    }

    /// Changes a member beside the signed part.
    pub(crate) fn announcing(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.plain[key] = value.into();
        self
    }

    pub(crate) fn signed_by(self, signers: &[&'static Signer]) -> Self {
        Self { signers: signers.iter().map(|signer| (*signer, None)).collect(), ..self }
    }

    /// With this trusted comment.
    pub(crate) fn commented(mut self, comment: &str) -> Self {
        for (_, own) in &mut self.signers {
            *own = Some(comment.to_owned());
        }
        self
    }

    /// The last signature with another trusted comment than the rest.
    pub(crate) fn commented_last(mut self, comment: &str) -> Self {
        if let Some((_, own)) = self.signers.last_mut() {
            *own = Some(comment.to_owned());
        }
        self
    }

    pub(crate) fn spoilt(self, spoil: fn(&mut Value)) -> Self {
        Self { spoilt: Some(spoil), ..self }
    }

    pub(crate) fn manifest(&self) -> Value {
        let text = self.text.clone().unwrap_or_else(|| self.payload.to_string());
        let usual = format!("type:manifest\tsequence:{}", self.payload["sequence"]);
        let signatures: Vec<String> = self
            .signers
            .iter()
            .map(|(signer, comment)| {
                STANDARD.encode(signer.sign(text.as_bytes(), comment.as_ref().unwrap_or(&usual)))
            })
            .collect();
        let mut manifest = self.plain.clone();
        manifest["signedManifest"] = json!({"payload": STANDARD.encode(&text), "signatures": signatures});
        if let Some(spoil) = self.spoilt {
            spoil(&mut manifest["signedManifest"]);
        }
        manifest
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::ok(self.manifest().to_string())
    }

    /// The same release without a signed part.
    pub(crate) fn unsigned(&self) -> Reply {
        let mut manifest = self.plain.clone();
        manifest["version"] = "2.0.0".into();
        Reply::ok(manifest.to_string())
    }
}
