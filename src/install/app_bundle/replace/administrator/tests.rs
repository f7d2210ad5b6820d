use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    process::{Command, Output},
};

use rustix::io::Errno;
use tempfile::TempDir;

use super::*;
use crate::{
    ErrorCode,
    archive::testing::{Builder, snapshot, write_bundle},
    install::{Progress, app_bundle::PreparedBundle},
    signature::testing::verified,
    system::{
        OsSystem,
        failing::{Failing, FailingSystem, Layout},
        testing::FakeSystem,
    },
};

/// What a shell and AppleScript would do something with.
const HOSTILE: &str = "it's \"$(touch pwned)\" `touch pwned`; \\ %s \n *\u{e9}";

struct Scene {
    directory: TempDir,
    target: PathBuf,
    archive: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join(HOSTILE);
        let target = base.join(format!("{HOSTILE}.app"));
        write_bundle(&target, "1");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o775)).unwrap();
        let source = directory.path().join("X.app");
        write_bundle(&source, "2");
        let archive = base.join("-archive");
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(&archive).arg("-C").arg(directory.path()).arg("X.app");
        assert!(tar.status().unwrap().success());
        fs::set_permissions(&archive, fs::Permissions::from_mode(0o600)).unwrap();
        Self { directory, target, archive }
    }

    fn with_archive(archive: &[u8]) -> Self {
        let this = Self::new();
        fs::write(&this.archive, archive).unwrap();
        this
    }

    fn handover(&self) -> Handover {
        let system: Arc<dyn System> = Arc::new(OsSystem);
        Handover::new(self.target.clone(), verified(&self.archive), &system).unwrap()
    }

    /// Has root do it, with a script that was changed.
    fn replace(&self, change: impl Fn(&str) -> String) -> Output {
        osascript(&self.handover().arguments, change)
    }

    fn assert_is(&self, version: &str) {
        let expected = self.directory.path().join("expected.app");
        write_bundle(&expected, version);
        let times = |path: &Path| {
            let mut entries = snapshot(path);
            // When a file was made is compared elsewhere.
            for text in entries.values_mut().filter(|text| text.starts_with("file")) {
                *text = text.split_once(" of ").unwrap().1.split_once(": ").unwrap().1.to_owned();
            }
            entries
        };
        assert_eq!(times(&self.target), times(&expected));
        fs::remove_dir_all(expected).unwrap();
        assert_eq!(fs::metadata(&self.target).unwrap().mode() & 0o7777, 0o775);
    }

    /// The old bundle that was kept is renamed by hand.
    fn put_back(&self) {
        let entries = fs::read_dir(parent(&self.target)).unwrap();
        let kept = entries.map(|entry| entry.unwrap().path().join("old")).find(|old| old.exists());
        fs::rename(kept.unwrap(), &self.target).unwrap();
    }

    fn assert_nothing_left(&self) {
        let expected = 1 + usize::from(self.archive.exists());
        assert_eq!(fs::read_dir(parent(&self.target)).unwrap().count(), expected);
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 2);
    }
}

/// Does what osascript does with the script above: one command line, every argument in AppleScript's `quoted form`.
fn osascript(arguments: &[OsString], change: impl Fn(&str) -> String) -> Output {
    let (script, values) = arguments.split_at(2 * APPLESCRIPT.len());
    assert!(script.iter().step_by(2).all(|flag| flag == "-e"));
    assert!(script.iter().skip(1).step_by(2).eq(APPLESCRIPT.iter()));
    let mut line = b"/bin/sh -c".to_vec();
    for (index, value) in values.iter().enumerate() {
        let value = if index == 0 { change(SCRIPT).into() } else { value.clone() };
        line.extend(b" '");
        for byte in value.as_bytes() {
            line.extend(if *byte == b'\'' { &b"'\\''"[..] } else { std::slice::from_ref(byte) });
        }
        line.push(b'\'');
    }
    let line = std::ffi::OsStr::from_bytes(&line).to_owned();
    Command::new("/bin/sh").arg("-c").arg(line).current_dir("/").env_clear().output().unwrap()
}

