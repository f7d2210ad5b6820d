//! Archives that were made to do harm, one by one, by what they try.

use std::{collections::HashSet, fs, os::unix::fs::MetadataExt};

use tar::{EntryType, Header};

use super::{
    super::testing::{Builder, gzip, header, snapshot},
    Scene,
};
use crate::{ErrorCode, state::digest};

const PAX: EntryType = EntryType::XHeader;
const GLOBAL: EntryType = EntryType::XGlobalHeader;

/// An archive, and why it is refused.
struct Hostile {
    /// What it tries.
    title: &'static str,
    code: ErrorCode,
    reason: &'static str,
    /// Given the directory that must not change: it lies beside the one that is unpacked to, as `precious`.
    archive: fn(&str) -> Vec<u8>,
}

/// An archive that could do harm.
const fn danger(title: &'static str, reason: &'static str, archive: fn(&str) -> Vec<u8>) -> Hostile {
    Hostile { title, code: ErrorCode::UnsafeArchive, reason, archive }
}

/// One that is no archive of an application, or not a whole one.
const fn broken(title: &'static str, reason: &'static str, archive: fn(&str) -> Vec<u8>) -> Hostile {
    Hostile { title, code: ErrorCode::InvalidArtifact, reason, archive }
}

const HOSTILE: &[Hostile] = &[
    // Names.
    danger("a name that begins above", "leads out", |_| file("../precious/file")),
    danger("a name that leads out of the bundle", "leads out", |_| file("X.app/../precious/file")),
    danger("a name that leads in and out", "leads out", |_| file("X.app/Contents/../../precious/file")),
    danger("a name that only leads in and out", "leads out", |_| file("X.app/Contents/../x")),
    danger("a name that ends above", "leads out", |_| app().directory("X.app/..", 0o777).gzip()),
    danger("a directory above", "leads out", |_| app().directory("X.app/../precious", 0o777).gzip()),
    danger("an absolute name", "absolute", |precious| file(&format!("{precious}/file"))),
    danger("an absolute name behind two slashes", "absolute", |precious| file(&format!("/{precious}/file"))),
    danger("a name that leads out in a pax record", "leads out", |_| {
        app().pax(PAX, &[("path", b"X.app/../precious/file")]).file("X.app/x", 0o644, b"evil").gzip()
    }),
    danger("an absolute name in a pax record", "absolute", |precious| {
        let path = format!("{precious}/file");
        app().pax(PAX, &[("path", path.as_bytes())]).file("X.app/x", 0o644, b"evil").gzip()
    }),
    danger("a long name that leads out", "leads out", |_| {
        file(&format!("X.app/{}{}../precious/file", "d/".repeat(60), "../".repeat(60)))
    }),
    danger("a long name that is absolute", "absolute", |precious| {
        file(&format!("{precious}/{}file", "./".repeat(60)))
    }),
    danger("a prefix field that leads out", "leads out", |_| with_prefix("X.app/..", "precious/file")),
    danger("a prefix field that is absolute", "absolute", |precious| with_prefix(precious, "file")),
    danger("backslashes", "not in a directory *.app", |_| file("X.app\\..\\..\\precious\\file")),
    danger("a drive", "not in X.app", |_| file("C:\\X.app/file")),
    danger("a zero byte that hides the end", "control character", |_| {
        app().pax(PAX, &[("path", b"X.app/x\0/../../precious/file")]).file("X.app/x", 0o644, b"").gzip()
    }),
    danger("a line feed", "control character", |_| file("X.app/x\n../../precious/file")),
    danger("a control character beyond ASCII", "control character", |_| file("X.app/\u{9b}31m")),
    danger("a name that is not UTF-8", "not UTF-8", |_| {
        app().entry(b"X.app/\xff", EntryType::Regular, 0o644, b"", b"").gzip()
    }),
    danger("a dot in UTF-8 of two bytes", "not UTF-8", |_| {
        app().entry(b"X.app/\xc0\xae\xc0\xae/x", EntryType::Regular, 0o644, b"", b"").gzip()
    }),
    danger("no name", "empty", |_| file("")),
    danger("a second spelling by a dot", "more than one way", |_| file("X.app/./x")),
    danger("a second spelling by a slash", "more than one way", |_| file("X.app//x")),
    danger("a name that cannot be seen", "cannot be seen", |_| file("X.app/\u{200d}")),
    danger("a name longer than any disk takes", "too long", |_| file(&format!("X.app/{}", "x".repeat(256)))),
    danger("a path longer than any system takes", "too long", |_| {
        file(&format!("X.app/{}", "d/".repeat(500)))
    }),
    danger("a file that is named like a directory", "a directory's", |_| file("X.app/x/")),
    danger("a file in the place of everything", "a directory's", |_| file("./")),
    // What lies at the top.
    danger("a second bundle", "not in X.app", |_| file("Y.app/x")),
    danger("a second bundle in another case", "not in X.app", |_| file("x.app/x")),
    danger("something beside the bundle", "not in a directory *.app", |_| file("__MACOSX/x")),
    danger("a file for a bundle", "the top is no directory", |_| {
        Builder::default().file("X.app", 0o755, b"evil").gzip()
    }),
    danger("a link for a bundle", "the top is no directory", |precious| {
        Builder::default().link("X.app", precious).file("X.app/file", 0o644, b"evil").gzip()
    }),
    broken("nothing at all", "Contents/Info.plist", |_| Builder::default().gzip()),
    broken("a bundle of which nothing can be started", "no executable", |_| {
        Builder::default().file("X.app/Contents/Info.plist", 0o644, b"").gzip()
    }),
    broken("a program that is only a link", "no executable", |_| {
        let plist = Builder::default().file("X.app/Contents/Info.plist", 0o644, b"");
        plist.file("X.app/x", 0o755, b"").link("X.app/Contents/MacOS/X", "../../x").gzip()
    }),
    // Links.
    danger("an absolute link", "absolute", |precious| link("l", precious)),
    danger("an absolute link to itself", "absolute", |precious| {
        link("l", &format!("{precious}/../root/Contents"))
    }),
    danger("a link out", "leads out", |_| link("l", "../precious/file")),
    danger("a link to above", "leads out", |_| link("l", "..")),
    danger("a link out and in again", "leads out", |_| link("l", "../X.app/Contents")),
    danger("a link in and out", "leads out", |_| link("l", "Contents/../../precious")),
    danger("a link by way of what is missing", "leads out", |_| link("l", "nowhere/../../precious")),
    danger("a link out from below", "leads out", |_| link("Contents/MacOS/l", "../../../precious/file")),
    danger("a long link out", "leads out", |_| link("l", &format!("{}../precious", "./".repeat(60)))),
    danger("a link out in a pax record", "leads out", |_| {
        app().pax(PAX, &[("linkpath", b"../precious/file")]).link("X.app/l", "x").gzip()
    }),
    danger("an absolute link in a pax record", "absolute", |precious| {
        app().pax(PAX, &[("linkpath", precious.as_bytes())]).link("X.app/l", "x").gzip()
    }),
    danger("two links that lead out together", "leads out", |_| {
        links(&[("d/s", "../d/e"), ("l", "d/s/../../../precious")])
    }),
    danger("two links, of which the second comes first", "leads out", |_| {
        links(&[("l", "d/s/../../../precious"), ("d/s", "../d/e")])
    }),
    danger("three links that lead out together", "leads out", |_| {
        links(&[("a", "d/e"), ("d/e/b", "../../a"), ("l", "d/e/b/../../../precious")])
    }),
    danger("a link through a link to the top", "leads out", |_| {
        links(&[("d/e/s", "../.."), ("l", "d/e/s/../precious")])
    }),
    danger("a link through one in another case", "leads out", |_| {
        links(&[("d/e/S", "../.."), ("l", "D/e/s/../precious")])
    }),
    danger("a link through one in another normal form", "leads out", |_| {
        links(&[("d/e/caf\u{e9}", "../.."), ("l", "d/e/cafe\u{301}/../precious")])
    }),
    danger("a link through one with a joiner", "leads out", |_| {
        links(&[("d/e/s\u{200d}", "../.."), ("l", "d/e/s/../precious")])
    }),
    danger("two links to one another", "too many links", |_| links(&[("a", "b"), ("b", "a")])),
    danger("a link to itself", "too many links", |_| links(&[("a", "a/x")])),
    danger("links that double at every step", "too many links", |_| {
        let chain = (0..30).fold(app(), |archive, step| {
            archive.link(&format!("X.app/l{step}"), &format!("l{0}/../l{0}", step + 1))
        });
        chain.directory("X.app/l30", 0o755).gzip()
    }),
    danger("a link to nowhere", "empty", |_| link("l", "")),
    danger("a link with a line feed", "control character", |_| link("l", "x\n/../../precious")),
    // Writing through links.
    danger("RUSTSEC-2026-0067: a directory's mode for what a link leads to", "is no directory", |_| {
        app().link("X.app/l", "../precious").directory("X.app/l", 0o777).gzip()
    }),
    danger("RUSTSEC-2026-0067, with a slash", "is no directory", |precious| {
        app().link("X.app/l", precious).directory("X.app/l/", 0o777).gzip()
    }),
    danger("RUSTSEC-2026-0067, with a dot", "more than one way", |precious| {
        app().link("X.app/l", precious).directory("X.app/l/.", 0o777).gzip()
    }),
    danger("CVE-2021-38511: directories through a link", "is no directory", |_| {
        app().link("X.app/l", "../precious").file("X.app/l/new/directory/x", 0o644, b"").gzip()
    }),
    danger("CVE-2021-38511, as directories", "is no directory", |precious| {
        app().link("X.app/l", precious).directory("X.app/l/new", 0o755).gzip()
    }),
    danger("a file through a link", "is no directory", |_| {
        app().link("X.app/l", "../precious").file("X.app/l/file", 0o644, b"evil").gzip()
    }),
    danger("a file through two links", "is no directory", |_| {
        let links = app().link("X.app/a", "b").link("X.app/b", "../precious");
        links.file("X.app/a/file", 0o644, b"evil").gzip()
    }),
    danger("a file through a link in another case", "is no directory", |_| {
        app().link("X.app/l", "../precious").file("X.app/L/file", 0o644, b"evil").gzip()
    }),
    danger("a link through a link", "is no directory", |_| {
        app().link("X.app/l", "../precious").link("X.app/l/file", "x").gzip()
    }),
    danger("a file in the place of a link", "there twice", |_| {
        app().link("X.app/l", "../precious/file").file("X.app/l", 0o644, b"evil").gzip()
    }),
    danger("a link in the place of a directory", "there twice", |_| {
        let directory = app().directory("X.app/d", 0o755).link("X.app/d", "../precious");
        directory.file("X.app/d/file", 0o644, b"evil").gzip()
    }),
    danger("a link in the place of a directory that was not mentioned", "there twice", |_| {
        app().file("X.app/d/file", 0o644, b"evil").link("X.app/d", "../precious").gzip()
    }),
    danger("a link in the place of the program", "there twice", |_| {
        app().link("X.app/Contents/MacOS/X", "/bin/sh").gzip()
    }),
    // Other kinds of entries.
    danger("a hard link out", "a hard link", |_| hard_link("../precious/file")),
    danger("an absolute hard link", "a hard link", |precious| hard_link(&format!("{precious}/file"))),
    danger("a hard link inside", "a hard link", |_| hard_link("X.app/Contents/MacOS/X")),
    danger("a hard link to a link that leads out, and a file in its place", "a hard link", |_| {
        let link = app().link("X.app/l", "../precious/file");
        let hard = link.entry(b"X.app/h", EntryType::Link, 0o644, b"X.app/l", b"");
        hard.file("X.app/h", 0o644, b"evil").gzip()
    }),
    danger("a hard link with content", "it has content", |_| {
        app().entry(b"X.app/h", EntryType::Link, 0o644, b"../precious/file", b"evil").gzip()
    }),
    danger("a character device", "a device", |_| special(EntryType::Char)),
    danger("a block device", "a device", |_| special(EntryType::Block)),
    danger("a named pipe", "a named pipe", |_| special(EntryType::Fifo)),
    danger("a contiguous file", "unknown type \"7\"", |_| special(EntryType::Continuous)),
    danger("a volume's name", "unknown type \"V\"", |_| special(EntryType::new(b'V'))),
    danger("a directory's list", "unknown type \"D\"", |_| special(EntryType::new(b'D'))),
    danger("the rest of a file of another volume", "unknown type \"M\"", |_| special(EntryType::new(b'M'))),
    danger("Solaris' extended header", "unknown type \"X\"", |_| special(EntryType::new(b'X'))),
    danger("a sparse file", "sparse", |_| special(EntryType::GNUSparse)),
    danger("a sparse file by its header", "sparse", |_| changed(386, b"00000000000\0", b"").gzip()),
    danger("a sparse file by pax records", "sparse", |_| {
        let records: &[(&str, &[u8])] = &[("GNU.sparse.map", b"0,1"), ("GNU.sparse.size", b"99999999999")];
        app().pax(PAX, records).file("X.app/x", 0o644, b"x").gzip()
    }),
    danger("another name for a sparse file", "sparse", |_| {
        let records: &[(&str, &[u8])] =
            &[("GNU.sparse.major", b"1"), ("GNU.sparse.name", b"../precious/file")];
        app().pax(PAX, records).file("X.app/x", 0o644, b"x").gzip()
    }),
    danger("a file that runs as its owner", "set-user-id", |_| app().file("X.app/x", 0o4755, b"").gzip()),
    danger("a file that runs as its group", "set-group-id", |_| app().file("X.app/x", 0o2755, b"").gzip()),
    // Names that a disk takes for one.
    danger("one name in two cases", "same on many disks", |_| twice("Read", "read")),
    danger("one name in two normal forms", "same on many disks", |_| twice("caf\u{e9}", "cafe\u{301}")),
    danger("one name in two normal forms and cases", "same on many disks", |_| {
        twice("CAF\u{c9}", "cafe\u{301}")
    }),
    danger("a sharp s", "same on many disks", |_| twice("stra\u{df}e", "STRASSE")),
    danger("a capital sharp s", "same on many disks", |_| twice("\u{1e9e}", "ss")),
    danger("a dotted capital i", "same on many disks", |_| twice("\u{130}", "i\u{307}")),
    danger("the sigma at the end of a word", "same on many disks", |_| twice("\u{3c2}", "\u{3a3}")),
    danger("a ligature", "same on many disks", |_| twice("\u{fb01}le", "FILE")),
    danger("the sign of kelvin", "same on many disks", |_| twice("\u{212a}", "k")),
    danger("a syllable and its letters", "same on many disks", |_| twice("\u{ac00}", "\u{1100}\u{1161}")),
    danger("a mark of direction", "same on many disks", |_| twice("a\u{200e}b", "ab")),
    danger("directories in two cases", "same on many disks", |_| twice("D/a", "d/b")),
    danger("a link in another case", "same on many disks", |_| {
        app().link("X.app/L", "Contents").file("X.app/l", 0o644, b"").gzip()
    }),
    danger("a file that is there twice", "there twice", |_| twice("a", "a")),
    danger("a directory that is there twice", "with different modes", |_| {
        app().directory("X.app/a", 0o755).directory("X.app/a", 0o700).gzip()
    }),
    danger("a directory in the place of a file", "is no directory", |_| {
        app().file("X.app/a", 0o644, b"").directory("X.app/a", 0o755).gzip()
    }),
    danger("the program once more", "there twice", |_| {
        app().file("X.app/Contents/MacOS/X", 0o755, b"evil").gzip()
    }),
    // What two programs would read differently.
    danger(
        "RUSTSEC-2026-0068: a size in a pax record that takes in the next entry",
        "size in the pax",
        |_| {
            let smuggled = header(b"X.app/smuggled", EntryType::Regular, 0o755, b"", 0);
            let content = [&[b'x'; 512], &smuggled.as_bytes()[..]].concat();
            let first = app().pax(PAX, &[("size", b"1024")]);
            first.raw(&header(b"X.app/x", EntryType::Regular, 0o644, b"", 512), &content).gzip()
        },
    ),
    danger("RUSTSEC-2026-0068: a size in a pax record that lets one out", "size in the pax", |_| {
        let smuggled = header(b"X.app/smuggled", EntryType::Regular, 0o755, b"", 0);
        app().pax(PAX, &[("size", b"0")]).file("X.app/x", 0o644, smuggled.as_bytes()).gzip()
    }),
    danger("a size with a sign", "size in the pax", |_| {
        app().pax(PAX, &[("size", b"+1")]).file("X.app/x", 0o644, b"x").gzip()
    }),
    danger("a size for all that follow", "more than one file", |_| {
        app().pax(GLOBAL, &[("size", b"0")]).file("X.app/x", 0o644, b"x").gzip()
    }),
    danger("a name for all that follow", "more than one file", |_| {
        app().pax(GLOBAL, &[("path", b"../precious/file")]).file("X.app/x", 0o644, b"evil").gzip()
    }),
    danger("a link's target for all that follow", "more than one file", |_| {
        app().pax(GLOBAL, &[("linkpath", b"../precious")]).link("X.app/l", "x").gzip()
    }),
    danger("two pax headers", "twice for one", |_| {
        let header = app().pax(PAX, &[("path", b"X.app/y")]).pax(PAX, &[("path", b"../precious/file")]);
        header.file("X.app/x", 0o644, b"evil").gzip()
    }),
    danger("two names in one pax header", "there twice", |_| {
        let records: &[(&str, &[u8])] = &[("path", b"X.app/y"), ("path", b"../precious/file")];
        app().pax(PAX, records).file("X.app/x", 0o644, b"evil").gzip()
    }),
    danger("a name that is taken back", "empty or there twice", |_| {
        app().pax(PAX, &[("path", b"")]).file("X.app/x", 0o644, b"").gzip()
    }),
    danger("a pax record that lies about its length", "malformed", |_| {
        let record = b"99 path=X.app/y\n";
        app().raw(&header(b"pax", PAX, 0o644, b"", record.len()), record).file("X.app/x", 0o644, b"").gzip()
    }),
    danger("a pax record without a value", "no value", |_| {
        app().raw(&header(b"pax", PAX, 0o644, b"", 7), b"7 path\n").file("X.app/x", 0o644, b"").gzip()
    }),
    danger("a long name in two ways", "two long names", |_| {
        let long = format!("X.app/{}", "x".repeat(200));
        app().pax(PAX, &[("path", b"../precious/file")]).file(&long, 0o644, b"evil").gzip()
    }),
    danger("a long target in two ways", "two long names", |_| {
        let long = "x".repeat(200);
        app().pax(PAX, &[("linkpath", b"../precious/file")]).link("X.app/l", &long).gzip()
    }),
    danger("two long names", "twice for one", |_| {
        let long = |archive: Builder| {
            let name = b"X.app/y\0";
            let kind = EntryType::GNULongName;
            archive.raw(&header(b"././@LongLink", kind, 0, b"", name.len()), name)
        };
        long(long(app())).file("X.app/x", 0o644, b"").gzip()
    }),
    danger("a size in base 256", "its size is no octal", |_| {
        changed(124, b"\x80\0\0\0\0\0\0\0\0\0\x02\0", &[b'x'; 512]).gzip()
    }),
    broken("a negative size", "", |_| changed(124, &[0xff; 12], b"").gzip()),
    danger("a mode in base 256", "its mode is no octal", |_| {
        changed(100, b"\x80\0\0\0\0\0\x01\xa4", b"").gzip()
    }),
    danger("a directory with content", "it has content", |_| {
        let smuggled = header(b"X.app/smuggled", EntryType::Regular, 0o755, b"", 0);
        app().entry(b"X.app/d", EntryType::Directory, 0o755, b"", smuggled.as_bytes()).gzip()
    }),
    danger("a link with content", "it has content", |_| {
        let smuggled = header(b"X.app/smuggled", EntryType::Regular, 0o755, b"", 0);
        app().entry(b"X.app/l", EntryType::Symlink, 0o755, b"x", smuggled.as_bytes()).gzip()
    }),
    danger("a header of the seventies", "neither of the format", |_| changed(257, &[0; 8], b"").gzip()),
    danger("a header of an unknown kind", "neither of the format", |_| {
        changed(257, b"ustar\0xx", b"").gzip()
    }),
    broken("a header with a wrong sum", "", |_| {
        let mut header = header(b"X.app/x", EntryType::Regular, 0o644, b"", 0);
        header.as_mut_bytes()[0] ^= 1;
        app().raw(&header, b"").gzip()
    }),
    danger("a time that no system has", "time of modification", |_| {
        app().pax(PAX, &[("mtime", b"99999999999999999999")]).file("X.app/x", 0o644, b"").gzip()
    }),
    broken("a description of nothing", "a description of nothing", |_| {
        app().pax(PAX, &[("path", b"../precious/file")]).gzip()
    }),
    // Bombs.
    danger("a file of eight gigabytes", "far more than its size", |_| {
        app().raw(&sized(EntryType::Regular, (1 << 33) - 1), b"").gzip()
    }),
    danger("64 MiB of zeros in 64 KiB", "far more than its size", |_| {
        let mut archive = app().raw(&sized(EntryType::Regular, 64 << 20), b"").tar();
        archive.resize(archive.len() + (64 << 20), 0);
        gzip(&archive)
    }),
    danger("descriptions of one megabyte each", "far more than its size", |_| {
        let comment = vec![b'x'; (1 << 20) - 20];
        (0..65).fold(app(), |archive, _| archive.pax(GLOBAL, &[("comment", &comment)])).gzip()
    }),
    danger("a description without end", "too long", |_| app().raw(&sized(PAX, 32 << 20), b"").gzip()),
    danger("a name without end", "too long", |_| {
        app().raw(&sized(EntryType::GNULongName, 32 << 20), b"").gzip()
    }),
    broken("zeros without end", "behind the end of the archive", |_| {
        gzip(&[app().tar(), vec![0; 8 << 20]].concat())
    }),
    // What follows the archive, or is missing.
    broken("a second archive", "behind the end of the archive", |_| {
        gzip(&[app().tar(), app().file("X.app/x", 0o644, b"").tar()].concat())
    }),
    broken("a second gzip member", "behind the end of the gzip stream", |_| {
        [app().gzip(), app().gzip()].concat()
    }),
    broken("a byte behind the end", "behind the end of the gzip stream", |_| {
        [app().gzip(), vec![0]].concat()
    }),
    broken("half an archive", "", |_| {
        let archive = app().gzip();
        archive[..archive.len() / 2].to_vec()
    }),
    broken("half a file", "middle of a file", |_| gzip(&app().tar()[..512])),
    broken("a wrong sum at the end", "corrupt", |_| {
        let mut archive = app().gzip();
        let at = archive.len() - 6;
        archive[at] ^= 1;
        archive
    }),
    broken("a deflate block of an unknown kind", "", |_| {
        let mut archive = app().gzip();
        archive[10] |= 6;
        archive
    }),
    broken("another kind of archive", "gzip", |_| b"PK\x03\x04 and the rest of another archive".to_vec()),
    broken("no archive in the gzip stream", "", |_| gzip(&[b'x'; 2048])),
];

