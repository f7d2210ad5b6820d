//! When the power is lost, what was not flushed is lost by chance: the application is complete, the next update works.

use std::path::PathBuf;

use cargo_packager_updater::Config;

use crate::{
    child::{run, update},
    recovery::Sites,
    support::{App, Durable, Random, Verdict, can_watch, rounds, sample, watch},
};

/// Each once for all that an update may change.
fn roots(app: &App) -> [PathBuf; 2] {
    [app.path.parent().unwrap(), &app.data].map(|path| path.parent().unwrap().to_owned())
}

/// Updates, and looks at the disk before each call.
fn update_watched(
    config: &Config,
    roots: &[PathBuf; 2],
    disk: &mut Durable,
    mut look: impl FnMut(&mut Durable),
) {
    let roots = roots.each_ref().map(PathBuf::as_path);
    watch(
        &roots,
        || run(update(config, false)),
        |call| {
            look(disk);
            disk.note(call);
            Verdict::Happens
        },
    );
    look(disk);
}

fn moments(app: &App, sites: &Sites) -> usize {
    let (roots, mut moments) = (roots(app), 0);
    let mut disk = Durable::new(roots.clone());
    update_watched(&app.config(sites.next.endpoint()), &roots, &mut disk, |_| moments += 1);
    moments
}

/// An application whose power was lost at this moment of an update.
fn lose_power(app: fn() -> App, chosen: usize, sites: &Sites, random: &mut Random) -> App {
    // Pieces come from the network as they like: there may be a few moments less.
    for chosen in (0..=chosen).rev() {
        let app = app();
        let (roots, mut moment, mut found) = (roots(&app), 0, None);
        let mut disk = Durable::new(roots.clone());
        update_watched(&app.config(sites.next.endpoint()), &roots, &mut disk, |disk| {
            if moment == chosen {
                found = Some(disk.lose_power(&mut |limit| random.below(limit)));
            }
            moment += 1;
        });
        if let Some(found) = found {
            disk.restart(&found);
            return app;
        }
    }
    panic!("an update has no moments");
}

#[test]
fn when_the_power_is_lost_the_application_is_complete_and_the_next_update_works() {
    if !can_watch() {
        return;
    }
    let (sites, mut random) = (Sites::new(), Random::new("power loss"));
    for (layout, app) in App::layouts().into_iter().enumerate() {
        let (mut updates, total) = ([0, 0], moments(&app(), &sites));
        // The first one leaves the old application, the last one the new one.
        let ends = [0, total - 1];
        for moment in sample(total, rounds(6, 248, 248), &mut random).into_iter().chain(ends) {
            let app = lose_power(app, moment, &sites, &mut random);
            let case = format!("layout {layout}, moment {moment}");
            updates[usize::from(run(sites.assert_recovers(&app, moment, &case)))] += 1;
        }
        println!("layout {layout}: {updates:?} were old and new");
        assert!(updates[0] > 0 && updates[1] > 0, "the power was always lost at one moment: {updates:?}");
    }
}

#[test]
fn an_update_that_is_reported_as_installed_survives_a_power_loss() {
    if !can_watch() {
        return;
    }
    let sites = Sites::new();
    for app in App::layouts() {
        let app = app();
        let roots = roots(&app);
        let mut disk = Durable::new(roots.clone());
        update_watched(&app.config(sites.next.endpoint()), &roots, &mut disk, |_| {});
        let found = disk.lose_power(&mut |_| 0);
        assert!(found.content(&app.path) == Some(&sites.next.release.artifact), "it is lost");
    }
}
