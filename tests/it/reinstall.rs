//! What was installed before decides what is offered and accepted next.

use std::{fs, path::Path};

use cargo_packager_updater::{Config, Error, ErrorCode, Updater, updater::Update};

use crate::support::{App, Release, Signer, Site, appimage};

async fn offered(app: &App, current: &str, config: Config) -> Option<Update> {
    assert_eq!(config.executable_path.as_deref(), Some(app.path.as_path()));
    Updater::new(current, config).unwrap().check().await.unwrap()
}

async fn offered_to(app: &App, config: Config) -> Option<Update> {
    offered(app, "1.0.0", config).await
}

async fn install(app: &App, current: &str, release: Release) -> Result<(), Error> {
    let site = Site::honest(release);
    let update = offered(app, current, app.config(site.endpoint())).await.unwrap();
    update.download_and_install(Default::default(), Default::default()).await?;
    app.assert_is(&site.release.artifact);
    Ok(())
}

fn without_version(version: &str) -> Release {
    Release::signed_as(version, "timestamp:1\tfile:App.AppImage")
}

#[tokio::test]
async fn what_was_just_installed_is_not_offered_to_an_application_that_reports_its_old_version() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let update = site.update(&app).await;
    update.download_and_install(Default::default(), Default::default()).await.unwrap();
    assert!(offered(&app, "1.0.0", app.config(site.endpoint())).await.is_none());
    // The next release is.
    let next = Site::honest(Release::version("2.0.1"));
    assert!(offered(&app, "1.0.0", app.config(next.endpoint())).await.is_some());
}

#[tokio::test]
async fn it_is_offered_again_once_the_target_has_changed() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let update = site.update(&app).await;
    update.download_and_install(Default::default(), Default::default()).await.unwrap();
    fs::write(&app.path, appimage(30_000, 3)).unwrap();
    assert!(offered(&app, "1.0.0", app.config(site.endpoint())).await.is_some());
}

#[tokio::test]
async fn it_is_offered_again_where_it_was_only_staged() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    assert!(offered(&app, "1.0.0", app.config(site.endpoint())).await.is_some());
}

#[tokio::test]
async fn after_a_signed_version_there_must_always_be_one() {
    let app = App::new();
    install(&app, "1.0.0", without_version("2.0.0")).await.unwrap();
    install(&app, "2.0.0", without_version("3.0.0")).await.unwrap();
    install(&app, "3.0.0", Release::version("4.0.0")).await.unwrap();
    let error = install(&app, "4.0.0", without_version("5.0.0")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignedVersionMissing);
    assert!(error.to_string().contains("--version 5.0.0"), "{error}");
    app.assert_is(&Release::version("4.0.0").artifact);
    install(&app, "4.0.0", Release::version("5.0.0")).await.unwrap();
}

#[tokio::test]
async fn only_a_completed_installation_sets_the_ratchet() {
    let app = App::new();
    let site = Site::honest(Release::new());
    site.update(&app).await.stage(Default::default()).await.unwrap();
    install(&app, "1.0.0", without_version("3.0.0")).await.unwrap();
}

#[tokio::test]
async fn the_ratchet_holds_under_every_key_and_for_a_target_that_was_replaced() {
    let app = App::new();
    install(&app, "1.0.0", Release::new()).await.unwrap();
    fs::write(&app.path, appimage(30_000, 3)).unwrap();
    let mut release = without_version("3.0.0");
    release.signature = Signer::stranger().sign(&release.artifact, "timestamp:1");
    let site = Site::honest(release);
    let config = Config { pubkey: Signer::stranger().pubkey().into(), ..app.config(site.endpoint()) };
    let update = offered(&app, "2.0.0", config).await.unwrap();
    let error = update.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignedVersionMissing);
}

#[tokio::test]
async fn a_downgrade_must_carry_its_version() {
    for (release, expected) in
        [(without_version("0.9.0"), Some(ErrorCode::SignedVersionMissing)), (Release::version("0.9.0"), None)]
    {
        let (app, site) = (App::new(), Site::honest(release));
        let config = Config { allow_downgrades: true, ..app.config(site.endpoint()) };
        let update = offered(&app, "1.0.0", config).await.unwrap();
        let result = update.download_and_install(Default::default(), Default::default()).await;
        assert_eq!(result.err().map(|error| error.code()), expected);
    }
}

#[tokio::test]
async fn an_old_artifact_replayed_as_a_new_release_is_refused() {
    let app = App::new();
    install(&app, "1.0.0", Release::new()).await.unwrap();
    let replayed = Release { version: "3.0.0".to_owned(), ..Release::version("1.5.0") };
    let error = install(&app, "2.0.0", replayed).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignedVersionMismatch);
    app.assert_is(&Release::new().artifact);
}

