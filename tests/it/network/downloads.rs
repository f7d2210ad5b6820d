//! Faults while an artifact is fetched: into memory, staged, and installed.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use cargo_packager_updater::{
    Config, Error,
    ErrorCode::{
        self, HttpStatus, InsecureUrl, Network, SignatureMismatch, SizeLimit, SizeMismatch, Timeout, Tls,
    },
    Limits, Updater,
    updater::Update,
};

use super::{gzip_bomb, hop, message, no_host, side_by_side};
use crate::support::{App, Release, Reply, Request, Server, Site, appimage, rounds, within};

const SIZE: usize = 300_000;
const CUT: usize = 100_000;
const SECRET: &str = "hunter2";

type Answer = dyn Fn(&Release, &Request) -> Reply + Send + Sync;

/// What a server does with every request but the one for the manifest.
#[derive(Clone)]
struct Case {
    name: &'static str,
    code: ErrorCode,
    requests: usize,
    answer: Arc<Answer>,
    release: Release,
    /// Where the manifest says that the artifact is.
    url: Option<fn(&Request) -> String>,
    is_silent: bool,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Memory,
    Stage,
    Install,
}

fn sound() -> Release {
    static SOUND: LazyLock<Release> = LazyLock::new(|| Release::new().with_entry("format", "appimage"));
    SOUND.clone()
}

fn case(
    name: &'static str,
    code: ErrorCode,
    requests: usize,
    answer: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
) -> Case {
    Case { name, code, requests, answer: Arc::new(answer), release: sound(), url: None, is_silent: false }
}

/// Cut, to begin with; the rest is then asked for.
fn rest(
    name: &'static str,
    code: ErrorCode,
    requests: usize,
    answer: impl Fn(&Release, &Request) -> Reply + Send + Sync + 'static,
) -> Case {
    case(name, code, requests, move |release, request| match request.header("range") {
        None => release.answer(request).cut(CUT),
        Some(_) => answer(release, request),
    })
}

fn always(name: &'static str, code: ErrorCode, requests: usize, reply: Reply) -> Case {
    case(name, code, requests, move |_, _| reply.clone())
}

fn elsewhere(name: &'static str, code: ErrorCode, url: fn(&Request) -> String) -> Case {
    Case { url: Some(url), ..always(name, code, 0, Reply::status(404)) }
}

impl Case {
    fn declaring(mut self, size: usize) -> Self {
        self.release = self.release.with_entry("size", size);
        self
    }

    /// Of a server that keeps the client waiting.
    fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    fn config(&self, app: &App, endpoint: String) -> Config {
        let config = Config {
            download_headers: vec![("authorization".to_owned(), SECRET.to_owned())],
            max_download_size: Some(1 << 20),
            ..app.config(endpoint)
        };
        if !self.is_silent {
            return config;
        }
        let trickle_window = Duration::from_secs(1);
        let limits = Limits { attempts_max: 2, trickle_window, ..config.limits };
        Config { timeout: Some(Duration::from_secs(2)), limits, ..config }
    }

    fn serve(&self) -> Server {
        let Self { answer, release, url, .. } = self.clone();
        Server::start(move |request| match request.path.as_str() {
            "/latest.json" => {
                let url = url.map_or_else(|| request.url("/artifact"), |url| url(request));
                Reply::ok(release.manifest(&url).to_string())
            }
            _ => answer(&release, request),
        })
    }

    async fn run(self, way: Way) {
        let name = format!("{} ({way:?})", self.name);
        let (app, server) = (App::new(), self.serve());
        let config = self.config(&app, server.url("/latest.json"));
        let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
        let error = within(attempt(&update, way)).await.expect_err(&name);
        let found = (error.code(), server.request_count() - 1);
        assert_eq!(found, (self.code, self.requests), "{name}: {error}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{name}: {error:?}");
        app.assert_untouched();
        assert_left_for_another_attempt(&app, &error, &name);
        recover(&app, way, &name).await;
    }
}

async fn attempt(update: &Update, way: Way) -> Result<(), Error> {
    match way {
        Way::Memory => update.download(Default::default()).await.map(drop),
        Way::Stage => update.stage(Default::default()).await.map(drop),
        Way::Install => update.download_and_install(Default::default(), Default::default()).await,
    }
}

