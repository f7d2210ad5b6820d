use std::fs;

use rustix::io::Errno;

use super::*;
use crate::{
    ErrorCode,
    system::{
        OsSystem,
        failing::{Failing, FailingSystem, Layout},
        testing::{FakeSystem, eventually},
    },
};

const APPIMAGE: &[u8] = b"\x7fELF\x02\x01\x01\0AI\x02";
const DPKG: (&str, &str) = ("/usr/bin/dpkg-query", r#"[ "$3" = /usr/bin/node ] && echo "nodejs: $3""#);

fn located(configured: Option<&str>, system: &FakeSystem) -> Installation {
    let installation = Installation::locate(configured.map(Path::new), Os::Linux, system).unwrap();
    installation.find_package(system);
    installation
}

fn planned(format: Format, installation: &Installation) -> Result<InstallPlan> {
    plan(format, installation, &Order::plain("linux-x86_64"))
}

fn refusal(format: Format, installation: &Installation) -> String {
    let error = planned(format, installation).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotUpdatable);
    error.to_string()
}

#[test]
fn for_an_appimage_no_package_manager_is_started() {
    let system = FakeSystem::default()
        .with_file("/opt/App.AppImage", &[APPIMAGE, &[0; 20]].concat())
        .with_program(DPKG.0, DPKG.1);
    let appimage = located(Some("/opt/App.AppImage"), &system);
    assert_eq!(appimage.format(), Some(Format::AppImage));
    assert!(system.runs().is_empty());
    assert!(refusal(Format::Deb, &appimage).contains("/opt/App.AppImage belongs to no deb package"));
}

#[test]
fn only_what_runs_from_a_file_of_its_own_is_told_by_that_file() {
    let runs_from = |executable: &str, configured: Option<&str>, os, system: FakeSystem| {
        let system = system.with_executable(executable);
        let installation = Installation::locate(configured.map(Path::new), os, &system).unwrap();
        installation.find_package(&system);
        installation.is_shared()
    };
    let unpackaged = || FakeSystem::default().with_program(DPKG.0, "exit 1");
    let packaged = || FakeSystem::default().with_program(DPKG.0, r#"echo "app: $3""#);
    // What a package manager has answered is kept for each file.
    assert!(runs_from("/usr/lib/node/node", None, Os::Linux, packaged()));
    assert!(runs_from("/usr/lib/electron37/electron", None, Os::Linux, packaged()));
    assert!(runs_from(r"C:\Program Files\nodejs\node.exe", None, Os::Windows, unpackaged()));
    assert!(runs_from("/opt/script/run", None, Os::Linux, unpackaged()));
    assert!(!runs_from("/opt/app/app", None, Os::Linux, packaged()));
    assert!(!runs_from(r"C:\App\App.exe", None, Os::Windows, unpackaged()));
    let app = "/opt/App/App";
    assert!(!runs_from("/usr/lib/node/node", Some(app), Os::Linux, unpackaged().with_file(app, b"")));
    // What a build tool did not rename, in an application of its own.
    let mounted = FakeSystem::default()
        .with_file("/opt/App.AppImage", &[APPIMAGE, &[0; 20]].concat())
        .with_env("APPIMAGE", "/opt/App.AppImage")
        .with_env("APPDIR", "/tmp/.mount_App");
    assert!(!runs_from("/tmp/.mount_App/usr/bin/electron", None, Os::Linux, mounted));
    let bundle = |name: &str| {
        let plist = format!("/Applications/{name}/Contents/Info.plist");
        let executable = format!("/Applications/{name}/Contents/MacOS/Electron");
        runs_from(&executable, None, Os::MacOs, FakeSystem::default().with_file(&plist, b""))
    };
    assert!(!bundle("App.app"));
    assert!(bundle("Electron.app"));
    // It may still turn out to be a package's.
    let silent = FakeSystem::default().with_broken_program(DPKG.0);
    assert!(!runs_from("/opt/silent/app", None, Os::Linux, silent));
}

#[test]
fn what_a_package_brought_is_only_replaced_by_a_package() {
    let system = FakeSystem::default().with_program(DPKG.0, DPKG.1);
    let node = located(None, &system);
    assert_eq!(node.format(), Some(Format::Deb));
    assert!(matches!(planned(Format::Deb, &node), Ok(InstallPlan::InstallPackage(_))));
    let reason = refusal(Format::AppImage, &node);
    assert!(reason.contains("/usr/bin/node belongs to the deb package nodejs"), "{reason}");
    assert!(reason.contains("`executablePath`"), "{reason}");
}

#[test]
fn an_installer_of_windows_replaces_no_file() {
    let system = FakeSystem::default().with_file("/opt/app/run", b"#!/bin/sh").with_program(DPKG.0, "exit 1");
    let error = planned(Format::Nsis, &located(Some("/opt/app/run"), &system)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedFormat);
}

/// An application that is a file, and one that is a bundle, on disk.
fn installed() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(directory.path()).unwrap();
    let (file, bundle) = (base.join("App.AppImage"), base.join("X.app"));
    fs::write(&file, APPIMAGE).unwrap();
    fs::create_dir_all(bundle.join("Contents")).unwrap();
    fs::write(bundle.join(app_bundle::INFO_PLIST), "1").unwrap();
    (directory, file, bundle)
}

