//! Secrets in headers reach those they were meant for, and nobody else.

use cargo_packager_updater::{Config, Updater};

use crate::support::{App, MANIFEST, Release, Reply, Request, Server, Site};

fn with_secrets(app: &App, endpoint: String) -> Config {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Config {
        headers: vec![pair("x-endpoint", "secret"), pair("x-both", "of the endpoint")],
        download_headers: vec![pair("x-download", "secret"), pair("x-both", "of the download")],
        ..app.config(endpoint)
    }
}

async fn update(config: Config) {
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    update.stage(Default::default()).await.unwrap();
}

fn secrets(request: &Request) -> [Option<&str>; 3] {
    ["x-endpoint", "x-download", "x-both"].map(|name| request.header(name))
}

/// A server with the artifact, and an endpoint of another origin that announces `url`.
fn endpoint_elsewhere(url: String) -> Server {
    Server::start(move |_| Reply::ok(Release::new().manifest(&url).to_string()))
}

const NONE: [Option<&str>; 3] = [None, None, None];
const OF_ENDPOINT: [Option<&str>; 3] = [Some("secret"), None, Some("of the endpoint")];
const OF_DOWNLOAD: [Option<&str>; 3] = [None, Some("secret"), Some("of the download")];

#[tokio::test]
async fn the_endpoint_gets_its_headers_and_a_download_of_its_origin_both() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    update(with_secrets(&app, site.endpoint())).await;
    assert_eq!(secrets(&site.requests(MANIFEST)[0]), OF_ENDPOINT);
    assert_eq!(secrets(&site.downloads()[0]), [Some("secret"), Some("secret"), Some("of the download")]);
}

#[tokio::test]
async fn a_download_host_of_another_origin_gets_only_the_download_headers() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let endpoint = endpoint_elsewhere(site.url("/App.AppImage"));
    update(with_secrets(&app, endpoint.url("/"))).await;
    assert_eq!(secrets(&site.downloads()[0]), OF_DOWNLOAD);
}

#[tokio::test]
async fn the_same_machine_under_another_name_is_another_origin() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let endpoint = format!("http://localhost:{}{MANIFEST}", site.port());
    let elsewhere = endpoint_elsewhere(format!("http://localhost:{}/App.AppImage", site.port()));
    update(with_secrets(&app, endpoint)).await;
    update(with_secrets(&App::new(), elsewhere.url("/"))).await;
    assert_eq!(secrets(&site.downloads()[0])[0], Some("secret"));
    assert_eq!(secrets(&site.downloads()[1]), OF_DOWNLOAD);
}

#[tokio::test]
async fn nothing_secret_follows_a_redirect_of_the_download_to_another_origin() {
    let (app, storage) = (App::new(), Site::honest(Release::new()));
    let storage_url = storage.url("/App.AppImage");
    let site = Site::new(Release::new(), move |_, _| Reply::redirect(&storage_url));
    update(with_secrets(&app, site.endpoint())).await;
    assert_eq!(secrets(&site.downloads()[0])[0], Some("secret"));
    assert_eq!(secrets(&storage.downloads()[0]), NONE);
}

#[tokio::test]
async fn nothing_secret_follows_a_redirect_of_the_endpoint_to_another_origin() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let manifest_url = site.endpoint();
    let endpoint = Server::start(move |_| Reply::redirect(&manifest_url));
    update(with_secrets(&app, endpoint.url("/"))).await;
    assert_eq!(secrets(&endpoint.requests("/")[0]), OF_ENDPOINT);
    assert_eq!(secrets(&site.requests(MANIFEST)[0]), NONE);
    // What is fetched from there was announced by the endpoint, whose origin is another one.
    assert_eq!(secrets(&site.downloads()[0]), OF_DOWNLOAD);
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_headers() {
    let app = App::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/old" => Reply::redirect("/new"),
        _ => Reply::status(204),
    });
    let config = with_secrets(&app, server.url("/old"));
    assert!(Updater::new("1.0.0", config).unwrap().check().await.unwrap().is_none());
    assert_eq!(secrets(&server.requests("/new")[0]), OF_ENDPOINT);
}

#[tokio::test]
async fn a_continued_download_across_a_redirect_asks_for_the_rest_there() {
    let app = App::new();
    let storage = Site::new(Release::new(), |release, request| match request.header("range") {
        None => release.answer(request).cut(100_000),
        Some(_) => release.answer(request),
    });
    let storage_url = storage.url("/App.AppImage");
    let site = Site::new(Release::new(), move |_, _| Reply::redirect(&storage_url));
    update(with_secrets(&app, site.endpoint())).await;
    assert_eq!(storage.downloads()[1].header("range"), Some("bytes=100000-"));
    assert_eq!(secrets(&storage.downloads()[1]), NONE);
}

#[tokio::test]
async fn passwords_in_urls_do_not_appear_in_errors() {
    let server = Server::start(|_| Reply::status(404));
    let endpoint = server.url("/").replace("http://", "http://user:hunter2@");
    let error = App::new().updater(endpoint).check().await.map(drop).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn what_is_for_this_machine_does_not_leave_it_by_a_proxy() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let nowhere = Some("http://127.0.0.1:1".to_owned());
    update(Config { proxy: nowhere, ..app.config(site.endpoint()) }).await;
    assert_eq!(site.downloads().len(), 1);
}