/// What came may be continued where the network was at fault, and is nothing but trouble otherwise.
fn assert_left_for_another_attempt(app: &App, error: &Error, name: &str) {
    let left = app.files_left();
    let continued = matches!(error.code(), Network | Timeout | Tls | HttpStatus);
    let is_part = |path: &std::path::PathBuf| {
        path.parent().is_some_and(|parent| parent.ends_with("download"))
            && path.extension().is_some_and(|kind| kind == "part" || kind == "json")
    };
    let fits = if continued { left.len() <= 2 && left.iter().all(is_part) } else { left.is_empty() };
    assert!(fits, "{name}: left behind: {left:?}");
}

/// Either the next update is honest, or there is none any more.
async fn recover(app: &App, way: Way, name: &str) {
    if let Way::Stage = way {
        let none = Server::start(|_| Reply::status(204));
        assert!(app.updater(none.url("/")).check().await.unwrap().is_none());
        app.assert_untouched();
    } else {
        let honest = Site::honest(sound());
        attempt(&honest.update(app).await, Way::Install).await.expect(name);
        app.assert_is(&honest.release.artifact);
    }
    app.assert_nothing_left();
}

fn untagged(release: &Release) -> Reply {
    Reply::ok(release.artifact.clone())
}

fn broken_connections() -> Vec<Case> {
    vec![
        elsewhere("refused", Network, |_| "http://127.0.0.1:1/artifact".to_owned()),
        elsewhere("a host of no name", Network, |_| no_host()),
        elsewhere("TLS from a server without", Tls, |request| request.url("/").replace("http:", "https:")),
        always("closed before an answer", Network, 5, Reply::close()),
        always("reset before an answer", Network, 5, Reply::close().then_reset()),
        always("closed within the head", Network, 5, Reply::raw("HTTP/1.1 200 OK\r\nContent-Le")),
        case("closed after the head", Network, 5, |release, _| untagged(release).cut(0)),
        // The first attempt made progress, the others only repeat it.
        case("cut, without ranges", Network, 6, |release, _| untagged(release).cut(CUT)),
        case("reset, without ranges", Network, 5, |release, _| untagged(release).cut(1000).then_reset()),
        case("a few bytes more each time", Network, 5, |release, request| release.answer(request).cut(1000)),
    ]
}

fn lengths() -> Vec<Case> {
    let with_length = |length: &str, release: &Release| {
        let head = format!("HTTP/1.1 200 OK\nConnection: close\nContent-Length: {length}");
        message(&head, &release.artifact)
    };
    vec![
        case("Content-Length too short", SignatureMismatch, 1, move |release, _| {
            with_length("299999", release)
        }),
        case("Content-Length too short, size declared", SizeMismatch, 1, move |release, _| {
            with_length("299999", release)
        })
        .declaring(SIZE),
        case("Content-Length too long", Network, 6, move |release, _| with_length("300001", release)),
        case("Content-Length too long, size declared", SizeMismatch, 1, move |release, _| {
            with_length("300001", release)
        })
        .declaring(SIZE),
        case("Content-Length above the limit", SizeLimit, 1, move |release, _| {
            with_length("1048577", release)
        }),
        case("Content-Length of no number", Network, 5, move |release, _| with_length("many", release)),
        case("Content-Length below zero", Network, 5, move |release, _| with_length("-1", release)),
        case("Content-Length twice", Network, 5, move |release, _| {
            with_length("300000\nContent-Length: 299999", release)
        }),
        case("no Content-Length, cut", SignatureMismatch, 1, |release, _| {
            untagged(release).cut(CUT).unsized_body()
        }),
        case("no Content-Length, cut, size declared", SizeMismatch, 1, |release, _| {
            untagged(release).cut(CUT).unsized_body()
        })
        .declaring(SIZE),
        case("no Content-Length, more than declared", SizeMismatch, 1, |release, _| {
            untagged(release).then_for_ever("x")
        })
        .declaring(SIZE),
        case("no Content-Length, endless", SizeLimit, 1, |release, _| untagged(release).then_for_ever("x")),
    ]
}

