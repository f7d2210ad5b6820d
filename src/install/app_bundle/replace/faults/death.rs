use std::{os::unix::process::ExitStatusExt, process::Command};

use rustix::process::{Signal, getpid, kill_process};

use super::*;

const SCENE: &str = "UPDATER_TEST_SCENE";
const LAYOUT: &str = "UPDATER_TEST_LAYOUT";
const MOMENT: &str = "UPDATER_TEST_MOMENT";

/// The moments at which a replacement can be ended: before each call, and in the middle of what writes. At the chosen
/// one, SIGKILL ends this process.
fn moments(base: &Path, layout: Layout, chosen: Option<usize>) -> Cases {
    let (mut moments, mut was_renamed) = (Cases::default(), false);
    let mut pass = |is_decisive: bool, last_deed: &dyn Fn()| {
        if Some(moments.total) == chosen {
            last_deed();
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        moments.add(is_decisive);
    };
    let outcome = replace_watched(base, layout, |call| {
        pass(call.renames() || was_renamed, &|| {});
        was_renamed = call.renames();
        if call.does() == Does::Write {
            pass(false, &|| {
                call.write_half();
            });
        }
        Verdict::Happens
    });
    outcome.unwrap();
    moments
}

#[test]
#[ignore = "the part of another test that runs in a process of its own"]
fn die() {
    let Some(base) = std::env::var_os(SCENE).map(PathBuf::from) else { return };
    let number = |name| std::env::var(name).unwrap().parse::<usize>().unwrap();
    moments(&base, LAYOUTS[number(LAYOUT)], Some(number(MOMENT)));
}

fn die_at(scene: &Scene, layout: usize, moment: usize) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "install::app_bundle::replace::faults::death::die", "--ignored"])
        .env(SCENE, scene.base())
        .env(LAYOUT, layout.to_string())
        .env(MOMENT, moment.to_string())
        .output()
        .unwrap()
        .status;
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "moment {moment}: {status}");
}

#[test]
fn ended_at_whichever_system_call_the_bundle_is_complete_and_the_next_update_works() {
    if !can_watch() {
        return;
    }
    let mut random = Random::new("death of a bundle");
    for (number, layout) in LAYOUTS.into_iter().enumerate() {
        let moments = moments(scene(layout).base(), layout, None);
        println!("{layout:?}: {} moments", moments.total);
        let (mut updates, mut left) = ([0, 0], 0);
        for moment in moments.choose(rounds(10, 120, u64::MAX), &mut random) {
            let scene = scene(layout);
            die_at(&scene, number, moment);
            left += scene.names().len() - 1;
            let updated = assert_recovers(&scene, layout, &format!("{layout:?}, moment {moment}"));
            updates[usize::from(updated)] += 1;
        }
        println!("{updates:?} were old and new, {left} entries were left");
        assert!(updates[0] > 0 && updates[1] > 0 && left > 0, "they all died at one moment: {updates:?}");
    }
}
