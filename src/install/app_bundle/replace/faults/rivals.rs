use super::*;
use crate::system::is_held;

/// A bundle that is about to be installed, beside what was left behind.
fn prepare(scene: &Scene) -> PreparedBundle {
    scene.prepare(&never_failing(Layout::OneFileSystem)).unwrap()
}

fn sweep_watched(scene: &Scene, decide: impl FnMut(&Call) -> Verdict) {
    watch(&[scene.base()], || sweep(&scene.target, &OsSystem), decide);
}

#[test]
fn a_check_by_another_program_at_whichever_system_call_leaves_the_bundle_complete() {
    if !can_watch() {
        return;
    }
    let mut random = Random::new("check beside an installation");
    for layout in LAYOUTS {
        let (mut total, mut updates) = (0, [0, 0]);
        replace_watched(scene(layout).base(), layout, |_| {
            total += 1;
            Verdict::Happens
        })
        .unwrap();
        for chosen in sample(total, rounds(15, 60, u64::MAX), &mut random) {
            let (scene, mut calls) = (scene(layout), 0);
            let outcome = replace_watched(scene.base(), layout, |_| {
                if calls == chosen {
                    sweep(&scene.target, &OsSystem);
                }
                calls += 1;
                Verdict::Happens
            });
            let case = format!("{layout:?}, call {chosen}: {outcome:?}");
            let updated = assert_complete(&scene, &case);
            assert_eq!(updated, outcome.is_ok(), "{case}");
            assert_recovers(&scene, layout, &case);
            updates[usize::from(updated)] += 1;
        }
        assert!(updates[1] > 0, "{layout:?}: {updates:?}");
    }
}

#[test]
fn a_check_that_fails_leaves_what_another_program_is_about_to_install() {
    if !can_watch() {
        return;
    }
    let all = scene(Layout::OneFileSystem);
    let (_prepared, mut total) = (prepare(&all), 0);
    sweep_watched(&all, |_| {
        total += 1;
        Verdict::Happens
    });
    for chosen in 0..total {
        let scene = scene(Layout::OneFileSystem);
        let (prepared, mut calls, mut failed) = (prepare(&scene), 0, String::new());
        sweep_watched(&scene, |call| {
            calls += 1;
            if calls != chosen + 1 || !call.can_give(Errno::IO) {
                return Verdict::Happens;
            }
            failed = call.to_string();
            Verdict::Fails(Errno::IO)
        });
        prepared.commit(&mut |_| Ok(())).unwrap_or_else(|error| panic!("{failed}: {error}"));
        assert!(assert_complete(&scene, &failed), "{failed}");
    }
}

#[test]
fn nothing_is_unpacked_into_what_is_being_removed() {
    if !can_watch() {
        return;
    }
    let (scene, mut removals) = (scene(Layout::OneFileSystem), 0);
    let left = beside(&scene, BESIDE);
    sweep_watched(&scene, |call| {
        if call.does() == Does::Remove {
            // Whoever has made it and not locked it yet waits.
            assert!(is_held(&OsSystem.tree().open_root(&left).unwrap()), "{call}");
            removals += 1;
        }
        Verdict::Happens
    });
    assert!(removals > 1);
    scene.assert_alone();
}
