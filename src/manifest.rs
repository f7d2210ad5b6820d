//! A manifest: what an endpoint answers, read into the [`Release`] for one target. Pure, no I/O.
//!
//! Two shapes, told apart by `platforms`. Static, one file for every platform:
//! `{"version", "notes", "pub_date", "platforms": {"linux-x86_64": {"url", "signature", "format", "size"}}}`.
//! Dynamic, the answer to one application: `{"version", "notes", "pub_date", "url", "signature", "format", "size"}`.
//! Either may carry a `signedManifest` beside these members; see [`signed`].

mod deltas;
pub(crate) mod json;
pub(crate) mod signed;

pub(crate) use deltas::{AnnouncedDelta, CHAIN_MAX};
#[cfg(feature = "release")]
pub(crate) use deltas::{DELTAS, DELTAS_MAX};
use semver::Version;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use crate::{
    Error, Result,
    config::IntoVersion,
    endpoint::without_credentials,
    signature::{PublicKey, Signature},
    target::{Format, Os, canonical_key},
};

/// Largest whole number that JSON readers agree on (2^53 - 1; RFC 8259, section 6).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// A version is kept in records, which have a limit of their own.
const VERSION_MAX_BYTES: usize = 256;

/// A release as announced for one target: claims, until the artifact is verified.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) notes: Option<String>,
    pub(crate) date: Option<OffsetDateTime>,
    /// The key under `platforms` that matched; for the dynamic shape the most general one asked for.
    pub(crate) target: String,
    pub(crate) url: Url,
    pub(crate) signature: Signature,
    /// The signature as it stands in the manifest.
    pub(crate) announced_signature: String,
    pub(crate) format: Format,
    pub(crate) size: Option<u64>,
    /// Ways to make it of an earlier artifact.
    pub(crate) deltas: Vec<AnnouncedDelta>,
    /// The keys under which its manifest was signed and verified; none where it was not.
    pub(crate) manifest_keys: Vec<PublicKey>,
    /// Until when its manifest is to be believed, where it was signed.
    pub(crate) expires: Option<OffsetDateTime>,
}

/// What a manifest says for every platform.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) version: Version,
    pub(crate) notes: Option<String>,
    pub(crate) date: Option<OffsetDateTime>,
}

/// What a manifest says for one platform.
#[derive(Debug)]
pub(crate) struct ArtifactEntry {
    pub(crate) url: Url,
    pub(crate) signature: Signature,
    /// The signature as it stands in the manifest.
    pub(crate) announced_signature: String,
    pub(crate) format: Format,
    pub(crate) size: Option<u64>,
}

/// A JSON object, such as a manifest before its members are read.
pub(crate) type Object = Map<String, Value>;

/// Reads a manifest; see [`read_release`].
#[cfg(test)]
pub(crate) fn parse_release(body: &[u8], targets: &[String], os: Os, source: &str) -> Result<Release> {
    read_release(&parse_object(body, source)?, targets, os, source)
}

/// Reads the JSON object that a manifest has to be.
pub(crate) fn parse_object(body: &[u8], source: &str) -> Result<Object> {
    let reader = Reader { source };
    reader.object(json::parse(body).map_err(|reason| reader.invalid(reason))?, "the manifest")
}

/// Reads the release for one target. `targets` are the keys to look for, the first one found counts; `os` is what must be
/// able to install it; `source` is the URL named in errors.
pub(crate) fn read_release(manifest: &Object, targets: &[String], os: Os, source: &str) -> Result<Release> {
    let Heading { version, notes, date } = read_heading(manifest, source)?;
    let (target, entry) = Reader { source }.entry(manifest, targets)?;
    let ArtifactEntry { url, signature, announced_signature, format, size } =
        read_entry(entry, Some(os), source)?;
    let deltas = deltas::read(entry, &version);
    Ok(Release {
        version,
        notes,
        date,
        target,
        url,
        signature,
        announced_signature,
        format,
        size,
        deltas,
        manifest_keys: Vec::new(),
        expires: None,
    })
}

/// Reads what is the same for every platform.
pub(crate) fn read_heading(manifest: &Object, source: &str) -> Result<Heading> {
    let reader = Reader { source };
    let version = reader.version(manifest)?;
    let notes = reader.optional_text(manifest, "notes")?.map(str::to_owned);
    let date = reader.date(manifest)?;
    Ok(Heading { version, notes, date })
}

/// Reads what is said for one platform. `os` is what must be able to install it, where that is known.
pub(crate) fn read_entry(entry: &Object, os: Option<Os>, source: &str) -> Result<ArtifactEntry> {
    let reader = Reader { source };
    let url = reader.url(entry)?;
    let format = reader.format(entry, &url)?;
    if let Some(os) = os.filter(|os| *os != format.os()) {
        let reason = format!("it cannot be installed on {}", os.as_str());
        return Err(reader.announced(Error::UnsupportedFormat { format: format.to_string(), reason }));
    }
    let announced_signature = reader.text(entry, "signature")?.to_owned();
    let signature = Signature::parse(&announced_signature).map_err(|error| reader.announced(error))?;
    let size = reader.whole_number(entry, "size")?;
    Ok(ArtifactEntry { url, signature, announced_signature, format, size })
}