fn chunks() -> Vec<Case> {
    const HEAD: &str = "HTTP/1.1 200 OK\nConnection: close\nTransfer-Encoding: chunked";
    let chunked = |name, requests, body: &[u8]| always(name, Network, requests, message(HEAD, body));
    let mut tail = appimage(SIZE, 3);
    tail.splice(0..0, *b"493e0\r\n");
    let flood = message(HEAD, &[tail.as_slice(), b"\r\n0\r\n"].concat()).then_for_ever("X-More: of it\r\n");
    vec![
        chunked("chunks of no size", 5, b"zz\r\nhello\r\n"),
        chunked("a chunk of 2^64 bytes and more", 5, b"fffffffffffffffff\r\nhello\r\n"),
        chunked("a chunk that ends early", 5, b"493e0\r\nhello"),
        chunked("a chunk that ends late", 5, b"5\r\nhello, world\r\n0\r\n\r\n"),
        chunked("a chunk with a long extension", 5, &[b"5;", [b'x'; 100_000].as_slice()].concat()),
        chunked("chunks without an end", 5, b"5\r\nhello\r\n"),
        always("trailers without an end", Network, 6, flood),
    ]
}

fn heads() -> Vec<Case> {
    let for_ever = |line: &str| Reply::raw("HTTP/1.1 200 OK\r\n").then_for_ever(line);
    vec![
        always("no HTTP at all", Network, 5, Reply::raw("SSH-2.0-OpenSSH_9.2\r\n")),
        always("a head without an end", Network, 5, for_ever("X-More: of it\r\n")),
        always("a header without an end", Network, 5, for_ever("X")),
        always("a status of no number", Network, 5, Reply::raw("HTTP/1.1 OK 200\r\n\r\n")),
        always("status 999", HttpStatus, 1, Reply::status(999)),
        always("status 101", HttpStatus, 1, Reply::status(101)),
    ]
}

fn silence() -> Vec<Case> {
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    const PACE: Duration = Duration::from_millis(20);
    let drip = |apart| Reply::ok("").trickle(1, Duration::from_millis(apart));
    [
        always("no answer", Timeout, 2, Reply::hang()),
        always("half a head, then silence", Timeout, 2, Reply::raw("HTTP/1.1 200 OK\r\nCont").then_stall()),
        case("a head, then silence", Timeout, 2, |release, request| release.answer(request).stall(0)),
        case("a few bytes, then silence", Timeout, 2, |release, request| release.answer(request).stall(1000)),
        always("100 Continue for ever", Timeout, 2, Reply::raw("").then_every(PACE, CONTINUE)),
        always("a byte a second", Timeout, 2, drip(1000)),
        always("twenty bytes a second", Timeout, 2, drip(50)),
    ]
    .map(Case::silent)
    .into()
}

fn ranges() -> Vec<Case> {
    let lie = |range: &'static str| {
        move |release: &Release, request: &Request| {
            release.answer(request).without_header("Content-Range").header("Content-Range", range)
        }
    };
    let other = Release { artifact: appimage(SIZE, 79), ..sound() };
    vec![
        // Each attempt asks for the rest, then for everything.
        rest("416 to every range", Network, 11, |_, _| Reply::status(416)),
        rest("206 of another range", Network, 11, lie("bytes 99999-299999/300000")),
        rest("206 of another unit", Network, 11, lie("items 100000-299999/300000")),
        rest("206 without its range", Network, 11, |release, request| {
            release.answer(request).without_header("Content-Range")
        }),
        rest("206 under another tag", Network, 11, |release, request| {
            release.answer(request).without_header("ETag").header("ETag", "\"two\"")
        }),
        rest("206 of another size", SizeMismatch, 2, lie("bytes 100000-300000/300001")).declaring(SIZE),
        rest("206 above the limit", SizeLimit, 2, lie("bytes 100000-1048576/1048577")),
        rest("206 that goes on for ever", SizeMismatch, 2, |release, request| {
            release.answer(request).then_for_ever("x")
        }),
        rest("200 to a range", Network, 6, |release, _| untagged(release).cut(CUT)),
        rest("404 to a range", Network, 11, |_, _| Reply::status(404)),
        // Thrown away, and once more from the start.
        rest("the rest of another file", SignatureMismatch, 4, move |_, request| other.answer(request)),
        case("206 to no range", HttpStatus, 1, |release, _| {
            Reply::status(206).body(release.artifact.clone()).header("Content-Range", "bytes 0-299999/300000")
        }),
    ]
}

