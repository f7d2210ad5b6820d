//! A clock that is wrong by ten years, or that jumps: what is only valid for a time has its code, and nothing else
//! minds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use cargo_packager_updater::ErrorCode;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use crate::support::{
    App, Authority, Child, Clock, Draft, Random, Release, Reply, Request, Server, Tls, has, rounds,
};

const WRONG: [i32; 2] = [-10, 10];
const EXPIRED: &str = ErrorCode::ManifestExpired.as_str();
const TLS: &str = ErrorCode::Tls.as_str();
const HTTP_STATUS: &str = ErrorCode::HttpStatus.as_str();
const UPDATED: &str = "updated";

/// What comes of an update by this endpoint for a process with this clock.
fn outcome(clock: &Clock, trust: Option<&Authority>, app: &App, endpoint: String) -> String {
    let mut environment = clock.environment();
    environment.extend(trust.map(|trust| ("SSL_CERT_FILE", trust.certificate().into())));
    let mut child = Child::start_in(&environment, "outcomes", app, &[endpoint]);
    let outcome = child.next_after("outcome: ");
    child.finish();
    outcome
}

fn release() -> Release {
    Release::new().with_entry("format", "appimage")
}

/// Signed today, for a day.
fn signed(artifact_url: &str) -> Reply {
    let manifest = release().manifest(artifact_url);
    Draft::new(1).with("platforms", manifest["platforms"].clone()).reply()
}

/// Has the manifest signed and not, and an artifact that is there at the fourth attempt. `asked` comes before each answer.
fn unreliable(asked: impl Fn(&Request) + Send + Sync + 'static) -> Server {
    let (release, answered) = (release(), AtomicUsize::new(0));
    Server::start(move |request| {
        asked(request);
        match request.path.as_str() {
            "/signed" => signed(&request.url("/artifact")),
            "/plain" => Reply::ok(release.manifest(&request.url("/artifact")).to_string()),
            _ => match answered.fetch_add(1, Ordering::Relaxed) {
                0 => Reply::status(503).header("Retry-After", "0"),
                1 => Reply::close(),
                2 => release.answer(request).cut(100_000),
                _ => release.answer(request),
            },
        }
    })
}

#[test]
fn a_signed_manifest_is_not_valid_in_another_decade_and_nothing_of_that_is_remembered() {
    let Some(clock) = Clock::new() else { return };
    let (app, server) = (App::new(), unreliable(|_| {}));
    for years in WRONG {
        clock.set(years);
        assert_eq!(outcome(&clock, None, &app, server.url("/signed")), EXPIRED, "{years} years");
        app.assert_untouched();
        assert!(app.data_files().is_empty(), "{years} years: {:?}", app.data_files());
    }
    clock.set(0);
    assert_eq!(outcome(&clock, None, &app, server.url("/signed")), UPDATED);
    app.assert_is(&release().artifact);
}

#[test]
fn a_certificate_is_not_valid_in_another_decade() {
    let Some(clock) = Clock::new().filter(|_| has("openssl")) else { return };
    let (authority, app) = (Authority::new(), App::new());
    let server = Server::start(|_| Reply::status(404));
    let tls = Tls::before(&server, authority.sound());
    for (years, expected) in [(-10, TLS), (10, TLS), (0, HTTP_STATUS)] {
        clock.set(years);
        let found = outcome(&clock, Some(&authority), &app, tls.url("/latest.json"));
        assert_eq!(found, expected, "{years} years");
        app.assert_untouched();
    }
    assert_eq!(server.request_count(), 1);
}

#[test]
fn downloads_and_retries_do_not_mind_a_wrong_clock() {
    let Some(clock) = Clock::new() else { return };
    for years in WRONG {
        clock.set(years);
        let (app, server) = (App::new(), unreliable(|_| {}));
        assert_eq!(outcome(&clock, None, &app, server.url("/plain")), UPDATED, "{years} years");
        assert_eq!(server.requests("/artifact").len(), 4, "{years} years");
        app.assert_is(&release().artifact);
        app.assert_nothing_left();
    }
}

