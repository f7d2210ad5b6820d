//! However much a server sends, the memory of an application stays as it is. Measured in a process of its own, from
//! what the system says of it.

use std::{
    fs,
    io::{self, Read},
};

use cargo_packager_updater::ErrorCode;

use crate::network::gzip_bomb;
use crate::support::{App, Child, Release, Reply, Server, Signer, Site, appimage, rounds};

const MIB: u64 = 1 << 20;
const IN_ALL: u64 = 64 * MIB;
const GROWTH: u64 = 16 * MIB;
/// What lies in the buffers of the system between two ends of a connection.
const ON_THE_WAY: u64 = 16 * MIB;
const HEAD: usize = 4096;

struct Measured {
    outcome: String,
    /// Once an update of ordinary size was done.
    before: u64,
    /// The most that there was.
    most: u64,
}

impl Measured {
    fn assert_bounded(&self, name: &str) {
        let Self { before, most, .. } = self;
        println!("{name}: {} KiB, of {} KiB before", most >> 10, before >> 10);
        assert!(*most <= IN_ALL, "{name}: {most} bytes of memory");
        assert!(most.saturating_sub(*before) <= GROWTH, "{name}: from {before} to {most} bytes of memory");
    }
}

/// The update that this endpoint announces.
fn measure(app: &App, size_max: u64, endpoint: String) -> Measured {
    // An update of the usual kind comes first: what that takes, the application takes anyway.
    let usual = Site::honest(Release::new());
    let endpoints = [usual.endpoint(), endpoint];
    let mut child = Child::start_in(&[Child::size_max(size_max)], "measure", app, &endpoints);
    let measured = Measured {
        before: bytes(&child.next_after("VmRSS:")),
        outcome: child.next_after("outcome: "),
        most: bytes(&child.next_after("VmHWM:")),
    };
    child.finish();
    measured
}

