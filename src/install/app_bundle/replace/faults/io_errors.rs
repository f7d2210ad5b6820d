use super::*;
use crate::ErrorCode;

const FAILURES: [(Errno, ErrorCode); 6] = [
    (Errno::NOSPC, ErrorCode::NoSpace),
    (Errno::DQUOT, ErrorCode::NoSpace),
    (Errno::IO, ErrorCode::Io),
    (Errno::MFILE, ErrorCode::Io),
    (Errno::ROFS, ErrorCode::ReadOnlyVolume),
    (Errno::ACCESS, ErrorCode::PermissionDenied),
];

/// The calls of a replacement that can fail like this.
fn calls(layout: Layout, error: Errno) -> Cases {
    let mut calls = Cases::default();
    let outcome = replace_watched(scene(layout).base(), layout, |call| {
        if call.can_give(error) {
            calls.add(call.renames());
        }
        Verdict::Happens
    });
    outcome.unwrap();
    calls
}

/// A replacement whose `chosen` call among those that can fails. Also gives that call.
fn fail(scene: &Scene, layout: Layout, error: Errno, chosen: usize) -> (Result<Progress>, String) {
    let mut one = OneFails::new(error, chosen);
    let outcome = replace_watched(scene.base(), layout, |call| one.decide(call));
    (outcome, one.failed)
}

#[test]
fn whichever_system_call_fails_the_bundle_is_complete_and_nothing_is_left_after_the_next_check() {
    if !can_watch() {
        return;
    }
    let (mut random, mut tally) = (Random::new("i/o errors of a bundle"), Tally::default());
    for layout in LAYOUTS {
        for (error, code) in FAILURES {
            let calls = calls(layout, error);
            println!("{error}, {layout:?}: {} calls", calls.total);
            for chosen in calls.choose(rounds(6, 60, u64::MAX), &mut random) {
                let scene = scene(layout);
                let (outcome, failed) = fail(&scene, layout, error, chosen);
                let case = format!("{error:?}, {layout:?}, call {chosen} ({failed}): {outcome:?}");
                if let Err(error) = &outcome {
                    assert_eq!(error.code(), code, "{case}");
                }
                // It is not away for a moment, as after a crash.
                assert_complete(&scene, &case);
                let updated = assert_recovers(&scene, layout, &case);
                assert!(updated || outcome.is_err(), "{case}");
                tally.add(&failed, outcome.is_err());
            }
            tally.assert_more(&format!("{error:?}, {layout:?}"));
        }
    }
    tally.assert_some_refused();
}

#[test]
fn a_system_call_that_is_interrupted_or_writes_less_than_asked_does_not_stop_a_replacement() {
    if !can_watch() {
        return;
    }
    let (mut random, mut tally) = (Random::new("interrupted calls of a bundle"), Tally::default());
    for layout in LAYOUTS {
        let calls = calls(layout, Errno::INTR);
        println!("{layout:?}: {} calls", calls.total);
        for chosen in calls.choose(rounds(15, 60, u64::MAX), &mut random) {
            let scene = scene(layout);
            let (outcome, failed) = fail(&scene, layout, Errno::INTR, chosen);
            outcome.unwrap_or_else(|error| panic!("{layout:?}, {failed}: {error}"));
            assert!(assert_recovers(&scene, layout, &failed), "{failed}");
            tally.add(&failed, false);
        }
        tally.assert_more(&format!("interrupted, {layout:?}"));
        let (scene, mut halved) = (scene(layout), 0);
        let outcome = replace_watched(scene.base(), layout, |call| {
            let half = call.write_half();
            halved += usize::from(half.is_some());
            half.map_or(Verdict::Happens, Verdict::Gave)
        });
        outcome.unwrap();
        assert!(halved > 10, "only {halved} writes were cut short");
        assert!(assert_recovers(&scene, layout, "short writes"));
    }
}
