use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    thread::LocalKey,
};

use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};
use tempfile::TempDir;

use crate::{
    Result,
    archive::{Content, Disk, FileAttributes, Limits, Repack, Sink, builder::Builder, unpack},
    system::{OsSystem, System},
};

/// Small ones, so that a bomb is one early.
const LIMITS: Limits = Limits { entries: 64, bytes: 256 << 10 };
const BLOCK_BYTES: usize = 512;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// What is unpacked to, with two directories above it that are the test's own.
const ROOT: &str = "bundle/root";
/// The latest time that is packed again.
const MODIFIED_MAX: i64 = 0o777_7777_7777;

/// An archive: a `tar.gz` as it is; a `tar`, whose sums are put right; or, behind a line `list`, entries to be packed, one
/// a line, as [`from_list`] reads them. Whatever it is, nothing outside changes, and no more is unpacked than may be.
/// Where it is taken, it is taken for the same when it is packed again.
pub fn archive(input: &[u8]) {
    let archive = match input.strip_prefix(b"list\n") {
        Some(list) => zipped(&from_list(list).tar()),
        None if input.starts_with(GZIP_MAGIC) => input.to_owned(),
        None => zipped(&with_sums(input)),
    };
    let mut count = Count::default();
    let outcome = unpack(&mut &*archive, LIMITS, &mut count);
    assert!(count.entries <= LIMITS.entries && count.bytes <= LIMITS.bytes, "{count:?}");
    if count.calls == 0 {
        return;
    }
    on_empty(&FIRST, |scene| {
        let unpacked = scene.unpack(&archive, LIMITS);
        assert_eq!(scene.look_outside(), scene.outside);
        assert_eq!(
            outcome.as_ref().err().map(ToString::to_string),
            unpacked.err().map(|error| error.to_string())
        );
        if outcome.is_ok() {
            let found = scene.inside();
            scene.check_links(&found);
            assert_eq!(unpacked_again(&archive), found);
        }
    });
}