fn app() -> Builder {
    Builder::app()
}

fn file(path: &str) -> Vec<u8> {
    app().file(path, 0o644, b"evil").gzip()
}

fn with_prefix(prefix: &str, name: &str) -> Vec<u8> {
    let mut header = Header::new_ustar();
    let ustar = header.as_ustar_mut().unwrap();
    ustar.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
    ustar.name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(4);
    header.set_cksum();
    app().raw(&header, b"evil").gzip()
}

fn link(path: &str, target: &str) -> Vec<u8> {
    app().link(&format!("X.app/{path}"), target).gzip()
}

/// In a bundle with the directories `d` and `d/e`.
fn links(links: &[(&str, &str)]) -> Vec<u8> {
    let directories = app().directory("X.app/d/e", 0o755);
    links
        .iter()
        .fold(directories, |archive, (path, target)| archive.link(&format!("X.app/{path}"), target))
        .gzip()
}

fn hard_link(target: &str) -> Vec<u8> {
    app().entry(b"X.app/h", EntryType::Link, 0o644, target.as_bytes(), b"").gzip()
}

fn special(kind: EntryType) -> Vec<u8> {
    app().entry(b"X.app/x", kind, 0o644, b"", b"").gzip()
}

fn twice(one: &str, other: &str) -> Vec<u8> {
    let path = |name: &str| format!("X.app/{name}");
    app().file(&path(one), 0o644, b"1").file(&path(other), 0o644, b"2").gzip()
}

