//! A server that keeps a download waiting loses it; one that is only slow does not.

use std::time::Duration;

use cargo_packager_updater::{Config, ErrorCode, Limits, Updater};

use crate::support::{App, Release, Reply, Site, within};

/// Patient for two seconds of silence, and a third of a second of trickling.
fn impatient(app: &App, site: &Site) -> Config {
    let limits = Limits {
        attempts_max: 2,
        trickle_window: Duration::from_millis(300),
        trickle_min_bytes: 60 << 10,
        ..app.config("").limits
    };
    Config { limits, timeout: Some(Duration::from_secs(2)), ..app.config(site.endpoint()) }
}

async fn assert_times_out(site: &Site) {
    let app = App::new();
    let update = Updater::new("1.0.0", impatient(&app, site)).unwrap().check().await.unwrap().unwrap();
    let error =
        within(update.download_and_install(Default::default(), Default::default())).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout, "{error}");
    assert_eq!(error.url(), Some(site.url("/App.AppImage").as_str()));
    assert_eq!(site.downloads().len(), 2);
    app.assert_untouched();
}

#[tokio::test]
async fn no_answer_times_out() {
    assert_times_out(&Site::new(Release::new(), |_, _| Reply::hang())).await;
}

#[tokio::test]
async fn an_answer_that_stops_times_out() {
    assert_times_out(&Site::new(Release::new(), |release, request| release.answer(request).stall(1000)))
        .await;
}

#[tokio::test]
async fn a_trickle_times_out_although_it_is_never_silent() {
    let drip = Duration::from_millis(40);
    assert_times_out(&Site::new(Release::new(), move |_, _| Reply::ok("").trickle(16, drip))).await;
}

#[tokio::test]
async fn what_came_before_the_silence_is_kept() {
    let app = App::new();
    let site = Site::new(Release::new(), |release, request| match request.header("range") {
        None => release.answer(request).stall(200_000),
        Some(_) => release.answer(request),
    });
    let update = Updater::new("1.0.0", impatient(&app, &site)).unwrap().check().await.unwrap().unwrap();
    within(update.stage(Default::default())).await.unwrap();
    assert_eq!(site.downloads()[1].header("range"), Some("bytes=200000-"));
}

#[tokio::test]
async fn the_timeout_is_no_deadline() {
    // Three seconds in all, a piece every 300 ms, and a silence limit of less than the whole.
    let app = App::new();
    let site = Site::new(Release::new(), |release, request| release.answer(request).in_pieces(10, 300));
    let config = Config { timeout: Some(Duration::from_secs(2)), ..app.config(site.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
    assert_eq!(site.downloads().len(), 1);
}
