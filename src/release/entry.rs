//! [`Entry`]: what a manifest says for one platform.

use std::io::Read;

use percent_encoding::percent_decode_str;
use semver::Version;
use serde::{Serialize, Serializer};
use serde_json::Value;
use url::Url;

use super::{DeltaEntry, SignedArtifact, SignedDelta, Unversioned, delta::are_useful, platform::Platform};
use crate::{
    Error, Result,
    endpoint::{Transport, display},
    manifest::{AnnouncedDelta, DELTAS, DELTAS_MAX, Object, as_entry, read_entry},
    signature::{Announced, PublicKey, Signature, SignedMetadata, verify_reader},
    target::Format,
};

/// The release for one platform.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    #[serde(serialize_with = "as_text")]
    url: Url,
    signature: String,
    #[serde(serialize_with = "as_text")]
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(flatten)]
    rest: Object,
}

impl Entry {
    pub(super) fn new(artifact: &SignedArtifact, url: &str) -> Result<Self> {
        let entry = Self {
            url: parse_url(url)?,
            signature: artifact.signature().to_owned(),
            format: artifact.format()?,
            size: Some(artifact.size()),
            rest: Object::new(),
        };
        entry.check_transport()?;
        Ok(entry)
    }

    /// Reads the entry as the application does that it is for.
    pub(super) fn parse(key: &str, value: &Value, source: &str) -> Result<Self> {
        let members = as_entry(key, value, source)?;
        let (platform, bundle) = Platform::split_key(key);
        // A key that names no system is looked up by whoever sets it as `target`; the format tells the system then.
        let read = read_entry(members, platform.target.map(|target| target.os), source)?;
        if let Some(bundle) = bundle.filter(|bundle| *bundle != read.format) {
            let reason = format!("`format` is {}, but the key says {bundle}", read.format);
            return Err(Error::manifest(&source, reason));
        }
        let rest = others(members, &["url", "signature", "format", "size"]);
        Ok(Self {
            url: read.url,
            signature: read.announced_signature,
            format: read.format,
            size: read.size,
            rest,
        })
    }

    /// Where the artifact is downloaded from, without credentials.
    pub fn url(&self) -> String {
        display(&self.url)
    }

    /// What kind of artifact it is.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The signature as announced.
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The last part of the URL's path, decoded: the artifact's name on the publisher's disk.
    pub fn file_name(&self) -> Option<String> {
        file_name(&self.url)
    }

    /// Checks an artifact as the application does before it installs it. `key` is the entry's own key, `version` the
    /// manifest's; `size` is the artifact's, in bytes.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`], [`Error::SignatureMismatch`], [`Error::SignedVersionMismatch`],
    /// [`Error::SignedVersionMissing`], [`Error::SignedMetadataMismatch`], [`Error::Io`].
    pub fn verify(
        &self,
        (key, version): (&str, &Version),
        (artifact, size): (&mut dyn Read, u64),
        keys: &[PublicKey],
        unversioned: Unversioned,
    ) -> Result<SignedMetadata> {
        if let Some(expected) = self.size.filter(|expected| *expected != size) {
            return Err(Error::SizeMismatch { url: self.url(), expected, got: size });
        }
        let metadata = verify_reader(artifact, &Signature::parse(&self.signature)?, keys)?;
        metadata.check(&self.announced(key, version, unversioned))?;
        Ok(metadata)
    }

    /// What the signature says, not verified.
    pub(super) fn claimed(&self) -> Result<SignedMetadata> {
        Signature::parse(&self.signature)?.claimed_metadata()
    }

    /// Checks what the signature says against what the manifest says.
    pub(super) fn check_claims(&self, key: &str, version: &Version, unversioned: Unversioned) -> Result<()> {
        self.claimed()?.check(&self.announced(key, version, unversioned))
    }

    fn announced(&self, key: &str, version: &Version, unversioned: Unversioned) -> Announced {
        Announced {
            version: version.clone(),
            target: key.to_owned(),
            format: self.format,
            channel: None,
            app_id: None,
            signed_version_required: unversioned == Unversioned::Refuse,
        }
    }

