mod hostile;
mod sound;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::Command,
};

use rustix::io::Errno;
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::{
    testing::{Builder, CheckOnly, gzip, header, pax_record, snapshot, write_bundle},
    *,
};
use crate::{
    ErrorCode,
    system::{
        OsSystem, System, Tree,
        failing::{Failing, FailingSystem, Layout as Disks},
    },
};

const LIMITS: Limits = Limits::for_archive(0);

/// A directory in which one is unpacked to, beside something that must not change.
struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new() -> Self {
        // In memory where that is possible: one test makes thousands of them.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        fs::create_dir(directory.path().join("precious")).unwrap();
        fs::write(directory.path().join("precious/file"), "precious").unwrap();
        Self { directory }
    }

    fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("root")
    }

    fn unpack(&self, archive: &[u8]) -> Result<()> {
        self.unpack_on(OsSystem.tree(), archive)
    }

    fn unpack_on(&self, tree: &dyn Tree, archive: &[u8]) -> Result<()> {
        let root = File::open(self.root()).unwrap();
        let path = self.root();
        unpack(&mut &*archive, LIMITS, &mut Disk::new(&path, &root, None, tree))
    }

    fn outside(&self) -> BTreeMap<String, String> {
        let mut found = snapshot(self.directory.path());
        found.retain(|path, _| path != "root" && !path.starts_with("root/"));
        found
    }
}

fn unpacked(archive: &Builder) -> Result<BTreeMap<String, String>> {
    let scene = Scene::new();
    let outside = scene.outside();
    let outcome = scene.unpack(&archive.gzip());
    assert_eq!(scene.outside(), outside);
    // What only checks comes to the same conclusion.
    assert_eq!(unpack(&mut &*archive.gzip(), LIMITS, &mut CheckOnly).is_ok(), outcome.is_ok());
    outcome.map(|()| snapshot(&scene.root()))
}

#[track_caller]
fn assert_refused(archive: &Builder, expected: &str) {
    let error = unpacked(archive).expect_err(expected);
    assert_eq!(error.code(), ErrorCode::UnsafeArchive, "{error}");
    assert!(error.to_string().contains(expected), "{expected}: {error}");
}

#[track_caller]
fn assert_invalid(archive: &[u8], expected: &str) {
    let error = unpack(&mut &*archive, LIMITS, &mut CheckOnly).expect_err(expected);
    assert_eq!(error.code(), ErrorCode::InvalidArtifact, "{error}");
    assert!(error.to_string().contains(expected), "{expected}: {error}");
}

#[test]
fn what_the_disk_takes_for_the_same_as_another_entry_is_refused_and_a_full_disk_is_told_as_one() {
    for archive in [
        Builder::default().directory("X.app/new", 0o755).gzip(),
        Builder::default().file("X.app/new", 0o644, b"new").gzip(),
    ] {
        let scene = Scene::new();
        fs::create_dir(scene.root().join("new")).unwrap();
        let error = scene.unpack(&archive).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsafeArchive, "{error}");
        let full = FailingSystem::new(Disks::OneFileSystem, Failing::AllFrom(0), Errno::NOSPC);
        let error = Scene::new().unpack_on(full.tree(), &archive).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NoSpace, "{error}");
    }
}

#[test]
fn what_tar_packs_is_unpacked_the_same() {
    let source = tempfile::tempdir().unwrap();
    let app = source.path().join("X.app");
    write_bundle(&app, "1");
    // The tar of macOS has another name for it.
    let gnu = if cfg!(target_os = "macos") { "gnutar" } else { "gnu" };
    for format in [gnu, "pax", "ustar"] {
        for member in ["X.app", "./X.app", "."] {
            let archive = source.path().with_extension("tar.gz");
            let tar = Command::new("tar")
                .args(["--create", "--gzip", "--format", format, "--file"])
                .arg(&archive)
                .arg("--directory")
                .arg(source.path())
                // The old format has no room for the longest names.
                .args(if format == "ustar" { &["--exclude=directory with*"][..] } else { &[] })
                .arg(member)
                .status();
            assert!(tar.unwrap().success());
            let scene = Scene::new();
            scene.unpack(&fs::read(&archive).unwrap()).unwrap();
            fs::remove_file(&archive).unwrap();
            let mut expected = snapshot(&app);
            expected.retain(|path, _| format != "ustar" || !path.contains("directory with"));
            assert_eq!(snapshot(&scene.root()), expected, "{format} {member}");
        }
    }
}

