use super::{durable::Found, *};
use crate::ErrorCode;

/// Replaces the bundle, and looks at the disk before each call, and in the end.
fn replace_on(disk: &mut Durable, scene: &Scene, layout: Layout, mut look: impl FnMut(&mut Durable)) {
    let outcome = replace_watched(scene.base(), layout, |call| {
        look(disk);
        disk.note(call);
        Verdict::Happens
    });
    outcome.unwrap();
    look(disk);
}

/// The same, and loses the power at the chosen moment. Gives what is found afterwards.
fn lose_power_at(
    disk: &mut Durable,
    scene: &Scene,
    layout: Layout,
    chosen: usize,
    random: &mut Random,
) -> Option<Found> {
    let (mut moment, mut found) = (0, None);
    replace_on(disk, scene, layout, |disk| {
        if moment == chosen {
            found = Some(disk.lose_power(&mut |limit| random.below(limit)));
        }
        moment += 1;
    });
    found
}

/// From the chosen call on nothing happens any more, as if the process had been ended.
fn end_at(disk: &mut Durable, scene: &Scene, layout: Layout, chosen: usize) {
    let mut calls = 0;
    let _ = replace_watched(scene.base(), layout, |call| {
        calls += 1;
        if calls > chosen {
            return Verdict::Fails(Errno::IO);
        }
        disk.note(call);
        Verdict::Happens
    });
}

fn disk(scene: &Scene) -> Durable {
    Durable::new([scene.base().to_owned()])
}

fn moments(layout: Layout) -> usize {
    let (scene, mut moments) = (scene(layout), 0);
    replace_on(&mut disk(&scene), &scene, layout, |_| moments += 1);
    moments
}

#[test]
fn when_the_power_is_lost_the_bundle_is_complete_and_the_next_update_works() {
    if !can_watch() {
        return;
    }
    let mut random = Random::new("power loss of a bundle");
    let totals = LAYOUTS.map(moments);
    println!("{totals:?} moments");
    let mut updates = [0, 0];
    for round in 0..rounds(20, 500, 500) {
        let number = usize::from(round % 2 == 1);
        let (layout, chosen) = (LAYOUTS[number], random.below(totals[number]));
        let scene = scene(layout);
        let mut disk = disk(&scene);
        let found = lose_power_at(&mut disk, &scene, layout, chosen, &mut random).unwrap();
        disk.restart(&found);
        let updated = assert_recovers(&scene, layout, &format!("round {round}, {layout:?}, moment {chosen}"));
        updates[usize::from(updated)] += 1;
    }
    assert!(updates[0] > 0 && updates[1] > 0, "the power was always lost at one moment: {updates:?}");
}

#[test]
fn when_the_power_is_lost_soon_after_a_replacement_was_ended_the_bundle_is_complete() {
    if !can_watch() {
        return;
    }
    let mut random = Random::new("power loss after the end of an installation");
    let totals = LAYOUTS.map(moments);
    for round in 0..rounds(20, 500, 500) {
        let number = usize::from(round % 2 == 1);
        let (layout, scene) = (LAYOUTS[number], scene(LAYOUTS[number]));
        let mut disk = disk(&scene);
        // Near its end, where something is at stake: what the next run does is flushed when it has unpacked.
        let ended = totals[number] - 1 - random.below(totals[number] / 3);
        end_at(&mut disk, &scene, layout, ended);
        scene.put_archive(&NEXT.0);
        let chosen = random.below(totals[number] / 3);
        let found = lose_power_at(&mut disk, &scene, layout, chosen, &mut random).unwrap();
        disk.restart(&found);
        assert_recovers(&scene, layout, &format!("round {round}, {layout:?}, call {ended}, moment {chosen}"));
    }
}

#[test]
fn a_bundle_that_is_reported_as_installed_survives_a_power_loss() {
    if !can_watch() {
        return;
    }
    for layout in LAYOUTS {
        let scene = scene(layout);
        let mut disk = disk(&scene);
        replace_on(&mut disk, &scene, layout, |_| {});
        let found = disk.lose_power(&mut |_| 0);
        disk.restart(&found);
        assert!(assert_complete(&scene, "it was lost"));
    }
}

#[test]
fn a_bundle_whose_exchange_cannot_be_flushed_is_not_reported_as_installed_and_survives_a_power_loss() {
    if !can_watch() {
        return;
    }
    let mut random = Random::new("failing flushes of a bundle");
    for layout in LAYOUTS {
        for _ in 0..rounds(10, 20, 50) {
            let scene = scene(layout);
            let mut disk = disk(&scene);
            let outcome = replace_watched(scene.base(), layout, |call| {
                if call.does() == Does::Flush {
                    return Verdict::Fails(Errno::IO);
                }
                disk.note(call);
                Verdict::Happens
            });
            assert_eq!(outcome.unwrap_err().code(), ErrorCode::Io);
            let found = disk.lose_power(&mut |limit| random.below(limit));
            disk.restart(&found);
            assert_recovers(&scene, layout, "not flushed");
        }
    }
}
