//! Killed at any moment of patching, the application is the old one, and the next update works.

use std::time::{Duration, Instant};

use crate::support::{App, Child, Published, Random, Shelf, image, rounds};

const BLOCKS: u32 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_patching_the_application_is_the_old_one() {
    let (old, new) = (image(BLOCKS, 1), image(BLOCKS, 2));
    let deltas = vec![Published::new(&old, &new)];
    let mut random = Random::new("killed while patching");
    let mut layouts = App::layouts().into_iter().cycle();
    let mut interrupted = 0;
    // How long patching takes here and now.
    let mut pace = Duration::ZERO;
    let total = rounds(10, 40, 200);
    for round in 0..total {
        let app = layouts.next().unwrap()().holding(old.clone());
        let shelf = Shelf::new(&new, deltas.clone());
        let mut child = Child::start("stage", &app, &[shelf.endpoint()]);
        let shelf = tokio::task::spawn_blocking(move || {
            shelf.wait_for("/0.delta");
            shelf
        })
        .await
        .unwrap();
        let begun = Instant::now();
        if round % 10 == 0 {
            child.wait_for("staged");
            pace = begun.elapsed();
        } else {
            tokio::time::sleep(pace.mul_f64(random.fraction())).await;
        }
        child.kill();
        let is_temporary = |file: &std::path::PathBuf| file.extension().is_some_and(|found| found == "tmp");
        interrupted += u64::from(app.files_left().iter().any(is_temporary));
        app.assert_untouched();

        let update = shelf.update(&app).await;
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
        app.assert_is(&new);
        app.assert_nothing_left();
        assert_eq!(shelf.full_downloads(), 0, "round {round}");
    }
    println!("{interrupted} of {total} were killed in the middle of it");
    assert!(interrupted > 0, "no child was killed while it worked");
}
