//! Which answers are tried again, how often, and how long is waited.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use cargo_packager_updater::{Error, ErrorCode};

use crate::support::{App, Release, Reply, Site, within};

/// The first `times` answers are `first`, the others honest.
fn at_first(times: usize, first: Reply) -> Site {
    let answered = AtomicUsize::new(0);
    Site::new(Release::new(), move |release, request| {
        let before = answered.fetch_add(1, Ordering::Relaxed);
        if before < times { first.clone() } else { release.answer(request) }
    })
}

fn always(answer: Reply) -> Site {
    at_first(usize::MAX, answer)
}

async fn failure(site: &Site) -> Error {
    let app = App::new();
    let update = site.update(&app).await;
    let error =
        within(update.download_and_install(Default::default(), Default::default())).await.unwrap_err();
    app.assert_untouched();
    error
}

async fn assert_succeeds(site: &Site) {
    let app = App::new();
    site.update(&app).await.download_and_install(Default::default(), Default::default()).await.unwrap();
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let replies = [408, 429, 500, 502, 503, 504].map(Reply::status);
    for reply in replies.into_iter().chain([Reply::close()]) {
        let site = at_first(4, reply);
        assert_succeeds(&site).await;
        assert_eq!(site.downloads().len(), 5);
    }
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again() {
    for status in [400, 401, 403, 404, 410, 204, 304] {
        let site = always(Reply::status(status));
        let error = failure(&site).await;
        assert_eq!((error.code(), error.status()), (ErrorCode::HttpStatus, Some(status)));
        assert!(error.to_string().contains(&site.url("/App.AppImage")), "{error}");
        assert_eq!(site.downloads().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_servers_wish_to_wait_is_respected() {
    for status in [429, 503] {
        let site = at_first(1, Reply::status(status).header("Retry-After", "1"));
        let app = App::new();
        let update = site.update(&app).await;
        let began = Instant::now();
        update.stage(Default::default()).await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait");
        assert_eq!(site.downloads().len(), 2);
    }
}

#[tokio::test]
async fn a_wish_to_wait_for_a_day_ends_the_download_at_once() {
    for after in ["86400", "61", "Fri, 31 Dec 2199 23:59:59 GMT"] {
        for status in [429, 503] {
            let site = always(Reply::status(status).header("Retry-After", after));
            let error = failure(&site).await;
            assert_eq!((error.code(), error.status()), (ErrorCode::HttpStatus, Some(status)), "{after}");
            assert_eq!(site.downloads().len(), 1, "{after}");
        }
    }
}

#[tokio::test]
async fn five_attempts_without_progress_end_it_with_the_last_reason() {
    let cut_at_once = Reply::ok(vec![0; 1000]).cut(0);
    for (reply, code) in [
        (Reply::status(503), ErrorCode::HttpStatus),
        (Reply::close(), ErrorCode::Network),
        (cut_at_once, ErrorCode::Network),
    ] {
        let site = always(reply);
        assert_eq!(failure(&site).await.code(), code);
        assert_eq!(site.downloads().len(), 5);
    }
}

#[tokio::test]
async fn a_server_that_gives_a_few_bytes_each_time_does_not_keep_the_client_for_ever() {
    let site = Site::new(Release::new(), |release, request| release.answer(request).cut(1000));
    assert_eq!(failure(&site).await.code(), ErrorCode::Network);
    assert_eq!(site.downloads().len(), 5);
}

#[tokio::test]
async fn as_long_as_there_is_progress_it_goes_on() {
    // 300,000 bytes in pieces that count as progress, and a failure between any two of them.
    let answered = AtomicUsize::new(0);
    let site = Site::new(Release::new(), move |release, request| {
        match answered.fetch_add(1, Ordering::Relaxed) % 4 {
            3 => release.answer(request).cut(65_536),
            _ => Reply::status(500),
        }
    });
    assert_succeeds(&site).await;
    assert_eq!(site.downloads().len(), 5 * 4);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_tried_five_times() {
    let site = Site::honest(Release::new().with_entry("url", "http://127.0.0.1:1/App.AppImage"));
    let error = failure(&site).await;
    assert_eq!(error.code(), ErrorCode::Network);
    assert!(error.to_string().contains("refused"), "{error}");
}
