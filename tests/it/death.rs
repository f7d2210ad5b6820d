//! Ended at whichever system call, the application on disk is complete, and the next update works.

use std::path::Path;

use cargo_packager_updater::Config;
use rustix::process::{Signal, getpid, kill_process};

use crate::{
    child::{run, update},
    recovery::Sites,
    support::{App, Child, Does, Random, Verdict, can_watch, rounds, sample, watch},
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
    let sites = Sites::new();
    let mut random = Random::new("death");
    for (layout, app) in App::layouts().into_iter().enumerate() {
        let total = moments(&app().config(sites.next.endpoint()), None);
        println!("layout {layout}: {total} moments");
        let (mut updates, mut left) = ([0, 0], 0);
        for moment in sample(total, rounds(8, 100, u64::MAX), &mut random) {
            let app = app();
            let mut child = Child::start(&format!("die at moment {moment}"), &app, &[sites.next.endpoint()]);
            // Pieces come from the network as they like: there may be a few moments less.
            let killed = child.was_killed();
            left += app.files_left().len();
            let updated = run(sites.assert_recovers(&app, moment, &format!("moment {moment}")));
            assert!(killed || updated, "moment {moment}: it neither died nor was updated");
            updates[usize::from(updated)] += 1;
        }
        println!("{updates:?} were old and new, {left} files were left");
        assert!(updates[0] > 0 && updates[1] > 0 && left > 0, "they all died at one moment: {updates:?}");
    }
}
