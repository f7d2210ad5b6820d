//! What holds for deb, rpm and pacman alike.

use cargo_packager_updater::{Config, Error, ErrorCode, Format, Updater};

use super::{
    app,
    kit::{Installed, install},
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
async fn a_package_that_is_not_newer_than_the_release_says_is_no_success() {
    for format in FORMATS {
        let app = Installed::new(format, "old");
        let server = app.offer("2.0.0", &app.package("0.9.0", |_| ()));
        let outcome = app.update(&server).await;
        // pacman installs what it is given.
        if format == Format::Pacman {
            outcome.unwrap();
        } else {
            let error = outcome.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InstallerFailed, "{error}");
            app.assert_version("1.0.0");
        }
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
