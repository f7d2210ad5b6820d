//! What was staged is installed only while the manifest that announced it would still be believed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cargo_packager_updater::{
    Config, Error, ErrorCode, Updater,
    updater::{StagedUpdate, Update},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{
    App, Board, Change, Draft, Release, Reply, Server, Signer, Site, beta, in_hours, manifests_of_another,
    required, stable,
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

/// Of what is staged.
fn change_record(app: &App, change: impl FnOnce(&mut Value)) {
    let path = app.data_file("json");
    let mut record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(&path, record.to_string()).unwrap();
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

/// An artifact that arrives when a test says so.
#[derive(Clone, Default)]
struct Held {
    begun: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
}

impl Held {
    fn serving(release: Release, draft: Draft) -> (Server, Self) {
        let held = Self::default();
        let Self { begun, released } = held.clone();
        let server = Server::start(move |request| match request.path.as_str() {
            "/latest.json" => draft.clone().of(&release.manifest(&request.url("/App.AppImage"))).reply(),
            _ => {
                begun.store(true, Ordering::SeqCst);
                while !released.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                release.answer(request)
            }
        });
        (server, held)
    }

    async fn has_begun(&self) {
        while !self.begun.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn go_on(&self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

fn expiring(draft: Draft, expires: OffsetDateTime) -> Draft {
    draft.with("expires", expires.format(&Rfc3339).unwrap())
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
async fn a_record_that_does_not_tell_who_announced_it_is_none() {
    for member in ["channel", "manifest_keys", "application"] {
        let app = App::new();
        stage(&app, &unsigned(), plain).await;
        change_record(&app, |record| drop(record.as_object_mut().unwrap().remove(member).unwrap()));
        assert!(pending(&app, plain).await.is_none(), "{member}");
    }
}

#[tokio::test]
async fn what_a_copy_in_another_format_has_staged_is_pending_for_that_copy_alone() {
    let (app, package) = (App::new(), App::new());
    stage(&app, &unsigned(), plain).await;
    change_record(&app, |record| {
        record["format"] = json!("deb");
        record["application"] = json!(package.path);
    });
    assert!(pending(&app, plain).await.is_none());
    app.data_file("bin");
    // Whoever has staged it for itself is told why it cannot be installed.
    change_record(&app, |record| record["application"] = json!(app.path));
    let own = pending(&app, plain).await.unwrap();
    assert_eq!(own.install(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
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
        let artifact = fs::read(staged.path()).unwrap();
        check(&app, announcing(version).reply()).await.unwrap();
        app.assert_nothing_left();
        assert!(pending(&app, plain).await.is_none());
        assert_eq!(prepared.finish().unwrap_err().code(), ErrorCode::NotUpdatable);
        assert_eq!(staged.install(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
        // A file that was in use could not be removed.
        fs::write(staged.path(), artifact).unwrap();
        fs::set_permissions(staged.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(staged.prepare(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
        assert_eq!(staged.install(Default::default()).await.unwrap_err().code(), ErrorCode::NotUpdatable);
        app.assert_untouched();
    }
}

#[tokio::test]
async fn it_is_taken_back_also_by_a_manifest_without_this_platform() {
    let app = App::new();
    stage(&app, &signed("2.0.0", 1), plain).await;
    see_a_signed_one(&app, "1.5.0").await;
    assert!(pending(&app, plain).await.is_none());
    app.assert_nothing_left();
}

#[tokio::test]
async fn it_is_taken_back_also_while_it_is_found_downloaded_or_at_hand() {
    let taken_back = announcing("1.5.0").reply();
    let code = |outcome: Result<StagedUpdate, Error>| outcome.map(drop).unwrap_err().code();

    let (app, site) = (App::new(), signed("2.0.0", 1));
    let found = offered(&app, &site, plain).await;
    check(&app, taken_back.clone()).await.unwrap();
    assert_eq!(code(found.stage(Default::default()).await), ErrorCode::NotUpdatable);
    assert!(site.downloads().is_empty());

    let app = App::new();
    let (held, download) = Held::serving(Release::version("2.0.0"), Draft::new(1));
    let found = updater(&app, held.url("/latest.json"), plain).check().await.unwrap().unwrap();
    let staging = tokio::spawn(async move { found.stage(Default::default()).await });
    download.has_begun().await;
    check(&app, taken_back.clone()).await.unwrap();
    download.go_on();
    assert_eq!(code(staging.await.unwrap()), ErrorCode::NotUpdatable);
    assert!(pending(&app, plain).await.is_none());

    let (app, site) = (App::new(), signed("2.0.0", 1));
    let found = offered(&app, &site, plain).await;
    found.stage(Default::default()).await.unwrap();
    check(&app, taken_back).await.unwrap();
    assert_eq!(code(found.stage(Default::default()).await), ErrorCode::NotUpdatable);
    app.assert_untouched();
}

#[tokio::test]
async fn a_release_found_in_a_manifest_that_nobody_signed_is_not_installed_after_a_signed_one_was_seen() {
    let (app, site) = (App::new(), unsigned());
    let update = offered(&app, &site, plain).await;
    let bytes = update.download(Default::default()).await.unwrap();
    see_a_signed_one(&app, "2.0.0").await;
    let (download, install) = (Default::default(), Default::default());
    for outcome in [
        update.download_and_install(download, install).await,
        update.install(bytes, Default::default()).await,
        update.stage(Default::default()).await.map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().code(), ErrorCode::NotUpdatable);
    }
    app.assert_untouched();
    app.assert_nothing_left();
}

#[tokio::test]
async fn a_release_whose_manifest_has_expired_since_is_neither_downloaded_nor_installed() {
    let soon = OffsetDateTime::now_utc() + Duration::from_secs(3);
    let site = Site::signed(Release::version("2.0.0"), expiring(Draft::new(1), soon));
    let app = App::new();
    let update = offered(&app, &site, plain).await;
    let bytes = update.download(Default::default()).await.unwrap();
    while OffsetDateTime::now_utc() < soon {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let downloads = site.downloads().len();
    for outcome in [
        update.download_and_install(Default::default(), Default::default()).await,
        update.install(bytes, Default::default()).await,
        update.stage(Default::default()).await.map(drop),
    ] {
        assert_eq!(outcome.unwrap_err().code(), ErrorCode::ManifestExpired);
    }
    assert_eq!(site.downloads().len(), downloads);
    app.assert_untouched();
}

#[tokio::test]
async fn who_holds_up_a_download_until_the_manifest_has_expired_gets_nothing_installed() {
    let app = App::new();
    let soon = OffsetDateTime::now_utc() + Duration::from_secs(2);
    let (release, draft) = (Release::version("2.0.0"), Draft::new(1));
    let (held, download) = Held::serving(release.clone(), expiring(draft.clone(), soon));
    let update = updater(&app, held.url("/latest.json"), plain).check().await.unwrap().unwrap();
    let installing =
        tokio::spawn(
            async move { update.download_and_install(Default::default(), Default::default()).await },
        );
    download.has_begun().await;
    while OffsetDateTime::now_utc() < soon {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    download.go_on();
    assert_eq!(installing.await.unwrap().unwrap_err().code(), ErrorCode::ManifestExpired);
    app.assert_untouched();
    // It is not fetched again once it is announced anew.
    let site = Site::signed(release, draft.with("sequence", 2));
    stage(&app, &site, plain).await;
    assert!(site.downloads().is_empty());
}

#[tokio::test]
async fn what_is_announced_for_darwin_is_pending_on_macos() {
    let app = App::new();
    let release = Release::version("2.0.0");
    let server = Server::start(move |request| match request.path.as_str() {
        "/latest.json" => {
            let mut manifest = release.manifest(&request.url("/App.AppImage"));
            let entry = manifest["platforms"].as_object().unwrap().values().next().unwrap().clone();
            manifest["platforms"] = json!({"darwin-aarch64": entry});
            Reply::ok(manifest.to_string())
        }
        _ => release.answer(request),
    });
    let on_macos: Change = |config| config.target = Some("macos-aarch64".to_owned());
    let update = updater(&app, server.url("/latest.json"), on_macos).check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
    assert!(pending(&app, on_macos).await.is_some());
    assert!(pending(&app, |config| config.target = Some("macos-x86_64".to_owned())).await.is_none());
}

#[tokio::test]
async fn what_another_program_of_the_same_interpreter_has_seen_locks_nobody_out() {
    let app = App::new();
    let check = async |signer: &Signer, answer: Reply| {
        let board = Board::new();
        board.show(answer);
        let mut config = app.config(board.url());
        // What runs is this test, which is nothing that could be updated.
        config.executable_path = None;
        config.pubkey = signer.pubkey().into();
        Updater::new("1.0.0", config).unwrap().check().await.map(drop).map_err(|error| error.code())
    };
    let (ours, theirs) = (Signer::author(), Signer::stranger());
    check(theirs, Draft::new(1).signed_by(&[theirs]).reply()).await.unwrap();
    check(ours, Draft::new(0).unsigned()).await.unwrap();
    assert_eq!(check(theirs, Draft::new(0).unsigned()).await, Err(ErrorCode::ManifestUnsigned));
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
