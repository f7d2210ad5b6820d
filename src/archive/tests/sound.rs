//! Bundles as packers make them come out as they went in: every byte, mode, time and link.

use std::{
    fs,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use tar::{EntryType, Header};

use super::{
    super::testing::{Builder, gzip, header, snapshot},
    Scene,
};

/// A bundle, and how it is packed.
struct Sound {
    title: &'static str,
    /// The name of its directory.
    name: &'static str,
    parts: fn() -> Vec<Part>,
    packing: Packing,
}

enum Part {
    File(String, u32, Vec<u8>),
    Directory(String, u32),
    Link(String, String),
}

enum Packing {
    /// By the system's program, with these arguments, from this directory.
    Tar(&'static [&'static str], &'static str),
    /// By the crate that reads archives here as well.
    Crate,
    /// Entry by entry.
    Hand(fn(&[Entry]) -> Vec<u8>),
}

const GNU: &[&str] = &["--format", if cfg!(target_os = "macos") { "gnutar" } else { "gnu" }];
const POSIX: &[&str] = &["--format", "pax"];
const USTAR: &[&str] = &["--format", "ustar"];

const fn sound(title: &'static str, parts: fn() -> Vec<Part>, packing: Packing) -> Sound {
    Sound { title, name: "X.app", parts, packing }
}

const SOUND: &[Sound] = &[
    sound("the least that is an application", Vec::new, Packing::Hand(plain)),
    sound("a framework with versions, by GNU tar", framework, Packing::Tar(GNU, "X.app")),
    sound("a framework with versions, by pax", framework, Packing::Tar(POSIX, "./X.app")),
    sound("a framework with versions, by the crate", framework, Packing::Crate),
    sound("a framework with versions, by hand", framework, Packing::Hand(plain)),
    sound("a framework with versions, links first", framework, Packing::Hand(links_first)),
    sound("empty files and directories", empty, Packing::Tar(USTAR, "X.app")),
    sound("empty files and directories, by the crate", empty, Packing::Crate),
    sound("long names, by GNU tar", long_names, Packing::Tar(GNU, "X.app")),
    sound("long names, by pax", long_names, Packing::Tar(POSIX, "X.app")),
    sound("long names, by the crate", long_names, Packing::Crate),
    sound("long names, in pax records by hand", long_names, Packing::Hand(pax_names)),
    sound("names that just fit, in the prefix field", fitting_names, Packing::Hand(prefixes)),
    sound("names beyond ASCII, by GNU tar", foreign_names, Packing::Tar(GNU, ".")),
    sound("names beyond ASCII, by pax", foreign_names, Packing::Tar(POSIX, ".")),
    Sound {
        title: "a bundle with a name beyond ASCII",
        name: "Größe – 大.APP",
        parts: foreign_names,
        packing: Packing::Tar(POSIX, "."),
    },
    sound("names that a shell would read", odd_names, Packing::Tar(GNU, "X.app")),
    sound("modes", modes, Packing::Tar(USTAR, "X.app")),
    sound("modes, directories after their content", modes, Packing::Hand(content_first)),
    sound("a deep tree, by GNU tar", deep, Packing::Tar(GNU, "X.app")),
    sound("a deep tree, by pax", deep, Packing::Tar(POSIX, "X.app")),
    sound("large files, by GNU tar", large, Packing::Tar(GNU, "X.app")),
    sound("large files, by the crate", large, Packing::Crate),
    sound("helper applications, by the crate", helpers, Packing::Crate),
    sound("sizes around those of a block", sizes, Packing::Hand(plain)),
    sound("links to directories", directory_links, Packing::Tar(POSIX, "X.app")),
    sound("links to directories, by hand", directory_links, Packing::Hand(plain)),
    sound("helper applications, directories not mentioned", helpers, Packing::Hand(files_only)),
    sound("attributes and other records", helpers, Packing::Hand(more_records)),
    sound("some thousand files", many, Packing::Tar(USTAR, "X.app")),
    sound("old and new times", times, Packing::Hand(plain)),
];

fn file(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Part {
    Part::File(path.into(), 0o644, content.into())
}

fn link(path: impl Into<String>, target: impl Into<String>) -> Part {
    Part::Link(path.into(), target.into())
}

fn framework() -> Vec<Part> {
    let at = "Contents/Frameworks/Electron Framework.framework";
    let current = |name: &str| link(format!("{at}/{name}"), format!("Versions/Current/{name}"));
    vec![
        Part::File(format!("{at}/Versions/A/Electron Framework"), 0o755, b"library".to_vec()),
        file(format!("{at}/Versions/A/Resources/Info.plist"), "<plist/>"),
        file(format!("{at}/Versions/A/_CodeSignature/CodeResources"), "<plist/>"),
        Part::File(format!("{at}/Versions/A/Helpers/chrome_crashpad_handler"), 0o755, b"helper".to_vec()),
        link(format!("{at}/Versions/Current"), "A"),
        current("Electron Framework"),
        current("Helpers"),
        current("Resources"),
    ]
}

fn empty() -> Vec<Part> {
    let at = "Contents/Resources";
    vec![
        file(format!("{at}/empty"), ""),
        file(format!("{at}/de.lproj/.keep"), ""),
        Part::Directory(format!("{at}/en.lproj"), 0o755),
        Part::Directory("Contents/PlugIns/deep/deeper".to_owned(), 0o755),
        Part::Directory("Contents/sealed".to_owned(), 0o555),
    ]
}

fn long_names() -> Vec<Part> {
    let directory = format!("Contents/{}/{}", "d".repeat(255), "e".repeat(255));
    let target = format!("{}{}", "./".repeat(60), "f".repeat(255));
    vec![
        file(format!("Contents/{}", "x".repeat(255)), "long"),
        // Just as long as a header has room for, and one more.
        file(format!("Contents/{}", "y".repeat(85)), "100 bytes"),
        file(format!("Contents/{}", "z".repeat(86)), "101 bytes"),
        file(format!("{directory}/{}", "f".repeat(255)), "longer"),
        link("Contents/short", format!("{}/{}", "d".repeat(255), "e".repeat(255))),
        link(format!("{directory}/long"), target),
    ]
}

fn fitting_names() -> Vec<Part> {
    let directory = format!("Contents/{}/{}", "d".repeat(60), "e".repeat(70));
    vec![file(format!("{directory}/{}", "f".repeat(100)), "in two fields"), file("Contents/short", "in one")]
}

fn foreign_names() -> Vec<Part> {
    let at = "Contents/Resources";
    vec![
        file(format!("{at}/日本語/größe.txt"), "ä"),
        file(format!("{at}/ عربى .txt"), "rtl"),
        file(format!("{at}/caf\u{e9}"), "composed"),
        file(format!("{at}/nai\u{308}f"), "decomposed"),
        file(format!("{at}/👩\u{200d}💻"), "joined"),
        file(format!("{at}/İstanbul"), "dotted"),
        file(format!("{at}/straße"), "sharp"),
        link(format!("{at}/ссылка"), "日本語/größe.txt"),
        link(format!("{at}/zu/größe"), "../caf\u{e9}"),
    ]
}

fn odd_names() -> Vec<Part> {
    let names = [
        "-rf",
        "--help",
        "$(touch x)",
        "`touch x`",
        "'single'",
        "\"twice\"",
        "back\\slash",
        "a b  c",
        "*",
        "?",
        "~",
        "#",
        "..a",
        "...",
        ".hidden",
        "a=b",
        "a:b",
        "%00",
        "trailing ",
        " leading",
        "._",
        "{a,b}",
        "a;b",
    ];
    names.iter().map(|name| file(format!("Contents/Resources/{name}"), *name)).collect()
}

fn modes() -> Vec<Part> {
    let mut parts: Vec<Part> = [0o400, 0o444, 0o500, 0o555, 0o600, 0o644, 0o664, 0o700, 0o711, 0o755, 0o777]
        .iter()
        .map(|mode| Part::File(format!("Contents/{mode:o}"), *mode, vec![b'm']))
        .collect();
    for mode in [0o500, 0o555, 0o700, 0o711, 0o750, 0o755, 0o775] {
        parts.push(file(format!("Contents/d{mode:o}/file"), "in it"));
        parts.push(Part::Directory(format!("Contents/d{mode:o}"), mode));
    }
    parts
}

fn deep() -> Vec<Part> {
    let path = format!("Contents/{}", "d/".repeat(380));
    vec![
        file(format!("{path}file"), "deep"),
        link(format!("{path}up"), "../".repeat(100)),
        Part::Directory(format!("{path}closed"), 0o500),
    ]
}

fn large() -> Vec<Part> {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()
    });
    vec![
        file("Contents/noise", noise.take(2 << 20).flatten().collect::<Vec<u8>>()),
        file("Contents/zeros", vec![0; 20 << 20]),
    ]
}

