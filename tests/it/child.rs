//! What this program does when a test starts it once more.

use cargo_packager_updater::{Config, Updater};

use crate::support::child_task;

#[test]
#[ignore = "the part of other tests that runs in a process of its own"]
fn task() {
    let Some((task, configs)) = child_task() else { return };
    println!("ready");
    match task.split_once(" at moment ") {
        #[cfg(target_pointer_width = "64")]
        Some(("die", moment)) => crate::death::update_until(&configs[0], moment.parse().unwrap()),
        _ => run(perform(&task, &configs)),
    }
}

pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn perform(task: &str, configs: &[Config]) {
    match task {
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

pub(crate) async fn update(config: &Config, in_one_call: bool) {
    let update = Updater::new("1.0.0", config.clone()).unwrap().check().await.unwrap().unwrap();
    if in_one_call {
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
    } else {
        let staged = update.stage(Default::default()).await.unwrap();
        staged.install(Default::default()).await.unwrap();
    }
    println!("updated");
}
