//! Whatever is wrong with a delta, the same call downloads the artifact.

use std::fs;

use cargo_packager_updater::Phase;
use serde_json::json;

use super::{versions, watched};
use crate::support::{App, Published, Release, Reply, Shelf, Signer, image, slow_image, within};

const COMMENT: &str = "timestamp:1\ttype:delta\tversion:2.0.0";

/// The artifact is downloaded whole, and nothing of a delta is left.
async fn assert_falls_back(case: &str, app: &App, shelf: &Shelf) {
    let staged = shelf.update(app).await.stage(Default::default()).await.unwrap();
    assert!(fs::read(staged.path()).unwrap() == shelf.release.artifact, "{case}");
    assert_eq!(shelf.full_downloads(), 1, "{case}");
    assert!(staged.downloaded_bytes() >= shelf.release.artifact.len() as u64, "{case}");
    assert_eq!(app.files_left().len(), 2, "{case}: {:?}", app.files_left());
    staged.install(Default::default()).await.unwrap();
    app.assert_is(&shelf.release.artifact);
    app.assert_nothing_left();
}

#[tokio::test]
async fn a_bad_delta_costs_its_bytes_and_nothing_else() {
    let (old, new) = versions();
    let good = Published::new(&old, &new);
    let bytes = &good.bytes;
    let resigned = |bytes: Vec<u8>| good.clone().with_bytes(bytes, COMMENT);
    let stranger = Signer::stranger().sign(bytes, COMMENT);
    let other_base = Published::new(&image(30, 5), &new);
    let other_result = Published::new(&old, &image(30, 5));
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("other bytes than signed", good.clone().sent_as(|bytes| bytes[200] ^= 1)),
        ("fewer bytes", good.clone().sent_as(|bytes| bytes.truncate(100))),
        ("more bytes", good.clone().sent_as(|bytes| bytes.push(0))),
        ("a stranger's signature", good.clone().with("signature", stranger)),
        ("signed as an artifact", good.clone().with_bytes(bytes.clone(), "timestamp:1\tversion:2.0.0")),
        ("signed as a manifest", good.clone().with_bytes(bytes.clone(), "type:manifest\tversion:2.0.0")),
        ("signed without a version", good.clone().with_bytes(bytes.clone(), "type:delta")),
        ("signed for another version", good.clone().with_bytes(bytes.clone(), "type:delta\tversion:2.0.1")),
        ("for another base than it says", other_base.with("base", good.entry["base"].clone())),
        ("makes something else", other_result),
        ("no delta at all", resigned(b"garbage".to_vec())),
        ("nothing", resigned(Vec::new())),
        ("of a later format", resigned(flipped(8))),
        ("for other encoders", resigned(flipped(12))),
        ("of another base's size", resigned(flipped(16))),
        ("of another base's hash", resigned(flipped(24))),
        ("of another result's size", resigned(flipped(56))),
        ("of another result's hash", resigned(flipped(64))),
        ("with a longer old text", resigned(flipped(96))),
        ("with a longer new text", resigned(flipped(104))),
        ("with other sections", resigned(flipped(112))),
        ("with a broken section", resigned(flipped(190))),
        ("that leads out of the url", good.clone().with("url", "http://192.0.2.1/x.delta")),
    ];
    for (case, delta) in cases {
        let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![delta]));
        assert_falls_back(case, &app, &shelf).await;
    }
}

#[tokio::test]
async fn a_server_without_the_delta_is_asked_for_the_artifact() {
    let (old, new) = versions();
    for status in [404, 403, 410, 500] {
        let deltas = vec![Published::new(&old, &new)];
        let shelf = Shelf::with(&new, deltas, move |_, _| Reply::status(status));
        let app = App::new().holding(old.clone());
        assert_falls_back(&status.to_string(), &app, &shelf).await;
    }
}

#[tokio::test]
async fn a_manifest_with_broken_deltas_is_one_without() {
    let (old, new) = versions();
    for deltas in [json!(null), json!({}), json!("x"), json!([null, 7, {}]), json!([{"base": "x"}])] {
        let release = Shelf::release(&new).with_entry("deltas", deltas.clone());
        let (app, site) = (App::new().holding(old.clone()), crate::support::Site::honest(release));
        let staged = site.update(&app).await.stage(Default::default()).await.unwrap();
        assert!(fs::read(staged.path()).unwrap() == new, "{deltas}");
    }
}

#[tokio::test]
async fn a_delta_that_takes_too_long_is_given_up() {
    let (old, new) = versions();
    let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![Published::new(&old, &new)]));
    let mut config = app.config(shelf.endpoint());
    config.limits.patch_time_max = std::time::Duration::ZERO;
    let update = cargo_packager_updater::Updater::new("1.0.0", config).unwrap();
    let staged = update.check().await.unwrap().unwrap().stage(Default::default()).await.unwrap();
    assert!(fs::read(staged.path()).unwrap() == new);
    assert_eq!((shelf.requests("/0.delta").len(), shelf.full_downloads()), (1, 1));
    assert_eq!(app.files_left().len(), 2, "{:?}", app.files_left());
}