#[test]
fn a_date_to_come_back_at_is_either_past_or_too_far_away() {
    let Some(clock) = Clock::new() else { return };
    for (years, expected, requests) in [(-10, HTTP_STATUS, 1), (10, UPDATED, 2)] {
        clock.set(years);
        let (release, answered) = (release(), AtomicUsize::new(0));
        let server = Server::start(move |request| match request.path.as_str() {
            "/plain" => Reply::ok(release.manifest(&request.url("/artifact")).to_string()),
            _ if answered.fetch_add(1, Ordering::Relaxed) == 0 => {
                let soon = OffsetDateTime::from(SystemTime::now() + Duration::from_secs(1));
                let date = soon.format(&Rfc2822).unwrap().replace("+0000", "GMT");
                Reply::status(503).header("Retry-After", date)
            }
            _ => release.answer(request),
        });
        let app = App::new();
        assert_eq!(outcome(&clock, None, &app, server.url("/plain")), expected, "{years} years");
        assert_eq!(server.requests("/artifact").len(), requests, "{years} years");
    }
}

#[test]
fn in_a_check_the_clock_counts_as_it_is_when_the_answer_is_there() {
    let Some(clock) = Clock::new().map(Arc::new) else { return };
    for (before, after, expected) in
        [(0, -10, EXPIRED), (0, 10, EXPIRED), (-10, 0, UPDATED), (10, 0, UPDATED)]
    {
        let (app, jumping) = (App::new(), Arc::clone(&clock));
        clock.set(before);
        let server = unreliable(move |request| {
            if request.path == "/signed" {
                jumping.set(after);
            }
        });
        assert_eq!(outcome(&clock, None, &app, server.url("/signed")), expected, "from {before} to {after}");
        if expected == EXPIRED {
            app.assert_untouched();
        }
    }
}

#[test]
fn a_clock_that_jumps_between_check_and_download_is_noticed_by_tls() {
    let Some(clock) = Clock::new().filter(|_| has("openssl")).map(Arc::new) else { return };
    let authority = Authority::new();
    for years in WRONG {
        clock.set(0);
        let (app, jumping) = (App::new(), Arc::clone(&clock));
        let artifact = Server::start(|_| Reply::status(404));
        let artifact_tls = Tls::before(&artifact, authority.sound());
        let url = artifact_tls.url("/App.AppImage");
        let endpoint = Server::start(move |_| {
            jumping.set(years);
            Reply::ok(release().manifest(&url).to_string())
        });
        let endpoint_tls = Tls::before(&endpoint, authority.sound());
        let found = outcome(&clock, Some(&authority), &app, endpoint_tls.url("/latest.json"));
        assert_eq!(
            (found.as_str(), endpoint.request_count(), artifact.request_count()),
            (TLS, 1, 0),
            "{years}"
        );
        app.assert_untouched();
    }
}

#[test]
fn a_clock_that_jumps_again_and_again_neither_crashes_nor_hangs_an_update() {
    let Some(clock) = Clock::new().map(Arc::new) else { return };
    let mut random = Random::new("clock");
    let mut outcomes = [0, 0];
    for round in 0..rounds(12, 300, 3000) {
        let path = *random.pick(&["/signed", "/plain"]);
        let mut jump = || *random.pick(&[-10, 0, 10]);
        clock.set(jump());
        let (app, jumping, jumps) =
            (App::new(), Arc::clone(&clock), [jump(), jump(), jump(), jump(), jump()]);
        let asked = AtomicUsize::new(0);
        let server = unreliable(move |_| jumping.set(jumps[asked.fetch_add(1, Ordering::Relaxed)]));
        let found = outcome(&clock, None, &app, server.url(path));
        // The first jump comes before the manifest, the last one before the end of the download. Who looks for what
        // has expired meanwhile does not mind a clock that was put back.
        let is_expired = path == "/signed" && (jumps[0] != 0 || jumps[4] > 0);
        let expected = if is_expired { EXPIRED } else { UPDATED };
        assert_eq!(found, expected, "round {round}: {path}, {jumps:?}");
        if is_expired {
            app.assert_untouched();
        } else {
            app.assert_is(&release().artifact);
            app.assert_nothing_left();
        }
        outcomes[usize::from(is_expired)] += 1;
    }
    println!("{outcomes:?} were updated and expired");
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?} were updated and expired");
}
