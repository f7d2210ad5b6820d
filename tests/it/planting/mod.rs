//! Another user of the machine plants files, links, pipes, directories and locks wherever an update passes by: nothing of
//! whoever updates changes other than by a whole update.

mod person;
mod planter;
mod scene;
mod victim;

use std::collections::BTreeMap;

use rustix::process::geteuid;

use crate::support::{Random, Site, rounds, skip};
use person::Person;
use scene::{Expected, LAYOUTS, Layout, Outcome, Scene};

/// Neither needs to be known to the system.
const VICTIM: u32 = 65_530;
const PLANTER: u32 = 65_531;
/// The end of a message between the processes.
const UPDATED: &str = "updated";

#[test]
fn whatever_another_user_plants_nothing_changes_but_by_a_whole_update() {
    if !geteuid().is_root() {
        skip("root, who can be two other users");
        return;
    }
    let site = Site::honest(scene::release());
    let mut random = Random::new("planting");
    let scene = Scene::new();
    let mut victim = Person::start("victim", VICTIM, &scene, &site);
    let mut planter = Person::start("planter", PLANTER, &scene, &site);
    let mut counts = BTreeMap::<(Layout, Outcome), u64>::new();
    for round in 0..rounds(120, 2_000, 10_000) {
        let layout = Layout::draw(&mut random);
        scene.reset(layout);
        let applications = scene.applications(layout).display().to_string();
        planter.say(&format!("{} {applications}", random.next()));
        planter.hear("planting");
        victim.say(&applications);
        let said = victim.hear("outcome ");
        planter.say("stop");
        planter.hear("stopped");
        let outcome = if said == UPDATED { Outcome::Updated } else { Outcome::Refused };
        let failure = scene.check(layout, outcome);
        assert!(failure.is_none(), "round {round}, {layout:?}, {said:?}: {}", failure.unwrap());
        if let Expected::Always(expected) = layout.expected() {
            assert_eq!(outcome, expected, "round {round}, {layout:?}: {said}");
        }
        *counts.entry((layout, outcome)).or_default() += 1;
    }
    println!("{counts:?}");
    for layout in LAYOUTS {
        let (Expected::Always(expected) | Expected::AtTimes(expected)) = layout.expected();
        // Otherwise nothing was tried.
        assert!(counts.contains_key(&(layout, expected)), "{layout:?} was never {expected:?}");
    }
}
