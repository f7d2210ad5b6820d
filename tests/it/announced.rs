//! What was staged is installed only while the manifest that announced it would still be believed.

use std::fs;

use cargo_packager_updater::{
    Config, Error, ErrorCode, Updater,
    updater::{StagedUpdate, Update},
};
use serde_json::{Value, json};

use crate::support::{
    App, Board, Change, Draft, Release, Reply, Signer, Site, beta, in_hours, manifests_of_another, required,
    stable,
};

fn plain(_: &mut Config) {}

fn updater(app: &App, endpoint: impl Into<String>, change: Change) -> Updater {
    let mut config = app.config(endpoint);
    change(&mut config);
    Updater::new("1.0.0", config).unwrap()
}

async fn offered(app: &App, site: &Site, change: Change) -> Update {
    updater(app, site.endpoint(), change).check().await.unwrap().unwrap()
}

async fn stage(app: &App, site: &Site, change: Change) -> StagedUpdate {
    offered(app, site, change).await.stage(Default::default()).await.unwrap()
}

async fn pending(app: &App, change: Change) -> Option<StagedUpdate> {
    updater(app, "http://127.0.0.1:1/", change).pending().await.unwrap()
}

fn unsigned() -> Site {
    Site::honest(Release::new())
}

fn signed(version: &str, sequence: u64) -> Site {
    Site::signed(Release::version(version), Draft::new(sequence))
}

/// A signed manifest of no use to this platform.
async fn see_a_signed_one(app: &App, version: &str) {
    let manifest = json!({"version": version, "platforms": {}});
    check(app, Draft::new(9).of(&manifest).reply()).await.unwrap_err();
}

async fn check(app: &App, answer: Reply) -> Result<Option<Update>, Error> {
    let board = Board::new();
    board.show(answer);
    updater(app, board.url(), plain).check().await
}

fn announcing(version: &str) -> Draft {
    Draft::new(2).with("version", version).announcing("version", version)
}

#[tokio::test]
async fn what_is_announced_as_it_has_to_be_is_pending() {
    let app = App::new();
    stage(&app, &unsigned(), stable).await;
    assert!(pending(&app, stable).await.is_some());
    let app = App::new();
    stage(&app, &signed("2.0.0", 1), required).await;
    assert!(pending(&app, required).await.is_some());
    assert!(pending(&app, plain).await.is_some());
}

#[tokio::test]
async fn an_update_of_another_channel_is_not_pending() {
    for (from, to) in [(beta as Change, stable as Change), (beta, plain), (plain, stable)] {
        let app = App::new();
        stage(&app, &unsigned(), from).await;
        assert!(pending(&app, to).await.is_none());
        app.assert_nothing_left();
    }
}

#[tokio::test]
async fn an_update_that_nobody_signed_for_is_not_pending_once_that_is_required() {
    let app = App::new();
    stage(&app, &unsigned(), plain).await;
    assert!(pending(&app, required).await.is_none());
    app.assert_nothing_left();
}

#[tokio::test]
async fn an_update_announced_under_a_key_that_is_not_trusted_any_more_is_not_pending() {
    let app = App::new();
    stage(&app, &signed("2.0.0", 1), plain).await;
    assert!(pending(&app, manifests_of_another).await.is_none());
    app.assert_nothing_left();
}

#[tokio::test]
async fn a_record_that_does_not_tell_who_announced_it_is_good_where_nothing_is_demanded() {
    for (change, is_pending) in [(plain as Change, true), (stable, false), (required, false)] {
        let app = App::new();
        stage(&app, &signed("2.0.0", 1), change).await;
        fs::remove_file(app.data_files().into_iter().find(|file| file.ends_with("manifests.json")).unwrap())
            .unwrap();
        let record = app.data_file("json");
        let mut content: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        for member in ["channel", "manifest_keys"] {
            content.as_object_mut().unwrap().remove(member).unwrap();
        }
        fs::write(&record, content.to_string()).unwrap();
        assert_eq!(pending(&app, change).await.is_some(), is_pending);
    }
}

