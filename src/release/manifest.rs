//! [`Manifest`]: the static shape, for writing.

use std::{collections::BTreeMap, time::SystemTime};

use semver::Version;
use serde::Serialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Entry, SignedArtifact, SignedDelta, Unversioned,
    entry::{as_text, others},
    platform::Platform,
};
use crate::{
    Error, IntoVersion, Limits, Result,
    manifest::{
        Object, parse_object, read_heading,
        signed::{self, Envelope},
    },
    target::Format,
};

/// One release for every platform: the content of a `latest.json`. Members unknown here are kept.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    #[serde(serialize_with = "as_text")]
    version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub_date: Option<String>,
    platforms: BTreeMap<String, Entry>,
    #[serde(flatten)]
    rest: Object,
    #[serde(rename = "signedManifest", skip_serializing_if = "Option::is_none")]
    signed: Option<Value>,
}

impl Manifest {
    /// A manifest without platforms. `pub_date` is RFC 3339.
    ///
    /// # Errors
    /// [`Error::InvalidVersion`], [`Error::InvalidOption`] for the date.
    pub fn new(version: impl IntoVersion, notes: Option<String>, pub_date: Option<String>) -> Result<Self> {
        if let Some(date) = &pub_date {
            OffsetDateTime::parse(date, &Rfc3339)
                .map_err(|error| Error::option_invalid("pub_date", format!("{date:?}"), error.to_string()))?;
        }
        let version = version.into_version()?;
        Ok(Self { version, notes, pub_date, platforms: BTreeMap::new(), rest: Object::new(), signed: None })
    }

