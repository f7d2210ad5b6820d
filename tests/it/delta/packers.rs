//! What real programs pack: whether their streams can be made again, as the README says.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_packager_updater::release::Delta;
use tempfile::TempDir;

use crate::support::{Random, has};

const LINES: usize = 60_000;
/// 4 MB: more than a block of an xz file of the lowest level.
const MANY_LINES: usize = 200_000;

/// A directory with one file, of which this line is another one.
fn content(directory: &Path, name: &str, lines: usize, changed: Option<usize>) -> PathBuf {
    let root = directory.join(name);
    fs::create_dir_all(root.join("usr")).unwrap();
    let mut random = Random::seeded(5);
    let mut text = String::new();
    for line in 0..lines {
        let number = random.next();
        let number = if Some(line) == changed { 0 } else { number };
        text += &format!("{line} {number:016x}\n");
    }
    fs::write(root.join("usr/text"), text).unwrap();
    root
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).env("SOURCE_DATE_EPOCH", "1").output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn squashfs(root: &Path, packed: &Path, options: &[&str]) {
    let paths = [root.to_str().unwrap(), packed.to_str().unwrap()];
    let always = ["-noappend", "-root-owned", "-no-progress"];
    run("mksquashfs", &[&paths[..], &always, options].concat());
}

fn deb(root: &Path, packed: &Path, compression: &[&str]) {
    fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let control =
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n";
    fs::write(root.join("DEBIAN/control"), control).unwrap();
    let paths = [root.to_str().unwrap(), packed.to_str().unwrap()];
    run("dpkg-deb", &[compression, &["--root-owner-group", "--build"], &paths[..]].concat());
}

fn tar(root: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    builder.append_dir_all("App.app", root).unwrap();
    builder.into_inner().unwrap()
}

/// What became of it.
#[derive(Debug, PartialEq)]
struct Compared {
    /// Of the new artifact.
    percent: usize,
    /// Those that changed, and those of them that were not made again.
    streams: usize,
    opaque: usize,
}

fn compare(lines: usize, changed: usize, pack: impl Fn(&Path, &Path)) -> Compared {
    let directory = TempDir::new().unwrap();
    let packed = [None, Some(changed)].map(|changed| {
        let name = format!("{changed:?}");
        let packed = directory.path().join(format!("{name}.packed"));
        pack(&content(directory.path(), &name, lines, changed), &packed);
        fs::read(packed).unwrap()
    });
    let [old, new] = &packed;
    assert_ne!(old, new);
    let delta = Delta::create(old, new, &mut |_| {}).unwrap();
    Compared {
        percent: delta.as_bytes().len() * 100 / new.len(),
        streams: delta.streams(),
        opaque: delta.opaque_streams(),
    }
}

fn assert_small(name: &str, pack: impl Fn(&Path, &Path)) {
    // At its beginning, where all that is compressed behind it becomes another.
    let compared = compare(LINES, 10, pack);
    assert_eq!((compared.percent, compared.opaque), (0, 0), "{name}");
}

#[test]
fn squashfs_with_gzip_or_xz_has_small_deltas() {
    if !has("mksquashfs") {
        return;
    }
    for options in [
        &["-comp", "gzip"][..],
        &["-comp", "gzip", "-Xcompression-level", "6"],
        &["-comp", "gzip", "-Xwindow-size", "12"],
        &["-comp", "gzip", "-b", "1M"],
        &["-comp", "xz"],
    ] {
        assert_small(&options.join(" "), |root, packed| squashfs(root, packed, options));
    }
}

/// Whether its blocks are made again depends on its version of libzstd. The delta is right anyway: that is compared when it
/// is made.
#[test]
fn squashfs_with_zstd_has_a_delta() {
    if has("mksquashfs") {
        let compared = compare(LINES, 10, |root, packed| squashfs(root, packed, &["-comp", "zstd"]));
        println!("{compared:?}");
        assert!(compared.percent < 60, "{compared:?}");
    }
}

#[test]
fn debian_packages_with_gzip_or_xz_have_small_deltas() {
    if has("dpkg-deb") {
        for compression in ["-Zgzip", "-Zxz"] {
            assert_small(compression, |root, packed| deb(root, packed, &[compression]));
        }
    }
}

/// Several threads of its compressor make a block each.
#[test]
fn a_debian_package_whose_xz_file_has_several_blocks_has_small_deltas() {
    if has("dpkg-deb") {
        let last = MANY_LINES * 9 / 10;
        let compared = compare(MANY_LINES, last, |root, packed| deb(root, packed, &["-Zxz", "-z1"]));
        assert_eq!(compared, Compared { percent: 0, streams: 1, opaque: 0 });
    }
}

#[test]
fn an_archive_compressed_by_zlib_has_small_deltas() {
    assert_small("zlib", |root, packed| {
        let file = fs::File::create(packed).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        encoder.write_all(&tar(root)).unwrap();
        encoder.finish().unwrap();
    });
}

#[test]
fn of_an_archive_compressed_by_gnu_gzip_what_lies_behind_the_change_is_sent() {
    if !has("gzip") {
        return;
    }
    let pack = |root: &Path, packed: &Path| {
        let plain = packed.with_extension("plain");
        fs::write(&plain, tar(root)).unwrap();
        run("gzip", &["-n", plain.to_str().unwrap()]);
        fs::rename(plain.with_extension("plain.gz"), packed).unwrap();
    };
    let [first, last] = [LINES / 100, LINES * 9 / 10].map(|changed| compare(LINES, changed, pack));
    assert!(first.percent > 60 && last.percent < 20 && last.opaque == 1, "{first:?} and {last:?}");
}