#[tokio::test]
async fn an_old_release_is_no_update_of_a_new_one_that_is_only_not_running_yet() {
    let (app, old) = (App::new(), Site::honest(Release::new()));
    let found_before = old.update(&app).await;
    install(&app, "1.0.0", Release::version("3.0.0")).await.unwrap();
    assert!(offered(&app, "1.0.0", app.config(old.endpoint())).await.is_none());
    let error = found_before.download_and_install(Default::default(), Default::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotUpdatable);
    assert!(old.downloads().is_empty());
    app.assert_is(&Release::version("3.0.0").artifact);
}

#[tokio::test]
async fn a_version_that_was_only_announced_does_not_keep_newer_ones_away() {
    let app = App::new();
    install(&app, "1.0.0", without_version("9.9.9")).await.unwrap();
    let next = Site::honest(Release::version("2.0.0"));
    assert!(offered(&app, "1.0.0", app.config(next.endpoint())).await.is_some());
}

/// One of several copies that keep their records in the same place.
fn copy_of(app: &App, data: &Path, site: &Site) -> Config {
    Config {
        app_id: Some("com.example.app".to_owned()),
        data_dir: Some(data.to_owned()),
        ..app.config(site.endpoint())
    }
}

#[tokio::test]
async fn what_another_copy_with_the_same_id_installs_makes_nobody_forget_what_is_installed_here() {
    let (one, two) = (App::new(), App::new());
    for app in [&one, &two] {
        let site = Site::honest(Release::version("3.0.0"));
        let update = offered_to(app, copy_of(app, &one.data, &site)).await.unwrap();
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
    }
    let old = Site::honest(Release::version("2.0.0"));
    for app in [&one, &two] {
        assert!(offered_to(app, copy_of(app, &one.data, &old)).await.is_none());
    }
}

#[tokio::test]
async fn what_one_copy_has_staged_stays_where_another_is_as_new_already() {
    let (old, new, site) = (App::new(), App::new(), Site::honest(Release::new()));
    let config = |app| copy_of(app, &old.data, &site);
    offered_to(&old, config(&old)).await.unwrap().stage(Default::default()).await.unwrap();
    let up_to_date = Updater::new("2.0.0", config(&new)).unwrap();
    assert!(up_to_date.check().await.unwrap().is_none());
    assert!(up_to_date.pending().await.unwrap().is_none());
    let pending = Updater::new("1.0.0", config(&old)).unwrap().pending().await.unwrap().unwrap();
    pending.install(Default::default()).await.unwrap();
    old.assert_is(&site.release.artifact);
    new.assert_untouched();
    assert_eq!(site.downloads().len(), 1);
}

#[tokio::test]
async fn copies_have_room_for_one_staged_update_which_is_pending_wherever_it_is_one() {
    let (one, two) = (App::new(), App::new());
    let (site, newer) = (Site::honest(Release::new()), Site::honest(Release::version("3.0.0")));
    let pending = async |app| {
        let updater = Updater::new("1.0.0", copy_of(app, &one.data, &site)).unwrap();
        updater.pending().await.unwrap().unwrap().version().to_string()
    };
    offered_to(&one, copy_of(&one, &one.data, &site)).await.unwrap().stage(Default::default()).await.unwrap();
    assert_eq!(pending(&two).await, "2.0.0");
    offered_to(&two, copy_of(&two, &one.data, &newer))
        .await
        .unwrap()
        .stage(Default::default())
        .await
        .unwrap();
    assert_eq!(pending(&one).await, "3.0.0");
    one.data_file("bin");
}

#[tokio::test]
async fn what_a_copy_that_is_gone_has_staged_is_tidied_up() {
    let (moved, new, site) = (App::new(), App::new(), Site::honest(Release::new()));
    let staged = offered_to(&moved, copy_of(&moved, &moved.data, &site)).await.unwrap();
    staged.stage(Default::default()).await.unwrap();
    fs::rename(&moved.path, moved.path.with_extension("moved")).unwrap();
    let up_to_date = Updater::new("2.0.0", copy_of(&new, &moved.data, &site)).unwrap();
    assert!(up_to_date.check().await.unwrap().is_none());
    moved.assert_nothing_left();
}

#[tokio::test]
async fn what_another_copy_has_staged_on_another_channel_keeps_nobody_from_installing_it() {
    let (one, two, site) = (App::new(), App::new(), Site::honest(Release::new()));
    let on =
        |channel: &str, app| Config { channel: Some(channel.to_owned()), ..copy_of(app, &one.data, &site) };
    offered_to(&one, on("beta", &one)).await.unwrap().stage(Default::default()).await.unwrap();
    let update = offered_to(&two, on("stable", &two)).await.unwrap();
    let bytes = update.download(Default::default()).await.unwrap();
    update.install(bytes, Default::default()).await.unwrap();
    two.assert_is(&site.release.artifact);
    one.assert_untouched();
}