    /// Reads the static shape, every entry as strictly as the application does that it is for. `source` is named in
    /// errors.
    ///
    /// # Errors
    /// [`Error::InvalidManifest`], and whatever that application would make of the entry.
    pub fn parse(bytes: &[u8], source: &str) -> Result<Self> {
        let (manifest, broken) = Self::read(bytes, source)?;
        match broken.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(manifest),
        }
    }

    /// The manifest with the entries that can be read, and what is wrong with the others.
    pub(super) fn read(bytes: &[u8], source: &str) -> Result<(Self, Vec<(String, Error)>)> {
        let members = parse_object(bytes, source)?;
        let Some(platforms) = members.get("platforms").and_then(Value::as_object) else {
            return Err(Error::manifest(&source, "`platforms` is missing or no object"));
        };
        let heading = read_heading(&members, source)?;
        let mut manifest = Self {
            version: heading.version,
            notes: heading.notes,
            pub_date: members.get("pub_date").and_then(Value::as_str).map(str::to_owned),
            platforms: BTreeMap::new(),
            rest: others(&members, &["version", "notes", "pub_date", "platforms", signed::MEMBER]),
            signed: members.get(signed::MEMBER).filter(|member| !member.is_null()).cloned(),
        };
        let mut broken = Vec::new();
        for (key, entry) in platforms {
            match Entry::parse(key, entry, source) {
                Ok(entry) => drop(manifest.platforms.insert(key.clone(), entry)),
                Err(error) => broken.push((key.clone(), error)),
            }
        }
        Ok((manifest, broken))
    }

    /// The version that is announced.
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// Release notes.
    pub fn notes(&self) -> Option<&str> {
        self.notes.as_deref()
    }

    /// When it was published, RFC 3339.
    pub fn pub_date(&self) -> Option<&str> {
        self.pub_date.as_deref()
    }

    /// Every key with its entry, in alphabetical order.
    pub const fn platforms(&self) -> &BTreeMap<String, Entry> {
        &self.platforms
    }

    /// Whether it carries a signed manifest, sound or not.
    pub const fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    pub(super) const fn signed_part(&self) -> Option<&Value> {
        self.signed.as_ref()
    }

    /// The signed part, as applications read it. `source` is named in errors.
    pub(super) fn envelope(&self, source: &str) -> Result<Option<Envelope>> {
        self.signed.as_ref().map(|member| Envelope::parse(member, source)).transpose()
    }

    #[cfg(feature = "sign")]
    pub(super) fn with_signed_part(self, part: Value) -> Self {
        Self { signed: Some(part), ..self }
    }

    /// Everything but the signed part.
    pub(super) fn plain(&self) -> Result<Object> {
        let plain = Self { signed: None, ..self.clone() };
        match serde_json::to_value(&plain) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(Error::manifest(&"the manifest", "it cannot be written as JSON")),
        }
    }

    /// Adds an artifact that is found at `url`, for each of its targets. A platform with one format has the plain key
    /// (`linux-x86_64`); with several, each has a key of its own (`linux-x86_64-deb`), and the plain one is for
    /// AppImage, app or NSIS. Adding the same again changes nothing. Gives the keys that lead to the artifact. A signed
    /// part is dropped, because it is of what was there before.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]: target or format cannot be told or do not fit, or another artifact is there for
    /// both. [`Error::SignedMetadataMismatch`], [`Error::SignedVersionMismatch`], [`Error::SignedVersionMissing`]: it
    /// was signed as something else. [`Error::InsecureUrl`], [`Error::InvalidSignature`].
    pub fn add(
        &mut self,
        artifact: &SignedArtifact,
        url: &str,
        unversioned: Unversioned,
    ) -> Result<Vec<String>> {
        let entry = Entry::new(artifact, url)?;
        let mut changed = self.clone();
        let mut keys = Vec::new();
        for target in artifact.targets()? {
            let (platform, bundle) = Platform::split_key(&target);
            let os_fits = platform.target.is_none_or(|target| target.os == entry.format().os());
            if !os_fits || bundle.is_some_and(|bundle| bundle != entry.format()) {
                return Err(artifact.invalid("target", format!("{target} is not for {}", entry.format())));
            }
            entry.check_claims(&target, &self.version, unversioned)?;
            let placed =
                changed.place(&platform, &entry).map_err(|reason| artifact.invalid("target", reason))?;
            // The plain key promises more than a signature for one bundle says.
            for key in &placed {
                entry.check_claims(key, &self.version, unversioned)?;
            }
            keys.extend(placed);
        }
        *self = Self { signed: None, ..changed };
        Ok(keys)
    }

    /// Announces a delta that is found at `url` and makes this artifact, wherever the manifest has it. A signed part is
    /// dropped, because it is of what was there before.
    ///
    /// # Errors
    /// [`Error::SignedMetadataMismatch`], [`Error::SignedVersionMismatch`]: it was signed as something else.
    /// [`Error::InvalidOption`], [`Error::InsecureUrl`] for the URL.
    pub fn add_delta(&mut self, artifact: &SignedArtifact, delta: &SignedDelta, url: &str) -> Result<()> {
        delta.claimed().check_delta(&self.version, (None, None))?;
        self.signed = None;
        let of_artifact = |entry: &&mut Entry| entry.signature() == artifact.signature();
        self.platforms.values_mut().filter(of_artifact).try_for_each(|entry| entry.add_delta(delta, url))
    }

    /// Announces what leads to an earlier artifact as the first part of a way to this one: the deltas that `previous`
    /// announces for `old`, whose SHA-256 this is. They stay where they are.
    ///
    /// # Errors
    /// [`Error::InvalidManifest`] where the deltas that are there are no array.
    pub fn add_links(
        &mut self,
        artifact: &SignedArtifact,
        (previous, old, old_sha256): (&Self, &SignedArtifact, &str),
    ) -> Result<()> {
        let of_old = |entry: &&Entry| entry.signature() == old.signature();
        let Some(entry) = previous.platforms.values().find(of_old) else { return Ok(()) };
        let links = entry.links_to(&previous.version, old_sha256);
        self.signed = None;
        let of_artifact = |entry: &&mut Entry| entry.signature() == artifact.signature();
        self.platforms
            .values_mut()
            .filter(of_artifact)
            .try_for_each(|entry| entry.add_links(&links, &self.version))
    }

    /// Puts the entry beside its siblings of other formats and names all of them anew.
    fn place(&mut self, platform: &Platform, entry: &Entry) -> Result<Vec<String>, String> {
        let mut formats = BTreeMap::from([(entry.format().as_str(), entry.clone())]);
        let is_sibling = |key: &str| Platform::split_key(key).0 == *platform;
        for (key, sibling) in self.platforms.iter().filter(|(key, _)| is_sibling(key)) {
            let other = formats.insert(sibling.format().as_str(), sibling.clone());
            if other.is_some_and(|other| !other.is_same_artifact(sibling)) {
                return Err(format!(
                    "{key} leads to another {} already: {}",
                    sibling.format(),
                    sibling.url()
                ));
            }
        }
        self.platforms.retain(|key, _| !is_sibling(key));
        let many = formats.len() > 1;
        let mut keys = Vec::new();
        for sibling in formats.into_values() {
            let mut names = Vec::new();
            if !many || is_plain(sibling.format()) {
                names.push(platform.name.clone());
            }
            if many {
                names.push(platform.key_with(sibling.format()));
            }
            if sibling.is_same_artifact(entry) {
                keys.extend(names.iter().cloned());
            }
            self.platforms.extend(names.into_iter().map(|name| (name, sibling.clone())));
        }
        Ok(keys)
    }

    /// As it is published: indented, members always in the same order.
    ///
    /// # Errors
    /// [`Error::InvalidManifest`] where it cannot be written as JSON, or applications would refuse to read it.
    pub fn to_json(&self) -> Result<String> {
        let source = "the new manifest";
        let text = serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| Error::manifest(&source, error.to_string()))?;
        let (len, limit) = (text.len() as u64, Limits::default().manifest_max_bytes);
        if len > limit {
            let reason = format!("{len} bytes are more than the {limit} that applications read");
            return Err(Error::manifest(&source, reason));
        }
        parse_object(text.as_bytes(), source).map(|_| text)
    }
}