fn unchanged(script: &str) -> String {
    script.to_owned()
}

#[test]
fn root_replaces_the_bundle_whatever_the_paths_look_like() {
    let scene = Scene::new();
    let output = scene.replace(unchanged);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    scene.assert_is("2");
    scene.assert_nothing_left();
}

#[test]
fn root_unpacks_only_what_was_verified() {
    let scene = Scene::new();
    let handover = scene.handover();
    let packed = handover.packed.path().to_owned();
    assert_eq!(fs::metadata(&packed).unwrap().mode() & 0o7777, 0o600);
    let mut longer = fs::read(&packed).unwrap();
    let mut other = longer.clone();
    let at = other.len() / 2;
    other[at] ^= 1;
    let puts: [&dyn Fn(); 4] = [
        &|| fs::write(&packed, &other).unwrap(),
        &|| fs::write(&packed, b"").unwrap(),
        &|| fs::remove_file(&packed).unwrap(),
        &|| symlink("/dev/zero", &packed).unwrap(),
    ];
    for put in puts {
        put();
        assert!(!osascript(&handover.arguments, unchanged).status.success());
        scene.assert_is("1");
    }
    // What was appended is not even read.
    longer.extend(b"more");
    fs::remove_file(&packed).unwrap();
    fs::write(&packed, longer).unwrap();
    assert!(osascript(&handover.arguments, unchanged).status.success());
    scene.assert_is("2");
    // It is not what this process made: whose it is, nobody knows.
    drop(handover);
    fs::remove_file(packed).unwrap();
    scene.assert_nothing_left();
}

#[test]
fn root_unpacks_every_form_of_archive_that_is_accepted() {
    let bundle = |prefix: &str| {
        Builder::default()
            .file(&format!("{prefix}X.app/Contents/Info.plist"), 0o644, b"2")
            .file(&format!("{prefix}X.app/Contents/MacOS/X"), 0o755, b"2")
            .file(&format!("{prefix}X.app/Contents/MacOS/._X"), 0o644, &[0, 5, 22, 7, 0, 2, 0, 0])
            .file(&format!("{prefix}X.app/Contents/._own"), 0o644, b"no attribute")
            .link(&format!("{prefix}X.app/Contents/l"), "./MacOS//X")
    };
    let closed = |archive: Builder| archive.directory("X.app/Contents/closed", 0o3555);
    let mut found = Vec::new();
    // The first two do not mention the directories that everything lies in.
    for archive in [
        closed(bundle("")),
        closed(bundle("./")),
        closed(Builder::default().directory(".", 0o700).directory("./X.app", 0o700))
            .file("./X.app/Contents/Info.plist", 0o644, b"2")
            .file("X.app/Contents/MacOS/X", 0o755, b"2")
            .file("X.app/Contents/._own", 0o644, b"no attribute")
            .link("X.app/Contents/l", "./MacOS//X"),
    ] {
        let scene = Scene::with_archive(&archive.gzip());
        let output = scene.replace(unchanged);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        found.push(snapshot(&scene.target));
        scene.assert_nothing_left();
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:?}");
    for (path, is) in [
        ("Contents", "directory 755"),
        ("Contents/MacOS", "directory 755"),
        ("Contents/closed", "directory 555"),
        ("Contents/l", "link to ./MacOS//X"),
        ("Contents/MacOS/X", "file 755 of 1700000000: 2"),
        ("Contents/._own", "file 644 of 1700000000: no attribute"),
    ] {
        assert_eq!(found[0][path], is, "{path}");
    }
    assert_eq!(found[0].len(), 7);
}

#[test]
fn whichever_line_fails_the_old_bundle_is_in_its_place_and_nothing_is_left() {
    let mut failed = 0;
    for line in SCRIPT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let steps = ["head", "mkdir", "tar -x", "[ -f", "[ -z", "chown", "chmod", "touch", "rename \"../"];
        if !steps.iter().any(|step| line.starts_with(step)) {
            continue;
        }
        let scene = Scene::new();
        let output = scene.replace(|script| script.replace(line, "false"));
        assert!(!output.status.success(), "{line}");
        scene.assert_is("1");
        scene.assert_nothing_left();
        failed += 1;
    }
    assert_eq!(failed, 11);
}

