//! Where the operating system says no, the answer is a clear one, given before anything is downloaded.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    thread,
};

use cargo_packager_updater::{Error, ErrorCode};
use rustix::{process::geteuid, thread::set_thread_res_uid};

use crate::support::{App, Release, Site};

const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Updates as a user whom permissions concern: they do not concern root.
fn update_as_ordinary_user(app: App) -> (App, Site, Result<(), Error>) {
    let work = move || {
        if geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(NOBODY);
            // Of this thread alone, and of those it starts.
            set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = Site::honest(Release::new());
            let update = site.update(&app).await;
            let outcome = update.download_and_install(Default::default(), Default::default()).await;
            (app, site, outcome)
        })
    };
    thread::spawn(work).join().unwrap()
}

fn app_of_ordinary_user() -> App {
    let app = App::new();
    fs::create_dir(&app.data).unwrap();
    let directory = app.data.parent().unwrap();
    set_mode(directory, 0o755);
    if geteuid().is_root() {
        for path in [&app.data, app.path.parent().unwrap(), &app.path] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    app
}

#[test]
fn an_ordinary_user_can_update_its_own_application() {
    let (app, site, outcome) = update_as_ordinary_user(app_of_ordinary_user());
    outcome.unwrap();
    app.assert_is(&site.release.artifact);
}

#[test]
fn a_read_only_directory_is_refused_before_the_download() {
    let app = app_of_ordinary_user();
    set_mode(app.path.parent().unwrap(), 0o555);
    let (app, site, outcome) = update_as_ordinary_user(app);
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied, "{error}");
    assert!(error.to_string().contains(app.path.to_str().unwrap()), "{error}");
    assert_eq!(site.downloads().len(), 0);
    app.assert_untouched();
    set_mode(app.path.parent().unwrap(), 0o755);
}

#[test]
fn a_read_only_file_in_a_writable_directory_is_replaced() {
    let app = app_of_ordinary_user();
    set_mode(&app.path, 0o444);
    let (app, site, outcome) = update_as_ordinary_user(app);
    outcome.unwrap();
    app.assert_is(&site.release.artifact);
}

#[test]
fn a_data_directory_that_cannot_be_written_to_is_refused() {
    let app = app_of_ordinary_user();
    set_mode(&app.data, 0o500);
    let (app, site, outcome) = update_as_ordinary_user(app);
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied, "{error}");
    assert!(error.to_string().contains(app.data.to_str().unwrap()), "{error}");
    assert_eq!(site.downloads().len(), 0);
    app.assert_untouched();
    set_mode(&app.data, 0o700);
}

#[test]
fn a_directory_that_cannot_be_searched_is_refused() {
    let app = app_of_ordinary_user();
    set_mode(app.path.parent().unwrap(), 0o000);
    let (app, site, outcome) = update_as_ordinary_user(app);
    set_mode(app.path.parent().unwrap(), 0o755);
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::PermissionDenied);
    assert_eq!(site.downloads().len(), 0);
    app.assert_untouched();
}

#[test]
fn a_data_directory_that_anybody_could_exchange_is_refused() {
    let app = app_of_ordinary_user();
    set_mode(&app.data, 0o777);
    let (app, site, outcome) = update_as_ordinary_user(app);
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied, "{error}");
    assert_eq!(site.downloads().len(), 0);
    app.assert_untouched();
}
