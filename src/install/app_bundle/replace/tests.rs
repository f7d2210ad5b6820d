#[allow(dead_code, reason = "other tests need more of it")]
#[path = "../../../../tests/support/rounds.rs"]
pub(super) mod rounds;

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown, symlink},
    process::Command,
};

use rounds::{Random, rounds};
use rustix::io::Errno;

use super::{
    exchange::{ASIDE, unpacked_at_least},
    scene::{LAYOUTS, NEW, Scene, never_failing, set_mode, small},
    *,
};
use crate::{
    ErrorCode,
    archive::testing::{gzip, snapshot, write_bundle},
    install::{Change, swap::prefix},
    signature::testing::{sign, verified},
    system::{
        OsSystem,
        failing::{Failing, FailingSystem, Layout},
    },
};

const FAILURES: [(Errno, ErrorCode); 4] = [
    (Errno::ACCESS, ErrorCode::PermissionDenied),
    (Errno::NOSPC, ErrorCode::NoSpace),
    (Errno::IO, ErrorCode::Io),
    (Errno::ROFS, ErrorCode::ReadOnlyVolume),
];

/// Fails the first call, the second, and so on, until all succeed; `check` sees each failure. Gives their number.
fn fail_each(
    layout: Layout,
    failing: impl Fn(usize) -> Failing,
    error: Errno,
    check: impl Fn(&Scene, &FailingSystem, Error),
) -> usize {
    for call in 0.. {
        let (scene, system) = (Scene::new(), Arc::new(FailingSystem::new(layout, failing(call), error)));
        let outcome = scene.replace(&system);
        if !system.has_failed() {
            outcome.unwrap();
            assert_eq!(snapshot(&scene.target), NEW.1);
            scene.assert_alone();
            assert!(!scene.archive.exists());
            return call;
        }
        match outcome {
            Err(error) => check(&scene, &system, error),
            // What is left to tidy up when the new version is in place is no failure of the installation.
            Ok(_) => assert_eq!(snapshot(&scene.target), NEW.1, "a failure is not hidden"),
        }
    }
    unreachable!("an installation has an end");
}

#[test]
fn whichever_call_fails_the_bundle_is_complete_and_nothing_is_left_after_the_next_sweep() {
    for layout in LAYOUTS {
        for (error, code) in FAILURES {
            let calls = fail_each(layout, Failing::Only, error, |scene, system, error| {
                assert_eq!(error.code(), code, "{error}");
                scene.assert_complete(system);
                scene.assert_swept();
                scene.assert_complete(system);
            });
            assert!(calls > 25, "{layout:?}: only {calls} calls were seen");
        }
    }
}

#[test]
fn an_exchange_that_the_file_system_could_do_and_that_fails_is_not_made_in_two_steps() {
    let commit = |failing| {
        let (scene, layout) = (Scene::new(), Layout::OneFileSystem);
        let system = Arc::new(FailingSystem::new(layout, failing, Errno::IO));
        let mut before_exchange = 0;
        let outcome = scene.prepare(&system).unwrap().commit(&mut |_| {
            before_exchange = system.calls();
            Ok(())
        });
        (outcome, before_exchange, snapshot(&scene.target) == scene.old)
    };
    let (outcome, exchange, _) = commit(Failing::Only(usize::MAX));
    outcome.unwrap();
    let (outcome, _, is_old) = commit(Failing::Only(exchange));
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::Io);
    assert!(is_old);
}

#[test]
fn a_failure_leaves_nothing_beside_the_bundle_if_tidying_up_works() {
    for layout in LAYOUTS {
        fail_each(layout, Failing::Only, Errno::IO, |scene, _, _| scene.assert_alone());
    }
}

#[test]
fn where_everything_fails_from_some_moment_on_the_next_sweep_makes_it_good() {
    let mut left_behind = 0;
    for layout in LAYOUTS {
        let left = std::cell::Cell::new(0);
        fail_each(layout, Failing::AllFrom, Errno::IO, |scene, _, _| {
            left.set(left.get() + scene.names().len() - 1);
            scene.assert_swept();
            let found = snapshot(&scene.target);
            assert!(found == scene.old || found == NEW.1);
        });
        left_behind += left.get();
    }
    assert!(left_behind > 0, "there was nothing to sweep");
}