#[test]
fn what_is_packed_again_is_unpacked_the_same_by_this_and_another_program() {
    let source = tempfile::tempdir().unwrap();
    let app = source.path().join("X.app");
    write_bundle(&app, "1");
    fs::write(app.join("Contents/._own"), b"\0\0\0\0 is no attribute").unwrap();
    fs::write(app.join("Contents/empty"), b"").unwrap();
    fs::write(app.join("Contents/block"), [b'x'; 512]).unwrap();
    let deep = format!("Contents/{}", "d/".repeat(120));
    fs::create_dir_all(app.join(&deep)).unwrap();
    std::os::unix::fs::symlink(format!("{}x", "../".repeat(120)), app.join(deep).join("long")).unwrap();
    for member in ["X.app", "./X.app", "."] {
        // Directories are not mentioned, as some packers do it.
        let list = format!("find {member} ! -type d -print0 | tar -czf - --no-recursion --null -T -");
        let implied = Command::new("sh").arg("-c").arg(list).current_dir(source.path()).output().unwrap();
        let whole = Command::new("tar").args(["-czf", "-", member]).current_dir(source.path()).output();
        for archive in [whole.unwrap().stdout, implied.stdout] {
            let scene = Scene::new();
            scene.unpack(&archive).unwrap();
            let expected = snapshot(&scene.root());
            let tar = repacked(&archive, "X.app");
            let again = Scene::new();
            again.unpack(&gzip(&tar)).unwrap();
            assert_eq!(snapshot(&again.root()), expected, "{member}");
            let other = tempfile::tempdir().unwrap();
            fs::write(other.path().join("tar"), &tar).unwrap();
            let mut command = Command::new("sh");
            command.args(["-c", "umask 077; tar -x -p -f tar --no-same-owner"]).current_dir(&other);
            assert!(command.status().unwrap().success());
            assert_eq!(snapshot(&other.path().join("X.app")), expected, "{member}");
        }
    }
}

#[test]
fn what_is_packed_again_is_the_same_however_it_was_packed() {
    let records: &[(&str, &[u8])] = &[
        ("path", b"X.app/x"),
        ("SCHILY.acl.access", b"user::rwx"),
        ("LIBARCHIVE.xattr.com.apple.quarantine", b"cQ=="),
        ("mtime", b"1700000000.5"),
    ];
    let plain = Builder::app()
        .directory("X.app/d", 0o755)
        .file("X.app/d/f", 0o640, b"f")
        .file("X.app/x", 0o644, b"x")
        .link("X.app/l", "d");
    let odd = Builder::app()
        .file("./X.app/._x", 0o644, &[0, 5, 22, 7, 0, 2, 0, 0])
        .directory("X.app/d/", 0o3755)
        .file("./X.app/d/f", 0o100_640, b"f")
        .pax(EntryType::XHeader, records)
        .file("X.app/other", 0o644, b"x")
        .link("./X.app/l", "d");
    assert_eq!(repacked(&plain.gzip(), "new"), repacked(&odd.gzip(), "new"));
    assert!(repacked(&plain.gzip(), "new").starts_with(b"new/"));
}

#[test]
fn what_is_packed_again_ends_as_archives_do_and_is_written_whole() {
    // Two blocks of zeros (POSIX.1-2017, pax, "ustar Interchange Format").
    assert!(repacked(&Builder::app().gzip(), "new").ends_with(&[0; 1024]));
    struct Full;
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let error = Repack::new(&mut Full, Path::new("tar"), "new").finish().unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoSpace);
}

