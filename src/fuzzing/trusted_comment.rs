use crate::{
    Version,
    signature::{Announced, SignedMetadata},
    target::Format,
};

/// Names in the order in which they are written.
const NAMES: [&str; 9] =
    ["timestamp", "file", "version", "target", "format", "channel", "app", "type", "sequence"];

/// A trusted comment. What is read of it stands there once, and it passes for nothing that it does not say.
pub fn trusted_comment(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(metadata) = SignedMetadata::parse(&text) else { return };
    assert!(text.len() <= 8191);
    let said = |name: &str| -> Vec<&str> {
        let pairs = text.split('\t').filter_map(|pair| pair.split_once(':'));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
    };
    let expected: Vec<(&str, &str)> =
        NAMES.into_iter().flat_map(|name| said(name).into_iter().map(move |value| (name, value))).collect();
    assert_eq!(metadata.fields().collect::<Vec<_>>(), expected);
    for announced in announced() {
        if metadata.check(&announced).is_ok() {
            check_accepted(&said, &announced);
        }
    }
}

fn announced() -> [Announced; 2] {
    let plain = Announced {
        version: Version::new(2, 0, 0),
        target: "linux-x86_64-appimage".to_owned(),
        format: Format::AppImage,
        channel: None,
        app_id: None,
        signed_version_required: false,
    };
    let strict = Announced {
        target: "macos-aarch64".to_owned(),
        format: Format::App,
        channel: Some("stable".to_owned()),
        app_id: Some("com.example.app".to_owned()),
        signed_version_required: true,
        ..plain.clone()
    };
    [plain, strict]
}

/// Written once more, from the README's side.
fn check_accepted<'a>(said: &impl Fn(&str) -> Vec<&'a str>, announced: &Announced) {
    let is = |name: &str, allowed: &[&str]| said(name).iter().all(|value| allowed.contains(value));
    assert!(said("type").is_empty());
    assert!(is("version", &["2.0.0", "v2.0.0"]));
    assert!(!said("version").is_empty() || !announced.signed_version_required);
    let targets = match announced.format {
        Format::AppImage => ["linux-x86_64", "linux-x86_64-appimage"].as_slice(),
        _ => &["macos-aarch64", "darwin-aarch64"],
    };
    for target in said("target") {
        assert!(target.split(',').any(|target| targets.contains(&target.trim())), "{target}");
    }
    for format in said("format") {
        assert_eq!(format.parse().ok(), Some(announced.format));
    }
    for (name, configured) in [("channel", &announced.channel), ("app", &announced.app_id)] {
        assert!(configured.as_deref().is_none_or(|configured| is(name, &[configured])));
    }
}
