//! Archives and bundles for tests.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use tar::EntryType;

pub(crate) use super::builder::{Builder, header, pax_record};
use super::{Content, FileAttributes, Sink};
use crate::{Result, state::digest};

/// A sink for finding out whether an archive keeps the rules.
#[derive(Debug)]
pub(crate) struct CheckOnly;

impl Sink for CheckOnly {
    fn directory(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn file(&mut self, _: &str, _: FileAttributes, content: &mut Content<'_>) -> Result<()> {
        let mut buffer = [0; 8 << 10];
        while content.read(&mut buffer)? > 0 {}
        Ok(())
    }

    fn link(&mut self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    fn seal(&mut self, _: &str, _: u32) -> Result<()> {
        Ok(())
    }
}

impl Builder {
    /// The least that is an application.
    pub(crate) fn app() -> Self {
        Self::default().file("X.app/Contents/Info.plist", 0o644, b"<plist/>").file(
            "X.app/Contents/MacOS/X",
            0o755,
            b"program",
        )
    }

    pub(crate) fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(path.as_bytes(), EntryType::Directory, mode, b"", b"")
    }

    pub(crate) fn file(self, path: &str, mode: u32, content: &[u8]) -> Self {
        self.entry(path.as_bytes(), EntryType::Regular, mode, b"", content)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(path.as_bytes(), EntryType::Symlink, 0o777, target.as_bytes(), b"")
    }

    pub(crate) fn gzip(&self) -> Vec<u8> {
        gzip(&self.tar())
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A bundle as applications have it: a versioned framework, links, modes, odd names. `version` is all over it.
pub(crate) fn write_bundle(app: &Path, version: &str) {
    let long = format!("{}/{}", "directory with a long name ".repeat(6).trim(), "n".repeat(200));
    for (path, mode) in [
        ("Contents/Info.plist", 0o644),
        ("Contents/MacOS/X", 0o755),
        ("Contents/MacOS/tool", 0o555),
        ("Contents/_CodeSignature/CodeResources", 0o444),
        ("Contents/Frameworks/F.framework/Versions/A/F", 0o755),
        ("Contents/Frameworks/F.framework/Versions/A/Resources/icon.icns", 0o644),
        ("Contents/Frameworks/X Helper.app/Contents/Info.plist", 0o644),
        ("Contents/Frameworks/X Helper.app/Contents/MacOS/X Helper", 0o755),
        ("Contents/Resources/日本語/größe (1).txt", 0o600),
        ("Contents/Resources/$(touch x) 'quoted' \"twice\" `back` \\slash", 0o644),
        ("Contents/Resources/-rf", 0o644),
        (&format!("Contents/Resources/{long}"), 0o644),
    ] {
        let path = app.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("{version} of {}", path.file_name().unwrap().display()).repeat(50)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for (path, mode) in [("Contents/PlugIns", 0o755), ("Contents/Resources/sealed", 0o555)] {
        fs::create_dir(app.join(path)).unwrap();
        fs::set_permissions(app.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (path, target) in [
        ("Contents/Frameworks/F.framework/Versions/Current", "A"),
        ("Contents/Frameworks/F.framework/F", "Versions/Current/F"),
        ("Contents/Frameworks/F.framework/Resources", "Versions/Current/Resources"),
        ("Contents/Resources/up", "../../Contents/./MacOS/"),
        ("Contents/Resources/gone", "../Headers"),
    ] {
        std::os::unix::fs::symlink(target, app.join(path)).unwrap();
    }
    fs::set_permissions(app, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Everything in a directory: kind, mode, and content or target; of files the time as well.
pub(crate) fn snapshot(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    add_snapshot(directory, directory, &mut found);
    found
}

fn add_snapshot(root: &Path, directory: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let text = if metadata.is_symlink() {
            format!("link to {}", fs::read_link(&path).unwrap().display())
        } else if metadata.is_dir() {
            add_snapshot(root, &path, found);
            format!("directory {:o}", metadata.mode() & 0o7777)
        } else {
            // What is no text is told apart by its hash.
            let content = String::from_utf8(fs::read(&path).unwrap());
            let content = content.unwrap_or_else(|error| digest(error.as_bytes()));
            format!("file {:o} of {}: {content}", metadata.mode() & 0o7777, metadata.mtime())
        };
        found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text);
    }
}