fn repacked(archive: &[u8], top: &str) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut repack = Repack::new(&mut tar, Path::new("tar"), top);
    unpack(&mut &*archive, LIMITS, &mut repack).unwrap();
    repack.finish().unwrap();
    tar
}

#[test]
fn long_and_precise_values_of_pax_records_count() {
    let long = format!("X.app/{}/{}", "d".repeat(200), "f".repeat(200));
    let target = format!("{}/{}", "d".repeat(200), "f".repeat(200));
    let found = unpacked(
        &Builder::app()
            .pax(EntryType::XGlobalHeader, &[("comment", b"0123")])
            .pax(
                EntryType::XHeader,
                &[
                    ("path", long.as_bytes()),
                    ("size", b"1"),
                    ("mtime", b"12.5"),
                    ("SCHILY.xattr.a", b"\n=\n"),
                ],
            )
            .file("X.app/short", 0o640, b"1")
            .pax(EntryType::XHeader, &[("linkpath", target.as_bytes())])
            .link("X.app/link", "short"),
    )
    .unwrap();
    assert_eq!(found[&long["X.app/".len()..]], "file 640 of 12: 1");
    assert_eq!(found["link"], format!("link to {target}"));
}

#[test]
fn apple_double_files_are_left_out_and_only_those() {
    let double: &[u8] = &[0, 5, 22, 7, 0, 2, 0, 0, 1, 2, 3];
    let found = unpacked(
        &Builder::default()
            .file("./._X.app", 0o644, double)
            .file("X.app/._Contents", 0o644, double)
            .file("X.app/Contents/._tiny", 0o644, &[0, 5])
            .file("X.app/Contents/._own", 0o644, b"an own file")
            .file("X.app/Contents/double", 0o644, double)
            .raw(&header(b"X.app/Contents/Info.plist", EntryType::Regular, 0o644, b"", 1), b"p")
            .file("X.app/Contents/MacOS/X", 0o755, b"x"),
    )
    .unwrap();
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let contents = ["Contents", "Contents/._own", "Contents/._tiny", "Contents/Info.plist"];
    assert_eq!(names[..4], contents);
    assert_eq!(names[4..], ["Contents/MacOS", "Contents/MacOS/X", "Contents/double"]);
    assert!(found["Contents/._own"].ends_with(": an own file"));
}

#[test]
fn modes_are_kept_and_special_bits_are_not() {
    let found =
        unpacked(&Builder::app().directory("X.app/sticky", 0o7775).directory("X.app/closed", 0o500).file(
            "X.app/closed/file",
            0o100_444,
            b"",
        ))
        .unwrap();
    assert_eq!((&*found["sticky"], &*found["closed"]), ("directory 775", "directory 500"));
    assert!(found["closed/file"].starts_with("file 444 "));
    for mode in [0o4755, 0o2755, 0o6755] {
        assert_refused(&Builder::app().file("X.app/root", mode, b""), "set-user-id");
    }
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in ["../x", "X.app/../../x", "/etc/x", "X.app//x", "X.app/./x", "X.app/a\nb", "X.app/\u{9b}"] {
        assert_refused(&Builder::app().file(name, 0o644, b""), "its name");
        assert_refused(&Builder::app().link(name, "x"), "its name");
        assert_refused(&Builder::app().directory(name, 0o755), "its name");
        let pax = Builder::app().pax(EntryType::XHeader, &[("path", name.as_bytes())]);
        assert_refused(&pax.file("X.app/x", 0o644, b""), "its name");
    }
    assert_refused(&Builder::app().file("X.app/x/", 0o644, b""), "a directory's");
    assert_refused(&Builder::app().file(".", 0o644, b""), "a directory's");
    let long = format!("X.app/{}", "x".repeat(300));
    assert_refused(&Builder::app().file(&long, 0o644, b""), "too long");
    let zero = Builder::app().pax(EntryType::XHeader, &[("path", b"X.app/a\0b")]);
    assert_refused(&zero.file("X.app/x", 0o644, b""), "control character");
}

