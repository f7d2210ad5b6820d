//! What holds for deb, rpm and pacman alike.

use std::{
    any::Any,
    fs::{File, OpenOptions},
    path::Path,
};

use cargo_packager_updater::{Config, Error, ErrorCode, Format, Updater};
use rustix::fs::{FlockOperation, fcntl_lock};
use tempfile::TempPath;

use super::{
    app,
    kit::{Installed, install, run},
};
use crate::support::{Release, Site};

const FORMATS: [Format; 3] = [Format::Deb, Format::Rpm, Format::Pacman];

#[tokio::test]
#[ignore = "needs root"]
async fn an_application_installed_from_a_package_updates_itself_while_it_runs() {
    for format in FORMATS {
        let app = app::installed(format, "itself");
        let server = app.offer("2.0.0", &app.package("2.0.0", |_| ()));
        app::assert_updated(&app, &app::run(&app, &server, &[]), "root");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_was_installed_is_not_offered_again() {
    for format in FORMATS {
        let app = Installed::new(format, "again");
        let server = app.offer("2.0.0", &app.package("2.0.0", |_| ()));
        app.update(&server).await.unwrap();
        app.assert_version("2.0.0");
        assert!(app.check("1.0.0", &server).await.is_none(), "{format}");
        assert!(app.check("2.0.0", &server).await.is_none());
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_missing_dependency_is_refused_before_anything_is_unpacked() {
    for format in FORMATS {
        let app = Installed::new(format, "depends");
        let package = app.package("2.0.0", |content| content.depends = Some("updater-test-nowhere"));
        let error = app.update(&app.offer("2.0.0", &package)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InstallerFailed);
        assert!(error.to_string().contains("updater-test-nowhere"), "{format}: {error}");
        app.assert_version("1.0.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_package_of_another_name_is_refused() {
    for format in FORMATS {
        let app = Installed::new(format, "name");
        let package = app.package("2.0.0", |content| content.name = "updater-test-other".to_owned());
        let error = app.update(&app.offer("2.0.0", &package)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable);
        let message = error.to_string();
        assert!(message.contains("updater-test-other") && message.contains(&app.name), "{message}");
        assert!(message.contains("executablePath"), "{message}");
        app.assert_version("1.0.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_is_no_package_or_a_broken_one_is_refused() {
    for format in FORMATS {
        let app = Installed::new(format, "broken");
        let whole = app.package("2.0.0", |_| ());
        for bytes in [b"<html>".to_vec(), whole[..whole.len() / 8].to_vec()] {
            let error = app.update(&app.offer("2.0.0", &bytes)).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArtifact, "{format}: {error}");
            app.assert_version("1.0.0");
        }
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_package_that_is_older_than_what_is_installed_is_refused() {
    for format in FORMATS {
        let app = Installed::new(format, "old");
        let server = app.offer("2.0.0", &app.package("0.9.0", |_| ()));
        let error = app.update(&server).await.unwrap_err();
        // pacman would do it.
        let refused =
            if format == Format::Pacman { ErrorCode::NotUpdatable } else { ErrorCode::InstallerFailed };
        assert_eq!(error.code(), refused, "{error}");
        app.assert_version("1.0.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_package_that_kept_the_version_of_what_is_installed_does_not_count_as_the_release() {
    for format in FORMATS {
        let app = Installed::new(format, "same");
        let package = app.package("1.0.0", |content| content.app.extend(b"# of 2.0.0\n"));
        let server = app.offer("2.0.0", &package);
        let error = app.update(&server).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable, "{error}");
        assert!(error.to_string().contains("which is installed already"), "{error}");
        app.assert_version("1.0.0");
        assert!(app.check("1.0.0", &server).await.is_some(), "{format}: it is lost");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_package_for_another_processor_is_refused() {
    for format in FORMATS {
        let app = Installed::new(format, "processor");
        let foreign = match (std::env::consts::ARCH, format) {
            ("aarch64", Format::Deb) => "amd64",
            ("aarch64", _) => "x86_64",
            (_, Format::Deb) => "arm64",
            _ => "aarch64",
        };
        let package = app.package("2.0.0", |content| content.architecture = Some(foreign));
        let error = app.update(&app.offer("2.0.0", &package)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArtifact, "{error}");
        assert!(error.to_string().contains(&format!("it is made for {foreign}")), "{error}");
        app.assert_version("1.0.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn files_may_be_named_in_any_script() {
    for format in FORMATS {
        let app = Installed::new(format, "script");
        let package = app.package("2.0.0", |content| content.more = Some("läs mig 日本語.txt"));
        app.update(&app.offer("2.0.0", &package)).await.unwrap();
        app.assert_version("2.0.0");
        assert!(app.app().with_file_name("läs mig 日本語.txt").exists());
    }
}

/// As another package manager holds it.
fn lock(format: Format) -> Box<dyn Any> {
    if format == Format::Pacman {
        let path = Path::new("/var/lib/pacman/db.lck");
        File::create_new(path).unwrap();
        return Box::new(TempPath::try_from_path(path).unwrap());
    }
    let path = match format {
        Format::Rpm => run("rpm", &["--eval", "%_dbpath"]).trim().to_owned() + "/.rpm.lock",
        _ => "/var/lib/dpkg/lock-frontend".to_owned(),
    };
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    Box::new(lock)
}

#[tokio::test]
#[ignore = "needs root"]
async fn where_another_installation_is_under_way_it_is_said() {
    for format in FORMATS {
        let app = Installed::new(format, "busy");
        let server = app.offer("2.0.0", &app.package("2.0.0", |_| ()));
        let lock = lock(format);
        let error = app.update(&server).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InstallerBusy, "{error}");
        app.assert_version("1.0.0");
        drop(lock);
        app.update(&server).await.unwrap();
        app.assert_version("2.0.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_downgrade_that_is_wanted_is_made() {
    for format in FORMATS {
        let app = Installed::new(format, "down");
        let server = app.offer("0.9.0", &app.package("0.9.0", |_| ()));
        assert!(app.check("1.0.0", &server).await.is_none());
        let config = Config { allow_downgrades: true, ..app.config(&server) };
        let updater = Updater::new("1.0.0", config).unwrap();
        install(&updater.check().await.unwrap().unwrap()).await.unwrap();
        app.assert_version("0.9.0");
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_artifact_of_another_format_is_refused_before_it_is_downloaded() {
    for format in FORMATS {
        let app = Installed::new(format, "format");
        let other = Site::honest(Release::new());
        let config = Config { endpoints: vec![other.endpoint()], ..app.config(&other) };
        let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
        let error = install(&update).await.unwrap_err();
        assert!(matches!(error, Error::NotUpdatable { .. }), "{error}");
        assert!(error.to_string().contains(&format!("the {format} package {}", app.name)), "{error}");
        assert!(other.downloads().is_empty());
        app.assert_version("1.0.0");
    }
}
