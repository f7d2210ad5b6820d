//! Whichever call on a file fails, in whichever way: the application is complete, the reason is told, nothing is left.

use std::path::Path;

use cargo_packager_updater::{Error, ErrorCode, Updater};
use rustix::io::Errno;

use crate::{
    child::run,
    recovery::Sites,
    support::{App, Call, OneFails, Random, Release, Site, Tally, Verdict, can_watch, rounds, sample, watch},
};

const FAILURES: [(Errno, ErrorCode); 6] = [
    (Errno::NOSPC, ErrorCode::NoSpace),
    (Errno::DQUOT, ErrorCode::NoSpace),
    (Errno::IO, ErrorCode::Io),
    (Errno::MFILE, ErrorCode::Io),
    (Errno::ROFS, ErrorCode::ReadOnlyVolume),
    (Errno::ACCESS, ErrorCode::PermissionDenied),
];

/// Everything that an application does for an update.
async fn update(app: &App, site: &Site) -> Result<(), Error> {
    let updater = Updater::new("1.0.0", app.config(site.endpoint()))?;
    let update = updater.check().await?.expect("an update is offered");
    update.stage(Default::default()).await?.install(Default::default()).await
}

/// The first half of it.
async fn stage(app: &App, site: &Site) -> Result<(), Error> {
    site.update(app).await.stage(Default::default()).await.map(drop)
}

/// The second, in a later run.
async fn install_pending(app: &App, site: &Site) -> Result<(), Error> {
    let staged = app.updater(site.endpoint()).pending().await?.expect("it is staged");
    staged.install(Default::default()).await
}

/// Work of which `decide` says what becomes of each call on a file of the application or the updater.
fn watched<T: Send>(
    app: &App,
    work: impl Future<Output = T> + Send,
    decide: impl FnMut(&Call) -> Verdict,
) -> T {
    let directories: [&Path; 2] = [app.path.parent().unwrap(), &app.data];
    watch(&directories, || run(work), decide)
}

fn update_watched(app: &App, site: &Site, decide: impl FnMut(&Call) -> Verdict) -> Result<(), Error> {
    watched(app, update(app, site), decide)
}

/// How many calls of an update fulfil the condition.
fn count(app: &App, site: &Site, condition: impl Fn(&Call) -> bool) -> usize {
    let mut count = 0;
    let outcome = update_watched(app, site, |call| {
        count += usize::from(condition(call));
        Verdict::Happens
    });
    outcome.unwrap();
    count
}

/// An update whose `chosen` call among those that can fails. Also gives that call.
fn fail(app: &App, site: &Site, error: Errno, chosen: usize) -> (Result<(), Error>, String) {
    let mut one = OneFails::new(error, chosen);
    let outcome = update_watched(app, site, |call| one.decide(call));
    (outcome, one.failed)
}

#[test]
fn whichever_call_fails_the_application_is_complete_and_nothing_is_left_after_the_next_check() {
    if !can_watch() {
        return;
    }
    let (sites, mut random) = (Sites::new(), Random::new("i/o errors"));
    let mut tally = Tally::default();
    for (layout, app) in App::layouts().into_iter().enumerate() {
        for (error, code) in FAILURES {
            let total = count(&app(), &sites.next, |call| call.can_give(error));
            println!("{error:?}, layout {layout}: {total} calls");
            for chosen in sample(total, rounds(3, 30, u64::MAX), &mut random) {
                let app = app();
                let (outcome, failed) = fail(&app, &sites.next, error, chosen);
                let case = format!("{error:?} at call {chosen} ({failed}): {outcome:?}");
                if let Err(error) = &outcome {
                    assert_eq!(error.code(), code, "{case}");
                }
                let updated = run(sites.assert_recovers(&app, chosen, &case));
                assert!(updated || outcome.is_err(), "{case}");
                tally.add(&failed, outcome.is_err());
            }
            tally.assert_more(&format!("{error:?}, layout {layout}"));
        }
    }
    tally.assert_some_refused();
}

#[test]
fn a_call_that_is_interrupted_or_writes_less_than_asked_does_not_stop_an_update() {
    if !can_watch() {
        return;
    }
    let (site, mut random) = (Site::honest(Release::new()), Random::new("interrupted calls"));
    let mut tally = Tally::default();
    for app in App::layouts() {
        let total = count(&app(), &site, |call| call.can_give(Errno::INTR));
        for chosen in sample(total, rounds(10, 60, u64::MAX), &mut random) {
            let app = app();
            let (outcome, failed) = fail(&app, &site, Errno::INTR, chosen);
            outcome.unwrap_or_else(|error| panic!("{failed}: {error}"));
            app.assert_is(&site.release.artifact);
            tally.add(&failed, false);
        }
        tally.assert_more("interrupted");
        assert_short_writes_lose_nothing(&app(), &site);
    }
}

fn assert_short_writes_lose_nothing(app: &App, site: &Site) {
    let mut halved = 0;
    let mut halve = |call: &Call| {
        let half = call.write_half();
        halved += usize::from(half.is_some());
        half.map_or(Verdict::Happens, Verdict::Gave)
    };
    watched(app, stage(app, site), &mut halve).unwrap();
    // What is staged and what is installed, it knows from its records alone.
    watched(app, install_pending(app, site), &mut halve).unwrap();
    app.assert_is(&site.release.artifact);
    let offered = run(app.updater(site.endpoint()).check()).unwrap();
    assert!(offered.is_none(), "it has lost what it installed");
    assert!(halved > 20, "only {halved} writes were cut short");
}