#[test]
fn links_that_lead_out_are_refused_at_every_step() {
    let links = |links: &[(&str, &str)]| {
        links.iter().fold(Builder::app().directory("X.app/d/e", 0o755), |archive, (path, target)| {
            archive.link(&format!("X.app/{path}"), target)
        })
    };
    unpacked(&links(&[("d/e/root", "../.."), ("d/down", "../d/e/.."), ("loose", "nowhere/../d")])).unwrap();
    for refused in [
        &[("l", "/etc/passwd")][..],
        &[("l", "..")],
        &[("d/l", "../../precious")],
        // Out and in again.
        &[("l", "../X.app/d")],
        &[("l", "d/../../precious")],
        // Through other links: e is two levels deep by its name, but not behind `s`.
        &[("d/s", "../d/e"), ("l", "d/s/../../..")],
        &[("s", "d/e"), ("l", "s/../../../x")],
        &[("d/e/s", "../.."), ("l", "d/e/s/..")],
        &[("d/e/S", "../.."), ("l", "D/e/s/..")],
        &[("a", "nowhere"), ("l", "a/../..")],
        // HFS+ takes `s` for the link.
        &[("d/e/s\u{200d}", "../.."), ("l", "d/e/s/../x")],
    ] {
        assert_refused(&links(refused), "a link to");
    }
    assert_refused(&links(&[("a", "b"), ("b", "a")]), "too many links");
    let chain = |count: usize| {
        (1..count).fold(Builder::app().link(&format!("X.app/{count}"), "d"), |archive, link| {
            archive.link(&format!("X.app/{link}"), &(link + 1).to_string())
        })
    };
    unpacked(&chain(33)).unwrap();
    assert_refused(&chain(34), "too many links");
    assert_refused(&links(&[("l", "")]), "empty");
    assert_refused(&links(&[("l", "a\nb")]), "control character");
}

#[test]
fn nothing_is_written_through_a_link_or_a_file() {
    let through = |archive: Builder| {
        assert_refused(&archive.clone().file("X.app/l/file", 0o644, b"evil"), "is no directory");
        assert_refused(&archive.clone().directory("X.app/l/deep/er", 0o755), "is no directory");
        assert_refused(&archive.clone().link("X.app/l/link", "x"), "is no directory");
        assert_refused(&archive.file("X.app/L/file", 0o644, b"evil"), "is no directory");
    };
    through(Builder::app().link("X.app/l", "../../precious"));
    through(Builder::app().link("X.app/l", "Contents"));
    through(Builder::app().file("X.app/l", 0o644, b""));
}

#[test]
fn entries_that_a_mac_takes_for_one_are_refused() {
    for (one, other) in [
        ("X.app/Read", "X.app/read"),
        ("X.app/caf\u{e9}", "X.app/cafe\u{301}"),
        ("X.app/stra\u{df}e", "X.app/STRASSE"),
        ("X.app/D/a", "X.app/d/b"),
    ] {
        for archive in [
            Builder::app().file(one, 0o644, b"").file(other, 0o644, b""),
            Builder::app().link(one, "a").file(other, 0o644, b""),
            Builder::app().directory(one, 0o755).directory(other, 0o755),
            Builder::app().directory(one, 0o755).file(other, 0o644, b""),
        ] {
            assert_refused(&archive, "the same on many disks");
        }
    }
}

