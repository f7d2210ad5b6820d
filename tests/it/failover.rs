//! Whatever one endpoint does, the next one is asked; alone, each failure has its own code.

use std::time::Duration;

use cargo_packager_updater::{Config, Error, ErrorCode, Updater};
use serde_json::json;

use crate::support::{App, Release, Reply, Request, Server, Site, within};

const UNKNOWN: &str = ".invalid";

/// A bad endpoint, its code, and a word of the reason.
type Case = (String, ErrorCode, &'static str);

fn bad_answer(request: &Request) -> Reply {
    let release = Release::new();
    let manifest = |url: &str| release.manifest(url).to_string();
    let honest = manifest("http://127.0.0.1/App.AppImage");
    match request.path.as_str() {
        "/closed" => Reply::close(),
        "/status" => Reply::status(500),
        "/empty" => Reply::ok(""),
        "/portal" => Reply::ok("<!DOCTYPE html><title>Please log in</title>"),
        "/json" => Reply::ok("{\"version\": \"2.0.0\","),
        "/utf8" => Reply::ok(b"{\"version\": \"\xff\"}"),
        "/shape" => Reply::ok("[1, 2, 3]"),
        "/version" => Reply::ok(honest.replace("\"2.0.0\"", "\"two\"")),
        "/target" => Reply::ok(json!({"version": "2.0.0", "platforms": {"plan9-mips": {}}}).to_string()),
        "/loop" => Reply::redirect("/loop"),
        "/to-file" => Reply::redirect("file:///etc/passwd"),
        "/to-nowhere" => Reply::status(302),
        "/file" => Reply::ok(manifest("file:///App.AppImage")),
        "/plain-http" => Reply::ok(manifest("http://192.0.2.1/App.AppImage")),
        "/oversized" => Reply::ok(format!("{honest}{}", " ".repeat(1 << 20))),
        "/endless" => Reply::ok("").endless(),
        "/nested" => Reply::ok("[".repeat(100_000)),
        "/twice" => Reply::ok(honest.replacen('{', "{\"version\": \"3.0.0\", ", 1)),
        "/cut" => Reply::ok(honest).cut(20),
        _ => Reply::status(404),
    }
}

fn cases(server: &Server) -> Vec<Case> {
    use ErrorCode::{HttpStatus, InsecureUrl, InvalidManifest, Network, SizeLimit, TargetNotFound, Tls};
    let path = |path: &str| server.url(path);
    // A label of more than 63 bytes is no host name (RFC 1035, section 2.3.4), so no other machine is asked for it.
    let unknown_host = format!("http://{}{UNKNOWN}/", "x".repeat(64));
    let tls = format!("https://127.0.0.1:{}/tls", server.port());
    vec![
        ("http://127.0.0.1:1/refused".to_owned(), Network, "refused"),
        (unknown_host, Network, ""),
        (tls, Tls, ""),
        (path("/closed"), Network, ""),
        (path("/missing"), HttpStatus, "404"),
        (path("/status"), HttpStatus, "500"),
        (path("/empty"), InvalidManifest, "empty"),
        (path("/portal"), InvalidManifest, "web page"),
        (path("/json"), InvalidManifest, "not JSON"),
        (path("/utf8"), InvalidManifest, "not UTF-8"),
        (path("/shape"), InvalidManifest, "an array"),
        (path("/version"), InvalidManifest, "two"),
        (path("/target"), TargetNotFound, "plan9-mips"),
        (path("/loop"), Network, "redirects"),
        (path("/to-file"), InsecureUrl, "file:"),
        (path("/to-nowhere"), HttpStatus, "302"),
        (path("/file"), InsecureUrl, "file:"),
        (path("/plain-http"), InsecureUrl, "192.0.2.1"),
        (path("/oversized"), SizeLimit, "1048576"),
        (path("/endless"), SizeLimit, "1048576"),
        (path("/nested"), InvalidManifest, "nested"),
        (path("/twice"), InvalidManifest, "twice"),
        (path("/cut"), Network, ""),
    ]
}

async fn outcome(mut config: Config) -> Result<String, Error> {
    // Only names of this machine may be used without TLS.
    config.dangerous_insecure_transport_protocol = config.endpoints[0].contains(UNKNOWN);
    let updater = Updater::new("1.0.0", config).unwrap();
    within(updater.check()).await.map(|update| update.expect("an update").version().to_string())
}

#[tokio::test]
async fn the_second_endpoint_is_used_whatever_the_first_does() {
    let (app, bad, good) = (App::new(), Server::start(bad_answer), Site::honest(Release::new()));
    for (endpoint, ..) in cases(&bad) {
        let mut config = app.config(&endpoint);
        config.endpoints.push(good.endpoint());
        assert_eq!(outcome(config).await.expect(&endpoint), "2.0.0", "{endpoint}");
    }
}

#[tokio::test]
async fn alone_each_failure_has_its_code_and_names_url_and_reason() {
    let (app, bad) = (App::new(), Server::start(bad_answer));
    for (endpoint, code, reason) in cases(&bad) {
        let error = outcome(app.config(&endpoint)).await.expect_err(&endpoint);
        let message = error.to_string();
        assert_eq!(error.code(), code, "{message}");
        assert!(message.contains(&endpoint) && message.contains(reason), "{endpoint}: {message}");
        assert!(error.url().is_some() && error.errors().is_empty(), "{error:?}");
    }
}

#[tokio::test]
async fn silence_and_a_trickle_lead_to_the_next_endpoint() {
    let app = App::new();
    let good = Site::honest(Release::new());
    let drip = Duration::from_millis(50);
    for slow in [Reply::hang(), Reply::ok("{ ").stall(1), Reply::ok("").trickle(1, drip)] {
        let bad = Server::start(move |_| slow.clone());
        let alone = Config { timeout: Some(Duration::from_millis(300)), ..app.config(bad.url("/slow")) };
        let error = outcome(alone).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Timeout, "{error}");
        assert!(error.to_string().contains(&bad.url("/slow")), "{error}");

        let mut both = Config { timeout: Some(Duration::from_secs(2)), ..app.config(bad.url("/slow")) };
        both.endpoints.push(good.endpoint());
        assert_eq!(outcome(both).await.unwrap(), "2.0.0");
    }
}

