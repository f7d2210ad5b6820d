//! Which answers are an update, and which are none.

use cargo_packager_updater::{Config, ErrorCode, Target, Updater};
use serde_json::json;

use crate::support::{App, Release, Reply, Server, Site};

async fn is_offered(current: &str, offered: &str, allow_downgrades: bool) -> bool {
    let (app, site) = (App::new(), Site::honest(Release::version(offered)));
    let config = Config { allow_downgrades, ..app.config(site.endpoint()) };
    let update = Updater::new(current, config).unwrap().check().await.unwrap();
    if let Some(update) = &update {
        assert_eq!(update.version().to_string(), offered.trim_start_matches('v'));
        assert_eq!(update.current_version().to_string(), current);
    }
    update.is_some()
}

#[tokio::test]
async fn no_content_ends_the_search() {
    let app = App::new();
    let none = Server::start(|_| Reply::status(204));
    let other = Site::honest(Release::new());
    let mut config = app.config(none.url("/"));
    config.endpoints.push(other.endpoint());
    assert!(Updater::new("1.0.0", config).unwrap().check().await.unwrap().is_none());
    assert!(other.requests("/latest.json").is_empty());
}

#[tokio::test]
async fn nothing_newer_ends_the_search() {
    let app = App::new();
    let old = Site::honest(Release::version("1.0.0"));
    let new = Site::honest(Release::new());
    let mut config = app.config(old.endpoint());
    config.endpoints.push(new.endpoint());
    assert!(Updater::new("1.0.0", config).unwrap().check().await.unwrap().is_none());
    assert!(new.requests("/latest.json").is_empty());
}

#[tokio::test]
async fn only_a_higher_version_is_an_update() {
    for (current, offered, expected) in [
        ("1.0.0", "2.0.0", true),
        ("1.0.0", "v1.0.1", true),
        ("1.0.0", "1.0.0", false),
        ("1.0.0+5", "1.0.0+6", false),
        ("2.0.0", "1.9.9", false),
        ("1.0.0", "1.0.0-rc.1", false),
        ("1.0.0-rc.1", "1.0.0", true),
        ("1.0.0-beta.2", "1.0.0-beta.11", true),
        ("1.0.0-alpha.1", "1.0.0-alpha", false),
        ("1.9.0", "1.10.0", true),
    ] {
        assert_eq!(is_offered(current, offered, false).await, expected, "{current} to {offered}");
    }
}

#[tokio::test]
async fn a_lower_version_is_offered_where_that_was_asked_for() {
    assert!(is_offered("2.0.0", "1.0.0", true).await);
    assert!(!is_offered("1.0.0", "1.0.0+7", true).await);
}

#[tokio::test]
async fn mistakes_in_entries_of_other_platforms_change_nothing() {
    let app = App::new();
    let server = Server::start(|request| {
        let mut manifest = Release::new().manifest(&request.url("/App.AppImage"));
        let platforms = manifest["platforms"].as_object_mut().unwrap();
        platforms.insert("beos-ppc".to_owned(), json!({"format": "floppy", "url": 7, "pub_date": "soon"}));
        platforms.insert("windows-x86_64".to_owned(), json!(null));
        platforms.insert("macos-aarch64".to_owned(), json!({"signature": "", "size": -1}));
        Reply::ok(manifest.to_string())
    });
    assert!(app.updater(server.url("/")).check().await.unwrap().is_some());
}

#[tokio::test]
async fn the_dynamic_shape_is_read_and_everything_it_says_is_given() {
    let app = App::new();
    let Release { signature, .. } = Release::new();
    let announced = signature.clone();
    let server = Server::start(move |request| {
        let answer = json!({
            "version": "2.0.0", "url": request.url("/download"), "signature": signature, "format": "appimage",
            "notes": "Better.", "pub_date": "2026-01-02T03:04:05Z", "size": 300_000,
        });
        Reply::ok(answer.to_string())
    });
    let update = app.updater(server.url("/")).check().await.unwrap().unwrap();
    assert_eq!(update.body(), Some("Better."));
    assert_eq!(update.date_text().as_deref(), Some("2026-01-02T03:04:05Z"));
    assert_eq!(update.size(), Some(300_000));
    assert_eq!(update.download_url().as_str(), server.url("/download"));
    assert_eq!(update.target(), Target::current().unwrap().to_string());
    assert_eq!(update.format().as_str(), "appimage");
    assert_eq!(update.extract_path(), app.path);
    assert_eq!(update.signature(), announced);
}

#[tokio::test]
async fn the_endpoint_learns_target_arch_version_and_channel() {
    let app = App::new();
    let server = Server::start(|_| Reply::status(204));
    let template =
        format!("{}{{{{target}}}}/{{{{arch}}}}/{{{{current_version}}}}?c={{{{channel}}}}", server.url("/"));
    let config = Config { channel: Some("beta 1".to_owned()), ..app.config(template) };
    assert!(Updater::new("1.0.0+5", config).unwrap().check().await.unwrap().is_none());
    let Target { os, arch } = Target::current().unwrap();
    let expected = format!("/{}/{}/1.0.0%2B5?c=beta%201", os.as_str(), arch.as_str());
    assert_eq!(server.requests(&expected).len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_before_an_answer_is_tried_once_more() {
    let (app, release) = (App::new(), Release::new());
    for (broken, offered) in [(1, true), (2, false)] {
        let left = std::sync::atomic::AtomicU32::new(broken);
        let manifest = release.manifest("http://127.0.0.1:9/App.AppImage").to_string();
        let server = Server::start(move |_| {
            use std::sync::atomic::Ordering::SeqCst;
            let breaks = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            if breaks { Reply::close() } else { Reply::ok(manifest.clone()) }
        });
        let outcome = app.updater(server.url("/latest.json")).check().await;
        assert_eq!(outcome.is_ok(), offered);
        assert_eq!(server.requests("/latest.json").len(), 2);
        if let Err(error) = outcome {
            assert_eq!(error.code(), ErrorCode::Network);
        }
    }
}