#[test]
fn an_entry_is_there_once() {
    let twice = |archive: Builder| assert_refused(&archive, "it is there twice");
    twice(Builder::app().file("X.app/a", 0o644, b"1").file("X.app/a", 0o644, b"2"));
    twice(Builder::app().link("X.app/a", "b").link("X.app/a", "b"));
    twice(Builder::app().file("X.app/a", 0o644, b"1").link("X.app/a", "b"));
    twice(Builder::app().directory("X.app/a", 0o755).directory("X.app/a", 0o700));
    assert_refused(
        &Builder::app().file("X.app/a", 0o644, b"").directory("X.app/a", 0o755),
        "is no directory",
    );
    // A directory may be announced after its content, and again the same.
    let again = Builder::app().file("X.app/a/b", 0o644, b"").directory("X.app/a", 0o700);
    assert_eq!(unpacked(&again.directory("X.app/a", 0o700)).unwrap()["a"], "directory 700");
}

#[test]
fn there_is_one_bundle_at_the_top() {
    for path in ["Y.app/x", "x.app/x", "readme", "X", ".app/x", "__MACOSX/x"] {
        assert_refused(&Builder::app().file(path, 0o644, b""), "it is not in");
    }
    assert_refused(
        &Builder::default().file(".app/Contents/Info.plist", 0o644, b""),
        "it is not in a directory",
    );
    assert_refused(&Builder::default().file("X.app", 0o644, b""), "the top is no directory");
    assert_refused(&Builder::default().link("X.app", "y"), "the top is no directory");
    assert_invalid(&Builder::default().gzip(), "Contents/Info.plist");
    assert_invalid(&Builder::default().directory("X.app", 0o755).gzip(), "Contents/Info.plist");
    let plist = Builder::default().file("X.app/Contents/Info.plist", 0o644, b"");
    assert_invalid(&plist.gzip(), "no executable");
    assert_invalid(&plist.file("X.app/Contents/MacOS/X", 0o644, b"").gzip(), "no executable");
    let link = Builder::default().link("X.app/Contents/Info.plist", "x");
    assert_invalid(&link.gzip(), "Contents/Info.plist");
}

#[test]
fn what_is_no_file_directory_or_link_is_refused() {
    for (kind, text) in [
        (EntryType::Link, "a hard link"),
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a named pipe"),
        (EntryType::GNUSparse, "a sparse file"),
        (EntryType::Continuous, "unknown type \"7\""),
        (EntryType::new(b'V'), "unknown type \"V\""),
    ] {
        assert_refused(&Builder::app().entry(b"X.app/x", kind, 0o644, b"Contents/MacOS/X", b""), text);
    }
    assert_refused(
        &Builder::app()
            .pax(EntryType::XHeader, &[("GNU.sparse.major", b"1"), ("GNU.sparse.name", b"X.app/x")])
            .file("X.app/x", 0o644, b""),
        "sparse",
    );
}

#[test]
fn what_two_programs_would_read_differently_is_refused() {
    let size = |size: &[u8]| {
        Builder::app().pax(EntryType::XHeader, &[("size", size)]).file("X.app/x", 0o644, &[b'x'; 512])
    };
    unpacked(&size(b"512")).unwrap();
    for other in ["0", "1024", "+512", " 512", "0x200"] {
        assert_refused(&size(other.as_bytes()), "its size in the pax record");
    }
    assert_refused(
        &Builder::app().entry(b"X.app/d", EntryType::Directory, 0o755, b"", b"content"),
        "has content",
    );
    assert_refused(
        &Builder::app().entry(b"X.app/l", EntryType::Symlink, 0o755, b"x", b"content"),
        "has content",
    );
    let long = format!("X.app/{}", "x".repeat(200));
    assert_refused(
        &Builder::app().pax(EntryType::XHeader, &[("path", b"X.app/y")]).file(&long, 0o644, b""),
        "two long names",
    );
    let pax = |archive: Builder| archive.pax(EntryType::XHeader, &[("path", b"X.app/y")]);
    assert_refused(&pax(pax(Builder::app())).file("X.app/x", 0o644, b""), "twice for one");
    for key in ["path", "linkpath", "size"] {
        let global = Builder::app().pax(EntryType::XGlobalHeader, &[(key, b"1")]);
        assert_refused(&global.file("X.app/x", 0o644, b""), "more than one file");
    }
    assert_invalid(&pax(Builder::app()).gzip(), "a description of nothing");
    for mtime in ["x", "-1", "99999999999999999999", "9300000000000000000"] {
        let modified = Builder::app().pax(EntryType::XHeader, &[("mtime", mtime.as_bytes())]);
        assert_refused(&modified.file("X.app/x", 0o644, b""), "time of modification");
    }
}