/// A file of which these bytes of the header are others.
fn changed(at: usize, field: &[u8], content: &[u8]) -> Builder {
    let mut header = header(b"X.app/x", EntryType::Regular, 0o644, b"", content.len());
    header.as_mut_bytes()[at..at + field.len()].copy_from_slice(field);
    header.set_cksum();
    app().raw(&header, content)
}

/// Of something that says that it is this long.
fn sized(kind: EntryType, size: u64) -> Header {
    let mut header = header(b"X.app/bomb", kind, 0o644, b"", 0);
    header.set_size(size);
    header.set_cksum();
    header
}

#[test]
fn every_hostile_archive_is_refused_and_changes_nothing_outside() {
    println!("{} archives", HOSTILE.len());
    assert!(HOSTILE.len() >= 148, "{} archives", HOSTILE.len());
    let mut seen = HashSet::new();
    for Hostile { title, code, reason, archive } in HOSTILE {
        let scene = Scene::new();
        let precious = scene.directory.path().join("precious");
        let inode = || {
            let metadata = fs::metadata(precious.join("file")).unwrap();
            (metadata.ino(), metadata.nlink(), metadata.ctime(), metadata.ctime_nsec())
        };
        let before = (scene.outside(), inode());
        let bytes = archive(precious.to_str().unwrap());
        let error = scene.unpack(&bytes).expect_err(title);
        assert_eq!((scene.outside(), inode()), before, "{title}");
        assert_eq!(error.code(), *code, "{title}: {error}");
        assert!(error.to_string().contains(reason), "{title}: {error}");
        // Links are made last, so that of an archive that is refused there are none.
        let made = snapshot(&scene.root());
        assert!(!made.values().any(|entry| entry.starts_with("link")), "{title}: {made:?}");
        assert!(seen.insert(digest(&bytes)), "{title}: it is there already");
    }
    assert!(seen.len() >= 60, "{} archives", seen.len());
}
