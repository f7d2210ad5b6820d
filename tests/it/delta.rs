//! Differential updates: a delta saves bytes, and is good for nothing else.

mod fallback;
mod hostile;
mod kept;
mod kill;
mod packers;
pub(crate) mod patching;

use std::{
    fs,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use cargo_packager_updater::{CancellationToken, DownloadOptions, ErrorCode, Phase, Progress};

use crate::support::{App, HANG, Published, Release, Reply, Shelf, Site, image, within};

const BLOCKS: u32 = 40;

fn versions() -> (Vec<u8>, Vec<u8>) {
    (image(BLOCKS, 1), image(BLOCKS, 2))
}

#[tokio::test]
async fn a_delta_makes_the_artifact_and_the_bytes_tell_the_saving() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let size = delta.bytes.len() as u64;
    let (app, shelf) = (App::new().holding(old), Shelf::new(&new, vec![delta]));
    let staged = shelf.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!((staged.downloaded_bytes(), staged.size()), (size, new.len() as u64));
    assert!(size * 20 < staged.size(), "{size} of {} bytes", staged.size());
    assert!(fs::read(staged.path()).unwrap() == new);
    assert_eq!(shelf.full_downloads(), 0);
    assert_eq!(app.files_left().len(), 2, "{:?}", app.files_left());
    staged.install(Default::default()).await.unwrap();
    app.assert_is(&new);
    app.assert_nothing_left();
}

#[tokio::test]
async fn progress_goes_from_the_delta_to_the_artifact_to_its_signature() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let size = delta.bytes.len() as u64;
    let (app, shelf) = (App::new().holding(old), Shelf::new(&new, vec![delta]));
    let (options, seen) = watched();
    shelf.update(&app).await.stage(options).await.unwrap();
    assert_in_order(&seen, [size, new.len() as u64, new.len() as u64]);
}

fn watched() -> (DownloadOptions, Arc<Mutex<Vec<Progress>>>) {
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let on_progress = move |progress| sink.lock().unwrap().push(progress);
    (DownloadOptions { on_progress: Some(Box::new(on_progress)), ..Default::default() }, seen)
}

/// Every phase, one after the other, and each to its end.
fn assert_in_order(seen: &Mutex<Vec<Progress>>, totals: [u64; 3]) {
    let seen = seen.lock().unwrap();
    let order = [Phase::Download, Phase::Patch, Phase::Verify];
    let place = |phase| order.iter().position(|known| *known == phase).unwrap();
    assert!(seen.is_sorted_by_key(|progress| (place(progress.phase), progress.transferred)), "{seen:?}");
    for (phase, total) in order.into_iter().zip(totals) {
        let last = seen.iter().rfind(|progress| progress.phase == phase).unwrap();
        assert_eq!((last.transferred, last.total), (total, Some(total)), "{phase:?}");
    }
}

#[tokio::test]
async fn a_chain_leads_from_an_older_version_to_the_release() {
    let images: Vec<_> = (1..=4).map(|version| image(BLOCKS, version)).collect();
    let (old, new) = (images[0].clone(), images[3].clone());
    let deltas = vec![
        Published::link("1.2.0", &images[0], &images[1]),
        Published::link("1.3.0", &images[1], &images[2]),
        Published::new(&images[2], &images[3]),
    ];
    let size: usize = deltas.iter().map(|delta| delta.bytes.len()).sum();
    let made: usize = images[1..].iter().map(Vec::len).sum();
    let (app, shelf) = (App::new().holding(old), Shelf::new(&new, deltas));
    let (options, seen) = watched();
    let staged = shelf.update(&app).await.stage(options).await.unwrap();
    assert_eq!(staged.downloaded_bytes(), size as u64);
    assert!(fs::read(staged.path()).unwrap() == new);
    assert_eq!((shelf.full_downloads(), app.files_left().len()), (0, 2), "{:?}", app.files_left());
    assert_in_order(&seen, [size as u64, made as u64, new.len() as u64]);
}

#[tokio::test]
async fn what_costs_fewer_bytes_is_downloaded() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let dear = delta.clone().with("size", new.len());
    let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![dear]));
    let staged = shelf.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!((staged.downloaded_bytes(), shelf.full_downloads()), (new.len() as u64, 1));
    assert!(shelf.requests("/0.delta").is_empty());
}