    /// https, or http to this machine for a trial.
    pub(super) fn check_transport(&self) -> Result<()> {
        check_transport(&self.url)
    }

    pub(super) fn add_delta(&mut self, delta: &SignedDelta, url: &str) -> Result<()> {
        check_transport(&parse_url(url)?)?;
        self.deltas_mut()?.push(delta.to_json(url));
        Ok(())
    }

    /// As many as are of use and applications read, and none twice. `release` is the manifest's version.
    pub(super) fn add_links(&mut self, links: &[Value], release: &Version) -> Result<()> {
        let deltas = self.deltas_mut()?;
        for link in links {
            let is_new = !deltas.iter().any(|delta| delta.get("signature") == link.get("signature"));
            if is_new {
                deltas.push(link.clone());
            }
        }
        let readable =
            deltas.iter().filter_map(|delta| Some((delta.clone(), AnnouncedDelta::read(delta, release)?)));
        let (values, announced): (Vec<_>, Vec<_>) = readable.unzip();
        let useful = values.into_iter().zip(are_useful(&announced)).filter(|(_, is_useful)| *is_useful);
        *deltas = useful.map(|(delta, _)| delta).take(DELTAS_MAX).collect();
        Ok(())
    }

    /// The deltas that lead to this artifact, each saying of what it makes what it did not have to say here.
    pub(super) fn links_to(&self, version: &Version, sha256: &str) -> Vec<Value> {
        let deltas = self.rest.get(DELTAS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let readable = deltas.iter().filter(|delta| DeltaEntry::parse(delta, version).is_ok());
        let mut links: Vec<Value> = readable.cloned().collect();
        for link in links.iter_mut().filter_map(Value::as_object_mut).filter(|link| !link.contains_key("to"))
        {
            link.insert("to".to_owned(), version.to_string().into());
            link.insert("result".to_owned(), sha256.into());
        }
        links
    }

    fn deltas_mut(&mut self) -> Result<&mut Vec<Value>> {
        let deltas = self.rest.entry(DELTAS).or_insert_with(|| Value::Array(Vec::new()));
        let reason = || Error::manifest(&"the manifest", format!("`{DELTAS}` is no array"));
        deltas.as_array_mut().ok_or_else(reason)
    }

    /// The deltas that are announced for it, each as applications read it, or why they would leave it out.
    pub fn deltas(&self, version: &Version) -> Vec<Result<DeltaEntry>> {
        match self.rest.get(DELTAS) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(deltas)) => {
                deltas.iter().map(|delta| DeltaEntry::parse(delta, version)).collect()
            }
            Some(_) => vec![Err(Error::manifest(&"the manifest", format!("`{DELTAS}` is no array")))],
        }
    }

    pub(super) fn is_for_trial(&self) -> bool {
        self.url.scheme() == "http"
    }

    pub(super) fn is_same_artifact(&self, other: &Self) -> bool {
        self.url == other.url && self.signature == other.signature
    }
}

/// The last part of a URL's path, decoded: a file's name on the publisher's disk.
pub(super) fn file_name(url: &Url) -> Option<String> {
    let name = url.path_segments()?.next_back()?;
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    // A decoded slash would lead out of the directory that the name is looked up in.
    let plain = !name.is_empty() && name != ".." && !name.contains(['/', '\\', '\0']);
    plain.then_some(name)
}

fn parse_url(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|error| Error::option_invalid("url", format!("{url:?}"), error.to_string()))
}

pub(super) fn check_transport(url: &Url) -> Result<()> {
    Transport::LoopbackHttp.check(url, None).map_err(|reason| Error::InsecureUrl {
        url: display(url),
        reason,
        option: None,
    })
}

pub(super) fn others(members: &Object, known: &[&str]) -> Object {
    members
        .iter()
        .filter(|(key, _)| !known.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

pub(super) fn as_text<S: Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
