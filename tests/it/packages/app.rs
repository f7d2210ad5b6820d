//! The installed application that updates itself: this test program, in a package.

use cargo_packager_updater::{Config, Updater};

use super::kit::install;

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
    match install(&update).await {
        Ok(()) => println!("updated to {}", update.version()),
        Err(error) => println!("refused: {} {error}", error.code()),
    }
    // This process still says that it is 1.0.0.
    let again = Updater::new("1.0.0", config).unwrap().check().await.unwrap();
    println!("offered again: {}", again.is_some());
}
