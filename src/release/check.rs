//! [`check`]: everything that would keep a manifest from updating the applications it is for.

mod signed;

use std::{fmt, time::SystemTime};

use super::{Entry, Manifest, Unversioned, platform::Platform};
use crate::{Limits, signature::PublicKey, target::canonical_key};

/// Something that would strand an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key under `platforms`, where it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// What was found. A manifest with problems must not be published.
#[derive(Debug, Default)]
pub struct Report {
    /// What has to be put right.
    pub problems: Vec<Problem>,
    /// What may be meant, but is worth a look.
    pub warnings: Vec<String>,
    /// The manifest, as far as it could be read.
    pub manifest: Option<Manifest>,
}

/// What a manifest is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'a> {
    /// The manifest that it replaces.
    pub previous: Option<&'a Manifest>,
    /// A signature without the version is a problem unless this allows it; where the previous manifest's had one it
    /// always is: applications that installed it refuse what drops it.
    pub unversioned: Unversioned,
    /// Public keys that a signed manifest is verified with; without any, only its form is checked.
    pub manifest_keys: &'a [PublicKey],
    /// When it will be published.
    pub now: SystemTime,
}

/// Checks a manifest as it would be served, and against the one that it replaces. `source` is named in messages.
pub fn check(bytes: &[u8], source: &str, expectations: &Expectations<'_>) -> Report {
    let Expectations { previous, unversioned, .. } = *expectations;
    let mut report = Report::default();
    let (len, limit) = (bytes.len() as u64, Limits::default().manifest_max_bytes);
    if len > limit {
        report.found(None, format!("{len} bytes are more than the {limit} that applications read"));
    }
    let (manifest, broken) = match Manifest::read(bytes, source) {
        Ok(parts) => parts,
        Err(error) => {
            report.found(None, error.to_string());
            return report;
        }
    };
    if manifest.platforms().is_empty() && broken.is_empty() {
        report.found(None, "there is no platform in it".to_owned());
    }
    for (key, error) in &broken {
        report.found(Some(key), error.to_string());
    }
    for (key, entry) in manifest.platforms() {
        report.check_entry(&manifest, key, entry, unversioned);
    }
    if let Some(previous) = previous {
        report.check_succession(&manifest, previous, unversioned);
    }
    report.check_signed_part(&manifest, source, expectations);
    report.manifest = Some(manifest);
    report
}

impl Report {
    fn found(&mut self, key: Option<&String>, reason: String) {
        self.problems.push(Problem { key: key.cloned(), reason });
    }

    fn check_entry(&mut self, manifest: &Manifest, key: &String, entry: &Entry, unversioned: Unversioned) {
        let claims = entry.check_claims(key, manifest.version(), unversioned);
        for error in [entry.check_transport(), claims].into_iter().filter_map(Result::err) {
            self.found(Some(key), error.to_string());
        }
        for (index, delta) in entry.deltas(manifest.version()).into_iter().enumerate() {
            if let Err(error) = delta {
                self.found(Some(key), format!("deltas[{index}]: {error}"));
            }
        }
        if entry.is_for_trial() {
            self.warnings.push(format!("{key}: {} is only found on this machine", entry.url()));
        }
        if Platform::split_key(key).0.target.is_none() {
            self.warnings.push(format!("{key}: found only by applications that set it as their `target`"));
        }
    }

    /// A lower version updates nobody who has not asked for downgrades, but on the publisher's word applications forget
    /// what they have staged.
    fn check_version(&mut self, manifest: &Manifest, previous: &Manifest) {
        let (new, old) = (manifest.version(), previous.version());
        if !new.cmp_precedence(old).is_lt() {
            return;
        }
        let lower = format!("version {new} is lower than {old}, which it replaces");
        if manifest.is_signed() {
            let meaning =
                "applications that found or staged what is above forget it; where it is installed it stays";
            self.warnings.push(format!("{lower}: {meaning}"));
        } else {
            let remedy = "to take a release back, sign this manifest with `manifest sign`";
            self.found(None, format!("{lower}: nobody would take it; {remedy}"));
        }
    }

    fn check_succession(&mut self, manifest: &Manifest, previous: &Manifest, unversioned: Unversioned) {
        self.check_version(manifest, previous);
        let new = manifest.version();
        for (key, before) in previous.platforms() {
            let wanted = canonical_key(key);
            let now = manifest.platforms().iter().find(|(key, _)| canonical_key(key) == wanted);
            let Some((_, now)) = now else {
                self.warnings.push(format!("{key}: the previous manifest has it, this one does not"));
                continue;
            };
            // Where it may not be missing at all, that has been said.
            if unversioned == Unversioned::Allow && has_version(before) && !has_version(now) {
                let reason = "the signature drops the version, which the previous one carried: sign with";
                self.found(Some(key), format!("{reason} `signer sign --version {new}`"));
            }
        }
    }
}

