//! A connection that is reset after any number of bytes, also within the head of an answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use cargo_packager_updater::ErrorCode;

use crate::support::{App, Random, Release, Reply, Server, Site, rounds, within};

const QUICK: u64 = 20;
/// Five attempts without progress end it, and each 64 KiB more than ever before are progress; how much of it arrives
/// before the reset is a matter of luck.
const REQUESTS_MAX: usize = 5 * (300_000 / (64 << 10) + 1);

/// Half of them where something begins or ends.
fn offset(random: &mut Random, size: usize) -> usize {
    let near = *random.pick(&[1, 4096, 16_384, 65_536, 131_072, 262_144, size - 1]);
    match random.below(2) {
        0 => random.below(size),
        _ => (near + random.below(3)).saturating_sub(1).min(size - 1),
    }
}

/// All that an honest server sends.
fn whole(etag: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{etag}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn reset(whole: &[u8], at: usize) -> Reply {
    Reply::raw(whole).cut(at).then_reset()
}

#[tokio::test]
async fn a_download_that_is_reset_once_at_any_offset_is_completed() {
    let release = Release::new();
    let mut random = Random::new("offsets, once");
    for _ in 0..rounds(QUICK, 500, 5000) {
        let whole = whole("ETag: \"one\"\r\n", &release.artifact);
        let at = offset(&mut random, whole.len());
        let answered = AtomicUsize::new(0);
        let site = Site::new(release.clone(), move |release, request| {
            match answered.fetch_add(1, Ordering::Relaxed) {
                0 => reset(&whole, at),
                _ => release.answer(request),
            }
        });
        let app = App::new();
        let update = site.update(&app).await;
        within(update.download_and_install(Default::default(), Default::default()))
            .await
            .unwrap_or_else(|error| panic!("reset at {at}: {error}"));
        app.assert_is(&site.release.artifact);
        app.assert_nothing_left();
        assert_eq!(site.downloads().len(), 2, "reset at {at}");
    }
}

#[tokio::test]
async fn a_download_that_is_always_reset_fails_and_installs_nothing() {
    let release = Release::new();
    let mut random = Random::new("offsets, always");
    for _ in 0..rounds(QUICK, 500, 5000) {
        let whole = whole("", &release.artifact);
        let at = offset(&mut random, whole.len());
        let site = Site::new(release.clone(), move |_, _| reset(&whole, at));
        let app = App::new();
        let update = site.update(&app).await;
        let outcome = within(update.download_and_install(Default::default(), Default::default())).await;
        let error = outcome.map(|()| panic!("installed what was reset at {at}")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Network, "reset at {at}: {error}");
        let requests = site.downloads().len();
        assert!((5..=REQUESTS_MAX).contains(&requests), "reset at {at}: {requests} requests");
        app.assert_untouched();
        app.updater(Server::start(|_| Reply::status(204)).url("/")).check().await.unwrap();
        app.assert_nothing_left();
    }
}

#[tokio::test]
async fn a_check_that_is_reset_at_any_offset_fails() {
    let release = Release::new();
    let mut random = Random::new("offsets, manifest");
    for _ in 0..rounds(QUICK, 1000, 10_000) {
        let manifest = release.manifest("http://127.0.0.1:1/App.AppImage").to_string();
        let whole = whole("", manifest.as_bytes());
        let at = random.below(whole.len());
        let server = Server::start(move |_| reset(&whole, at));
        let app = App::new();
        let error = within(app.updater(server.url("/")).check()).await.map(drop).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Network, "reset at {at}: {error}");
        assert!(server.request_count() <= 2, "reset at {at}");
        assert!(app.data_files().is_empty(), "reset at {at}: {:?}", app.data_files());
    }
}
