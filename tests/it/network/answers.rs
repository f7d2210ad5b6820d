//! Faults while an endpoint is asked.

use std::{sync::Arc, time::Duration};

use cargo_packager_updater::{
    Config,
    ErrorCode::{
        self, HttpStatus, InsecureUrl, InvalidManifest, Network, SizeLimit, TargetNotFound, Timeout, Tls,
    },
    Updater,
};

use super::{gzip_bomb, hop, message, no_host, side_by_side};
use crate::support::{App, Release, Reply, Request, Server, Site, within};

/// Far more than an answer may have, because the system takes some of what nobody will read; far less than what the
/// largest ones have.
const SENT_MAX: u64 = 32 << 20; // 32 MiB

/// What a server does with every request.
struct Case {
    name: &'static str,
    code: ErrorCode,
    requests: usize,
    answer: Arc<dyn Fn(&Request) -> Reply + Send + Sync>,
    /// Which endpoint is asked, where it is not this server's own.
    endpoint: Option<fn(&Server) -> String>,
    is_silent: bool,
}

fn case(
    name: &'static str,
    code: ErrorCode,
    requests: usize,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Case {
    Case { name, code, requests, answer: Arc::new(answer), endpoint: None, is_silent: false }
}

fn always(name: &'static str, code: ErrorCode, requests: usize, reply: Reply) -> Case {
    case(name, code, requests, move |_| reply.clone())
}

fn elsewhere(name: &'static str, code: ErrorCode, endpoint: fn(&Server) -> String) -> Case {
    Case { endpoint: Some(endpoint), ..always(name, code, 0, Reply::status(404)) }
}

impl Case {
    /// Of a server that keeps the client waiting.
    fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    async fn run(self) {
        let Self { name, code, requests, answer, endpoint, is_silent } = self;
        let (app, server) = (App::new(), Server::start(move |request| answer(request)));
        let endpoint = endpoint.map_or_else(|| server.url("/latest.json"), |endpoint| endpoint(&server));
        let timeout = is_silent.then_some(Duration::from_secs(2));
        let alone = Config { timeout, ..app.config(endpoint) };
        let check = Updater::new("1.0.0", alone.clone()).unwrap();
        let error = within(check.check()).await.map(drop).expect_err(name);
        assert_eq!((error.code(), server.request_count()), (code, requests), "{name}: {error}");
        assert!(server.sent() < SENT_MAX, "{name}: {} bytes were sent", server.sent());
        app.assert_untouched();
        assert!(app.data_files().is_empty(), "{name}: left behind: {:?}", app.data_files());

        let honest = Site::honest(Release::new());
        let mut both = alone;
        both.endpoints.push(honest.endpoint());
        let update = within(Updater::new("1.0.0", both).unwrap().check()).await.unwrap().expect(name);
        update.download_and_install(Default::default(), Default::default()).await.expect(name);
        app.assert_is(&honest.release.artifact);
        app.assert_nothing_left();
    }
}

fn honest(request: &Request) -> String {
    Release::new().manifest(&request.url("/App.AppImage")).to_string()
}

fn broken_connections() -> Vec<Case> {
    let chunked = "HTTP/1.1 200 OK\nConnection: close\nTransfer-Encoding: chunked";
    let with_length = |length: &str| message(&format!("HTTP/1.1 200 OK\nContent-Length: {length}"), b"{}");
    let for_ever = |text: &str| Reply::raw("HTTP/1.1 200 OK\r\n").then_for_ever(text);
    vec![
        elsewhere("refused", Network, |_| "http://127.0.0.1:1/latest.json".to_owned()),
        elsewhere("a host of no name", Network, |_| no_host()),
        elsewhere("TLS from a server without", Tls, |server| server.url("/").replace("http:", "https:")),
        // Where the connection broke before an answer, it may have been an old one: once more.
        always("closed before an answer", Network, 2, Reply::close()),
        always("reset before an answer", Network, 2, Reply::close().then_reset()),
        always("closed within the head", Network, 2, Reply::raw("HTTP/1.1 200 OK\r\nContent-Le")),
        always("no HTTP at all", Network, 2, Reply::raw("SSH-2.0-OpenSSH_9.2\r\n")),
        always("a head without an end", Network, 2, for_ever("X-More: of it\r\n")),
        always("a status of no number", Network, 2, Reply::raw("HTTP/1.1 OK 200\r\n\r\n")),
        always("Content-Length of no number", Network, 2, with_length("many")),
        always("Content-Length twice", Network, 2, with_length("2\nContent-Length: 3")),
        always("Content-Length too long", Network, 1, with_length("3")),
        always("chunks of no size", Network, 1, message(chunked, b"zz\r\n{}\r\n")),
        always("chunks without an end", Network, 1, message(chunked, b"2\r\n{}\r\n")),
        case("cut", Network, 1, |request| Reply::ok(honest(request)).cut(20)),
        case("reset", Network, 1, |request| Reply::ok(honest(request)).cut(20).then_reset()),
        case("Content-Length too short", InvalidManifest, 1, |request| {
            message("HTTP/1.1 200 OK\nContent-Length: 20", honest(request).as_bytes())
        }),
        case("cut, without Content-Length", InvalidManifest, 1, |request| {
            Reply::ok(honest(request)).cut(20).unsized_body()
        }),
    ]
}

fn silence() -> Vec<Case> {
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    const PACE: Duration = Duration::from_millis(20);
    [
        always("no answer", Timeout, 1, Reply::hang()),
        always("half a head, then silence", Timeout, 1, Reply::raw("HTTP/1.1 200 OK\r\nCont").then_stall()),
        case("half a body, then silence", Timeout, 1, |request| Reply::ok(honest(request)).stall(20)),
        always("100 Continue for ever", Timeout, 1, Reply::raw("").then_every(PACE, CONTINUE)),
        always("a byte a second", Timeout, 1, Reply::ok("").trickle(1, Duration::from_secs(1))),
        always("fifty bytes a second", Timeout, 1, Reply::ok("").trickle(1, PACE)),
    ]
    .map(Case::silent)
    .into()
}

fn contents() -> Vec<Case> {
    let invalid = |name, text: &str| always(name, InvalidManifest, 1, Reply::ok(text));
    let bomb = gzip_bomb();
    let encoded = Reply::ok(bomb.clone()).header("Content-Encoding", "gzip");
    vec![
        // The body is nothing but bytes: whatever it is said to be, it is not unpacked.
        always("a gzip bomb", InvalidManifest, 1, encoded),
        always("a gzip bomb that is said to be none", InvalidManifest, 1, Reply::ok(bomb)),
        invalid("a web page", "<!DOCTYPE html><title>Please log in</title>"),
        invalid("nothing", ""),
        invalid("half a document", "{\"version\": \"2.0.0\","),
        invalid("nesting", &"[".repeat(100_000)),
        always("no UTF-8", InvalidManifest, 1, Reply::ok(b"{\"version\": \"\xff\"}")),
        always(
            "another platform's",
            TargetNotFound,
            1,
            Reply::ok("{\"version\":\"2.0.0\",\"platforms\":{}}"),
        ),
        always("a file for an artifact", InsecureUrl, 1, Reply::ok(announcing("file:///App.AppImage"))),
        always(
            "plain http elsewhere",
            InsecureUrl,
            1,
            Reply::ok(announcing("http://192.0.2.1/App.AppImage")),
        ),
        case("a byte above the limit", SizeLimit, 1, |request| {
            let honest = honest(request);
            Reply::ok(honest.clone() + &" ".repeat((1 << 20) + 1 - honest.len()))
        }),
        case("above the limit without an end", SizeLimit, 1, |request| {
            Reply::ok(honest(request)).then_for_ever(" ")
        }),
        case("Content-Length above the limit", SizeLimit, 1, |request| {
            Reply::ok(honest(request)).then_zeros(512 << 20)
        }),
    ]
}

fn announcing(artifact_url: &str) -> String {
    Release::new().manifest(artifact_url).to_string()
}

fn redirects() -> Vec<Case> {
    let to = |name, code, to: &str| always(name, code, 1, Reply::redirect(to));
    vec![
        // The first request and ten redirects.
        always("a redirect loop", Network, 11, Reply::redirect("/loop")),
        case("eleven redirects", Network, 11, |request| {
            hop(request, 11).unwrap_or_else(|| Reply::ok(honest(request)))
        }),
        to("a redirect to a file", InsecureUrl, "file:///etc/passwd"),
        to("a redirect to plain http elsewhere", InsecureUrl, "http://192.0.2.1/latest.json"),
        to("a redirect to no URL", HttpStatus, "http://["),
        always("a redirect to nowhere", HttpStatus, 1, Reply::status(302)),
    ]
}

fn statuses() -> Vec<Case> {
    let status = |name, status| always(name, HttpStatus, 1, Reply::status(status));
    vec![
        status("status 101", 101),
        status("status 304", 304),
        status("status 401", 401),
        status("status 404", 404),
        status("status 416", 416),
        status("status 429", 429),
        status("status 500", 500),
        status("status 503", 503),
        status("status 999", 999),
        // The next endpoint is waiting.
        always("come back tomorrow", HttpStatus, 1, Reply::status(503).header("Retry-After", "86400")),
    ]
}

#[tokio::test]
async fn a_check_that_fails_has_its_code_and_the_next_endpoint_updates() {
    let cases = [broken_connections(), contents(), redirects(), statuses()];
    let cases: Vec<_> = cases.into_iter().flatten().collect();
    println!("{} answers", cases.len());
    assert!(cases.len() >= 47, "only {}", cases.len());
    for case in cases {
        case.run().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_is_kept_waiting_has_its_code_and_the_next_endpoint_updates() {
    let cases = silence();
    println!("{} silent answers", cases.len());
    assert!(cases.len() >= 6, "only {}", cases.len());
    side_by_side(cases.into_iter().map(Case::run)).await;
}
