//! What this program does when a test starts it once more.

use cargo_packager_updater::{Config, Error, Updater};

use crate::support::{child_task, within};

#[tokio::test]
#[ignore = "the part of other tests that runs in a process of its own"]
async fn task() {
    let Some((task, configs)) = child_task() else { return };
    println!("ready");
    match task.as_str() {
        "stage" => stage(&configs[0]).await,
        "update for ever" => {
            for config in configs.iter().cycle() {
                update(config).await;
            }
        }
        "outcomes" => {
            for config in &configs {
                println!("outcome: {}", within(outcome(config)).await);
            }
        }
        "measure" => {
            warm_up(&configs[0]).await;
            measure(&configs[1]).await;
        }
        other => panic!("unknown task {other:?}"),
    }
}

/// What comes of a whole update: the code of what went wrong, if anything did.
async fn outcome(config: &Config) -> &'static str {
    match try_update(config).await {
        Ok(true) => "updated",
        Ok(false) => "nothing newer",
        Err(error) => {
            println!("{error}");
            error.code().as_str()
        }
    }
}

/// What an ordinary update takes, and leaves nothing of.
async fn warm_up(config: &Config) {
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    update.download(Default::default()).await.unwrap();
}

/// The peak is forgotten first.
async fn measure(config: &Config) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    println!("{}", memory("VmRSS:"));
    println!("outcome: {}", outcome(config).await);
    println!("{}", memory("VmHWM:"));
}

/// What the system says of this process.
fn memory(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
}

async fn try_update(config: &Config) -> Result<bool, Error> {
    let Some(update) = Updater::new("1.0.0", config.clone())?.check().await? else { return Ok(false) };
    update.download_and_install(Default::default(), Default::default()).await.map(|()| true)
}

async fn stage(config: &Config) {
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
    println!("staged");
}

async fn update(config: &Config) {
    let offered = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap();
    if let Some(update) = offered {
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
        println!("updated");
    }
}
