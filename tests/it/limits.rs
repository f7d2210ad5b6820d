//! A server cannot fill the disk, the memory or the time of an application.

use cargo_packager_updater::{Config, Error, ErrorCode, Updater};

use crate::support::{App, Release, Reply, Server, Site, within};

const SIZE: u64 = 300_000;

async fn outcome(site: &Site, max_download_size: Option<u64>) -> Result<(), Error> {
    let app = App::new();
    let config = Config { max_download_size, ..app.config(site.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    let in_memory = within(update.download(Default::default())).await.map(drop);
    let on_disk = within(update.stage(Default::default())).await.map(drop);
    assert_eq!(in_memory.as_ref().err().map(Error::code), on_disk.as_ref().err().map(Error::code));
    if on_disk.as_ref().is_err_and(|error| error.code() != ErrorCode::Network) {
        app.assert_nothing_left();
    }
    on_disk
}

/// The same artifact with its size known from the manifest, from the head of the answer, and not at all.
fn sites() -> [Site; 3] {
    [
        Site::honest(Release::new().with_size()),
        Site::honest(Release::new()),
        Site::new(Release::new(), |release, request| release.answer(request).unsized_body()),
    ]
}

#[tokio::test]
async fn an_artifact_may_be_as_large_as_the_limit_and_no_larger() {
    for site in sites() {
        outcome(&site, Some(SIZE)).await.unwrap();
        let error = outcome(&site, Some(SIZE - 1)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::SizeLimit);
        assert!(error.to_string().contains("299999"), "{error}");
    }
}

#[tokio::test]
async fn an_artifact_has_exactly_the_declared_size() {
    for (declared, expected) in
        [(SIZE, None), (SIZE - 1, Some(ErrorCode::SizeMismatch)), (SIZE + 1, Some(ErrorCode::SizeMismatch))]
    {
        let release = || Release::new().with_entry("size", declared);
        let unsized_ = Site::new(release(), |release, request| release.answer(request).unsized_body());
        for site in [Site::honest(release()), unsized_] {
            assert_eq!(outcome(&site, None).await.err().map(|error| error.code()), expected, "{declared}");
        }
    }
}

#[tokio::test]
async fn a_declared_size_above_the_limit_is_not_even_asked_for() {
    let site = Site::honest(Release::new().with_entry("size", 5_u64 << 30));
    assert_eq!(outcome(&site, None).await.unwrap_err().code(), ErrorCode::SizeMismatch);
    let endless = Site::new(Release::new().with_entry("size", 5_u64 << 30), |_, _| Reply::ok("").endless());
    assert_eq!(outcome(&endless, None).await.unwrap_err().code(), ErrorCode::SizeLimit);
}

#[tokio::test]
async fn what_cannot_fit_on_the_disk_is_not_begun() {
    let app = App::new();
    let site = Site::new(Release::new().with_entry("size", 1_u64 << 52), |_, _| Reply::ok("").endless());
    let config = Config { max_download_size: Some(u64::MAX), ..app.config(site.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    let error =
        within(update.download_and_install(Default::default(), Default::default())).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoSpace, "{error}");
    assert!(error.to_string().contains(&(1_u64 << 52).to_string()), "{error}");
    app.assert_untouched();
    app.assert_nothing_left();
}

#[tokio::test]
async fn an_endless_body_is_ended() {
    let endless = |release| Site::new(release, |_, _| Reply::ok("").endless());
    let error = outcome(&endless(Release::new()), Some(1 << 20)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SizeLimit);
    let error = outcome(&endless(Release::new().with_size()), Some(1 << 20)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SizeMismatch);
}

#[tokio::test]
async fn an_encoded_answer_is_refused_and_not_unpacked() {
    for encoding in ["gzip", "br", "zstd"] {
        let site = Site::new(Release::new(), move |release, request| {
            release.answer(request).header("Content-Encoding", encoding)
        });
        let error = outcome(&site, None).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Network);
        assert!(error.to_string().contains(encoding), "{error}");
        assert_eq!(site.downloads()[0].header("accept-encoding"), Some("identity"));
    }
    let identity = Site::new(Release::new(), |release, request| {
        release.answer(request).header("Content-Encoding", "identity")
    });
    outcome(&identity, None).await.unwrap();
}

#[tokio::test]
async fn a_manifest_may_be_as_large_as_the_limit_and_no_larger() {
    const LIMIT: usize = 1 << 20;
    for (size, fits) in [(LIMIT, true), (LIMIT + 1, false)] {
        for announced in [true, false] {
            let server = Server::start(move |request| {
                let manifest = Release::new().manifest(&request.url("/App.AppImage")).to_string();
                let reply = Reply::ok(manifest.clone() + &" ".repeat(size - manifest.len()));
                if announced { reply } else { reply.unsized_body() }
            });
            let outcome = App::new().updater(server.url("/")).check().await.map(|update| update.is_some());
            assert_eq!(
                outcome.map_err(|error| error.code()),
                if fits { Ok(true) } else { Err(ErrorCode::SizeLimit) }
            );
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    for (hops, follows) in [(10, true), (11, false)] {
        let server = Server::start(move |request| match request.path[1..].parse::<u32>().unwrap() {
            left if left == hops => Reply::status(204),
            count => Reply::redirect(format!("/{}", count + 1)),
        });
        assert_eq!(App::new().updater(server.url("/0")).check().await.is_ok(), follows, "{hops}");
    }
}