fn sizes() -> Vec<Part> {
    [0, 1, 511, 512, 513, 1023, 1024, 1025, 8191, 8192, 10_239, 10_240, 262_143, 262_144, 262_145]
        .iter()
        .map(|size| file(format!("Contents/{size}"), vec![b's'; *size]))
        .collect()
}

fn directory_links() -> Vec<Part> {
    let mut parts = vec![
        file("Contents/Resources/a/b/file", "end"),
        link("Contents/Resources/slash", "a/b/"),
        link("Contents/Resources/dots", "././a/../a/./b"),
        link("Contents/Resources/a/b/up", ".."),
        link("Contents/Resources/a/b/top", "../../../.."),
        link("Contents/Resources/here", "."),
        link("Contents/Resources/gone", "../Headers/x"),
        link("Contents/Resources/chain0", "a"),
    ];
    // As many as are followed.
    for step in 1..30 {
        let target = format!("chain{}", step - 1);
        parts.push(link(format!("Contents/Resources/chain{step}"), target));
    }
    parts
}

fn helpers() -> Vec<Part> {
    ["", " (GPU)", " (Plugin)", " (Renderer)"]
        .iter()
        .flat_map(|kind| {
            let at = format!("Contents/Frameworks/X Helper{kind}.app/Contents");
            let program = Part::File(format!("{at}/MacOS/X Helper{kind}"), 0o755, b"helper".to_vec());
            [file(format!("{at}/Info.plist"), "<plist/>"), file(format!("{at}/PkgInfo"), "APPL????"), program]
        })
        .collect()
}

