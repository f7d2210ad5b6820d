//! [`AnnouncedDelta`]: what a manifest says of differential updates.
//!
//! `"deltas": [{"from", "url", "size", "signature", "base"}]` in a platform's entry. `base` is the SHA-256 of the artifact
//! that a delta is for, in hexadecimal digits; `from`, the version of that artifact, is for people. A delta that does not
//! make the release itself but another one on the way to it says so with `to`, the version of what it makes, and `result`,
//! the SHA-256.

use semver::Version;
use serde_json::Value;
use url::Url;

use super::{Object, Reader};
use crate::{config::IntoVersion, signature::Signature};

/// Where they are in an entry.
pub(crate) const DELTAS: &str = "deltas";
/// Bounds the search for the cheapest way.
pub(crate) const DELTAS_MAX: usize = 64;
/// Each one is applied on the way to the next; more would take longer than they save.
pub(crate) const CHAIN_MAX: usize = 5;
const SHA256_DIGITS: usize = 64;

/// A differential update as announced: claims, like everything in a manifest.
#[derive(Debug, Clone)]
pub(crate) struct AnnouncedDelta {
    pub(crate) url: Url,
    /// Bytes of the delta.
    pub(crate) size: u64,
    pub(crate) signature: Signature,
    /// SHA-256 of the artifact that it is for.
    pub(crate) base: String,
    /// SHA-256 of what it makes, where that is not the release.
    pub(crate) result: Option<String>,
    /// The version that its signature has to name.
    pub(crate) version: Version,
}

/// Reads what there is. What cannot be read is left out: there is a full artifact, whose update must not fail on a way to
/// save bytes.
pub(super) fn read(entry: &Object, version: &Version) -> Vec<AnnouncedDelta> {
    let deltas = entry.get(DELTAS).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    deltas.iter().filter_map(|delta| AnnouncedDelta::read(delta, version)).take(DELTAS_MAX).collect()
}

impl AnnouncedDelta {
    /// `release` is the version that the manifest announces.
    pub(crate) fn read(delta: &Value, release: &Version) -> Option<Self> {
        let delta = delta.as_object()?;
        let reader = Reader { source: "" };
        let text = |key: &str| reader.optional_text(delta, key).ok();
        let (result, version) = match (text("result")?, text("to")?) {
            (None, None) => (None, release.clone()),
            (Some(result), Some(to)) => (Some(sha256(result)?), to.into_version().ok()?),
            _ => return None,
        };
        Some(Self {
            url: reader.url(delta).ok()?,
            size: reader.whole_number(delta, "size").ok()??,
            signature: Signature::parse(text("signature")??).ok()?,
            base: sha256(text("base")??)?,
            result,
            version,
        })
    }
}

#[cfg(test)]
impl AnnouncedDelta {
    /// Something that leads from `base` to `result`, or to the release.
    pub(crate) fn example(base: &str, size: u64, result: Option<&str>) -> Self {
        Self {
            url: format!("https://a.example/{base}-{}", result.unwrap_or("release")).parse().unwrap(),
            size,
            signature: Signature::parse(include_str!("../../tests/fixtures/artifact.minisig")).unwrap(),
            base: base.to_owned(),
            result: result.map(str::to_owned),
            version: Version::new(2, 0, 0),
        }
    }
}

fn sha256(digits: &str) -> Option<String> {
    let is_one = digits.len() == SHA256_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_one.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");

    fn delta() -> Value {
        json!({
            "from": "1.0.0",
            "url": "https://a.example/A.delta",
            "size": 7,
            "signature": SIGNATURE,
            "base": "0123456789ABCDEF".repeat(4),
        })
    }

    fn with(key: &str, value: impl Into<Value>) -> Value {
        let mut delta = delta();
        delta[key] = value.into();
        delta
    }

    fn read(deltas: Value) -> Vec<AnnouncedDelta> {
        let entry = Object::from_iter([("deltas".to_owned(), deltas)]);
        super::read(&entry, &Version::new(2, 0, 0))
    }

    #[test]
    fn a_delta_makes_the_release_unless_it_says_otherwise() {
        let plain = &read(json!([delta()]))[0];
        assert_eq!((plain.base.as_str(), plain.size), (&*"0123456789abcdef".repeat(4), 7));
        assert_eq!((plain.result.as_deref(), &plain.version), (None, &Version::new(2, 0, 0)));
        let mut link = with("to", "v1.5.0");
        link["result"] = "f".repeat(64).into();
        let link = &read(json!([link]))[0];
        assert_eq!((link.result.as_deref(), &link.version), (Some(&*"f".repeat(64)), &Version::new(1, 5, 0)));
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_strands_nobody() {
        for broken in [
            json!(null),
            json!([]),
            with("url", "not a url"),
            with("size", -1),
            with("size", Value::Null),
            with("signature", "garbage"),
            with("base", "f".repeat(63)),
            with("base", "g".repeat(64)),
            with("base", 7),
            with("to", "1.5.0"),
            with("result", "f".repeat(64)),
        ] {
            assert_eq!(read(json!([broken, delta()])).len(), 1, "{broken}");
        }
        for none in [json!(null), json!({}), json!("x"), json!([])] {
            assert!(read(none).is_empty());
        }
        assert_eq!(read(vec![delta(); DELTAS_MAX + 1].into()).len(), DELTAS_MAX);
    }
}