fn encodings_and_contents() -> Vec<Case> {
    let bomb = gzip_bomb();
    let encoded = Reply::ok(bomb.clone()).header("Content-Encoding", "gzip");
    let html = Reply::ok("<!DOCTYPE html><title>Please log in</title>");
    vec![
        always("a gzip bomb", Network, 1, encoded),
        always("a gzip bomb that is said to be none", SignatureMismatch, 1, Reply::ok(bomb)),
        always("a web page", SignatureMismatch, 1, html.clone()),
        always("a web page, size declared", SizeMismatch, 1, html).declaring(SIZE),
        always("an empty file", SignatureMismatch, 1, Reply::ok("")),
        always("another file of the same size", SignatureMismatch, 1, Reply::ok(appimage(SIZE, 80)))
            .declaring(SIZE),
    ]
}

fn redirects() -> Vec<Case> {
    let to = |name, code, to: &str| always(name, code, 1, Reply::redirect(to));
    vec![
        // Five attempts, each of the first request and ten redirects.
        always("a redirect loop", Network, 55, Reply::redirect("/loop")),
        case("eleven redirects", Network, 55, |release, request| {
            hop(request, 11).unwrap_or_else(|| untagged(release))
        }),
        to("a redirect to a file", InsecureUrl, "file:///etc/passwd"),
        to("a redirect to data", InsecureUrl, "data:,x"),
        to("a redirect to plain http elsewhere", InsecureUrl, "http://192.0.2.1/artifact"),
        to("a redirect to no URL", HttpStatus, "http://["),
        always("a redirect to nowhere", HttpStatus, 1, Reply::status(302)),
        // The same server under another name is another origin.
        case("a redirect to another origin", HttpStatus, 2, |_, request| {
            match request.header("authorization") {
                Some(SECRET) => Reply::redirect(request.url("/x").replace("127.0.0.1", "localhost")),
                _ => Reply::status(404),
            }
        }),
        case("a redirect with a password", HttpStatus, 2, |_, request| match request.path.as_str() {
            "/artifact" => {
                let to = request.url("/x").replace("127.0.0.1", &format!("user:{SECRET}@localhost"));
                Reply::redirect(to)
            }
            _ => Reply::status(404),
        }),
    ]
}

fn statuses() -> Vec<Case> {
    let status = |name, requests, status| always(name, HttpStatus, requests, Reply::status(status));
    let later = |after: &str| Reply::status(503).header("Retry-After", after);
    vec![
        status("status 204", 1, 204),
        status("status 304", 1, 304),
        status("status 401", 1, 401),
        status("status 404", 1, 404),
        status("status 429", 5, 429),
        status("status 500", 5, 500),
        status("status 503", 5, 503),
        always("come back tomorrow", HttpStatus, 1, later("86400")),
        always("come back in 2199", HttpStatus, 1, later("Fri, 31 Dec 2199 23:59:59 GMT")),
        always("come back in 1994", HttpStatus, 5, later("Sun, 06 Nov 1994 08:49:37 GMT")),
        always("come back whenever", HttpStatus, 5, later("soon")),
    ]
}

/// Each case in each way; quickly, in one of them.
fn runs(cases: &[Case]) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
    let ways = [Way::Memory, Way::Stage, Way::Install];
    let count = usize::try_from(rounds(1, 3, 3)).unwrap();
    let runs: Vec<_> = cases
        .iter()
        .enumerate()
        .flat_map(|(index, case)| (index..index + count).map(|way| case.clone().run(ways[way % 3])))
        .collect();
    runs.into_iter()
}

#[tokio::test]
async fn a_download_that_fails_has_its_code_and_installs_nothing() {
    let cases = [
        broken_connections(),
        lengths(),
        chunks(),
        heads(),
        ranges(),
        encodings_and_contents(),
        redirects(),
        statuses(),
    ]
    .concat();
    println!("{} downloads", cases.len());
    assert!(cases.len() >= 73, "only {}", cases.len());
    for run in runs(&cases) {
        run.await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_is_kept_waiting_has_its_code_and_installs_nothing() {
    let cases = silence();
    println!("{} silent downloads", cases.len());
    assert!(cases.len() >= 7, "only {}", cases.len());
    side_by_side(runs(&cases)).await;
}