#[tokio::test]
async fn an_unfinished_download_counts_where_it_can_be_continued() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let (most, size) = (new.len() - delta.bytes.len() / 2, delta.bytes.len());
    for (etag, received) in [(true, new.len() - most), (false, size)] {
        let app = App::new().holding(old.clone());
        let release = Shelf::release(&new);
        let cut = crate::support::Site::new(release.clone(), move |release, request| {
            let answer = release.answer(request).cut(most);
            match request.header("range") {
                None if etag => answer,
                None => answer.without_header("ETag"),
                Some(_) => Reply::status(404),
            }
        });
        // What the first server has begun: it has no deltas.
        cut.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
        let shelf = Shelf::of(release, vec![delta.clone()], |delta, _| Reply::ok(delta.bytes.clone()));
        let staged = shelf.update(&app).await.stage(Default::default()).await.unwrap();
        assert_eq!(staged.downloaded_bytes(), received as u64, "{etag}");
    }
}

#[tokio::test]
async fn an_interrupted_delta_is_continued_within_the_call() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let half = delta.bytes.len() / 2;
    let answer = move |delta: &Published, request: &crate::support::Request| match request.header("range") {
        None => Reply::ok(delta.bytes.clone()).header("ETag", "\"one\"").cut(half),
        Some(range) => {
            assert_eq!(range, format!("bytes={half}-"));
            let len = delta.bytes.len();
            Reply::status(206)
                .body(&delta.bytes[half..])
                .header("ETag", "\"one\"")
                .header("Content-Range", format!("bytes {half}-{}/{len}", len - 1))
        }
    };
    let size = delta.bytes.len() as u64;
    let (app, shelf) = (App::new().holding(old), Shelf::with(&new, vec![delta], answer));
    let staged = shelf.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!((staged.downloaded_bytes(), shelf.full_downloads()), (size, 0));
}

#[tokio::test]
async fn the_endpoints_headers_do_not_go_to_a_delta_elsewhere() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let elsewhere = Shelf::new(&new, vec![delta.clone()]);
    let app = App::new().holding(old);
    let shelf = Shelf::new(&new, vec![delta.with("url", elsewhere.url("/0.delta"))]);
    let mut config = app.config(shelf.endpoint());
    config.headers = vec![("X-Secret".to_owned(), "s".to_owned())];
    let updater = cargo_packager_updater::Updater::new("1.0.0", config).unwrap();
    let update = updater.check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
    let asked = elsewhere.requests("/0.delta");
    assert_eq!((asked.len(), shelf.full_downloads()), (1, 0));
    assert_eq!(asked[0].header("x-secret"), None);
}

#[tokio::test]
async fn cancelled_while_a_delta_is_downloaded_nothing_is_left() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let answer = |delta: &Published, _: &crate::support::Request| Reply::ok(delta.bytes.clone()).stall(1);
    let (app, shelf) = (App::new().holding(old), Shelf::with(&new, vec![delta], answer));
    let update = shelf.update(&app).await;
    let cancel = CancellationToken::new();
    let options = DownloadOptions { cancel: cancel.clone(), ..Default::default() };
    let staging = tokio::spawn(async move { update.stage(options).await.map(drop) });
    while shelf.requests("/0.delta").is_empty() {
        tokio::time::sleep(HANG / 1000).await;
    }
    cancel.cancel();
    assert_eq!(within(staging).await.unwrap().unwrap_err().code(), ErrorCode::Cancelled);
    assert_eq!((shelf.full_downloads(), app.files_left()), (0, vec![]));
}

/// The author's signature of a delta must not become one of an artifact; `fallback` has the other way round.
#[tokio::test]
async fn a_delta_is_no_artifact() {
    let (old, new) = versions();
    let delta = Published::new(&old, &new);
    let release = Shelf::release(&delta.bytes);
    let signature = delta.entry["signature"].as_str().unwrap().to_owned();
    let (app, site) = (App::new().holding(old), Site::honest(Release { signature, ..release }));
    let error = site.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignedMetadataMismatch, "{error}");
    app.assert_untouched();
}

#[tokio::test]
async fn without_the_size_of_the_artifact_nobody_knows_what_a_delta_saves() {
    let (old, new) = versions();
    let release = Shelf::release(&new).with_entry("size", Value::Null);
    let deltas = vec![Published::new(&old, &new)];
    let shelf = Shelf::of(release, deltas, |delta, _| Reply::ok(delta.bytes.clone()));
    let app = App::new().holding(old);
    shelf.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!((shelf.requests("/0.delta").len(), shelf.full_downloads()), (0, 1));
}
