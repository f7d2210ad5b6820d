//! Wherever the application lies and whatever it is called: replaced completely, or refused with a clear code.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::PathBuf,
    process::{Child, Command},
};

use cargo_packager_updater::{Config, Error, ErrorCode, Updater};

use crate::support::{App, Release, Site};

async fn install_over(app: &App, path: PathBuf) -> (Result<(), Error>, Site) {
    let site = Site::honest(Release::new());
    let config = Config { executable_path: Some(path), ..app.config(site.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    let outcome = update.download_and_install(Default::default(), Default::default()).await;
    (outcome, site)
}

async fn assert_replaced(app: &App) {
    let (outcome, site) = install_over(app, app.path.clone()).await;
    outcome.unwrap();
    app.assert_is(&site.release.artifact);
    app.assert_nothing_left();
}

#[tokio::test]
async fn unusual_names_are_ordinary_names() {
    for name in [
        "with space.AppImage",
        "it's \"quoted\" $HOME `x` \\.AppImage",
        "line\nbreak.AppImage",
        "größer-日本語-🚀.AppImage",
        "-rf",
        "no-extension",
        "with space (deleted)",
    ] {
        assert_replaced(&App::named(name)).await;
    }
}

#[tokio::test]
async fn a_name_need_not_be_unicode() {
    assert_replaced(&App::named(OsStr::from_bytes(b"\xff\xfe.AppImage"))).await;
}

#[tokio::test]
async fn a_link_stays_and_what_it_points_to_is_replaced() {
    let app = App::new();
    let directory = app.data.parent().unwrap();
    let (near, far) = (directory.join("near"), directory.join("far"));
    symlink("app/App.AppImage", &near).unwrap();
    symlink(&near, &far).unwrap();
    let (outcome, site) = install_over(&app, far.clone()).await;
    outcome.unwrap();
    app.assert_is(&site.release.artifact);
    assert_eq!(fs::read_link(far).unwrap(), near);
    assert_eq!(fs::read_link(near).unwrap(), PathBuf::from("app/App.AppImage"));
}

#[tokio::test]
async fn a_link_within_the_path_is_followed_too() {
    let app = App::new();
    let link = app.data.with_file_name("linked directory");
    symlink(app.path.parent().unwrap(), &link).unwrap();
    let (outcome, site) = install_over(&app, link.join("App.AppImage")).await;
    outcome.unwrap();
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn hard_links_keep_the_old_version() {
    let app = App::new();
    let (other, old) = (app.data.with_file_name("other"), app.content());
    fs::hard_link(&app.path, &other).unwrap();
    assert_replaced(&app).await;
    assert!(fs::read(other).unwrap() == old);
}

#[tokio::test]
async fn what_is_missing_or_no_file_is_not_updatable() {
    let app = App::new();
    let directory = app.data.parent().unwrap();
    let dangling = directory.join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let socket = directory.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [directory.join("missing"), directory.to_owned(), dangling, socket, PathBuf::from("/")] {
        let (outcome, site) = install_over(&app, path.clone()).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable, "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert_eq!(site.downloads().len(), 0, "it was downloaded in vain");
    }
    app.assert_untouched();
}

#[tokio::test]
async fn a_link_that_leads_to_itself_is_refused() {
    let app = App::new();
    let path = app.data.with_file_name("loop");
    symlink(&path, &path).unwrap();
    let (outcome, _site) = install_over(&app, path).await;
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::Io);
}

#[tokio::test]
async fn a_target_that_vanishes_after_staging_is_refused() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let staged = site.update(&app).await.stage(Default::default()).await.unwrap();
    fs::remove_file(&app.path).unwrap();
    let error = staged.install(Default::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotUpdatable);
    assert!(!app.path.exists());
}

#[tokio::test]
async fn a_running_application_is_replaced() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    fs::copy("/bin/sleep", &app.path).unwrap();
    let mut running = start(&app);
    let update = site.update(&app).await;
    let outcome = update.download_and_install(Default::default(), Default::default()).await;
    let still_running = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    running.wait().unwrap();
    outcome.unwrap();
    assert!(still_running);
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn another_file_system_than_the_data_directorys_is_copied_to() {
    if let Some(app) = App::across_file_systems() {
        assert_replaced(&app).await;
    }
}

/// While another test starts a process, that has the file open for writing for a moment, which makes it busy.
fn start(app: &App) -> Child {
    loop {
        match Command::new(&app.path).arg("60").spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {}
            started => return started.unwrap(),
        }
    }
}