#[test]
fn numbers_that_two_programs_would_read_differently_are_refused() {
    let with = |at: usize, field: &[u8]| {
        let mut header = header(b"X.app/x", EntryType::Regular, 0o644, b"", 512);
        header.as_mut_bytes()[at..at + field.len()].copy_from_slice(field);
        header.set_cksum();
        Builder::app().raw(&header, &[b'x'; 512])
    };
    const MODE: usize = 100;
    const SIZE: usize = 124;
    const MTIME: usize = 136;
    for size in [&b"00000001000 "[..], b"1000\0\0\0\0\0\0\0\0", b"000000001000"] {
        unpacked(&with(SIZE, size)).unwrap();
    }
    let others = [
        &b"+0000001000\0"[..],
        b"\x0b0000001000\0",
        b" 0000001000\0",
        b"0000001000\x001",
        b"00000010 000",
        b"0x000001000\0",
        b"00000001009\0",
        b"\x80\0\0\0\0\0\0\0\0\0\x02\0",
        &[0; 12],
        &[b' '; 12],
    ];
    for other in others {
        // Some are refused while the header is looked for.
        let error = unpacked(&with(SIZE, other)).unwrap_err().to_string();
        assert!(error.contains("its size is no octal") || error.contains("was not a number"), "{error}");
        assert_refused(&with(MTIME, other), "time of modification");
    }
    for mode in [&b"+000644\0"[..], b"0000\x00644", b"\x80\0\0\0\0\0\x01\xa4", &[0; 8]] {
        assert_refused(&with(MODE, mode), "its mode is no octal number");
    }
}

#[test]
fn headers_of_which_programs_read_other_parts_are_refused() {
    let with = |at: usize, field: &[u8]| {
        let mut header = header(b"X.app/x", EntryType::Regular, 0o644, b"", 0);
        header.as_mut_bytes()[at..at + field.len()].copy_from_slice(field);
        header.set_cksum();
        Builder::app().raw(&header, b"")
    };
    const MAGIC: usize = 257;
    const SPARSE: usize = 386;
    unpacked(&with(MAGIC, b"ustar\x0000")).unwrap();
    for magic in [&b"ustar\0xx"[..], b"ustar\0\0\0", b"ustar 00", b"USTAR\x0000", &[0; 8]] {
        assert_refused(&with(MAGIC, magic), "neither of the format");
    }
    assert_refused(&with(SPARSE, b"00000000000\0"), "sparse");
}

#[test]
fn links_are_made_when_nothing_else_is_and_directories_closed_after_them() {
    #[derive(Default)]
    struct Recorder(String);
    impl Sink for Recorder {
        fn directory(&mut self, _: &str) -> Result<()> {
            self.0.push('d');
            Ok(())
        }

        fn file(&mut self, _: &str, attributes: FileAttributes, content: &mut Content<'_>) -> Result<()> {
            self.0.push('f');
            CheckOnly.file("", attributes, content)
        }

        fn link(&mut self, _: &str, _: &str) -> Result<()> {
            self.0.push('l');
            Ok(())
        }

        fn seal(&mut self, _: &str, _: u32) -> Result<()> {
            self.0.push('s');
            Ok(())
        }
    }
    let archive = Builder::default().link("X.app/first", "Contents").link("X.app/Contents/l", "x");
    let archive = archive.directory("X.app/d", 0o755).file("X.app/d/f", 0o644, b"");
    let archive = archive.file("X.app/Contents/Info.plist", 0o644, b"");
    let mut recorder = Recorder::default();
    let archive = archive.file("X.app/Contents/MacOS/X", 0o755, b"").gzip();
    unpack(&mut &*archive, LIMITS, &mut recorder).unwrap();
    assert_eq!(recorder.0, "ddffdfllsss");
}