/// In memory where that is possible: there are millions of them.
pub(super) fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Fields parted by tabs: what it is (`d`, `f`, `l`, `x` for records that precede an entry, `g` for all, else the type's
/// byte), its mode in octal digits, its name, and its content or where it leads.
fn from_list(list: &[u8]) -> Builder {
    list.split(|byte| *byte == b'\n').fold(Builder::default(), |builder, line| {
        let mut fields = line.splitn(4, |byte| *byte == b'\t');
        let mut field = || fields.next().unwrap_or_default();
        let (kind, mode, name, rest) = (field(), field(), field(), field());
        let mode = u32::from_str_radix(&String::from_utf8_lossy(mode), 8).unwrap_or(0o644) & 0o7777;
        let name_text = String::from_utf8_lossy(name);
        match kind {
            b"" => builder,
            b"d" => builder.entry(name, EntryType::Directory, mode, b"", b""),
            b"f" => builder.entry(name, EntryType::Regular, mode, b"", rest),
            b"l" => builder.entry(name, EntryType::Symlink, mode, rest, b""),
            b"x" => builder.pax(EntryType::XHeader, &[(&name_text, rest)]),
            b"g" => builder.pax(EntryType::XGlobalHeader, &[(&name_text, rest)]),
            [other, ..] => builder.entry(name, EntryType::new(*other), mode, rest, b""),
        }
    })
}

/// Packing is not what is tested, and takes time.
fn zipped(tar: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

/// A wrong sum ends everything at once.
fn with_sums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_owned();
    let mut next = 0;
    while let Some(block) = tar.get_mut(next..next + BLOCK_BYTES) {
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        let is_end = block.iter().all(|byte| *byte == 0);
        if !is_end {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        next += BLOCK_BYTES + size.min(tar.len()).next_multiple_of(BLOCK_BYTES);
    }
    tar
}

thread_local! {
    static FIRST: RefCell<Scene> = RefCell::new(Scene::new());
    static AGAIN: RefCell<Scene> = RefCell::new(Scene::new());
}

/// Making a scene takes longer than most archives.
fn on_empty<T>(scene: &'static LocalKey<RefCell<Scene>>, act: impl FnOnce(&Scene) -> T) -> T {
    scene.with_borrow_mut(|scene| {
        scene.empty();
        act(scene)
    })
}

/// A directory that an archive is unpacked to, beside something that must not change.
struct Scene {
    directory: TempDir,
    /// What was beside it at first.
    outside: BTreeMap<PathBuf, Found>,
}

impl Scene {
    fn new() -> Self {
        let directory = scratch();
        for made in ["bundle", ROOT, "precious"] {
            fs::create_dir(directory.path().join(made)).unwrap();
        }
        fs::write(directory.path().join("precious/file"), "precious").unwrap();
        let mut scene = Self { directory, outside: BTreeMap::new() };
        scene.outside = scene.look_outside();
        scene
    }

    /// Or made anew, where a directory that nobody may write to keeps what is in it.
    fn empty(&mut self) {
        let root = self.root();
        if fs::remove_dir_all(&root).and_then(|()| fs::create_dir(&root)).is_err() {
            *self = Self::new();
        }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join(ROOT)
    }

    fn inside(&self) -> BTreeMap<PathBuf, Found> {
        let mut found = BTreeMap::new();
        look(&self.root(), Path::new(""), None, &mut found);
        found
    }

    fn look_outside(&self) -> BTreeMap<PathBuf, Found> {
        let mut found = BTreeMap::new();
        look(self.directory.path(), Path::new(""), Some(Path::new(ROOT)), &mut found);
        found
    }

    /// The kernel's word on where they lead.
    fn check_links(&self, found: &BTreeMap<PathBuf, Found>) {
        let root = self.root().canonicalize().unwrap();
        for (link, _) in found.iter().filter(|(_, found)| matches!(found, Found::Link { .. })) {
            if let Ok(place) = root.join(link).canonicalize() {
                assert!(place.starts_with(&root), "{} leads to {}", link.display(), place.display());
            }
        }
    }

    fn unpack(&self, archive: &[u8], limits: Limits) -> Result<()> {
        let (path, root) = (self.root(), File::open(self.root()).unwrap());
        unpack(&mut &*archive, limits, &mut Disk::new(&path, &root, None, OsSystem.tree()))
    }
}

/// What is at one place.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Directory { mode: u32 },
    File { mode: u32, modified: i64, content: Vec<u8> },
    Link { target: PathBuf },
}

/// Looks at everything in a directory but what is at `except`, also where its mode forbids that.
fn look(root: &Path, directory: &Path, except: Option<&Path>, found: &mut BTreeMap<PathBuf, Found>) {
    for entry in fs::read_dir(root.join(directory)).unwrap() {
        let path = directory.join(entry.unwrap().file_name());
        if Some(&*path) == except {
            continue;
        }
        let place = root.join(&path);
        let metadata = fs::symlink_metadata(&place).unwrap();
        let mode = metadata.mode() & 0o7777;
        if metadata.is_symlink() {
            found.insert(path, Found::Link { target: fs::read_link(place).unwrap() });
            continue;
        }
        let needed = if metadata.is_dir() { 0o700 } else { 0o400 };
        if mode & needed != needed {
            fs::set_permissions(&place, fs::Permissions::from_mode(mode | needed)).unwrap();
        }
        if metadata.is_dir() {
            look(root, &path, except, found);
            found.insert(path, Found::Directory { mode });
        } else {
            let modified = metadata.mtime().min(MODIFIED_MAX);
            found.insert(path, Found::File { mode, modified, content: fs::read(place).unwrap() });
        }
    }
}

/// What is left of an archive once it was packed again and unpacked.
fn unpacked_again(archive: &[u8]) -> BTreeMap<PathBuf, Found> {
    let mut tar = Vec::new();
    let mut repack = Repack::new(&mut tar, Path::new("tar"), "X.app");
    unpack(&mut &*archive, LIMITS, &mut repack).unwrap();
    repack.finish().unwrap();
    on_empty(&AGAIN, |scene| {
        scene.unpack(&zipped(&tar), Limits::for_archive(0)).unwrap();
        scene.inside()
    })
}

/// A sink that counts what the disk would have to hold.
#[derive(Debug, Default)]
struct Count {
    calls: usize,
    entries: usize,
    bytes: u64,
}

impl Sink for Count {
    fn directory(&mut self, _: &str) -> Result<()> {
        self.calls += 1;
        Ok(())
    }

    fn file(&mut self, _: &str, _: FileAttributes, content: &mut Content<'_>) -> Result<()> {
        self.calls += 1;
        self.entries += 1;
        let mut buffer = [0; 4096];
        loop {
            match content.read(&mut buffer)? {
                0 => return Ok(()),
                count => self.bytes += count as u64,
            }
        }
    }

    fn link(&mut self, _: &str, _: &str) -> Result<()> {
        self.calls += 1;
        self.entries += 1;
        Ok(())
    }

    fn seal(&mut self, _: &str, _: u32) -> Result<()> {
        self.calls += 1;
        Ok(())
    }
}
