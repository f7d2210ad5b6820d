//! What is kept for later deltas, where the format needs it.

use std::{fs, path::PathBuf};

use cargo_packager_updater::{Config, Updater};

use crate::support::{App, Published, Release, Reply, Shelf, Signer, image};

const BLOCKS: u32 = 20;

/// A package of this version. What is in it is of no matter here.
fn package(version: u32, deltas: Vec<Published>) -> Shelf {
    let artifact = image(BLOCKS, version);
    let name = format!("{version}.0.0");
    let signature = Signer::author().sign(&artifact, &format!("version:{name}"));
    let release = Release { version: name, artifact, signature, ..Release::new() };
    let release = release.with_size().with_entry("format", "deb");
    Shelf::of(release, deltas, |delta, _| Reply::ok(delta.bytes.clone()))
}

fn to_third() -> Published {
    Published::to_version("3.0.0", &image(BLOCKS, 2), &image(BLOCKS, 3))
}

/// For a base that nobody has.
fn unused() -> Vec<Published> {
    vec![Published::to_version("2.0.0", &image(BLOCKS, 5), &image(BLOCKS, 2))]
}

/// Stages it; the bytes that were downloaded.
async fn stage(app: &App, shelf: &Shelf, keep_artifact: Option<bool>) -> u64 {
    let config = Config { keep_artifact, ..app.config(shelf.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    let staged = update.stage(Default::default()).await.unwrap();
    assert!(fs::read(staged.path()).unwrap() == shelf.release.artifact);
    staged.downloaded_bytes()
}

fn kept(app: &App) -> Vec<PathBuf> {
    app.data_files()
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "base"))
        .collect()
}

#[tokio::test]
async fn the_last_package_is_the_base_of_the_next() {
    let app = App::new();
    let second = package(2, unused());
    stage(&app, &second, None).await;
    assert_eq!(kept(&app).len(), 1);
    assert!(fs::read(&kept(&app)[0]).unwrap() == second.release.artifact);
    let delta = to_third();
    let size = delta.bytes.len() as u64;
    let third = package(3, vec![delta]);
    assert_eq!(stage(&app, &third, None).await, size);
    assert_eq!((third.full_downloads(), kept(&app).len()), (0, 1));
    assert!(fs::read(&kept(&app)[0]).unwrap() == third.release.artifact, "it is the last one");
}

#[tokio::test]
async fn nothing_is_kept_where_no_deltas_are_offered_or_it_is_not_wanted() {
    for (deltas, keep, expected) in [
        (vec![], None, 0),
        (unused(), None, 1),
        (vec![], Some(true), 1),
        (unused(), Some(true), 1),
        (vec![], Some(false), 0),
        (unused(), Some(false), 0),
    ] {
        let app = App::new();
        stage(&app, &package(2, deltas), keep).await;
        assert_eq!(kept(&app).len(), expected, "{keep:?}");
    }
}

#[tokio::test]
async fn what_is_not_wanted_any_more_goes_with_the_next_check() {
    let app = App::new();
    let shelf = package(2, unused());
    stage(&app, &shelf, None).await;
    assert_eq!(kept(&app).len(), 1);
    let config = Config { keep_artifact: Some(false), ..app.config(shelf.endpoint()) };
    Updater::new("1.0.0", config).unwrap().check().await.unwrap();
    assert!(kept(&app).is_empty());
}

#[tokio::test]
async fn a_copy_that_was_never_finished_goes_with_the_next_check() {
    let app = App::new();
    let shelf = package(2, unused());
    stage(&app, &shelf, None).await;
    let base = kept(&app).remove(0);
    fs::write(base.with_file_name("begun.tmp"), "half").unwrap();
    Updater::new("1.0.0", app.config(shelf.endpoint())).unwrap().check().await.unwrap();
    assert_eq!(kept(&app), [base]);
}

#[tokio::test]
async fn what_was_staged_and_not_kept_is_kept_by_the_next_call() {
    let app = App::new();
    let shelf = package(2, unused());
    stage(&app, &shelf, Some(false)).await;
    assert!(kept(&app).is_empty());
    stage(&app, &shelf, None).await;
    assert_eq!((kept(&app).len(), shelf.full_downloads()), (1, 1));
}

#[tokio::test]
async fn what_was_staged_takes_the_place_of_an_older_base_in_the_next_call() {
    let app = App::new();
    stage(&app, &package(2, unused()), None).await;
    let before = kept(&app);
    // As a process leaves it that is killed in between.
    let third = package(3, unused());
    stage(&app, &third, Some(false)).await;
    fs::create_dir_all(before[0].parent().unwrap()).unwrap();
    fs::write(&before[0], "older").unwrap();
    stage(&app, &third, None).await;
    assert_eq!((kept(&app).len(), third.full_downloads()), (1, 1));
    assert_ne!(kept(&app), before);
}

#[tokio::test]
async fn a_release_without_deltas_takes_nobodys_base_away() {
    let app = App::new();
    stage(&app, &package(2, unused()), None).await;
    let before = kept(&app);
    stage(&app, &package(4, vec![]), None).await;
    assert_eq!(kept(&app), before);
}

#[tokio::test]
async fn an_appimage_is_its_own_base() {
    let (old, new) = (image(BLOCKS, 1), image(BLOCKS, 2));
    for keep in [None, Some(true)] {
        let (app, shelf) =
            (App::new().holding(old.clone()), Shelf::new(&new, vec![Published::new(&old, &new)]));
        stage(&app, &shelf, keep).await;
        assert_eq!((kept(&app).len(), shelf.full_downloads()), (0, 0));
    }
}

#[tokio::test]
async fn a_kept_artifact_that_was_changed_costs_a_download() {
    let app = App::new();
    stage(&app, &package(2, unused()), None).await;
    let base = kept(&app).remove(0);
    let mut bytes = fs::read(&base).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&base, bytes).unwrap();
    let third = package(3, vec![to_third()]);
    stage(&app, &third, None).await;
    assert_eq!(third.full_downloads(), 1);
}
