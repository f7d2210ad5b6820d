//! An interrupted download goes on where it stopped, and starts over where that cannot be trusted.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use cargo_packager_updater::ErrorCode;

use crate::support::{App, Release, Reply, Request, Signer, Site, appimage};

const SIZE: usize = 300_000;

/// The first answer is cut, the next ones end that run, the others are honest.
fn cut_once(release: Release, at: usize) -> Site {
    cut_then(release, at, |release, request| release.answer(request))
}

/// The first answer is cut after so many bytes, the next ones end that run; then comes `next`.
fn cut_then(
    release: Release,
    at: usize,
    next: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
) -> Site {
    first_run(release, move |release, request| release.answer(request).cut(at), next)
}

/// `first` is the first answer. That run then asks for the rest, perhaps, and for everything, and gets neither.
fn first_run(
    release: Release,
    first: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
    next: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
) -> Site {
    let asked_for_everything = AtomicUsize::new(0);
    Site::new(release, move |release, request| {
        let everything = usize::from(range(request).is_none());
        match asked_for_everything.fetch_add(everything, Ordering::Relaxed) {
            0 => first(release, request),
            1 => Reply::status(404),
            _ => next(release, request),
        }
    })
}

/// The requests of the run after the one that was cut.
fn later(site: &Site) -> Vec<Request> {
    let mut downloads = site.downloads();
    let everything = downloads.iter().enumerate().filter(|(_, request)| range(request).is_none());
    let end = everything.map(|(index, _)| index).nth(1).expect("the first run asked for everything twice");
    downloads.split_off(end + 1)
}

/// Runs into the cut.
async fn interrupt(app: &App, site: &Site) {
    let error = site.update(app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.status(), Some(404), "{error}");
}

/// A later run stages the update; gives the bytes it received.
async fn complete(app: &App, site: &Site) -> usize {
    let staged = site.update(app).await.stage(Default::default()).await.unwrap();
    assert!(fs::read(staged.path()).unwrap() == site.release.artifact);
    assert_eq!(app.files_left().len(), 2, "{:?}", app.files_left());
    usize::try_from(staged.downloaded_bytes()).unwrap()
}

fn range(request: &Request) -> Option<&str> {
    request.header("range")
}

#[tokio::test]
async fn a_later_run_asks_once_for_the_rest_wherever_it_was_cut() {
    for cut in [1, 2, 19, 4095, 4096, 65_535, 65_536, 65_537, 131_072, 262_144, 262_145, SIZE - 2, SIZE - 1] {
        let (app, site) = (App::new(), cut_once(Release::new(), cut));
        interrupt(&app, &site).await;
        assert_eq!(complete(&app, &site).await, SIZE - cut);
        let requests = later(&site);
        assert_eq!(requests.len(), 1, "cut at {cut}");
        assert_eq!(range(&requests[0]), Some(&*format!("bytes={cut}-")));
        assert_eq!(requests[0].header("if-range"), Some("\"one\""));
    }
}

#[tokio::test]
async fn nothing_received_is_nothing_to_continue() {
    let (app, site) = (App::new(), cut_once(Release::new(), 0));
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE);
    assert_eq!(range(&later(&site)[0]), None);
}

#[tokio::test]
async fn the_same_run_goes_on_too_in_memory_and_on_disk() {
    let cut_once = || {
        Site::new(Release::new(), |release, request| match range(request) {
            None => release.answer(request).cut(100_000),
            Some(_) => release.answer(request),
        })
    };
    let (app, site) = (App::new(), cut_once());
    let bytes = site.update(&app).await.download(Default::default()).await.unwrap();
    assert!(bytes == site.release.artifact);
    assert_eq!(range(&site.downloads()[1]), Some("bytes=100000-"));

    let (app, site) = (App::new(), cut_once());
    let staged = site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!(staged.downloaded_bytes(), SIZE as u64);
    assert_eq!(range(&site.downloads()[1]), Some("bytes=100000-"));
}

#[tokio::test]
async fn a_large_download_that_breaks_off_once_goes_on() {
    let artifact = appimage(70 << 20, 5);
    let signature = Signer::author().sign(&artifact, "version:2.0.0");
    let release = Release { artifact, signature, ..Release::new() };
    let site = Site::new(release, |release, request| match range(request) {
        None => release.answer(request).cut(66 << 20),
        Some(_) => release.answer(request),
    });
    let staged = site.update(&App::new()).await.stage(Default::default()).await.unwrap();
    assert_eq!(staged.downloaded_bytes(), 70 << 20);
    assert_eq!(range(&site.downloads()[1]), Some("bytes=69206016-"));
}

