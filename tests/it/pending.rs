//! What an earlier run staged is found, verified again, and installed without a network.

use std::fs;

use cargo_packager_updater::{Config, ErrorCode, Updater, updater::StagedUpdate};

use crate::support::{App, Release, Signer, Site, appimage};

/// Stages version 2.0.0 and takes the server away.
async fn staged() -> App {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    app
}

fn offline(app: &App) -> Config {
    app.config("http://127.0.0.1:1/")
}

async fn pending(current: &str, config: Config) -> Option<StagedUpdate> {
    Updater::new(current, config).unwrap().pending().await.unwrap()
}

async fn assert_forgotten(app: &App, current: &str, config: Config) {
    assert!(pending(current, config).await.is_none());
    app.assert_nothing_left();
    app.assert_untouched();
}

#[tokio::test]
async fn a_later_run_finds_it_and_installs_it_with_the_server_gone() {
    let app = staged().await;
    let found = pending("1.0.0", offline(&app)).await.unwrap();
    assert_eq!((found.version().to_string().as_str(), found.size()), ("2.0.0", 300_000));
    assert_eq!(found.downloaded_bytes(), 300_000);
    found.install(Default::default()).await.unwrap();
    app.assert_is(&Release::new().artifact);
    app.assert_nothing_left();
    assert!(pending("1.0.0", offline(&app)).await.is_none());
}

#[tokio::test]
async fn nothing_staged_is_nothing_pending_and_makes_no_directory() {
    let app = App::new();
    assert!(pending("1.0.0", offline(&app)).await.is_none());
    assert!(!app.data.exists());
}

#[tokio::test]
async fn what_runs_already_or_is_older_is_not_pending() {
    for current in ["2.0.0", "2.0.0+7", "2.0.1"] {
        let app = staged().await;
        assert_forgotten(&app, current, offline(&app)).await;
    }
}

#[tokio::test]
async fn what_is_installed_already_is_not_pending() {
    // As after a crash between the last step of an installation and the tidying up.
    let app = staged().await;
    let files = app.files_left();
    let kept: Vec<_> = files.iter().map(|file| (file, fs::read(file).unwrap())).collect();
    pending("1.0.0", offline(&app)).await.unwrap().install(Default::default()).await.unwrap();
    for (file, content) in kept {
        fs::write(file, content).unwrap();
    }
    assert!(pending("1.0.0", offline(&app)).await.is_none());
    app.assert_nothing_left();
}

#[tokio::test]
async fn a_tampered_or_missing_file_is_not_pending() {
    let app = staged().await;
    fs::write(app.data_file("bin"), appimage(300_000, 9)).unwrap();
    assert_forgotten(&app, "1.0.0", offline(&app)).await;

    let app = staged().await;
    fs::OpenOptions::new().write(true).open(app.data_file("bin")).unwrap().set_len(299_999).unwrap();
    assert_forgotten(&app, "1.0.0", offline(&app)).await;

    let app = staged().await;
    fs::remove_file(app.data_file("bin")).unwrap();
    assert_forgotten(&app, "1.0.0", offline(&app)).await;
}

#[tokio::test]
async fn a_link_in_place_of_the_file_is_not_pending() {
    let app = staged().await;
    let elsewhere = app.data.join("elsewhere");
    let file = app.data_file("bin");
    fs::rename(&file, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(pending("1.0.0", offline(&app)).await.is_none());
    assert!(elsewhere.exists() && !file.exists());
}

#[tokio::test]
async fn what_another_key_signed_is_not_pending() {
    let app = staged().await;
    let config = Config { pubkey: Signer::stranger().pubkey().into(), ..offline(&app) };
    assert_forgotten(&app, "1.0.0", config).await;
}

#[tokio::test]
async fn an_edited_record_cannot_make_something_else_of_it() {
    for (from, to) in [("\"2.0.0\"", "\"9.9.9\""), ("version:2.0.0", "version:9.9.9"), ("RU", "RA")] {
        let app = staged().await;
        let record = app.data_file("json");
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&record, text.replace(from, to)).unwrap();
        assert_forgotten(&app, "1.0.0", offline(&app)).await;
    }
}

#[tokio::test]
async fn a_damaged_record_does_no_harm() {
    let app = staged().await;
    fs::write(app.data_file("json"), "{\"version\": ").unwrap();
    assert!(pending("1.0.0", offline(&app)).await.is_none());
    let site = Site::honest(Release::new());
    let update = site.update(&app).await;
    update.download_and_install(Default::default(), Default::default()).await.unwrap();
    app.assert_is(&site.release.artifact);
    app.assert_nothing_left();
}

#[tokio::test]
async fn a_newer_release_takes_the_place_of_a_staged_one() {
    let app = staged().await;
    let site = Site::honest(Release::version("3.0.0"));
    let update = site.update(&app).await;
    // Until it is there, the older one stays usable.
    assert_eq!(pending("1.0.0", offline(&app)).await.unwrap().version().to_string(), "2.0.0");
    update.stage(Default::default()).await.unwrap();
    assert_eq!(pending("1.0.0", offline(&app)).await.unwrap().version().to_string(), "3.0.0");
    assert_eq!(app.files_left().len(), 2);
}

#[tokio::test]
async fn what_is_staged_is_found_again_however_long_its_signature_and_version_are() {
    // Each control character has six bytes in a record, and each quotation mark two.
    let version = format!("2.0.0-{}", "x".repeat(250));
    let signed = format!("version:{version}\tfile:");
    let trusted = format!("{signed}{}", "\"".repeat(8191 - signed.len()));
    let mut release = Release::signed_as(&version, &trusted);
    let comment = format!("untrusted comment: {}", "\u{1}".repeat(1024));
    release.signature = release.signature.replace("untrusted comment: signature", &comment);
    let (app, site) = (App::new(), Site::honest(release));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!(pending("1.0.0", offline(&app)).await.unwrap().version().to_string(), version);
}

#[tokio::test]
async fn staging_twice_downloads_once() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    let again = site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!((again.downloaded_bytes(), site.downloads().len()), (0, 1));
}

#[tokio::test]
async fn what_was_downloaded_before_is_found_by_later_runs_once_it_is_staged_again() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    site.update(&app).await.stage(Default::default()).await.unwrap();
    fs::remove_file(app.data_file("json")).unwrap();
    site.update(&app).await.stage(Default::default()).await.unwrap();
    assert_eq!(site.downloads().len(), 1);
    assert_eq!(pending("1.0.0", offline(&app)).await.unwrap().version().to_string(), "2.0.0");
}

#[tokio::test]
async fn what_was_discarded_is_gone() {
    let app = staged().await;
    let found = pending("1.0.0", offline(&app)).await.unwrap();
    found.discard().await.unwrap();
    assert_forgotten(&app, "1.0.0", offline(&app)).await;
    let error = found.install(Default::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Io);
}

#[tokio::test]
async fn a_check_that_finds_it_outdated_removes_it() {
    let app = staged().await;
    let site = Site::honest(Release::new());
    assert!(Updater::new("2.0.0", app.config(site.endpoint())).unwrap().check().await.unwrap().is_none());
    assert!(app.files_left().iter().all(|file| file.ends_with("staged.json")), "{:?}", app.files_left());
}