fn many() -> Vec<Part> {
    (0..3000)
        .map(|number| {
            let path = format!("Contents/Resources/app/node_modules/m{}/f{number}.js", number % 97);
            file(path, format!("module {number}"))
        })
        .collect()
}

fn times() -> Vec<Part> {
    ["now", "epoch", "future"].iter().map(|name| file(format!("Contents/{name}"), "t")).collect()
}

/// Puts the bundle on disk.
fn write(app: &Path, parts: &[Part]) {
    let least = [file("Contents/Info.plist", "<plist/>"), Part::Directory("Contents/MacOS".into(), 0o755)];
    let program = Part::File("Contents/MacOS/X".into(), 0o755, b"program".to_vec());
    let mut directories = vec![(app.to_owned(), 0o755)];
    for part in least.iter().chain([&program]).chain(parts) {
        let (Part::File(path, ..) | Part::Directory(path, _) | Part::Link(path, _)) = part;
        let path = app.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match part {
            Part::File(_, mode, content) => {
                fs::write(&path, content).unwrap();
                set_mode(&path, *mode);
                let modified = match path.file_name().unwrap().to_str().unwrap() {
                    "epoch" => SystemTime::UNIX_EPOCH,
                    "future" => SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800),
                    _ => continue,
                };
                fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            }
            Part::Directory(_, mode) => {
                fs::create_dir_all(&path).unwrap();
                directories.push((path, *mode));
            }
            Part::Link(_, target) => symlink(target, &path).unwrap(),
        }
    }
    for (path, mode) in directories.iter().rev() {
        set_mode(path, *mode);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is packed by hand. Paths begin with the bundle's directory.
struct Entry {
    path: String,
    kind: EntryType,
    mode: u32,
    modified: u64,
    /// Of a link, its target.
    content: Vec<u8>,
}

/// Parents before children.
fn entries(source: &Path, path: &str, found: &mut Vec<Entry>) {
    let real = source.join(path);
    let metadata = fs::symlink_metadata(&real).unwrap();
    let (kind, content) = if metadata.is_symlink() {
        (EntryType::Symlink, fs::read_link(&real).unwrap().into_os_string().into_encoded_bytes())
    } else if metadata.is_dir() {
        (EntryType::Directory, Vec::new())
    } else {
        (EntryType::Regular, fs::read(&real).unwrap())
    };
    let modified = u64::try_from(metadata.mtime()).unwrap();
    found.push(Entry { path: path.to_owned(), kind, mode: metadata.mode() & 0o777, modified, content });
    if metadata.is_dir() {
        let names = fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        for name in names {
            entries(source, &format!("{path}/{name}"), found);
        }
    }
}

impl Entry {
    fn add_to(&self, archive: Builder) -> Builder {
        let (target, content) = match self.kind {
            EntryType::Symlink => (&self.content[..], &b""[..]),
            _ => (&b""[..], &self.content[..]),
        };
        if self.path.len() > 100 || target.len() > 100 {
            return archive.entry(self.path.as_bytes(), self.kind, self.mode, target, content);
        }
        let mut header = header(self.path.as_bytes(), self.kind, self.mode, target, content.len());
        header.set_mtime(self.modified);
        header.set_cksum();
        archive.raw(&header, content)
    }
}

fn packed<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<u8> {
    entries.fold(Builder::default(), |archive, entry| entry.add_to(archive)).gzip()
}

fn plain(entries: &[Entry]) -> Vec<u8> {
    packed(entries.iter())
}

fn content_first(entries: &[Entry]) -> Vec<u8> {
    packed(entries.iter().rev())
}

fn links_first(entries: &[Entry]) -> Vec<u8> {
    let is_link = |entry: &&Entry| entry.kind == EntryType::Symlink;
    packed(entries.iter().filter(is_link).chain(entries.iter().filter(|entry| !is_link(entry))))
}

fn files_only(entries: &[Entry]) -> Vec<u8> {
    packed(entries.iter().filter(|entry| entry.kind == EntryType::Regular))
}

/// As other programs do it, with a name in the header that is not the one that counts.
fn pax_names(entries: &[Entry]) -> Vec<u8> {
    with_records(entries, |entry| {
        let name = if entry.kind == EntryType::Symlink { "linkpath" } else { "comment" };
        vec![("path", entry.path.as_bytes().to_vec()), (name, entry.content.clone())]
    })
}

/// As macOS' own program does it.
fn more_records(entries: &[Entry]) -> Vec<u8> {
    with_records(entries, |entry| {
        vec![
            ("path", entry.path.as_bytes().to_vec()),
            ("mtime", format!("{}.123456789", entry.modified).into_bytes()),
            ("size", entry.content.len().to_string().into_bytes()),
            ("LIBARCHIVE.xattr.com.apple.quarantine", b"MDA4Mw==".to_vec()),
            ("SCHILY.xattr.com.apple.FinderInfo", b"\n12 path=evil\n".to_vec()),
            ("uname", "größe".into()),
        ]
    })
}

type Records = Vec<(&'static str, Vec<u8>)>;

fn with_records(entries: &[Entry], records: fn(&Entry) -> Records) -> Vec<u8> {
    entries
        .iter()
        .fold(Builder::default(), |archive, entry| {
            let records = records(entry);
            let records: Vec<(&str, &[u8])> = records
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (*key, &value[..]))
                .collect();
            let content = if entry.kind == EntryType::Symlink { Vec::new() } else { entry.content.clone() };
            let mut header = header(b"short", entry.kind, entry.mode, b"short", content.len());
            header.set_mtime(entry.modified);
            header.set_cksum();
            archive.pax(EntryType::XHeader, &records).raw(&header, &content)
        })
        .gzip()
}

/// Long names in the two fields that `ustar` has for them.
fn prefixes(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Builder::default();
    for entry in entries {
        let mut header = Header::new_ustar();
        header.set_path(&entry.path).unwrap();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_mtime(entry.modified);
        header.set_size(entry.content.len() as u64);
        header.set_cksum();
        archive = archive.raw(&header, &entry.content);
    }
    archive.gzip()
}

impl Sound {
    fn pack(&self, source: &Path) -> Vec<u8> {
        match self.packing {
            Packing::Tar(arguments, member) => {
                let mut tar = Command::new("tar");
                tar.args(["--create", "--gzip", "--file", "-"]).args(arguments);
                tar.arg("--directory").arg(source).arg(member);
                let mut tar = tar.stdout(Stdio::piped()).spawn().unwrap();
                let mut archive = Vec::new();
                tar.stdout.take().unwrap().read_to_end(&mut archive).unwrap();
                assert!(tar.wait().unwrap().success(), "{}", self.title);
                archive
            }
            Packing::Crate => {
                let mut archive = tar::Builder::new(Vec::new());
                archive.follow_symlinks(false);
                archive.append_dir_all(self.name, source.join(self.name)).unwrap();
                gzip(&archive.into_inner().unwrap())
            }
            Packing::Hand(pack) => {
                let mut found = Vec::new();
                entries(source, self.name, &mut found);
                pack(&found)
            }
        }
    }
}

#[test]
fn every_sound_bundle_is_unpacked_the_same() {
    println!("{} bundles", SOUND.len());
    assert!(SOUND.len() >= 31, "{} bundles", SOUND.len());
    for sound in SOUND {
        let source = tempfile::tempdir().unwrap();
        let app = source.path().join(sound.name);
        write(&app, &(sound.parts)());
        let scene = Scene::new();
        scene.unpack(&sound.pack(source.path())).unwrap_or_else(|error| panic!("{}: {error}", sound.title));
        let (expected, found) = (snapshot(&app), snapshot(&scene.root()));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{}", sound.title);
        for (path, entry) in &expected {
            assert!(found[path] == *entry, "{}: {path} is another one", sound.title);
        }
    }
}