/// Only what this machine does is bounded: a slow network is no reason to download more.
#[tokio::test]
async fn the_time_that_a_delta_takes_to_come_does_not_count() {
    const LIMIT_MS: u64 = 8_000;
    let (old, new) = versions();
    let deltas = vec![Published::new(&old, &new)];
    let slow = |delta: &Published, _: &crate::support::Request| {
        Reply::ok(delta.bytes.clone()).in_pieces(3, LIMIT_MS / 2)
    };
    let (app, shelf) = (App::new().holding(old.clone()), Shelf::with(&new, deltas, slow));
    let mut config = app.config(shelf.endpoint());
    config.limits.patch_time_max = std::time::Duration::from_millis(LIMIT_MS);
    let update = cargo_packager_updater::Updater::new("1.0.0", config).unwrap();
    update.check().await.unwrap().unwrap().stage(Default::default()).await.unwrap();
    assert_eq!(shelf.full_downloads(), 0);
}

#[tokio::test]
async fn a_pipe_in_the_place_of_the_application_is_not_waited_for() {
    let (old, new) = versions();
    let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![Published::new(&old, &new)]));
    let update = shelf.update(&app).await;
    fs::remove_file(&app.path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &app.path, rustix::fs::Mode::RWXU).unwrap();
    within(update.stage(Default::default())).await.unwrap();
    assert_eq!(shelf.full_downloads(), 1);
}

#[tokio::test]
async fn another_version_than_the_base_is_installed() {
    let (old, new) = versions();
    let (app, shelf) = (App::new().holding(image(40, 6)), Shelf::new(&new, vec![Published::new(&old, &new)]));
    assert_falls_back("another base", &app, &shelf).await;
    assert!(shelf.requests("/0.delta").is_empty());
}

#[tokio::test]
async fn a_chain_with_one_bad_link_falls_back() {
    let images: Vec<_> = (1..=3).map(|version| image(40, version)).collect();
    let good = [Published::link("1.5.0", &images[0], &images[1]), Published::new(&images[1], &images[2])];
    for (case, change) in [("first", 0), ("last", 1)] {
        let mut deltas = good.to_vec();
        deltas[change] = deltas[change].clone().sent_as(|bytes| bytes[180] ^= 1);
        let (app, shelf) = (App::new().holding(images[0].clone()), Shelf::new(&images[2], deltas));
        assert_falls_back(case, &app, &shelf).await;
    }
    let mut deltas = good.to_vec();
    deltas[0] = deltas[0].clone().with("result", "f".repeat(64));
    let (app, shelf) = (App::new().holding(images[0].clone()), Shelf::new(&images[2], deltas));
    assert_falls_back("a result that nothing goes on from", &app, &shelf).await;
}

/// A server has genuine deltas, and says what they are good for.
#[tokio::test]
async fn a_chain_whose_links_do_not_fit_is_not_begun() {
    let images: Vec<_> = (1..=3).map(|version| slow_image(30, version)).collect();
    let first = Published::link("1.5.0", &images[0], &images[1]);
    let unfitting = Published::new(&images[0], &images[2]).with("base", first.entry["result"].clone());
    let (app, shelf) =
        (App::new().holding(images[0].clone()), Shelf::new(&images[2], vec![first, unfitting]));
    let (options, seen) = watched();
    let update = shelf.update(&app).await;
    update.stage(options).await.unwrap();
    assert_eq!((shelf.requests("/1.delta").len(), shelf.full_downloads()), (1, 1));
    assert!(seen.lock().unwrap().iter().all(|progress| progress.phase != Phase::Patch));
}

#[tokio::test]
async fn a_delta_proves_nothing_of_the_artifact() {
    let (old, new) = versions();
    let forged = image(40, 6);
    let delta = Published::new(&old, &forged);
    let (app, shelf) = (App::new().holding(old.clone()), Shelf::new(&new, vec![delta.clone()]));
    assert_falls_back("another artifact", &app, &shelf).await;
    // Nor does the server's word for it.
    let size = forged.len();
    let lying = Release { artifact: forged, ..Shelf::release(&new) }.with_entry("size", size);
    let shelf = Shelf::of(lying, vec![delta], |delta, _| Reply::ok(delta.bytes.clone()));
    let app = App::new().holding(old);
    let error = shelf.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.code(), cargo_packager_updater::ErrorCode::SignatureMismatch);
    app.assert_untouched();
    app.assert_nothing_left();
}