#[test]
fn what_tells_one_version_from_another_is_the_file_or_the_bundles_list() {
    let (_directory, file, bundle) = installed();
    for (path, mark, os) in
        [(&file, file.clone(), Os::Linux), (&bundle, bundle.join(app_bundle::INFO_PLIST), Os::MacOs)]
    {
        let installation = Installation::locate(Some(path), os, &OsSystem).unwrap();
        assert_eq!(installation.fingerprint(&OsSystem), Some(OsSystem.fingerprint(&mark).unwrap()));
    }
}

#[test]
fn each_plan_is_asked_what_it_needs_before_a_download() {
    let (_directory, file, bundle) = installed();
    let parent = file.parent().unwrap();
    let elsewhere = FailingSystem::new(Layout::TwoFileSystems, Failing::Only(usize::MAX), Errno::IO);
    for (plan, copies_to) in [
        (InstallPlan::ReplaceFile(file.clone()), Some(parent.to_owned())),
        (InstallPlan::ReplaceBundle(bundle.clone()), Some(parent.to_owned())),
    ] {
        check(&plan, &OsSystem).unwrap();
        assert!(!needs_administrator(&plan, &OsSystem).unwrap());
        assert_eq!(copy_directory(&plan, parent, &elsewhere), copies_to);
    }
    for plan in [
        InstallPlan::ReplaceFile(parent.join("missing")),
        InstallPlan::ReplaceBundle(parent.join("missing.app")),
    ] {
        assert_eq!(check(&plan, &OsSystem).unwrap_err().code(), ErrorCode::NotUpdatable);
    }
}

#[test]
fn what_a_killed_installation_left_is_removed_beside_each_kind_of_application() {
    let (_directory, file, bundle) = installed();
    for (path, os, left) in [(&file, Os::Linux, "1.tmp"), (&bundle, Os::MacOs, "1.tmp")] {
        let left = path.with_file_name(format!("{}{left}", swap::prefix(path)));
        if os == Os::Linux {
            fs::write(&left, "").unwrap()
        } else {
            fs::create_dir(&left).unwrap()
        }
        let installation = Installation::locate(Some(path), os, &OsSystem).unwrap();
        eventually(|| {
            sweep(&installation, &OsSystem);
            !left.exists()
        });
        assert!(!left.exists(), "{}", left.display());
    }
}

#[test]
fn what_may_be_a_packages_is_not_replaced_before_its_package_manager_has_answered() {
    let file = "/opt/may be a package's/app";
    let silent = FakeSystem::default().with_file(file, b"#!/bin/sh").with_broken_program(DPKG.0);
    let app = located(Some(file), &silent);
    assert!(app.format().is_none());
    assert!(refusal(Format::AppImage, &app).contains(file));
    let answering = FakeSystem::default().with_program(DPKG.0, "exit 1");
    app.find_package(&answering);
    assert_eq!(planned(Format::AppImage, &app).unwrap(), InstallPlan::ReplaceFile(file.into()));
    app.find_package(&answering);
    assert_eq!(answering.runs().len(), 1, "an answer is kept");
}