#[test]
fn what_unpacks_to_far_more_than_its_size_is_refused() {
    let mut bomb = header(b"X.app/bomb", EntryType::Regular, 0o644, b"", 0);
    for size in [LIMITS.bytes, (1 << 33) - 1] {
        bomb.set_size(size);
        bomb.set_cksum();
        assert_refused(&Builder::app().raw(&bomb, b""), "far more than its size");
    }
    let described = |bytes: usize| {
        let comment = vec![b'x'; bytes - "1048576 comment=\n".len()];
        assert_eq!(pax_record("comment", &comment).len(), bytes);
        Builder::app().pax(EntryType::XHeader, &[("comment", &comment)]).file("X.app/x", 0o644, b"")
    };
    unpacked(&described(1 << 20)).unwrap();
    assert_refused(&described((1 << 20) + 1), "too long");
    assert_eq!(Limits::for_archive(1 << 20).bytes, 128 << 20);
    assert_eq!(Limits::for_archive(u64::MAX).bytes, u64::MAX);
}

#[test]
fn there_is_a_limit_to_entries_and_bytes() {
    let archive = Builder::app().file("X.app/x", 0o644, &[1; 513]).gzip();
    let unpack = |entries, bytes| unpack(&mut &*archive, Limits { entries, bytes }, &mut CheckOnly);
    // Three headers, two small files, one of two blocks.
    unpack(3, 7 * 512).unwrap();
    for (entries, bytes) in [(2, u64::MAX), (usize::MAX, 7 * 512 - 1)] {
        assert_eq!(unpack(entries, bytes).unwrap_err().code(), ErrorCode::UnsafeArchive);
    }
}

#[test]
fn what_follows_the_archive_or_is_missing_from_it_is_refused() {
    let tar = Builder::app().tar();
    let good = gzip(&tar);
    unpack(&mut &*good, LIMITS, &mut CheckOnly).unwrap();
    let padded = [&tar[..], &[0; 10240]].concat();
    unpack(&mut &*gzip(&padded), LIMITS, &mut CheckOnly).unwrap();
    assert_invalid(&gzip(&[&tar[..], b"more"].concat()), "behind the end of the archive");
    assert_invalid(&gzip(&[&tar[..], &Builder::app().tar()].concat()), "behind the end of the archive");
    let followed_by_zeros = |count| gzip(&[&tar[..], &vec![0; count]].concat());
    // Of the two blocks that end an archive, one is read as its end.
    let most = (1 << 20) - 512;
    unpack(&mut &*followed_by_zeros(most), LIMITS, &mut CheckOnly).unwrap();
    assert_invalid(&followed_by_zeros(most + 1), "behind the end of the archive");
    assert_invalid(&[&good[..], b"\0"].concat(), "behind the end of the gzip stream");
    assert_invalid(&[&good[..], &good].concat(), "behind the end of the gzip stream");
    for cut in [0, 1, 9, 20, good.len() / 2, good.len() - 9, good.len() - 1] {
        assert_invalid(&good[..cut], "");
    }
    assert_invalid(&gzip(&tar[..700]), "");
    assert_invalid(&gzip(&tar[..512]), "middle of a file");
    let mut wrong_sum = good.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_invalid(&wrong_sum, "corrupt");
    assert_invalid(&tar, "gzip");
    assert_invalid(b"PK\x03\x04 and the rest of another archive", "gzip");
}