/// The object that a key under `platforms` has to lead to.
pub(crate) fn as_entry<'o>(key: &str, value: &'o Value, source: &str) -> Result<&'o Object> {
    let reason = || format!("`platforms[{key:?}]` must be an object, not {}", kind(value));
    value.as_object().ok_or_else(|| Reader { source }.invalid(reason()))
}

struct Reader<'a> {
    source: &'a str,
}

impl Reader<'_> {
    fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::manifest(&self.source, reason)
    }

    /// Names the endpoint in errors that have no place for it: there may be several.
    fn announced(&self, error: Error) -> Error {
        let named = |reason: String| format!("{reason} (announced by {})", self.source);
        match error {
            Error::InvalidSignature { reason } => Error::InvalidSignature { reason: named(reason) },
            Error::UnsupportedFormat { format, reason } => {
                Error::UnsupportedFormat { format, reason: named(reason) }
            }
            other => other,
        }
    }

    fn object(&self, value: Value, name: &str) -> Result<Object> {
        match value {
            Value::Object(object) => Ok(object),
            other => Err(self.invalid(format!("{name} must be an object, not {}", kind(&other)))),
        }
    }

    fn optional_text<'o>(&self, object: &'o Object, key: &str) -> Result<Option<&'o str>> {
        match object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.invalid(format!("`{key}` must be a string, not {}", kind(other)))),
        }
    }

    fn text<'o>(&self, object: &'o Object, key: &str) -> Result<&'o str> {
        self.optional_text(object, key)?.ok_or_else(|| self.invalid(format!("`{key}` is missing")))
    }

    /// Some servers call it `name`.
    fn version(&self, manifest: &Object) -> Result<Version> {
        let key = if manifest.contains_key("version") { "version" } else { "name" };
        let text = self.optional_text(manifest, key)?.ok_or_else(|| self.invalid("`version` is missing"))?;
        if text.len() > VERSION_MAX_BYTES {
            let bytes = text.len();
            return Err(self.invalid(format!("`{key}` has {bytes} bytes, more than {VERSION_MAX_BYTES}")));
        }
        text.into_version().map_err(|error| self.invalid(error.to_string()))
    }

    fn date(&self, manifest: &Object) -> Result<Option<OffsetDateTime>> {
        self.optional_text(manifest, "pub_date")?.map(|text| self.time("pub_date", text)).transpose()
    }

    fn time(&self, key: &str, text: &str) -> Result<OffsetDateTime> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|error| self.invalid(format!("`{key}` {text:?} is not RFC 3339: {error}")))
    }

    /// Up to 2^53 - 1, where JSON readers begin to disagree.
    fn whole_number(&self, object: &Object, key: &str) -> Result<Option<u64>> {
        match object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if number <= NUMBER_MAX => Ok(Some(number)),
                _ => Err(self.invalid(format!("`{key}` must be a whole number up to 2^53 - 1, not {value}"))),
            },
        }
    }

    /// Entries for other platforms are not looked at, so that a mistake in one strands only its own users.
    fn entry<'o>(&self, manifest: &'o Object, targets: &[String]) -> Result<(String, &'o Object)> {
        let platforms = match manifest.get("platforms") {
            Some(Value::Object(platforms)) => platforms,
            None | Some(Value::Null) => {
                return Ok((targets.last().cloned().unwrap_or_default(), manifest));
            }
            Some(other) => {
                return Err(self.invalid(format!("`platforms` must be an object, not {}", kind(other))));
            }
        };
        let found = targets.iter().find_map(|wanted| find_key(platforms, wanted));
        match found {
            Some((key, value)) => Ok((key.clone(), as_entry(key, value, self.source)?)),
            None => Err(Error::TargetNotFound {
                url: self.source.to_owned(),
                wanted: targets.to_vec(),
                available: platforms.keys().cloned().collect(),
            }),
        }
    }

    fn url(&self, entry: &Object) -> Result<Url> {
        let text = self.text(entry, "url")?;
        Url::parse(text).map_err(|error| {
            self.invalid(format!("`url` {:?} is no URL: {error}", without_credentials(text)))
        })
    }

    fn format(&self, entry: &Object, url: &Url) -> Result<Format> {
        if let Some(name) = self.optional_text(entry, "format")? {
            return name.parse().map_err(|error| self.announced(error));
        }
        Format::from_file_name(url.path()).ok_or_else(|| {
            self.invalid(format!("`format` is missing and cannot be told from {:?}", url.path()))
        })
    }
}

