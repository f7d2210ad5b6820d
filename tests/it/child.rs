//! What this program does when a test starts it once more.

use cargo_packager_updater::{Config, Updater};

use crate::support::child_task;

#[tokio::test]
#[ignore = "the part of other tests that runs in a process of its own"]
async fn task() {
    let Some((task, configs)) = child_task() else { return };
    println!("ready");
    match task.as_str() {
        "stage" => stage(&configs[0]).await,
        "update for ever" => {
            for (number, config) in configs.iter().cycle().enumerate() {
                // To the other version and back.
                let config = Config { allow_downgrades: true, ..config.clone() };
                update(&config, number % 4 < 2).await;
            }
        }
        other => panic!("unknown task {other:?}"),
    }
}

async fn stage(config: &Config) {
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
    println!("staged");
}

async fn update(config: &Config, in_one_call: bool) {
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    if in_one_call {
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
    } else {
        let staged = update.stage(Default::default()).await.unwrap();
        staged.install(Default::default()).await.unwrap();
    }
    println!("updated");
}
