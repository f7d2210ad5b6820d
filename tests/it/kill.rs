//! Killed at any moment, the application on disk is a complete old or a complete new one, and the next update works.

use std::time::{Duration, Instant};

use crate::support::{App, Child, Random, Release, Site, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_the_application_is_complete() {
    let one = Site::honest(Release::version("2.0.0"));
    let other = Site::honest(Release::version("3.0.0"));
    let endpoints = [one.endpoint(), other.endpoint()];
    let mut random = Random::new("kill");
    let (mut updated, mut interrupted) = (0, 0);
    let mut layouts = App::layouts().into_iter().cycle();
    // How long an update takes here and now.
    let mut pace = Duration::ZERO;
    for round in 0..rounds(25, 500, 500) {
        let app = layouts.next().unwrap()();
        let old = app.content();
        let mut child = Child::start("update for ever", &app, &endpoints);
        child.wait_for("ready");
        if round % 2 == 0 {
            let begun = Instant::now();
            child.wait_for("updated");
            pace = begun.elapsed();
        }
        tokio::time::sleep(pace.mul_f64(random.fraction())).await;
        child.kill();

        let found = app.content();
        let complete = [&old, &one.release.artifact, &other.release.artifact];
        assert!(complete.contains(&&found), "round {round}: half an application of {} bytes", found.len());
        updated += u64::from(found != old);
        interrupted += u64::from(!app.files_left().is_empty());

        let last = Site::honest(Release::version("4.0.0"));
        last.update(&app).await.download_and_install(Default::default(), Default::default()).await.unwrap();
        app.assert_is(&last.release.artifact);
        app.assert_nothing_left();
    }
    println!("{updated} of {} were updated, {interrupted} were interrupted", rounds(25, 500, 500));
    assert!(updated > 0, "every child was killed before it began");
    assert!(interrupted > 0, "no child was killed while it worked");
}