#[tokio::test]
async fn a_declared_size_makes_no_difference() {
    let (app, site) = (App::new(), cut_once(Release::new().with_size(), 123_456));
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE - 123_456);
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_of_it_again() {
    let whole =
        |release: &Release, _: &Request| Reply::ok(release.artifact.clone()).header("ETag", "\"one\"");
    let (app, site) = (App::new(), cut_then(Release::new(), 100_000, whole));
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE);
    assert_eq!(later(&site).len(), 1);
}

#[tokio::test]
async fn a_changed_file_is_taken_from_its_start() {
    // What was received belongs to a file that is gone: its bytes must not be mixed with the new ones.
    let swapped = Release { artifact: appimage(SIZE, 77), ..Release::new() };
    let first = move |_: &Release, request: &Request| {
        swapped.answer(request).without_header("ETag").header("ETag", "\"old\"").cut(100_000)
    };
    let site = first_run(Release::new(), first, |release, request| release.answer(request));
    let app = App::new();
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE);
    assert_eq!(later(&site)[0].header("if-range"), Some("\"old\""));
}

#[tokio::test]
async fn a_rest_with_another_tag_is_not_appended() {
    let changed = |release: &Release, request: &Request| {
        release.answer(request).without_header("ETag").header("ETag", "\"two\"")
    };
    let (app, site) = (App::new(), cut_then(Release::new(), 100_000, changed));
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE);
    assert_eq!(range(&later(&site)[1]), None);
}

#[tokio::test]
async fn without_a_strong_tag_nothing_is_continued() {
    for tag in [None, Some("W/\"one\""), Some("one"), Some("\"")] {
        let with_tag = move |reply: Reply| {
            let reply = reply.without_header("ETag");
            tag.map_or(reply.clone(), |tag| reply.header("ETag", tag))
        };
        let first =
            move |release: &Release, request: &Request| with_tag(release.answer(request)).cut(100_000);
        let next = move |release: &Release, request: &Request| with_tag(release.answer(request));
        let site = first_run(Release::new(), first, next);
        let app = App::new();
        interrupt(&app, &site).await;
        assert_eq!(complete(&app, &site).await, SIZE, "{tag:?}");
        assert_eq!(range(&later(&site)[0]), None, "{tag:?}");
    }
}

#[tokio::test]
async fn a_wrong_content_range_starts_over() {
    for wrong in [
        None,
        Some("bytes 0-299999/300000"),
        Some("bytes 100001-299999/300000"),
        Some("bytes 99999-299999/300000"),
        Some("bytes 100000-299998/300000"),
        Some("bytes 100000-299999/*"),
        Some("bytes */300000"),
        Some("bytes 299999-100000/300000"),
        Some("items 100000-299999/300000"),
        Some("bytes 100000-18446744073709551615/18446744073709551616"),
        Some("nonsense"),
    ] {
        let lie = move |release: &Release, request: &Request| {
            let honest = release.answer(request);
            match (range(request), wrong) {
                (None, _) => honest,
                (Some(_), None) => honest.without_header("Content-Range"),
                (Some(_), Some(wrong)) => {
                    honest.without_header("Content-Range").header("Content-Range", wrong)
                }
            }
        };
        let (app, site) = (App::new(), cut_then(Release::new(), 100_000, lie));
        interrupt(&app, &site).await;
        assert_eq!(complete(&app, &site).await, SIZE, "{wrong:?}");
        let ranges: Vec<_> = later(&site).iter().map(|request| range(request).is_some()).collect();
        assert_eq!(ranges, [true, false], "{wrong:?}");
    }
}

#[tokio::test]
async fn a_refused_range_starts_over() {
    let refuse = |release: &Release, request: &Request| match range(request) {
        Some(_) => Reply::status(416),
        None => release.answer(request),
    };
    let (app, site) = (App::new(), cut_then(Release::new(), 100_000, refuse));
    interrupt(&app, &site).await;
    assert_eq!(complete(&app, &site).await, SIZE);
    assert_eq!(later(&site).len(), 2);
}

