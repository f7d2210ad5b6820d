//! Whole installations, with stand-ins for the programs of Debian.

use std::{fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::*;
use crate::{
    ErrorCode,
    signature::testing::verified,
    system::{
        OsSystem,
        failing::{Failing, FailingSystem, Layout},
        testing::FakeSystem,
    },
};

const PACKAGE: &[u8] = b"!<arch>\ndebian-binary   1767225600  0     0     100644  4         `\n2.0\n";
const SAYS_WHAT_IT_IS: &str = "echo app 2.0.0 all";
const SILENT: &str = "silent";
const VERIFIED: &str = "printf 'updater:started\\nupdater:copied\\nupdater:verified\\n'";

/// There are none, before and after.
fn unless_about_dependencies(script: &str) -> String {
    format!("case \"$*\" in *Depends*) ;; *) {script} ;; esac")
}

/// A package that is to replace an installed one.
struct Scene {
    directory: TempDir,
    artifact: Vec<u8>,
    dpkg_deb: Option<&'static str>,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("app"), "old").unwrap();
        fs::write(directory.path().join("database"), "app 1.0.0 installed\n").unwrap();
        Self { directory, artifact: PACKAGE.to_owned(), dpkg_deb: Some(SAYS_WHAT_IT_IS) }
    }

    fn plan(&self) -> PackagePlan {
        plan(Format::Deb, Format::Deb, "app", &self.directory.path().join("app"), false).unwrap()
    }

    /// What root does is this script.
    fn system(&self, root_does: &str) -> FakeSystem {
        let database = self.directory.path().join("database");
        let database = database.display();
        let system = FakeSystem::default()
            .with_disk()
            .with_root()
            .with_program("/usr/bin/dpkg", "")
            .with_program("/usr/bin/dpkg-query", &unless_about_dependencies(&format!("cat '{database}'")))
            .with_program("/bin/sh", &format!("{VERIFIED}; database='{database}'; {root_does}"));
        match self.dpkg_deb {
            Some(SILENT) => system.with_broken_program("/usr/bin/dpkg-deb"),
            Some(script) => system.with_program("/usr/bin/dpkg-deb", &unless_about_dependencies(script)),
            None => system,
        }
    }

    fn prepared(&self, system: FakeSystem) -> Result<PreparedPackage> {
        let path = self.directory.path().join("package");
        fs::write(&path, &self.artifact).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let system: Arc<dyn System> = Arc::new(system);
        PreparedPackage::new(&self.plan(), verified(&path), Arch::X86_64, &system)
    }

    /// What comes of it, and what was recorded.
    fn installed(&self, root_does: &str) -> (Result<()>, Vec<Change>) {
        let mut changes = Vec::new();
        let outcome = self.prepared(self.system(root_does)).unwrap().commit(&mut |change| {
            changes.push(change);
            Ok(())
        });
        (outcome, changes)
    }

    fn refusal(&self) -> ErrorCode {
        self.prepared(self.system("")).map(drop).unwrap_err().code()
    }
}

#[test]
fn a_package_is_installed_where_its_manager_succeeds_and_says_so() {
    let scene = Scene::new();
    let app = scene.directory.path().join("app");
    let (outcome, changes) = scene.installed("echo app 2.0.0 installed > \"$database\"");
    outcome.unwrap();
    assert_eq!(changes, [Change::Begins, Change::Replaces(OsSystem.fingerprint(&app).unwrap())]);
}

#[test]
fn what_a_manager_does_not_say_or_show_is_no_success() {
    let locked = "echo lock was locked by another process >&2";
    let succeeds = "echo app 2.0.0 installed > \"$database\"";
    for (root_does, expected, exit_code) in [
        // Nothing is installed, whatever it says.
        ("exit 0".to_owned(), ErrorCode::InstallerFailed, 0),
        (format!("{locked}; exit 0"), ErrorCode::InstallerFailed, 0),
        ("echo app 2.0.0 half-configured > \"$database\"".to_owned(), ErrorCode::InstallerFailed, 0),
        ("rm \"$database\"".to_owned(), ErrorCode::InstallerFailed, 0),
        (format!("{succeeds}; exit 3"), ErrorCode::InstallerFailed, 3),
        ("exit 3".to_owned(), ErrorCode::InstallerFailed, 3),
        (format!("{locked}; exit 2"), ErrorCode::InstallerBusy, 2),
    ] {
        let (outcome, changes) = Scene::new().installed(&root_does);
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.exit_code()), (expected, Some(exit_code)), "{root_does}");
        assert_eq!(changes, [Change::Begins], "{root_does}");
    }
}

#[test]
fn a_package_that_is_not_what_it_has_to_be_is_not_handed_over() {
    let refusal = |change: fn(&mut Scene)| {
        let mut scene = Scene::new();
        change(&mut scene);
        scene.refusal()
    };
    assert_eq!(refusal(|scene| scene.artifact = b"MZ".to_vec()), ErrorCode::InvalidArtifact);
    assert_eq!(refusal(|scene| scene.dpkg_deb = None), ErrorCode::UnsupportedFormat);
    assert_eq!(refusal(|scene| scene.dpkg_deb = Some(SILENT)), ErrorCode::Io);
    assert_eq!(
        refusal(|scene| scene.dpkg_deb = Some("echo app 2.0.0 all; exit 2")),
        ErrorCode::InvalidArtifact
    );
    assert_eq!(refusal(|scene| scene.dpkg_deb = Some("echo other 2.0.0 all")), ErrorCode::NotUpdatable);
    assert_eq!(refusal(|scene| scene.dpkg_deb = Some("echo app 1.0.0 all")), ErrorCode::NotUpdatable);
}

#[test]
fn before_a_download_it_is_known_whether_anybody_could_install_it() {
    let scene = Scene::new();
    let code = |system: &FakeSystem| check(&scene.plan(), system).map_err(|error| error.code());
    assert_eq!(code(&scene.system("")), Ok(()));
    assert_eq!(code(&FakeSystem::default().with_root()), Err(ErrorCode::UnsupportedFormat));
    let nobody = FakeSystem::default().with_program("/usr/bin/dpkg", "");
    assert_eq!(code(&nobody), Err(ErrorCode::ElevationDenied));
}

#[test]
fn the_copy_of_root_needs_room_where_it_lies_on_another_file_system() {
    let asked = |layout| {
        let system = FailingSystem::new(layout, Failing::Only(usize::MAX), rustix::io::Errno::IO);
        copy_directory(Path::new(COPIES), &system)
    };
    assert_eq!(asked(Layout::OneFileSystem), None);
    assert_eq!(asked(Layout::TwoFileSystems), Some(COPIES.into()));
}
