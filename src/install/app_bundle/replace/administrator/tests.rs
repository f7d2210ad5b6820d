use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    process::{Command, Output},
};

use tempfile::TempDir;

use super::*;
use crate::{
    ErrorCode,
    archive::testing::{Builder, snapshot, write_bundle},
    install::{Progress, app_bundle::PreparedBundle},
    signature::testing::verified,
    system::{OsSystem, testing::FakeSystem},
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

    fn arguments(&self) -> Vec<OsString> {
        let system: Arc<dyn System> = Arc::new(OsSystem);
        Handover::new(self.target.clone(), verified(&self.archive), &system).unwrap().arguments
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

    fn assert_nothing_left(&self) {
        assert_eq!(fs::read_dir(parent(&self.target)).unwrap().count(), 2);
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
    let output = osascript(&scene.arguments(), unchanged);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    scene.assert_is("2");
    scene.assert_nothing_left();
}

#[test]
fn root_unpacks_only_what_was_verified() {
    let scene = Scene::new();
    let arguments = scene.arguments();
    let evil = Builder::app().file("X.app/evil", 0o644, b"").gzip();
    let mut longer = fs::read(&scene.archive).unwrap();
    let other: [&dyn Fn(); 4] = [
        &|| fs::write(&scene.archive, &evil).unwrap(),
        &|| fs::write(&scene.archive, b"").unwrap(),
        &|| fs::remove_file(&scene.archive).unwrap(),
        &|| symlink("/dev/zero", &scene.archive).unwrap(),
    ];
    for put in other {
        put();
        assert!(!osascript(&arguments, unchanged).status.success());
        scene.assert_is("1");
    }
    // What was appended is not even read.
    longer.extend(b"more");
    fs::remove_file(&scene.archive).unwrap();
    fs::write(&scene.archive, longer).unwrap();
    assert!(osascript(&arguments, unchanged).status.success());
    scene.assert_is("2");
    scene.assert_nothing_left();
}

#[test]
fn whichever_line_fails_the_old_bundle_is_in_its_place_and_nothing_is_left() {
    let mut failed = 0;
    for line in SCRIPT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let steps = ["mkdir new", "tar -x", "[ -f", "[ -z", "chown", "chmod", "sync", "mv \"../"];
        if !steps.iter().any(|step| line.starts_with(step)) {
            continue;
        }
        let scene = Scene::new();
        let output = osascript(&scene.arguments(), |script| script.replace(line, "false"));
        assert!(!output.status.success(), "{line}");
        scene.assert_is("1");
        scene.assert_nothing_left();
        failed += 1;
    }
    assert_eq!(failed, 8);
}

#[test]
fn a_bundle_that_cannot_be_put_in_place_is_exchanged_for_the_old_one_again() {
    let scene = Scene::new();
    let arguments = scene.arguments();
    let output = osascript(&arguments, |script| script.replace("mv new", "false"));
    assert!(!output.status.success());
    scene.assert_is("1");
    scene.assert_nothing_left();
    // Where even that fails, the old one is kept.
    let output = osascript(&arguments, |script| script.replace("mv new", "false").replace("mv old", "false"));
    assert!(!output.status.success());
    let kept = fs::read_dir(parent(&scene.target)).unwrap().map(|entry| entry.unwrap().path().join("old"));
    let kept: Vec<_> = kept.filter(|old| old.exists()).collect();
    fs::rename(&kept[0], &scene.target).unwrap();
    scene.assert_is("1");
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
}

/// osascript, for whom the password was given.
const WILLING: &str = "shift 14; exec /bin/sh -c \"$@\"";
const UNWILLING: &str = "echo 'execution error: User canceled. (-128)' >&2; exit 1";

fn fake(scene: &Scene) -> FakeSystem {
    let info = scene.target.join("Contents/Info.plist");
    FakeSystem::default().with_file(info.to_str().unwrap(), b"").with_refusal(io::ErrorKind::PermissionDenied)
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