#[tokio::test]
async fn a_check_never_waits_for_a_retry_after() {
    let app = App::new();
    let bad = Server::start(|_| Reply::status(503).header("Retry-After", "86400"));
    let good = Site::honest(Release::new());
    let mut config = app.config(bad.url("/busy"));
    config.endpoints.push(good.endpoint());
    assert_eq!(outcome(config).await.unwrap(), "2.0.0");
    assert_eq!(bad.requests("/busy").len(), 1);
}

#[tokio::test]
async fn where_all_fail_each_reason_is_told_in_order() {
    let (app, bad) = (App::new(), Server::start(bad_answer));
    let cases: Vec<Case> = cases(&bad).into_iter().filter(|case| !case.0.contains(UNKNOWN)).collect();
    let endpoints = cases.iter().map(|(endpoint, ..)| endpoint.clone()).collect();
    let error = outcome(Config { endpoints, ..app.config("") }).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoValidEndpoint);
    let codes: Vec<_> = error.errors().iter().map(Error::code).collect();
    assert_eq!(codes, cases.iter().map(|(_, code, _)| *code).collect::<Vec<_>>());
    let message = error.to_string();
    for (endpoint, _, reason) in &cases {
        assert!(message.contains(endpoint) && message.contains(reason), "{endpoint}: {message}");
    }
}

#[tokio::test]
async fn a_mistake_in_the_own_entry_names_the_endpoint_and_leads_to_the_next() {
    let app = App::new();
    for (key, value, code) in [
        ("signature", "", ErrorCode::InvalidSignature),
        ("signature", "garbage", ErrorCode::InvalidSignature),
        ("format", "floppy", ErrorCode::UnsupportedFormat),
        ("format", "nsis", ErrorCode::UnsupportedFormat),
    ] {
        let bad = Site::honest(Release::new().with_entry(key, value));
        let error = outcome(app.config(bad.endpoint())).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(&bad.endpoint()), "{error}");

        let good = Site::honest(Release::new());
        let mut config = app.config(bad.endpoint());
        config.endpoints.push(good.endpoint());
        assert_eq!(outcome(config).await.unwrap(), "2.0.0");
    }
}
