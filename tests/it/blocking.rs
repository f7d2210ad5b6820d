//! The face that blocks: outside a runtime, inside one, with a version as text or as a value.

use cargo_packager_updater::{
    Config, DownloadOptions, ErrorCode, InstallOptions, Version, check_update, pending_update,
};

use crate::support::{App, Release, Site};

fn update_from_the_guide(config: Config) {
    if let Some(update) = check_update("1.0.0", config).expect("failed to check for update") {
        update.download_and_install().expect("failed to download and install update");
    } else {
        panic!("there is an update");
    }
}

#[test]
fn it_works_without_a_runtime() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    update_from_the_guide(app.config(site.endpoint()));
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn it_works_inside_a_runtime_of_one_thread() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    update_from_the_guide(app.config(site.endpoint()));
    app.assert_is(&site.release.artifact);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_works_inside_a_runtime_of_several_threads() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let config = app.config(site.endpoint());
    tokio::spawn(async move { update_from_the_guide(config) }).await.unwrap();
    app.assert_is(&site.release.artifact);
}

#[test]
fn every_step_can_be_taken_by_itself() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let config = app.config(site.endpoint());
    let update = check_update(Version::new(1, 0, 0), config.clone()).unwrap().unwrap();
    assert_eq!(update.version(), &Version::new(2, 0, 0));
    let bytes = update.download().unwrap();
    update.stage(DownloadOptions::default()).unwrap();
    let pending = pending_update("v1.0.0", config.clone()).unwrap().unwrap();
    pending.discard().unwrap();
    assert!(pending_update("1.0.0".to_owned(), config.clone()).unwrap().is_none());
    update.stage(DownloadOptions::default()).unwrap().install(InstallOptions::default()).unwrap();
    app.assert_is(&site.release.artifact);
    update.install(bytes).unwrap();
    app.assert_is(&site.release.artifact);
}

#[test]
fn what_is_wrong_with_an_option_is_said_before_anything_is_asked_for() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let bad = Config { pubkey: "nonsense".into(), ..app.config(site.endpoint()) };
    assert_eq!(check_update("1.0.0", bad).map(drop).unwrap_err().code(), ErrorCode::InvalidPubkey);
    let good = app.config(site.endpoint());
    assert_eq!(check_update("one", good).map(drop).unwrap_err().code(), ErrorCode::InvalidVersion);
    assert!(site.requests("/latest.json").is_empty());
}