#[test]
fn after_a_failure_the_next_attempt_succeeds() {
    for layout in LAYOUTS {
        fail_each(layout, Failing::AllFrom, Errno::IO, |scene, _, _| {
            if !scene.archive.exists() {
                return;
            }
            scene.replace(&never_failing(layout)).unwrap();
            assert_eq!(snapshot(&scene.target), NEW.1);
        });
    }
}

#[test]
fn a_bundle_that_a_crash_left_renamed_away_is_put_back_and_updated() {
    let crashed = || {
        let scene = Scene::new();
        let name = format!("{}1.{ASIDE}", prefix(&scene.target));
        fs::rename(&scene.target, scene.target.with_file_name(name)).unwrap();
        scene
    };
    let scene = crashed();
    sweep(&scene.target, &OsSystem);
    assert_eq!(snapshot(&scene.target), scene.old);
    scene.assert_alone();
    let scene = crashed();
    scene.replace(&never_failing(Layout::NoExchange)).unwrap();
    assert_eq!(snapshot(&scene.target), NEW.1);
    scene.assert_alone();
}

#[test]
fn a_real_bundle_is_byte_mode_and_link_identical_and_keeps_its_own_mode() {
    let source = tempfile::tempdir().unwrap();
    let packed = source.path().join("Build name.app");
    write_bundle(&packed, "2");
    let archive =
        Command::new("tar").args(["-czf", "-", "-C"]).arg(source.path()).arg("Build name.app").output();
    let scene = Scene::with(&archive.unwrap().stdout);
    set_mode(&scene.target, 0o775);
    scene.replace(&never_failing(Layout::OneFileSystem)).unwrap();
    assert_eq!(snapshot(&scene.target), snapshot(&packed));
    assert_eq!(fs::metadata(&scene.target).unwrap().mode() & 0o7777, 0o775);
    let current = scene.target.join("Contents/Frameworks/F.framework/Versions/Current");
    assert_eq!(fs::read_link(current).unwrap(), Path::new("A"));
    scene.assert_alone();
}

#[test]
fn who_may_write_needs_no_administrator_and_unpacks_beside_the_bundle_behind_links() {
    let scene = Scene::new();
    let link = scene.base().join("Linked.app");
    symlink(&scene.target, &link).unwrap();
    for target in [&scene.target, &link] {
        assert!(!needs_administrator(target, &OsSystem).unwrap());
        assert_eq!(copy_directory(target, &OsSystem).as_deref(), Some(parent(&scene.target)));
    }
    assert_eq!(copy_directory(&scene.base().join("Missing.app"), &OsSystem), None);
}

#[test]
fn everything_belongs_to_the_owner_of_the_old_bundle() {
    const NOBODY: u32 = 65_534;
    let scene = Scene::new();
    if !rustix::process::geteuid().is_root() {
        // Who cannot give files away keeps them: that is what every other test sees.
        return;
    }
    chown(&scene.target, Some(NOBODY), Some(NOBODY)).unwrap();
    scene.replace(&never_failing(Layout::OneFileSystem)).unwrap();
    for path in ["", "Contents", "Contents/MacOS/X", "Contents/Resources", "Contents/current"] {
        let metadata = fs::symlink_metadata(scene.target.join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY), "{path}");
    }
}

#[test]
fn the_record_is_made_before_the_exchange_and_fits_what_is_found_after_it() {
    for layout in LAYOUTS {
        let scene = Scene::new();
        let prepared = scene.prepare(&never_failing(layout)).unwrap();
        let mut recorded = None;
        prepared
            .commit(&mut |change| {
                assert_eq!(snapshot(&scene.target), scene.old);
                recorded = Some(change);
                Ok(())
            })
            .unwrap();
        let found = OsSystem.fingerprint(&scene.target.join(INFO_PLIST)).unwrap();
        assert_eq!(recorded, Some(Change::Replaces(found)));
    }
}