/// Of text like `  1234 kB`.
fn bytes(text: &str) -> u64 {
    text.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A head of an AppImage, and nothing but zeros behind it.
struct Large {
    head: Vec<u8>,
    zeros: u64,
}

impl Large {
    fn new(size: u64) -> Self {
        Self { head: appimage(HEAD, 9), zeros: size - HEAD as u64 }
    }

    fn release(&self) -> Release {
        let artifact = self.head.as_slice().chain(io::repeat(0).take(self.zeros));
        let signature = Signer::author().sign_stream(artifact, "version:2.0.0");
        Release { signature, ..Release::new() }.with_entry("format", "appimage")
    }

    fn reply(&self) -> Reply {
        Reply::ok(self.head.clone()).then_zeros(self.zeros)
    }
}

#[test]
fn a_large_artifact_is_installed_in_constant_memory() {
    let (app, large) = (App::new(), Large::new(rounds(64, 2048, 2048) * MIB));
    let (release, size) = (large.release(), HEAD as u64 + large.zeros);
    let server = Server::start(move |request| match request.path.as_str() {
        "/large" => Reply::ok(release.manifest(&request.url("/artifact")).to_string()),
        _ => large.reply(),
    });
    let measured = measure(&app, size, server.url("/large"));
    assert_eq!(measured.outcome, "updated");
    measured.assert_bounded("a large artifact");
    assert_eq!(fs::metadata(&app.path).unwrap().len(), size);
    app.assert_nothing_left();
}

#[test]
fn an_endless_artifact_is_ended_at_its_limit_in_constant_memory() {
    let (app, limit) = (App::new(), rounds(64, 2048, 2048) * MIB);
    let server = Server::start(|request| {
        let release = Release::new().with_entry("format", "appimage");
        match request.path.as_str() {
            "/unknown" => Reply::ok(release.manifest(&request.url("/artifact")).to_string()),
            "/declared" => Reply::ok(release.with_size().manifest(&request.url("/artifact")).to_string()),
            _ => Reply::ok("").endless(),
        }
    });
    let [unknown, declared] = ["/unknown", "/declared"].map(|path| {
        let before = server.sent();
        let measured = measure(&app, limit, server.url(path));
        measured.assert_bounded(path);
        app.assert_untouched();
        app.assert_nothing_left();
        (measured.outcome, server.sent() - before)
    });
    assert_eq!(unknown.0, ErrorCode::SizeLimit.as_str());
    assert!((limit..limit + ON_THE_WAY).contains(&unknown.1), "{} bytes were sent", unknown.1);
    assert_eq!(declared.0, ErrorCode::SizeMismatch.as_str());
    assert!(declared.1 < ON_THE_WAY, "{} bytes were sent", declared.1);
}

/// Whatever the sizes: what parts of the old artifact expand to lies on disk.
#[cfg(feature = "release")]
#[test]
fn a_delta_is_applied_in_bounded_memory() {
    use crate::support::{Published, Shelf, image};

    let blocks = u32::try_from(rounds(400, 2_000, 8_000)).unwrap();
    let (old, new) = (image(blocks, 1), image(blocks, 2));
    let app = App::new().holding(old.clone());
    let shelf = Shelf::new(&new, vec![Published::new(&old, &new)]);
    let measured = measure(&app, new.len() as u64, shelf.endpoint());
    measured.assert_bounded("a delta");
    assert_eq!((measured.outcome.as_str(), shelf.full_downloads()), ("updated", 0));
    app.assert_is(&new);
}

/// As much as an answer may have.
const MANIFEST_MAX: usize = 1 << 20;

/// As many of these as there is room for.
fn array_of(item: &str) -> String {
    format!("[{}]", vec![item; (MANIFEST_MAX - 2) / (item.len() + 1)].join(","))
}

fn manifest(path: &str) -> Reply {
    let whole = |text: &str| Reply::ok(text.repeat(MANIFEST_MAX / text.len()));
    match path {
        "/512-mib" => Reply::ok(" ").then_zeros(512 * MIB),
        "/endless" => Reply::ok("").endless(),
        "/endless-head" => Reply::raw("HTTP/1.1 200 OK\r\n").then_for_ever("X-More: of it\r\n"),
        "/gzip" => Reply::ok(gzip_bomb()).header("Content-Encoding", "gzip"),
        "/arrays" => whole("["),
        "/objects" => whole("{\"a\":"),
        "/numbers" => Reply::ok(array_of("0")),
        "/small-arrays" => Reply::ok(array_of("[0]")),
        "/small-objects" => Reply::ok(array_of("{\"\":0}")),
        "/keys" => {
            let members: Vec<_> = (0..80_000).map(|key| format!("\"{key:x}\":0")).collect();
            Reply::ok(format!("{{{}}}", members.join(",")))
        }
        _ => Reply::status(404),
    }
}

#[test]
fn a_hostile_manifest_is_refused_in_constant_memory() {
    use ErrorCode::{InvalidManifest, Network, SizeLimit};
    let app = App::new();
    let server = Server::start(|request| manifest(&request.path));
    let cases = [
        ("/512-mib", SizeLimit),
        ("/endless", SizeLimit),
        ("/endless-head", Network),
        ("/gzip", InvalidManifest),
        ("/arrays", InvalidManifest),
        ("/objects", InvalidManifest),
        ("/numbers", InvalidManifest),
        ("/small-arrays", InvalidManifest),
        ("/small-objects", InvalidManifest),
        ("/keys", InvalidManifest),
    ];
    for (path, code) in cases {
        let before = server.sent();
        let measured = measure(&app, MIB, server.url(path));
        let sent = server.sent() - before;
        measured.assert_bounded(path);
        assert_eq!(measured.outcome, code.as_str(), "{path}");
        assert!(sent < ON_THE_WAY, "{path}: {sent} bytes were sent");
        app.assert_untouched();
    }
}
