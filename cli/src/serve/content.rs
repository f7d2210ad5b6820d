//! [`Content`]: a file under the served directory, and what names its present state.

use std::{
    fs::{File, Metadata},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use percent_encoding::percent_decode_str;

pub(super) struct Content {
    pub(super) file: File,
    pub(super) len: u64,
    /// Strong: another content of the same name has another time or size.
    pub(super) etag: String,
    pub(super) last_modified: String,
    pub(super) media_type: &'static str,
}

impl Content {
    /// `None` for whatever is not a regular file below `root`, whose links are resolved.
    pub(super) fn open(root: &Path, url_path: &str) -> Option<Self> {
        let path = relative(url_path).map(|relative| root.join(relative))?;
        // A link may lead anywhere; what counts is where it ends.
        let path = path.canonicalize().ok().filter(|path| path.starts_with(root))?;
        // Looked at before it is opened: opening a pipe waits for somebody to write into it.
        let metadata = path.metadata().ok().filter(Metadata::is_file)?;
        let file = File::open(&path).ok()?;
        let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
        Some(Self {
            file,
            len: metadata.len(),
            etag: etag(modified, metadata.len()),
            last_modified: httpdate::fmt_http_date(modified.max(UNIX_EPOCH)),
            media_type: media_type(&path),
        })
    }
}

/// The path below the root. No segment may step up, hide a separator, or mean a drive or stream on Windows.
fn relative(url_path: &str) -> Option<PathBuf> {
    let segments = url_path.strip_prefix('/')?.split('/').map(|segment| {
        let segment = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
        let plain = !matches!(segment.as_str(), "" | "." | "..");
        (plain && !segment.contains(['/', '\\', ':', '\0'])).then_some(segment)
    });
    segments.collect()
}

fn etag(modified: SystemTime, len: u64) -> String {
    let nanos = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("\"{nanos:x}-{len:x}\"")
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_files_below_the_root_are_found() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::write(root.join("sub/a b"), "content").unwrap();
        let root = root.canonicalize().unwrap();
        assert_eq!(Content::open(&root, "/sub/a%20b").unwrap().len, 7);
        for path in [
            "/",
            "",
            "sub/a%20b",
            "/sub",
            "/sub/",
            "//sub/a%20b",
            "/../secret",
            "/sub/../../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/sub%2fa%20b",
            "/..%5csecret",
            "/sub/a%20b%00",
            "/%ff",
        ] {
            assert!(Content::open(&root, path).is_none(), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_only() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::write(root.join("a"), "content").unwrap();
        symlink(outside.path().join("secret"), root.join("out")).unwrap();
        symlink(outside.path(), root.join("up")).unwrap();
        symlink("a", root.join("in")).unwrap();
        let root = root.canonicalize().unwrap();
        assert!(Content::open(&root, "/in").is_some());
        assert!(Content::open(&root, "/out").is_none());
        assert!(Content::open(&root, "/up/secret").is_none());
    }

    #[test]
    fn another_content_has_another_tag() {
        let time = UNIX_EPOCH + std::time::Duration::from_nanos(1);
        let tags = [etag(UNIX_EPOCH, 1), etag(time, 1), etag(UNIX_EPOCH, 2)];
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')));
        assert!(tags[0] != tags[1] && tags[0] != tags[2] && tags[1] != tags[2]);
    }
}
