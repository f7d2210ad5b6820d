//! While an artifact is made of deltas: who else may work, and how much of the machine it takes.

use std::{fs, thread, time::Instant};

use cargo_packager_updater::{
    CancellationToken, DownloadOptions, Error, ErrorCode, Phase, Progress, Updater, updater::Update,
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::support::{App, Child, HANG, Published, Shelf, slow_image};

const BLOCKS: u32 = 30;
const LOWEST_PRIORITY: &str = "19"; // nice(2)

fn offered() -> (App, Shelf) {
    let (old, new) = (slow_image(BLOCKS, 1), slow_image(BLOCKS, 2));
    let delta = Published::new(&old, &new);
    (App::new().holding(old), Shelf::new(&new, vec![delta]))
}

/// In a child: says that it patches, waits for a line, and tells which threads there were.
pub(crate) async fn patch_when_told(updater: Updater) {
    let update = updater.check().await.unwrap().unwrap();
    let mut has_begun = false;
    let on_progress = move |progress: Progress| {
        if progress.phase != Phase::Patch {
            return;
        }
        println!("threads: {}", patching_threads().join(" "));
        if !std::mem::replace(&mut has_begun, true) {
            println!("patching");
            std::io::stdin().lines().next().unwrap().unwrap();
        }
    };
    let options = DownloadOptions { on_progress: Some(Box::new(on_progress)), ..Default::default() };
    update.stage(options).await.unwrap();
    println!("threads: end");
}

/// The niceness of each (proc(5): the 19th field).
fn patching_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    // A thread may have ended meanwhile.
    let stats = tasks.filter_map(|task| fs::read_to_string(task.join("stat")).ok());
    stats
        .filter_map(|stat| {
            let (name, fields) = stat.split_once('(')?.1.split_once(") ")?;
            (name == "updater-patch").then(|| fields.split(' ').nth(16).unwrap().to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_threads_are_few_and_have_the_lowest_priority() {
    let (app, shelf) = offered();
    let mut child = Child::start("patch when told", &app, &[shelf.endpoint()]);
    child.tell("go on");
    let (mut most, mut most_lowered) = (0, 0);
    loop {
        let threads = child.next_after("threads: ");
        if threads == "end" {
            break;
        }
        most = most.max(threads.split_whitespace().count());
        most_lowered = most_lowered.max(threads.split(' ').filter(|nice| *nice == LOWEST_PRIORITY).count());
    }
    let processors = thread::available_parallelism().unwrap().get();
    // One puts together what the others compress.
    let allowed = 1 + (processors - 1).clamp(2, 4);
    assert!((2..=allowed).contains(&most), "{most} threads on {processors} processors");
    // One that has just begun has its priority in a moment.
    assert!(most_lowered >= 2, "{most_lowered} of {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_another_process_patches_it_is_the_only_one() {
    let (app, shelf) = offered();
    let mut child = Child::start("patch when told", &app, &[shelf.endpoint()]);
    child.wait_for("patching");
    let error = shelf.update(&app).await.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Busy);
    child.tell("go on");
    child.wait_for("threads: end");
    child.finish();
    let staged = app.updater(shelf.endpoint()).pending().await.unwrap().unwrap();
    staged.install(Default::default()).await.unwrap();
    app.assert_is(&shelf.release.artifact);
    assert_eq!((shelf.requests("/0.delta").len(), shelf.full_downloads()), (1, 0));
}

/// A call, and the moment when a part of the artifact is made.
fn begin(
    update: &Update,
    cancel: CancellationToken,
) -> (JoinHandle<Result<(), Error>>, oneshot::Receiver<()>) {
    let (say, half_made) = oneshot::channel();
    let mut say = Some(say);
    let on_progress = move |progress: Progress| {
        let is_half_made = progress.transferred > 0 && Some(progress.transferred) < progress.total;
        if progress.phase == Phase::Patch && is_half_made {
            let _ = say.take().map(|say| say.send(()));
        }
    };
    let options = DownloadOptions { on_progress: Some(Box::new(on_progress)), cancel };
    let update = update.clone();
    (tokio::spawn(async move { update.stage(options).await.map(drop) }), half_made)
}

async fn assert_next_succeeds(app: &App, shelf: &Shelf, update: &Update) {
    let staged = loop {
        match update.stage(Default::default()).await {
            // The thread of one that was dropped holds the lock until it has cleaned up.
            Err(error) if error.code() == ErrorCode::Busy => tokio::time::sleep(HANG / 1000).await,
            outcome => break outcome.unwrap(),
        }
    };
    assert!(fs::read(staged.path()).unwrap() == shelf.release.artifact);
    assert_eq!((shelf.requests("/0.delta").len(), shelf.full_downloads()), (2, 0));
    assert_eq!(app.files_left().len(), 2, "{:?}", app.files_left());
}

#[tokio::test]
async fn cancelled_in_the_middle_nothing_is_left_and_the_next_call_succeeds() {
    let (app, shelf) = offered();
    let update = shelf.update(&app).await;
    let cancel = CancellationToken::new();
    let (staging, half_made) = begin(&update, cancel.clone());
    half_made.await.unwrap();
    let begun = Instant::now();
    cancel.cancel();
    assert_eq!(staging.await.unwrap().unwrap_err().code(), ErrorCode::Cancelled);
    println!("ended after {:?}", begun.elapsed());
    assert_eq!((shelf.full_downloads(), app.files_left()), (0, vec![]));
    app.assert_untouched();
    assert_next_succeeds(&app, &shelf, &update).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_thread_and_leaves_nothing() {
    let (app, shelf) = offered();
    let update = shelf.update(&app).await;
    let (staging, half_made) = begin(&update, CancellationToken::new());
    half_made.await.unwrap();
    staging.abort();
    assert!(staging.await.unwrap_err().is_cancelled());
    assert_next_succeeds(&app, &shelf, &update).await;
}
