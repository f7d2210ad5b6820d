//! [`Answer`]: what a dynamic endpoint says to one application.

use semver::Version;
use serde_json::{Map, Value, json};

use super::{Entry, Manifest};
use crate::{
    Error, Result,
    manifest::signed,
    target::{Format, canonical_key},
};

/// The answer to an application that asks for updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing newer: status 204. A manifest that is signed is answered in whole instead, because nobody has signed
    /// that there is nothing.
    UpToDate,
    /// Nothing for this platform: status 404.
    NoSuchPlatform,
    /// A release, as a manifest of the dynamic shape: status 200.
    Update(String),
}

impl Manifest {
    /// Answers an application of version `current` that gave `{{target}}` and `{{arch}}`. A `target` of the
    /// application's own is looked up as it is; else the plain key, then the ones with a bundle suffix.
    ///
    /// # Errors
    /// [`Error::InvalidManifest`] where the answer cannot be written as JSON.
    pub fn answer(&self, target: &str, arch: &str, current: &Version) -> Result<Answer> {
        let Some(entry) = self.entry_for(target, arch) else {
            return Ok(Answer::NoSuchPlatform);
        };
        if !self.is_signed() && self.version().cmp_precedence(current).is_le() {
            return Ok(Answer::UpToDate);
        }
        self.dynamic(entry).map(Answer::Update)
    }

    fn entry_for(&self, target: &str, arch: &str) -> Option<&Entry> {
        let find = |wanted: &str| {
            let wanted = canonical_key(wanted);
            self.platforms().iter().find(|(key, _)| canonical_key(key) == wanted).map(|(_, entry)| entry)
        };
        let platform = format!("{target}-{arch}");
        find(target)
            .or_else(|| find(&platform))
            .or_else(|| Format::ALL.iter().find_map(|format| find(&format!("{platform}-{format}"))))
    }

    fn dynamic(&self, entry: &Entry) -> Result<String> {
        let broken = |error: serde_json::Error| Error::manifest(&"the answer", error.to_string());
        let mut answer = Map::from_iter([("version".to_owned(), json!(self.version().to_string()))]);
        answer.extend(self.notes().map(|notes| ("notes".to_owned(), json!(notes))));
        answer.extend(self.pub_date().map(|date| ("pub_date".to_owned(), json!(date))));
        if let Value::Object(members) = serde_json::to_value(entry).map_err(broken)? {
            answer.extend(members);
        }
        answer.extend(self.signed_part().map(|part| (signed::MEMBER.to_owned(), part.clone())));
        serde_json::to_string(&answer).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest::parse_release, target::Os};

    const SIGNATURE: &str = include_str!("../../tests/fixtures/artifact.minisig");

    fn manifest() -> Manifest {
        let entry = |name: &str| json!({"url": format!("https://example.com/{name}"), "signature": SIGNATURE, "size": 7});
        let manifest = json!({"version": "2.0.0+1", "notes": "n", "pub_date": "2026-01-02T03:04:05Z", "platforms": {
            "linux-x86_64": entry("a.AppImage"),
            "linux-x86_64-deb": entry("a.deb"),
            "linux-aarch64-rpm": entry("a.rpm"),
            "darwin-aarch64": entry("a.app.tar.gz"),
            "kiosk": entry("kiosk.AppImage"),
        }});
        Manifest::parse(manifest.to_string().as_bytes(), "x").unwrap()
    }

    fn answer(target: &str, arch: &str, current: &str) -> Answer {
        manifest().answer(target, arch, &current.parse().unwrap()).unwrap()
    }

    #[test]
    fn only_a_newer_release_is_offered() {
        for current in ["2.0.0", "2.0.0+9", "2.0.1-rc.1", "3.0.0"] {
            assert_eq!(answer("linux", "x86_64", current), Answer::UpToDate, "{current}");
        }
        for current in ["1.9.9", "2.0.0-rc.1"] {
            assert!(matches!(answer("linux", "x86_64", current), Answer::Update(_)), "{current}");
        }
    }

    #[test]
    fn each_platform_gets_its_own_entry() {
        for (target, arch, os, path) in [
            ("linux", "x86_64", Os::Linux, "/a.AppImage"),
            ("linux", "aarch64", Os::Linux, "/a.rpm"),
            ("macos", "aarch64", Os::MacOs, "/a.app.tar.gz"),
            ("darwin", "aarch64", Os::MacOs, "/a.app.tar.gz"),
            ("kiosk", "x86_64", Os::Linux, "/kiosk.AppImage"),
            ("linux-x86_64-deb", "x86_64", Os::Linux, "/a.deb"),
        ] {
            let Answer::Update(text) = answer(target, arch, "1.0.0") else { panic!("{target}") };
            let release = parse_release(text.as_bytes(), &[], os, "x").unwrap();
            assert_eq!(
                (release.url.path(), release.notes.as_deref(), release.size),
                (path, Some("n"), Some(7))
            );
            assert!(release.date.is_some());
        }
    }

    #[test]
    fn an_unknown_platform_is_no_silent_no() {
        assert_eq!(answer("windows", "x86_64", "1.0.0"), Answer::NoSuchPlatform);
        assert_eq!(answer("linux", "armv7", "9.0.0"), Answer::NoSuchPlatform);
    }
}