#[test]
fn a_bundle_that_cannot_be_put_in_place_is_exchanged_for_the_old_one_again() {
    let scene = Scene::new();
    let output = scene.replace(|script| script.replace("rename new", "false"));
    assert!(!output.status.success());
    scene.assert_is("1");
    scene.assert_nothing_left();
    // Where even that fails, the old one is kept.
    let output = scene.replace(|script| script.replace("rename new", "false").replace("rename old", "false"));
    assert!(!output.status.success());
    scene.put_back();
    scene.assert_is("1");
}

#[test]
fn what_somebody_puts_where_the_bundle_was_is_neither_followed_nor_replaced() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().display();
    for put in [
        format!("ln -s '{path}' \"../$name\""),
        format!("ln -s '{path}/planted' \"../$name\""),
        "mkdir \"../$name\"; echo theirs >\"../$name/file\"".to_owned(),
        "echo theirs >\"../$name\"".to_owned(),
    ] {
        let scene = Scene::new();
        let moved = "rename \"../$name\" old\n";
        let output = scene.replace(|script| script.replace(moved, &format!("{moved}{put}\n")));
        assert!(!output.status.success(), "{put}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0, "{put}");
        // What was put there stays, and the old bundle is not lost to it.
        let metadata = fs::symlink_metadata(&scene.target).unwrap();
        if metadata.is_dir() {
            assert_eq!(fs::read(scene.target.join("file")).unwrap(), b"theirs\n");
            fs::remove_dir_all(&scene.target).unwrap();
        } else {
            fs::remove_file(&scene.target).unwrap();
        }
        scene.put_back();
        scene.assert_is("1");
    }
}

#[test]
fn what_somebody_puts_in_place_of_the_new_bundle_is_not_touched() {
    let elsewhere = tempfile::tempdir().unwrap();
    let planted = elsewhere.path().join("planted");
    let put =
        format!("mv \"../$name\" '{0}/away'; ln -s '{0}/planted' \"../$name\"", elsewhere.path().display());
    let scene = Scene::new();
    let output = scene.replace(|script| script.replace("replaced=yes\n", &format!("replaced=yes\n{put}\n")));
    assert!(output.status.success());
    assert!(fs::symlink_metadata(&planted).is_err());
}

