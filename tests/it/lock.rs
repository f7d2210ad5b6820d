//! One update of an application at a time.

use std::fs::File;

use cargo_packager_updater::{CancellationToken, DownloadOptions, ErrorCode, Updater};

use crate::support::{App, Child, Release, Site, within};

/// Sends the first bytes of the artifact, and no more.
fn stalling() -> Site {
    Site::new(Release::new(), |release, request| release.answer(request).stall(1000))
}

async fn assert_busy(app: &App, site: &Site) {
    let update = site.update(app).await;
    let bytes = site.release.artifact.clone();
    let staged = within(update.stage(Default::default())).await.map(drop).unwrap_err();
    let all = within(update.download_and_install(Default::default(), Default::default())).await.unwrap_err();
    let installed = within(update.install(bytes, Default::default())).await.unwrap_err();
    let pending = within(app.updater(site.endpoint()).pending()).await.map(drop).unwrap_err();
    for error in [staged, all, installed, pending] {
        assert_eq!(error.code(), ErrorCode::Busy, "{error}");
        assert!(error.to_string().contains(app.lock_file().to_str().unwrap()), "{error}");
    }
    app.assert_untouched();
}

#[tokio::test]
async fn a_second_update_in_the_same_process_is_turned_away() {
    let (app, site) = (App::new(), stalling());
    let cancel = CancellationToken::new();
    let options = DownloadOptions { cancel: cancel.clone(), ..Default::default() };
    let first = tokio::spawn({
        let update = site.update(&app).await;
        async move { update.stage(options).await.map(drop) }
    });
    let site_in_use = tokio::task::spawn_blocking(move || {
        site.wait_for_download();
        site
    });
    let site = site_in_use.await.unwrap();
    assert_busy(&app, &site).await;
    cancel.cancel();
    assert_eq!(within(first).await.unwrap().unwrap_err().code(), ErrorCode::Cancelled);
}

#[tokio::test]
async fn an_update_in_another_process_is_respected_until_that_ends() {
    let (app, site) = (App::new(), stalling());
    let mut other = Child::start("stage", &app, &[site.endpoint()]);
    other.wait_for("ready");
    site.wait_for_download();
    assert_busy(&app, &site).await;
    other.kill();
    let honest = Site::honest(Release::new());
    honest.update(&app).await.download_and_install(Default::default(), Default::default()).await.unwrap();
    app.assert_is(&honest.release.artifact);
}

#[tokio::test]
async fn a_lock_file_that_nobody_holds_is_no_obstacle() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    assert!(app.lock_file().exists());
    site.update(&app).await.stage(Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_check_does_not_wait_for_an_update_that_is_under_way() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    let lock = File::open(app.lock_file()).unwrap();
    lock.lock().unwrap();
    assert!(within(app.updater(site.endpoint()).check()).await.unwrap().is_some());
}

#[tokio::test]
async fn two_applications_update_at_the_same_time() {
    let (one, other) = (App::new(), App::new());
    let (site_one, site_other) = (Site::honest(Release::new()), Site::honest(Release::version("3.0.0")));
    let (first, second) = (site_one.update(&one).await, site_other.update(&other).await);
    let (first, second) = tokio::join!(
        first.download_and_install(Default::default(), Default::default()),
        second.download_and_install(Default::default(), Default::default()),
    );
    first.and(second).unwrap();
    one.assert_is(&site_one.release.artifact);
    other.assert_is(&site_other.release.artifact);
}

#[tokio::test]
async fn applications_that_share_a_data_directory_do_not_meet() {
    let (one, mut other) = (App::new(), App::new());
    other.data.clone_from(&one.data);
    let stalled = stalling();
    let first = tokio::spawn({
        let update = stalled.update(&one).await;
        async move { update.stage(Default::default()).await.map(drop) }
    });
    let site = Site::honest(Release::version("3.0.0"));
    site.update(&other).await.download_and_install(Default::default(), Default::default()).await.unwrap();
    other.assert_is(&site.release.artifact);
    first.abort();
    one.assert_untouched();
}

#[tokio::test]
async fn the_lock_is_the_applications_however_it_is_reached() {
    // Through a link, the application is the same one.
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    let link = app.data.with_file_name("link");
    std::os::unix::fs::symlink(&app.path, &link).unwrap();
    let config =
        cargo_packager_updater::Config { executable_path: Some(link), ..app.config(site.endpoint()) };
    assert!(Updater::new("1.0.0", config).unwrap().pending().await.unwrap().is_some());
}
