//! A download can be ended at any time, and leaves nothing in the way of the next one.

use std::sync::{Arc, Mutex};

use cargo_packager_updater::{
    CancellationToken, DownloadOptions, ErrorCode, Phase, Progress, updater::Update,
};

use crate::support::{App, HANG, Release, Reply, Site, within};

/// Stalls in the middle, unless it is asked for the rest. Slow enough for progress to be told.
fn stalling() -> Site {
    Site::new(Release::new(), |release, request| match request.header("range") {
        None => release.answer(request).cut(100_000).in_pieces(4, 60).then_stall(),
        Some(_) => release.answer(request),
    })
}

/// Cancels as soon as some bytes have come.
fn cancel_at_first_bytes() -> DownloadOptions {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let on_progress = move |progress: Progress| {
        if progress.transferred > 0 {
            token.cancel();
        }
    };
    DownloadOptions { on_progress: Some(Box::new(on_progress)), cancel }
}

fn cancelled() -> DownloadOptions {
    let options = DownloadOptions::default();
    options.cancel.cancel();
    options
}

async fn assert_next_succeeds(app: &App, update: &Update, site: &Site) {
    within(update.download_and_install(Default::default(), Default::default())).await.unwrap();
    app.assert_is(&site.release.artifact);
    app.assert_nothing_left();
}

#[tokio::test]
async fn cancelled_beforehand_nothing_is_asked_for() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let update = site.update(&app).await;
    let outcomes = [
        update.download(cancelled()).await.map(drop),
        update.stage(cancelled()).await.map(drop),
        update.download_and_install(cancelled(), Default::default()).await,
    ];
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().code(), ErrorCode::Cancelled);
    }
    assert_eq!(site.downloads().len(), 0);
    app.assert_untouched();
    assert_next_succeeds(&app, &update, &site).await;
}

#[tokio::test]
async fn cancelled_halfway_it_ends_and_the_next_one_goes_on_from_there() {
    let (app, site) = (App::new(), stalling());
    let update = site.update(&app).await;
    let error = within(update.stage(cancel_at_first_bytes())).await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    app.assert_untouched();
    assert_next_succeeds(&app, &update, &site).await;
    assert!(site.downloads()[1].header("range").is_some());
}

#[tokio::test]
async fn cancelled_in_silence_it_ends_at_once() {
    for answer in [Reply::hang(), Reply::ok(vec![0; 1000]).stall(0)] {
        let (app, site) = (App::new(), Site::new(Release::new(), move |_, _| answer.clone()));
        let update = site.update(&app).await;
        let cancel = CancellationToken::new();
        let options = DownloadOptions { cancel: cancel.clone(), ..Default::default() };
        let download = tokio::spawn(async move { update.download(options).await.map(drop) });
        let site = tokio::task::spawn_blocking(move || {
            site.wait_for_download();
            site
        });
        let _site = site.await.unwrap();
        cancel.cancel();
        let error = tokio::time::timeout(HANG / 4, download).await.expect("it hangs").unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    }
}

#[tokio::test]
async fn cancelled_while_it_waits_to_try_again_it_ends_at_once() {
    let site = Site::new(Release::new(), |_, _| Reply::status(503).header("Retry-After", "50"));
    let app = App::new();
    let update = site.update(&app).await;
    let cancel = CancellationToken::new();
    let options = DownloadOptions { cancel: cancel.clone(), ..Default::default() };
    let download = tokio::spawn(async move { update.stage(options).await.map(drop) });
    let site = tokio::task::spawn_blocking(move || {
        site.wait_for_download();
        site
    });
    let _site = site.await.unwrap();
    cancel.cancel();
    assert_eq!(within(download).await.unwrap().unwrap_err().code(), ErrorCode::Cancelled);
}

#[tokio::test]
async fn a_dropped_download_is_not_in_the_way_of_the_next() {
    let (app, site) = (App::new(), stalling());
    let update = site.update(&app).await;
    let (some, mut bytes) = tokio::sync::mpsc::unbounded_channel();
    let options = DownloadOptions {
        on_progress: Some(Box::new(move |progress| {
            some.send(progress.transferred).ok();
        })),
        ..Default::default()
    };
    tokio::select! {
        _ = update.stage(options) => panic!("it cannot end"),
        () = async { while within(bytes.recv()).await.unwrap() == 0 {} } => {}
    }
    assert_next_succeeds(&app, &update, &site).await;
}

#[tokio::test]
async fn a_dropped_check_is_not_in_the_way_of_the_next() {
    let hanging = crate::support::Server::start(|_| Reply::hang());
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let updater = app.updater(hanging.url("/"));
    tokio::select! {
        _ = updater.check() => panic!("it cannot end"),
        () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
    }
    assert_next_succeeds(&app, &site.update(&app).await, &site).await;
}

#[tokio::test]
async fn cancelled_during_verification_nothing_is_installed() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let update = site.update(&app).await;
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let on_progress = move |progress: Progress| {
        if progress.phase == Phase::Verify {
            token.cancel();
        }
    };
    let options = DownloadOptions { on_progress: Some(Box::new(on_progress)), cancel };
    let error = update.download_and_install(options, Default::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    app.assert_untouched();
    // It is complete, so that the next attempt needs no network.
    assert_next_succeeds(&app, &update, &site).await;
    assert_eq!(site.downloads().len(), 1);
}

#[tokio::test]
async fn progress_ends_with_all_bytes_downloaded_and_verified() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let options = DownloadOptions {
        on_progress: Some(Box::new(move |progress| sink.lock().unwrap().push(progress))),
        ..Default::default()
    };
    site.update(&app).await.stage(options).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred), "{seen:?}");
    let last = |phase| seen.iter().rfind(|progress| progress.phase == phase).unwrap();
    for phase in [Phase::Download, Phase::Verify] {
        assert_eq!((last(phase).transferred, last(phase).total), (300_000, Some(300_000)));
        assert_eq!(last(phase).percent(), Some(100.0));
    }
}