/// Finds a key under either name of macOS, its own spelling first.
fn find_key<'o>(platforms: &'o Object, wanted: &str) -> Option<(&'o String, &'o Value)> {
    platforms.get_key_value(wanted).or_else(|| {
        let wanted = canonical_key(wanted);
        platforms.iter().find(|(key, _)| canonical_key(key) == wanted)
    })
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorCode;

    const SIGNATURE: &str = include_str!("../tests/fixtures/artifact.minisig");

    fn entry(url: &str) -> Value {
        json!({"url": url, "signature": SIGNATURE})
    }

    fn manifest(platforms: &Value) -> Value {
        json!({"version": "2.0.0", "notes": "n", "pub_date": "2026-01-02T03:04:05Z", "platforms": platforms})
    }

    fn read(manifest: &Value) -> Result<Release> {
        let targets = ["linux-x86_64-appimage".to_owned(), "linux-x86_64".to_owned()];
        parse_release(manifest.to_string().as_bytes(), &targets, Os::Linux, "https://example.com/")
    }

    fn code(manifest: &Value) -> ErrorCode {
        read(manifest).unwrap_err().code()
    }

    #[test]
    fn both_shapes_are_read() {
        let fixed = read(&manifest(&json!({"linux-x86_64": entry("https://a.example/A.AppImage")}))).unwrap();
        assert_eq!((fixed.version, fixed.format), (Version::new(2, 0, 0), Format::AppImage));
        assert_eq!(fixed.date.unwrap().unix_timestamp(), 1_767_323_045);
        let dynamic =
            json!({"version": "v2.0.0", "url": "https://a.example/A.deb", "signature": SIGNATURE, "size": 7});
        let dynamic = read(&dynamic).unwrap();
        assert_eq!((dynamic.target.as_str(), dynamic.format), ("linux-x86_64", Format::Deb));
        assert_eq!(dynamic.size, Some(7));
    }

    #[test]
    fn the_key_with_the_bundle_comes_first() {
        let platforms = json!({
            "linux-x86_64": entry("https://a.example/plain.AppImage"),
            "linux-x86_64-appimage": entry("https://a.example/bundle.AppImage"),
        });
        assert_eq!(read(&manifest(&platforms)).unwrap().url.path(), "/bundle.AppImage");
    }

    #[test]
    fn darwin_and_macos_are_the_same() {
        for (key, wanted) in [("darwin-aarch64", "macos-aarch64"), ("macos-aarch64", "darwin-aarch64")] {
            let text = manifest(&json!({key: entry("https://a.example/A.app.tar.gz")})).to_string();
            let release = parse_release(text.as_bytes(), &[wanted.to_owned()], Os::MacOs, "x").unwrap();
            assert_eq!(release.target, key);
        }
    }

    #[test]
    fn mistakes_in_other_entries_strand_nobody() {
        let platforms = json!({
            "linux-x86_64": entry("https://a.example/A.AppImage"),
            "windows-x86_64": {"url": 5, "format": "floppy", "pub_date": "yesterday"},
            "macos-aarch64": null,
        });
        assert!(read(&manifest(&platforms)).is_ok());
    }

    #[test]
    fn each_mistake_in_the_own_entry_is_told() {
        let own = |value: Value| manifest(&json!({"linux-x86_64": value}));
        let with = |key: &str, value: Value| {
            let mut entry = entry("https://a.example/A.AppImage");
            entry[key] = value;
            own(entry)
        };
        for broken in [
            json!([]),
            json!("x"),
            json!({}),
            json!({"version": "2"}),
            json!({"version": 2}),
            json!({"version": "2.0.0"}),
            json!({"version": "2.0.0", "platforms": []}),
            own(json!(7)),
            with("url", json!("not a url")),
            with("url", json!("https://a.example/unknown")),
            with("signature", Value::Null),
            with("size", json!(-1)),
            with("size", json!(1.5)),
            with("size", json!(1_u64 << 53)),
        ] {
            assert_eq!(code(&broken), ErrorCode::InvalidManifest, "{broken}");
        }
        for (value, named) in [
            (Value::Null, "not null"),
            (json!(true), "not a boolean"),
            (json!(7), "not a number"),
            (json!("x"), "not a string"),
            (json!([]), "not an array"),
        ] {
            let error = read(&own(value)).unwrap_err().to_string();
            assert!(error.contains("must be an object") && error.contains(named), "{error}");
        }
        let long = |bytes: usize| format!("2.0.0-{}", "x".repeat(bytes - "2.0.0-".len()));
        let mut versioned = own(entry("https://a.example/A.AppImage"));
        versioned["version"] = long(VERSION_MAX_BYTES).into();
        assert!(read(&versioned).is_ok());
        versioned["version"] = long(VERSION_MAX_BYTES + 1).into();
        assert_eq!(code(&versioned), ErrorCode::InvalidManifest);
        let error = read(&with("url", json!({}))).unwrap_err().to_string();
        assert!(error.contains("must be a string, not an object"), "{error}");
        assert_eq!(code(&with("signature", json!("x"))), ErrorCode::InvalidSignature);
        assert_eq!(code(&with("signature", json!(""))), ErrorCode::InvalidSignature);
        assert_eq!(code(&with("format", json!("floppy"))), ErrorCode::UnsupportedFormat);
        assert_eq!(code(&with("format", json!("nsis"))), ErrorCode::UnsupportedFormat);
        assert_eq!(code(&manifest(&json!({}))), ErrorCode::TargetNotFound);
        let mut undated = own(entry("https://a.example/A.AppImage"));
        undated["pub_date"] = json!("yesterday");
        assert_eq!(code(&undated), ErrorCode::InvalidManifest);
    }
}