/// A reader that a signal interrupts, and that then fails or goes on.
struct Interrupted(Vec<io::Result<&'static [u8]>>);

impl Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.remove(0)?;
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

#[test]
fn a_signal_does_not_end_reading_and_a_failing_disk_does() {
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    let mut buffer = [0; 8];
    let mut reader = Interrupted(vec![interrupted(), Ok(b"abc"), Ok(b"")]);
    let mut content = Content::new(&mut reader, 3);
    assert_eq!(content.read(&mut buffer).unwrap(), 3);
    assert_eq!(content.read(&mut buffer).unwrap(), 0);
    let mut reader = Interrupted(vec![interrupted(), Err(io::Error::from_raw_os_error(5))]);
    assert_eq!(Content::new(&mut reader, 3).read(&mut buffer).unwrap_err().code(), ErrorCode::Io);
}

/// xorshift64*; the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn path(&mut self, components: &[&str]) -> String {
        (0..=self.below(4)).map(|_| self.one_of(components)).collect::<Vec<_>>().join("/")
    }
}

const HARMLESS: [&str; 9] = ["a", "b", "c", "A", "é", "e\u{301}", "Contents", "MacOS", "link"];
const HOSTILE: [&str; 8] = ["..", ".", "", "../..", "a\0", "\u{1}", "../precious", "../../precious/file"];

/// Archives that are mostly harmless, so that what is hostile in them is reached.
fn random_archive(random: &mut Random, outside: &str) -> Builder {
    let mut archive = Builder::app();
    for _ in 0..=random.below(8) {
        let mut components = HARMLESS.to_vec();
        if random.below(12) == 0 {
            components.extend(HOSTILE);
        }
        let path = format!("X.app/{}", random.path(&components));
        let target = match random.below(12) {
            0 => format!("{outside}/precious/file"),
            1 => random.path(&["..", "a", "link", "../.."]),
            _ => random.path(&["..", "a", "b", "A", ".", "link", "Contents"]),
        };
        archive = match random.below(12) {
            0 => archive.entry(path.as_bytes(), EntryType::Link, 0o644, target.as_bytes(), b""),
            1 => archive.pax(EntryType::XHeader, &[("path", path.as_bytes())]).file(
                "X.app/short",
                0o644,
                b"pax",
            ),
            2 => archive.pax(EntryType::XHeader, &[("linkpath", target.as_bytes())]).link(&path, "short"),
            3 => archive.raw(&random_header(random, &path), b""),
            4 | 5 => archive.directory(&path, 0o755),
            6..=8 => archive.link(&path, &target),
            _ => archive.file(&path, 0o644, b"content"),
        };
    }
    archive
}

fn random_header(random: &mut Random, path: &str) -> Header {
    let mut header = header(path.as_bytes(), EntryType::Regular, 0o644, b"..", 0);
    let at = random.below(512);
    header.as_mut_bytes()[at] = random.below(256).to_le_bytes()[0];
    if random.below(2) == 0 {
        header.set_cksum();
    }
    header
}

#[test]
fn whatever_an_archive_says_nothing_outside_changes() {
    let mut random = Random(0x0BAD_5EED);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..6000 {
        let scene = Scene::new();
        let outside = scene.outside();
        let archive = random_archive(&mut random, scene.directory.path().to_str().unwrap());
        match scene.unpack(&archive.gzip()) {
            Ok(()) => {
                accepted += 1;
                assert_links_stay_inside(&scene.root(), &scene.root(), round);
            }
            Err(_) => refused += 1,
        }
        assert_eq!(scene.outside(), outside, "round {round}");
    }
    assert!(accepted > 300 && refused > 300, "{accepted} accepted, {refused} refused");
}

/// As the kernel sees it.
fn assert_links_stay_inside(root: &Path, directory: &Path, round: usize) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            assert_links_stay_inside(root, &entry.path(), round);
        } else if let Ok(real) = fs::canonicalize(entry.path()) {
            assert!(real.starts_with(fs::canonicalize(root).unwrap()), "round {round}: {real:?}");
        }
    }
}