#[test]
fn an_update_that_was_prepared_does_not_replace_what_was_installed_since() {
    for layout in LAYOUTS {
        let scene = Scene::new();
        let prepared = scene.prepare(&never_failing(layout)).unwrap();
        // Somebody else was quicker, with a newer one.
        fs::write(&scene.archive, small("3").gzip()).unwrap();
        scene.replace(&never_failing(layout)).unwrap();
        let newer = snapshot(&scene.target);
        let error = prepared.commit(&mut |_| unreachable!("nothing is recorded")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable, "{error}");
        assert_eq!(snapshot(&scene.target), newer);
        scene.assert_alone();
    }
}

#[test]
fn what_cannot_be_recorded_is_not_installed() {
    let scene = Scene::new();
    let prepared = scene.prepare(&never_failing(Layout::OneFileSystem)).unwrap();
    let error = prepared.commit(&mut |_| Err(Error::io("write", "state", Errno::NOSPC.into()))).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoSpace);
    assert_eq!(snapshot(&scene.target), scene.old);
    scene.assert_alone();
}

#[test]
fn an_archive_that_was_changed_after_it_was_verified_is_not_installed() {
    let scene = Scene::new();
    let artifact = verified(&scene.archive);
    fs::write(&scene.archive, small("3").gzip()).unwrap();
    let system: Arc<dyn System> = never_failing(Layout::OneFileSystem);
    let error = PreparedBundle::new(&scene.target, artifact, &system).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignatureMismatch);
    assert_eq!(snapshot(&scene.target), scene.old);
    scene.assert_alone();
}

