//! Ended at whichever system call, the application on disk is complete, and the next update works.

use std::path::Path;

use cargo_packager_updater::Config;
use rustix::process::{Signal, getpid, kill_process};

use crate::{
    child::{run, update},
    support::{App, Child, Does, Random, Release, Site, Verdict, can_watch, rounds, sample, watch},
};

/// Counts the moments at which an update can be ended: before each call on a file, and in the middle of what writes.
/// At the chosen one, SIGKILL ends this process. Gives their number where it is not reached.
fn moments(config: &Config, chosen: Option<usize>) -> usize {
    let executable = config.executable_path.as_ref().unwrap();
    let directories: [&Path; 2] = [executable.parent().unwrap(), config.data_dir.as_ref().unwrap()];
    let mut moment = 0;
    let mut pass = |last_deed: &dyn Fn()| {
        if Some(moment) == chosen {
            last_deed();
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        moment += 1;
    };
    watch(
        &directories,
        || run(update(config, false)),
        |call| {
            pass(&|| {});
            if call.does() == Does::Write {
                pass(&|| {
                    call.write_half();
                });
            }
            Verdict::Happens
        },
    );
    moment
}

/// In a child.
pub(crate) fn update_until(config: &Config, moment: usize) {
    moments(config, Some(moment));
}

#[test]
fn ended_at_whichever_system_call_the_application_is_complete_and_the_next_update_works() {
    if !can_watch() {
        return;
    }
    let next = Site::honest(Release::version("2.0.0"));
    let last = Site::honest(Release::version("3.0.0"));
    let mut random = Random::new("death");
    for (layout, app) in App::LAYOUTS.into_iter().enumerate() {
        let total = moments(&app().config(next.endpoint()), None);
        println!("layout {layout}: {total} moments");
        let (mut seen, mut left) = ([0, 0], 0);
        for moment in sample(total, rounds(8, 100, u64::MAX), &mut random) {
            let app = app();
            let old = app.content();
            let mut child = Child::start(&format!("die at moment {moment}"), &app, &[next.endpoint()]);
            // Pieces come from the network as they like: there may be a few moments less.
            let killed = child.was_killed();
            let found = app.content();
            let which = [&old, &next.release.artifact].iter().position(|known| **known == found);
            seen[which.unwrap_or_else(|| panic!("moment {moment}: half an application"))] += 1;
            assert!(killed || which == Some(1), "moment {moment}: it neither died nor was updated");
            left += app.files_left().len();

            run(async {
                let update = last.update(&app).await;
                app.assert_only_staged_is_left(&format!("moment {moment}")).await;
                update.download_and_install(Default::default(), Default::default()).await.unwrap();
            });
            app.assert_is(&last.release.artifact);
            app.assert_nothing_left();
        }
        assert!(seen[0] > 0 && seen[1] > 0 && left > 0, "they all died at one moment: {seen:?}");
    }
}