#[test]
fn an_old_bundle_that_cannot_be_removed_makes_no_failure_of_a_success() {
    let scene = Scene::new();
    let output =
        scene.replace(|script| script.replace("rm -rf old", "false").replace("\nsync", "\nfalse || :"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    scene.assert_is("2");
}

#[test]
fn an_update_that_was_prepared_does_not_replace_what_was_installed_since() {
    let scene = Scene::new();
    let system: Arc<dyn System> = Arc::new(fake(&scene).with_program(OSASCRIPT, WILLING));
    let prepared = PreparedBundle::new(&scene.target, verified(&scene.archive), &system).unwrap();
    fs::remove_dir_all(&scene.target).unwrap();
    write_bundle(&scene.target, "3");
    fs::set_permissions(&scene.target, fs::Permissions::from_mode(0o775)).unwrap();
    let mut recorded = false;
    let error = prepared.commit(&mut |_| {
        recorded = true;
        Ok(())
    });
    assert_eq!(error.unwrap_err().code(), ErrorCode::NotUpdatable);
    assert!(!recorded);
    scene.assert_is("3");
    scene.assert_nothing_left();
}

#[test]
fn of_two_preparations_of_one_update_the_second_survives_the_first() {
    let scene = Scene::new();
    let (first, second) = (scene.handover(), scene.handover());
    drop(first);
    assert!(osascript(&second.arguments, unchanged).status.success());
    drop(second);
    scene.assert_is("2");
    scene.assert_nothing_left();
}

#[test]
fn a_refusal_is_told_from_a_failure() {
    let outcome = |exit_code, stderr: &str| {
        let finished = Finished { exit_code, stdout: Vec::new(), stderr: stderr.into() };
        check_outcome(&finished, Path::new("/Applications/X.app")).map_err(|error| error.code())
    };
    assert_eq!(outcome(Some(0), ""), Ok(()));
    for said in ["0:93: execution error: User canceled. (-128)\n", "execution error: no (-60007)"] {
        assert_eq!(outcome(Some(1), said), Err(ErrorCode::ElevationDenied));
    }
    assert_eq!(outcome(Some(1), "execution error: mv: No space (1)"), Err(ErrorCode::InstallerFailed));
    assert_eq!(outcome(None, ""), Err(ErrorCode::InstallerFailed));
}

#[test]
fn an_archive_that_breaks_the_rules_is_not_handed_over() {
    let scene = Scene::new();
    fs::write(&scene.archive, Builder::app().link("X.app/l", "/etc").gzip()).unwrap();
    let system: Arc<dyn System> = Arc::new(OsSystem);
    let handover = Handover::new(scene.target.clone(), verified(&scene.archive), &system);
    assert_eq!(handover.unwrap_err().code(), ErrorCode::UnsafeArchive);
    scene.assert_nothing_left();
}

#[test]
fn whatever_fails_while_it_is_packed_nobody_is_asked_and_nothing_is_left() {
    let scene = Scene::new();
    for call in 0.. {
        let failing = Arc::new(FailingSystem::new(Layout::OneFileSystem, Failing::Only(call), Errno::NOSPC));
        let system: Arc<dyn System> = Arc::<FailingSystem>::clone(&failing);
        let handover = Handover::new(scene.target.clone(), verified(&scene.archive), &system);
        if !failing.has_failed() {
            handover.unwrap();
            assert!(call > 6, "only {call} calls were seen");
            break;
        }
        assert_eq!(handover.unwrap_err().code(), ErrorCode::NoSpace);
        scene.assert_is("1");
        scene.assert_nothing_left();
    }
}

/// osascript, for whom the password was given.
const WILLING: &str = "shift 14; exec /bin/sh -c \"$@\"";
const UNWILLING: &str = "echo 'execution error: User canceled. (-128)' >&2; exit 1";

fn fake(scene: &Scene) -> FakeSystem {
    let info = scene.target.join("Contents/Info.plist");
    FakeSystem::default()
        .with_file(info.to_str().unwrap(), b"")
        .with_refusal(io::ErrorKind::PermissionDenied)
        .with_disk()
}

#[test]
fn where_this_user_may_not_write_an_administrator_is_asked() {
    let scene = Scene::new();
    let system: Arc<dyn System> = Arc::new(fake(&scene).with_program(OSASCRIPT, WILLING));
    let prepared = PreparedBundle::new(&scene.target, verified(&scene.archive), &system).unwrap();
    scene.assert_is("1");
    let mut recorded = Vec::new();
    let progress = prepared.commit(&mut |change| {
        recorded.push(change);
        Ok(())
    });
    assert_eq!((progress.unwrap(), recorded), (Progress::Done, vec![Change::Begins]));
    scene.assert_is("2");
    scene.assert_nothing_left();
}

#[test]
fn an_administrator_who_says_no_changes_nothing() {
    let scene = Scene::new();
    let system: Arc<dyn System> = Arc::new(fake(&scene).with_program(OSASCRIPT, UNWILLING));
    let prepared = PreparedBundle::new(&scene.target, verified(&scene.archive), &system).unwrap();
    let error = prepared.commit(&mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ElevationDenied, "{error}");
    scene.assert_is("1");
    scene.assert_nothing_left();
}

#[test]
fn where_nobody_can_be_asked_or_nothing_written_the_reason_is_told() {
    let scene = Scene::new();
    let check =
        |system: FakeSystem| super::super::check(&scene.target, &system).map_err(|error| error.code());
    assert_eq!(check(fake(&scene)), Err(ErrorCode::PermissionDenied));
    assert_eq!(check(fake(&scene).with_program(OSASCRIPT, WILLING)), Ok(()));
    let mounted = fake(&scene).with_refusal(io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(check(mounted.with_program(OSASCRIPT, WILLING)), Err(ErrorCode::ReadOnlyVolume));
}