#[test]
fn what_is_signed_and_no_safe_archive_leaves_nothing() {
    for (archive, code) in [
        (small("2").file("X.app/../y", 0o644, b"").gzip(), ErrorCode::UnsafeArchive),
        (small("2").link("X.app/l", "/etc").gzip(), ErrorCode::UnsafeArchive),
        (gzip(b"no archive"), ErrorCode::InvalidArtifact),
        (b"\x7fELF".to_vec(), ErrorCode::InvalidArtifact),
    ] {
        let scene = Scene::with(&archive);
        let error = scene.replace(&never_failing(Layout::OneFileSystem)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(snapshot(&scene.target), scene.old);
        scene.assert_alone();
    }
}

#[test]
fn what_is_no_bundle_is_not_replaced() {
    let scene = Scene::new();
    let applications = parent(&scene.target);
    let missing = applications.join("Missing.app");
    let plain = applications.join("plain.app");
    fs::create_dir(&plain).unwrap();
    let link = applications.join("Link.app");
    symlink(applications, &link).unwrap();
    for target in [&missing, &plain, &link] {
        assert_eq!(check(target, &OsSystem).unwrap_err().code(), ErrorCode::NotUpdatable, "{target:?}");
    }
    let link = parent(applications).join("Bundle.app");
    symlink(&scene.target, &link).unwrap();
    check(&link, &OsSystem).unwrap();
}

#[test]
fn a_sweep_leaves_a_bundle_that_is_about_to_be_installed_and_what_belongs_to_others() {
    let scene = Scene::new();
    let prepared = scene.prepare(&never_failing(Layout::OneFileSystem)).unwrap();
    let (own, other) = (prefix(&scene.target), prefix(&scene.target.with_file_name("Other.app")));
    let others = [format!("{other}1.tmp"), format!("{own}1"), format!("x{own}1.tmp")];
    for name in others.iter().chain(&[format!("{own}1.tmp"), format!("{own}2.old")]) {
        fs::create_dir_all(scene.target.with_file_name(name).join("deep")).unwrap();
    }
    sweep(&scene.target, &OsSystem);
    assert!(others.iter().all(|name| scene.names().contains(name)));
    assert_eq!(scene.names().len(), others.len() + 2);
    prepared.commit(&mut |_| Ok(())).unwrap();
    assert_eq!(snapshot(&scene.target), NEW.1);
}

#[test]
fn what_was_prepared_and_is_given_up_leaves_nothing() {
    let scene = Scene::new();
    drop(scene.prepare(&never_failing(Layout::OneFileSystem)).unwrap());
    assert_eq!(snapshot(&scene.target), scene.old);
    scene.assert_alone();
    assert!(scene.archive.exists());
}

#[test]
fn the_size_of_what_is_packed_is_known_before_it_is_unpacked() {
    let scene = Scene::new();
    let mut archive = fs::read(&scene.archive).unwrap();
    let size_at = archive.len() - 4;
    // The size of the content as gzip keeps it: 4 GiB.
    archive[size_at..].fill(0xff);
    fs::write(&scene.archive, archive).unwrap();
    assert_eq!(unpacked_at_least(&verified(&scene.archive)), u64::from(u32::MAX));
}

#[test]
fn another_directory_put_in_the_place_of_the_unpacked_one_is_not_installed() {
    for layout in LAYOUTS {
        let scene = Scene::new();
        let prepared = scene.prepare(&never_failing(layout)).unwrap();
        let name = scene.names().into_iter().find(|name| name.ends_with(".tmp")).unwrap();
        let path = scene.target.with_file_name(name);
        fs::rename(&path, path.with_extension("moved")).unwrap();
        fs::create_dir_all(path.join("Contents")).unwrap();
        fs::write(path.join(INFO_PLIST), "evil").unwrap();
        assert_eq!(prepared.commit(&mut |_| Ok(())).unwrap_err().code(), ErrorCode::PermissionDenied);
        assert_eq!(snapshot(&scene.target), scene.old);
    }
}

const KILL_SCENE: &str = "UPDATER_TEST_BUNDLE";

/// The child of the next test: goes from one version to the other and back until it is killed.
#[test]
#[ignore = "the part of another test that runs in a process of its own"]
fn replace_for_ever() {
    let Some(base) = std::env::var_os(KILL_SCENE).map(PathBuf::from) else { return };
    let system: Arc<dyn System> = Arc::new(OsSystem);
    let target = base.join("Applications/My App.app");
    println!("ready");
    for archive in ["one", "other"].iter().cycle() {
        sweep(&target, &*system);
        let copy = base.join("copy");
        fs::copy(base.join(archive), &copy).unwrap();
        set_mode(&copy, 0o600);
        let artifact = verified(&copy);
        PreparedBundle::new(&target, artifact, &system).unwrap().commit(&mut |_| Ok(())).unwrap();
        println!("replaced");
    }
}

#[test]
fn killed_at_any_moment_the_bundle_is_the_complete_old_or_the_complete_new_one() {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
        time::{Duration, Instant},
    };
    let scene = Scene::new();
    let base = scene.base();
    let contents = |version: &str| {
        (0..40).fold(small(version), |archive, number| {
            archive.file(&format!("X.app/Contents/{version}/{number}"), 0o644, &[b'x'; 20_000])
        })
    };
    let versions = [("one", contents("2")), ("other", contents("3"))].map(|(name, archive)| {
        let archive = archive.gzip();
        sign(&archive);
        fs::write(base.join(name), &archive).unwrap();
        let unpacked = Scene::with(&archive);
        unpacked.replace(&never_failing(Layout::OneFileSystem)).unwrap();
        snapshot(&unpacked.target)
    });
    let (mut seen, mut interrupted) = ([0; 3], 0);
    let mut random = Random::new("kill a bundle");
    // How long it takes here and now.
    let mut pace = Duration::ZERO;
    for round in 0..rounds(25, 500, 500) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "install::app_bundle::replace::tests::replace_for_ever",
                "--ignored",
                "--nocapture",
            ])
            .env(KILL_SCENE, base)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(output.any(|line| line.ends_with("ready")));
        if round % 2 == 0 {
            let begun = Instant::now();
            assert!(output.any(|line| line.ends_with("replaced")));
            pace = begun.elapsed();
        }
        // Long enough for the second one, as often as not.
        std::thread::sleep(pace.mul_f64(2.0 * random.fraction()));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = snapshot(&scene.target);
        let before = if round == 0 { &scene.old } else { &NEW.1 };
        let complete = [before, &versions[0], &versions[1]];
        let which = complete.iter().position(|known| **known == found);
        seen[which.unwrap_or_else(|| panic!("round {round}: half a bundle"))] += 1;
        interrupted += usize::from(scene.names().len() > 1);
        scene.assert_swept();

        scene.put_archive(&NEW.0);
        scene.replace(&never_failing(Layout::OneFileSystem)).unwrap();
        assert_eq!(snapshot(&scene.target), NEW.1);
        scene.assert_alone();
    }
    assert!(seen[1] > 0 && seen[2] > 0, "the children came to nothing: {seen:?}");
    assert!(interrupted > 0, "no child was killed while it worked");
}