#[tokio::test]
async fn a_server_that_dislikes_the_range_or_the_tag_is_asked_for_everything() {
    for status in [400, 403, 412, 431] {
        let dislikes = move |release: &Release, request: &Request| match range(request) {
            Some(_) => Reply::status(status),
            _ => release.answer(request),
        };
        let (app, site) = (App::new(), cut_then(Release::new(), 100_000, dislikes));
        interrupt(&app, &site).await;
        complete(&app, &site).await;
    }
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_refused() {
    let site = Site::new(Release::new(), |release, _| {
        Reply::status(206).body(release.artifact.clone()).header("Content-Range", "bytes 0-299999/300000")
    });
    let app = App::new();
    let error = site.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!((error.code(), error.status()), (ErrorCode::HttpStatus, Some(206)));
}

#[tokio::test]
async fn a_damaged_partial_is_thrown_away_once_and_fetched_anew() {
    let (app, site) = (App::new(), cut_once(Release::new(), 100_000));
    interrupt(&app, &site).await;
    let partial = app.data_file("part");
    let mut bytes = fs::read(&partial).unwrap();
    bytes[50_000] ^= 1;
    fs::write(&partial, bytes).unwrap();
    assert_eq!(complete(&app, &site).await, SIZE - 100_000 + SIZE);
    let ranges: Vec<_> = later(&site).iter().map(|request| range(request).map(str::to_owned)).collect();
    assert_eq!(ranges, [Some("bytes=100000-".to_owned()), None]);
}

#[tokio::test]
async fn a_partial_that_is_too_long_is_thrown_away() {
    let (app, site) = (App::new(), cut_once(Release::new().with_size(), 100_000));
    interrupt(&app, &site).await;
    fs::write(app.data_file("part"), vec![7; SIZE + 1]).unwrap();
    assert_eq!(complete(&app, &site).await, SIZE);
}

#[tokio::test]
async fn a_server_that_sends_a_bad_rest_again_and_again_does_not_keep_the_client_for_ever() {
    let bad = Release { artifact: appimage(SIZE, 78), ..Release::new() };
    let (app, site) = (App::new(), cut_then(bad, 100_000, |release, request| release.answer(request)));
    interrupt(&app, &site).await;
    let error = site.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignatureMismatch);
    assert_eq!(later(&site).len(), 2);
    app.assert_nothing_left();
}

/// Breaks off, then continues with the bytes of another file, and then is honest.
fn bad_rest() -> Site {
    let answered = AtomicUsize::new(0);
    let other = Release { artifact: appimage(SIZE, 79), ..Release::new() };
    Site::new(Release::new(), move |release, request| match answered.fetch_add(1, Ordering::Relaxed) {
        0 => release.answer(request).cut(100_000),
        1 => other.answer(request),
        _ => release.answer(request),
    })
}

#[tokio::test]
async fn a_bad_rest_within_one_run_is_thrown_away_once_and_fetched_anew() {
    let (app, site) = (App::new(), bad_rest());
    site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!(site.downloads().len(), 3);
}

#[tokio::test]
async fn a_bad_rest_in_memory_is_thrown_away_once_and_fetched_anew() {
    let site = bad_rest();
    let bytes = site.update(&App::new()).await.download(Default::default()).await.unwrap();
    assert!(bytes == site.release.artifact);
    assert_eq!(site.downloads().len(), 3);
}

#[tokio::test]
async fn the_partial_of_another_release_is_not_used() {
    let (app, old) = (App::new(), cut_once(Release::new(), 100_000));
    interrupt(&app, &old).await;
    let new = Site::honest(Release::version("3.0.0"));
    assert_eq!(complete(&app, &new).await, SIZE);
    assert_eq!(range(&new.downloads()[0]), None);
}

#[tokio::test]
async fn a_partial_without_its_record_or_behind_a_planted_link_is_not_used() {
    let (app, site) = (App::new(), cut_once(Release::new(), 100_000));
    interrupt(&app, &site).await;
    let victim = app.data.join("victim");
    fs::write(&victim, "precious").unwrap();
    let partial = app.data_file("part");
    fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink(&victim, &partial).unwrap();
    let staged = site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!(staged.downloaded_bytes(), SIZE as u64);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    let (app, site) = (App::new(), cut_once(Release::new(), 100_000));
    interrupt(&app, &site).await;
    fs::remove_file(app.data_file("json")).unwrap();
    assert_eq!(complete(&app, &site).await, SIZE);
}
