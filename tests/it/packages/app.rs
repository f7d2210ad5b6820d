//! The installed application that updates itself: this test program, in a package.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use cargo_packager_updater::{Config, DownloadOptions, Format, InstallOptions, Updater};

use super::kit::Installed;
use crate::support::{HANG, MANIFEST, Server, Signer};

/// Version 1.0.0 of it, installed.
pub(crate) fn installed(format: Format, name: &str) -> Installed {
    let this = fs::read(std::env::current_exe().unwrap()).unwrap();
    Installed::with(format, name, |content| content.app = this)
}

/// Starts the application through `wrapper`, which is given its command line, and tells what it said.
pub(crate) fn run(app: &Installed, server: &Server, wrapper: &[&str]) -> String {
    let program = app.app();
    let command = [program.to_str().unwrap(), "--exact", "packages::app::task", "--ignored", "--nocapture"];
    let command = [wrapper, &command].concat();
    let output = Command::new(command[0])
        .args(&command[1..])
        .env("UPDATER_TEST_ENDPOINT", server.url(MANIFEST))
        .env("UPDATER_TEST_KEY", Signer::author().pubkey())
        .env("UPDATER_TEST_DATA", app.directory.path().join("data"))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// It was replaced, and started again as this user.
pub(crate) fn assert_updated(app: &Installed, said: &str, user: &str) {
    assert!(said.contains("updated to 2.0.0") && said.contains("offered again: false"), "{said}");
    app.assert_version("2.0.0");
    let ran = app.directory.path().join("data/ran");
    let started = Instant::now();
    while fs::read_to_string(&ran).unwrap_or_default().is_empty() {
        assert!(started.elapsed() < HANG, "it is not started again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_to_string(&ran).unwrap().trim(), user);
}

#[tokio::test]
#[ignore = "the part of other tests that runs as the installed application"]
async fn task() {
    let Ok(endpoint) = std::env::var("UPDATER_TEST_ENDPOINT") else { return };
    let config = Config {
        endpoints: vec![endpoint],
        pubkey: std::env::var("UPDATER_TEST_KEY").unwrap().into(),
        data_dir: Some(std::env::var_os("UPDATER_TEST_DATA").unwrap().into()),
        ..Config::default()
    };
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    let options = InstallOptions { relaunch: Some(true), ..InstallOptions::default() };
    match update.download_and_install(DownloadOptions::default(), options).await {
        Ok(()) => println!("updated to {}", update.version()),
        Err(error) => println!("refused: {} {error}", error.code()),
    }
    // This process still says that it is 1.0.0.
    let again = Updater::new("1.0.0", config).unwrap().check().await.unwrap();
    println!("offered again: {}", again.is_some());
}