/// The format that a platform's plain key is for: what applications look for that know no other key.
const fn is_plain(format: Format) -> bool {
    matches!(format, Format::AppImage | Format::App | Format::Nsis)
}

/// A time as manifests write it, in whole seconds.
pub fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time - Duration::nanoseconds(time.nanosecond().into());
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorCode;

    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");

    fn artifact(name: &str) -> SignedArtifact {
        SignedArtifact::new(name, 7, SIGNATURE).unwrap()
    }

    fn add(manifest: &mut Manifest, name: &str) -> Result<Vec<String>> {
        manifest.add(&artifact(name), &format!("https://example.com/{name}"), Unversioned::Allow)
    }

    #[test]
    fn what_applications_would_not_read_is_not_written() {
        let limit = usize::try_from(Limits::default().manifest_max_bytes).unwrap();
        let noted = |bytes| Manifest::new("2.0.0", Some("n".repeat(bytes)), None).unwrap().to_json();
        assert!(noted(limit - 1000).is_ok());
        assert!(noted(limit).unwrap_err().to_string().contains("that applications read"));
    }

    fn manifest_of(names: &[&str]) -> Manifest {
        let mut manifest = Manifest::new("v2.0.0", None, None).unwrap();
        for name in names {
            add(&mut manifest, name).unwrap();
        }
        manifest
    }

    fn keys(manifest: &Manifest) -> Vec<(&str, &str)> {
        manifest.platforms().iter().map(|(key, entry)| (key.as_str(), entry.format().as_str())).collect()
    }

    #[test]
    fn one_format_takes_the_plain_key_and_several_take_one_each() {
        assert_eq!(keys(&manifest_of(&["a_amd64.deb"])), [("linux-x86_64", "deb")]);
        let two = [("linux-x86_64-deb", "deb"), ("linux-x86_64-rpm", "rpm")];
        assert_eq!(keys(&manifest_of(&["a_amd64.deb", "a.x86_64.rpm"])), two);
        let three = [
            ("linux-x86_64", "appimage"),
            ("linux-x86_64-appimage", "appimage"),
            ("linux-x86_64-deb", "deb"),
            ("linux-x86_64-rpm", "rpm"),
        ];
        let mut names = ["a_amd64.deb", "a.x86_64.rpm", "a_x86_64.AppImage"];
        assert_eq!(keys(&manifest_of(&names)), three);
        names.reverse();
        assert_eq!(keys(&manifest_of(&names)), three);
    }

    #[test]
    fn the_keys_given_back_are_those_of_the_artifact() {
        let mut manifest = manifest_of(&["a_amd64.deb"]);
        let added = add(&mut manifest, "a_x86_64.AppImage").unwrap();
        assert_eq!(added, ["linux-x86_64", "linux-x86_64-appimage"]);
    }

    #[test]
    fn another_artifact_for_the_same_key_is_refused_and_the_same_is_not() {
        let mut manifest = manifest_of(&["a_x64_en.msi", "a_x64.exe"]);
        let before = manifest.to_json().unwrap();
        assert_eq!(add(&mut manifest, "a_x64_de.msi").unwrap_err().code(), ErrorCode::InvalidOption);
        assert!(add(&mut manifest, "a_x64_en.msi").is_ok());
        assert_eq!(manifest.to_json().unwrap(), before);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let mut manifest = Manifest::new("2.0.0", None, None).unwrap();
        let mut add = |target: &str, url: &str, unversioned| {
            let artifact = artifact("a.AppImage").with(Some(target.to_owned()), None);
            manifest.add(&artifact, url, unversioned).unwrap_err().code()
        };
        let url = "https://example.com/a.AppImage";
        assert_eq!(add("windows-x86_64", url, Unversioned::Allow), ErrorCode::InvalidOption);
        assert_eq!(add("linux-x86_64-deb", url, Unversioned::Allow), ErrorCode::InvalidOption);
        assert_eq!(add("linux-x86_64", "http://example.com/a", Unversioned::Allow), ErrorCode::InsecureUrl);
        assert_eq!(add("linux-x86_64", "a.AppImage", Unversioned::Allow), ErrorCode::InvalidOption);
        assert!(manifest.platforms().is_empty());
    }

    #[test]
    fn what_the_signature_says_must_be_what_is_announced() {
        let line = SIGNATURE.lines().nth(2).unwrap();
        for (comment, code) in [
            ("timestamp:1", ErrorCode::SignedVersionMissing),
            ("version:1.0.0", ErrorCode::SignedVersionMismatch),
            ("version:2.0.0\ttarget:linux-armv7", ErrorCode::SignedMetadataMismatch),
            ("version:2.0.0\ttype:manifest", ErrorCode::SignedMetadataMismatch),
        ] {
            let signature = SIGNATURE.replace(line, &format!("trusted comment: {comment}"));
            let artifact = SignedArtifact::new("a.AppImage", 7, &signature).unwrap();
            let artifact = artifact.with(Some("linux-x86_64".to_owned()), None);
            let mut manifest = Manifest::new("2.0.0", None, None).unwrap();
            let error = manifest.add(&artifact, "https://example.com/a", Unversioned::Refuse).unwrap_err();
            assert_eq!(error.code(), code, "{comment}");
            assert!(manifest.platforms().is_empty());
        }
    }

    #[test]
    fn an_applications_own_target_is_a_key_as_it_is() {
        let mut manifest = manifest_of(&["a_amd64.deb"]);
        let own = artifact("a.AppImage").with(Some("kiosk".to_owned()), None);
        let keys = manifest.add(&own, "https://example.com/a", Unversioned::Allow).unwrap();
        assert_eq!(keys, ["kiosk"]);
        assert_eq!(manifest.platforms().len(), 2);
    }

    #[test]
    fn unknown_members_are_kept_and_the_order_is_always_the_same() {
        let entry = json!({"url": "https://example.com/a.deb", "signature": SIGNATURE, "with": [1]});
        let text =
            json!({"zeal": 1, "platforms": {"linux-x86_64": entry}, "version": "v2.0.0", "notes": "n"});
        let manifest = Manifest::parse(text.to_string().as_bytes(), "x").unwrap();
        let written = manifest.to_json().unwrap();
        let order =
            ["\"version\": \"2.0.0\"", "notes", "platforms", "url", "signature", "format", "with", "zeal"];
        let at: Vec<_> = order.iter().map(|word| written.find(word).unwrap()).collect();
        assert!(at.is_sorted(), "{written}");
        let again = Manifest::parse(written.as_bytes(), "x").unwrap();
        assert_eq!(again.to_json().unwrap(), written);
    }

    /// Minutes go by where each entry costs as much as the document.
    #[test]
    fn a_host_that_names_thousands_of_platforms_keeps_no_publisher_waiting() {
        let text = |entries: Vec<Value>| {
            let platforms: Object =
                entries.into_iter().enumerate().map(|(i, entry)| (format!("kiosk-{i}"), entry)).collect();
            let notes = "n".repeat(4 << 20);
            json!({"version": "2.0.0", "notes": notes, "platforms": platforms}).to_string()
        };
        let entry = json!({"url": "https://example.com/a.app.tar.gz", "signature": SIGNATURE});
        let manifest = Manifest::parse(text(vec![entry; 3_300]).as_bytes(), "x").unwrap();
        assert_eq!(manifest.platforms().len(), 3_300);
        let (manifest, broken) = Manifest::read(text(vec![json!(7); 9_900]).as_bytes(), "x").unwrap();
        assert_eq!((manifest.platforms().len(), broken.len()), (0, 9_900));
    }

    #[test]
    fn dates_are_written_in_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_767_323_045_678);
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
        assert!(Manifest::new("1.0.0", None, Some(rfc3339(time))).is_ok());
        assert!(Manifest::new("1.0.0", None, Some("yesterday".to_owned())).is_err());
        assert!(Manifest::new("1.0", None, None).is_err());
    }
}
