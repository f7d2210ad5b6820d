//! Another user of the machine plants files, links, pipes, directories and locks wherever an update passes by: nothing of
//! whoever updates changes other than by a whole update.

mod person;
mod planter;
mod scene;
mod victim;

use rustix::process::geteuid;

use crate::support::{Random, Site, rounds, skip};
use person::Person;
use scene::{Layout, Scene};

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
    let (mut updated, mut refused) = (0, 0);
    for round in 0..rounds(120, 2_000, 10_000) {
        let layout = Layout::draw(&mut random);
        scene.reset(layout);
        let applications = scene.applications(layout).display().to_string();
        planter.say(&format!("{} {applications}", random.next()));
        planter.hear("planting");
        victim.say(&applications);
        let outcome = victim.hear("outcome ");
        planter.say("stop");
        planter.hear("stopped");
        let failure = scene.check(layout, outcome == UPDATED);
        assert!(failure.is_none(), "round {round}, {layout:?}, {outcome:?}: {}", failure.unwrap());
        if outcome == UPDATED { updated += 1 } else { refused += 1 }
    }
    // Otherwise nothing was tried.
    assert!(updated > 0 && refused > 0, "{updated} updates, {refused} refusals");
    println!("{updated} updates, {refused} refusals");
}