#[tokio::test]
async fn once_a_signed_manifest_was_seen_what_nobody_signed_for_is_neither_pending_nor_installed() {
    let app = App::new();
    let staged = stage(&app, &unsigned(), plain).await;
    let prepared = staged.prepare(Default::default()).await.unwrap();
    see_a_signed_one(&app, "2.0.0").await;
    assert_eq!(prepared.finish().unwrap_err().code(), ErrorCode::NotUpdatable);
    assert_eq!(staged.prepare(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
    assert_eq!(staged.install(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
    assert!(pending(&app, plain).await.is_none());
    app.assert_nothing_left();
    app.assert_untouched();
}

#[tokio::test]
async fn what_lies_there_already_is_pending_again_once_it_is_announced_as_it_has_to_be() {
    let app = App::new();
    stage(&app, &unsigned(), plain).await;
    let site = signed("2.0.0", 1);
    let update = offered(&app, &site, required).await;
    assert!(pending(&app, required).await.is_none());
    update.stage(Default::default()).await.unwrap();
    assert!(pending(&app, required).await.is_some());
}

#[tokio::test]
async fn staging_the_same_on_another_channel_makes_it_pending_there() {
    let (app, site) = (App::new(), unsigned());
    let on_stable = offered(&app, &site, stable).await;
    stage(&app, &site, beta).await;
    on_stable.stage(Default::default()).await.unwrap();
    assert_eq!(site.downloads().len(), 1);
    assert!(pending(&app, stable).await.is_some());
}

#[tokio::test]
async fn a_release_that_the_publisher_takes_back_is_not_installed_at_the_next_start() {
    for version in ["1.5.0", "1.0.0", "2.0.0-rc.1"] {
        let app = App::new();
        let staged = stage(&app, &signed("2.0.0", 1), plain).await;
        let prepared = staged.prepare(Default::default()).await.unwrap();
        check(&app, announcing(version).reply()).await.unwrap();
        app.assert_nothing_left();
        assert!(pending(&app, plain).await.is_none());
        assert_eq!(prepared.finish().unwrap_err().code(), ErrorCode::NotUpdatable);
        assert_eq!(staged.install(Default::default()).await.unwrap_err().code(), ErrorCode::Io);
        app.assert_untouched();
    }
}

#[tokio::test]
async fn it_is_taken_back_also_by_a_manifest_without_this_platform() {
    let app = App::new();
    stage(&app, &signed("2.0.0", 1), plain).await;
    see_a_signed_one(&app, "1.5.0").await;
    app.assert_nothing_left();
}

#[tokio::test]
async fn the_same_or_a_newer_release_takes_nothing_back() {
    for version in ["2.0.0", "2.0.0+7", "2.0.1", "3.0.0"] {
        let app = App::new();
        stage(&app, &signed("2.0.0", 1), plain).await;
        check(&app, announcing(version).reply()).await.unwrap();
        assert!(pending(&app, plain).await.is_some(), "{version}");
    }
}

#[tokio::test]
async fn who_holds_the_server_alone_takes_nothing_back() {
    let lower = announcing("1.5.0");
    let app = App::new();
    stage(&app, &unsigned(), plain).await;
    let mut without = lower.manifest();
    without.as_object_mut().unwrap().remove("signedManifest");
    check(&app, Reply::ok(without.to_string())).await.unwrap();
    check(&app, lower.clone().signed_by(&[Signer::stranger()]).reply()).await.unwrap();
    assert!(pending(&app, plain).await.is_some());

    let app = App::new();
    stage(&app, &signed("2.0.0", 3), plain).await;
    for answer in [
        Reply::ok(without.to_string()),
        lower.reply(),
        lower.clone().with("sequence", 4).with("expires", in_hours(0)).reply(),
        lower.with("sequence", 4).signed_by(&[Signer::stranger()]).reply(),
    ] {
        check(&app, answer).await.unwrap_err();
    }
    assert!(pending(&app, plain).await.is_some());
}