fn has_version(entry: &Entry) -> bool {
    entry.claimed().is_ok_and(|claimed| claimed.version.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");

    /// The form is all that is read here: the comment is not what was signed.
    fn claiming(comment: &str) -> String {
        let line = SIGNATURE.lines().nth(2).unwrap();
        SIGNATURE.replace(line, &format!("trusted comment: {comment}"))
    }

    fn entry(name: &str, signature: &str) -> Value {
        json!({"url": format!("https://example.com/{name}"), "signature": signature})
    }

    fn manifest(version: &str, platforms: &Value) -> Value {
        json!({"version": version, "platforms": platforms})
    }

    fn release(version: &str) -> Value {
        manifest(
            version,
            &json!({"linux-x86_64": entry("a.AppImage", &claiming(&format!("version:{version}")))}),
        )
    }

    fn check(bytes: &[u8], source: &str, previous: Option<&Manifest>, unversioned: Unversioned) -> Report {
        let now = SystemTime::UNIX_EPOCH;
        super::check(bytes, source, &Expectations { previous, unversioned, manifest_keys: &[], now })
    }

    fn problems(value: &Value, previous: Option<&Value>, unversioned: Unversioned) -> Vec<String> {
        let previous = previous.map(|value| Manifest::parse(value.to_string().as_bytes(), "old").unwrap());
        let report = check(value.to_string().as_bytes(), "new", previous.as_ref(), unversioned);
        report.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_release_has_neither_problems_nor_warnings() {
        let old = release("1.0.0");
        let old = Manifest::parse(old.to_string().as_bytes(), "old").unwrap();
        let report = check(release("2.0.0").to_string().as_bytes(), "new", Some(&old), Unversioned::Refuse);
        assert_eq!((report.problems, report.warnings), (vec![], vec![]));
        assert_eq!(report.manifest.unwrap().platforms().len(), 1);
    }

    #[test]
    fn every_mistake_is_reported_not_only_the_first() {
        let signed = claiming("version:2.0.0");
        let broken = manifest(
            "2.0.0",
            &json!({
                "linux-aarch64": entry("a.AppImage", "garbage"),
                "linux-armv7": entry("a.exe", &signed),
                "linux-i686": entry("a.AppImage", &claiming("version:1.0.0")),
                "linux-x86_64": entry("a.AppImage", &claiming("version:2.0.0\ttarget:linux-i686")),
                "linux-x86_64-deb": entry("a.rpm", &signed),
                "macos-aarch64": {"url": "http://example.com/a.app.tar.gz", "signature": signed},
                "windows-x86_64": [],
            }),
        );
        let problems = problems(&broken, None, Unversioned::Refuse);
        let keys: Vec<_> = problems.iter().map(|problem| problem.split_once(": ").unwrap().0).collect();
        let broken_first = ["linux-aarch64", "linux-armv7", "linux-x86_64-deb", "windows-x86_64"];
        assert_eq!(keys, [&broken_first[..], &["linux-i686", "linux-x86_64", "macos-aarch64"]].concat());
    }

    #[test]
    fn what_no_application_could_read_is_a_problem() {
        for broken in [
            json!([]),
            json!({}),
            json!({"version": "2.0.0"}),
            manifest("2", &json!({})),
            manifest("2.0.0", &json!({})),
        ] {
            assert_eq!(problems(&broken, None, Unversioned::Allow).len(), 1, "{broken}");
        }
        let mut large = release("2.0.0");
        large["notes"] = json!("x".repeat(1 << 20));
        assert_eq!(problems(&large, None, Unversioned::Refuse).len(), 1);
        let mut undated = release("2.0.0");
        undated["pub_date"] = json!("yesterday");
        assert_eq!(problems(&undated, None, Unversioned::Refuse).len(), 1);
    }

    #[test]
    fn a_missing_version_is_a_problem_unless_allowed() {
        let release =
            manifest("2.0.0", &json!({"linux-x86_64": entry("a.AppImage", &claiming("timestamp:1"))}));
        assert!(problems(&release, None, Unversioned::Refuse)[0].contains("signer sign --version 2.0.0"));
        assert!(problems(&release, None, Unversioned::Allow).is_empty());
    }

    #[test]
    fn a_release_that_drops_the_version_is_a_problem_even_then() {
        let dropped =
            manifest("2.0.0", &json!({"linux-x86_64": entry("a.AppImage", &claiming("timestamp:1"))}));
        for unversioned in [Unversioned::Allow, Unversioned::Refuse] {
            assert_eq!(problems(&dropped, Some(&release("1.0.0")), unversioned).len(), 1);
        }
    }

    #[test]
    fn a_lower_version_is_a_problem_and_a_platform_less_a_warning() {
        let lower = &problems(&release("1.0.0"), Some(&release("1.0.1")), Unversioned::Refuse)[0];
        assert!(lower.contains("lower") && lower.contains("`manifest sign`"), "{lower}");
        assert!(problems(&release("1.0.0"), Some(&release("1.0.0")), Unversioned::Refuse).is_empty());
        let mut more = release("1.0.0");
        more["platforms"]["kiosk"] = entry("kiosk.deb", &claiming("version:1.0.0"));
        let previous = Manifest::parse(more.to_string().as_bytes(), "old").unwrap();
        let report =
            check(release("2.0.0").to_string().as_bytes(), "new", Some(&previous), Unversioned::Refuse);
        assert_eq!((report.problems.len(), report.warnings.len()), (0, 1));
    }
}
