//! What this program does when a test starts it once more.

use cargo_packager_updater::{Config, Error, Updater};

use crate::support::{child_task, within};

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
        "patch when told" => {
            crate::delta::patching::patch_when_told(Updater::new("1.0.0", configs[0].clone()).unwrap()).await;
        }
        "update when told" => update_when_told(configs).await,
        "update for ever" => {
            for (number, config) in configs.iter().cycle().enumerate() {
                // To the other version and back.
                let config = Config { allow_downgrades: true, ..config.clone() };
                update(&config, number % 4 < 2).await;
            }
        }
        "outcomes" => {
            for config in configs {
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

/// Reads which of the versions to look for, looks, waits for another line, and installs it. Says how each step ended.
async fn update_when_told(configs: &[Config]) {
    let mut lines = std::io::stdin().lines();
    while let Some(Ok(line)) = lines.next() {
        let config = Config { allow_downgrades: true, ..configs[line.parse::<usize>().unwrap()].clone() };
        let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap();
        println!("found: {}", update.is_some());
        let Some(update) = update else { continue };
        lines.next().unwrap().unwrap();
        let outcome = update.download_and_install(Default::default(), Default::default()).await;
        println!("outcome: {}", outcome.map_or_else(|error| error.code().as_str(), |()| "installed"));
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
