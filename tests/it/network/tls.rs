//! TLS that is not to be trusted, and TLS that leads out of itself. The certificates of the system are kept by a process
//! that has read them, so each test has one of its own.

use std::{ffi::OsString, fs, sync::Arc};

use cargo_packager_updater::ErrorCode;
use rustls::{
    ServerConfig,
    version::{TLS12, TLS13},
};
use tempfile::TempDir;

use crate::support::{App, Authority, Child, Release, Reply, Server, Tls, has};

const PAST: [&str; 2] = ["20200101000000Z", "20210101000000Z"];
const FUTURE: [&str; 2] = ["20900101000000Z", "20910101000000Z"];

fn release() -> Release {
    Release::new().with_entry("format", "appimage")
}

/// An update by each of these endpoints, in a process that trusts the authority.
fn outcomes(authority: &Authority, app: &App, endpoints: &[String]) -> Vec<String> {
    outcomes_in(&[("SSL_CERT_FILE", authority.certificate().into())], app, endpoints)
}

fn outcomes_in(environment: &[(&str, OsString)], app: &App, endpoints: &[String]) -> Vec<String> {
    let mut child = Child::start_in(environment, "outcomes", app, endpoints);
    let outcomes = endpoints.iter().map(|_| child.next_after("outcome: ")).collect();
    child.finish();
    outcomes
}

/// An endpoint that announces the artifact there.
fn announcing(artifact_url: String) -> Server {
    Server::start(move |_| Reply::ok(release().manifest(&artifact_url).to_string()))
}

fn assert_untouched(app: &App, ending: &str) {
    app.assert_untouched();
    assert!(app.files_left().len() <= 2, "{ending}: {:?}", app.files_left());
}

fn untrusted(authority: &Authority) -> [(&'static str, Arc<ServerConfig>); 7] {
    [
        ("self-signed", authority.self_signed()),
        ("of another authority", Authority::new().sound()),
        ("for another host", authority.for_another_host()),
        ("expired", authority.valid_between(PAST[0], PAST[1])),
        ("whose key it does not have", authority.stolen(&TLS13)),
        ("whose key it does not have, TLS 1.2", authority.stolen(&TLS12)),
        ("not yet valid", authority.valid_between(FUTURE[0], FUTURE[1])),
    ]
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_ends_check_and_download_before_a_request() {
    if !has("openssl") {
        return;
    }
    let authority = Authority::new();
    for (name, identity) in untrusted(&authority) {
        let app = App::new();
        let server = Server::start(|_| Reply::status(404));
        let tls = Tls::before(&server, identity);
        let endpoint = announcing(tls.url("/App.AppImage"));
        let found = outcomes(&authority, &app, &[tls.url("/latest.json"), endpoint.url("/")]);
        assert_eq!(found, [ErrorCode::Tls.as_str(); 2], "{name}");
        assert_eq!((tls.connections(), server.request_count()), (2, 0), "{name}");
        assert_untouched(&app, name);
    }
}

#[test]
fn nothing_leads_out_of_tls() {
    if !has("openssl") {
        return;
    }
    let (authority, app, plain) = (Authority::new(), App::new(), Server::start(|_| Reply::status(404)));
    let target = plain.url("/App.AppImage");
    let server = Server::start(move |request| match request.path.as_str() {
        "/to-http" => Reply::redirect(&target),
        "/to-file" => Reply::redirect("file:///etc/passwd"),
        "/http" => Reply::ok(release().manifest(&target).to_string()),
        "/file" => Reply::ok(release().manifest("file:///etc/passwd").to_string()),
        _ => Reply::status(404),
    });
    let tls = Tls::before(&server, authority.sound());
    let artifacts = ["/to-http", "/to-file"].map(|path| announcing(tls.url(path)));
    let endpoints = ["/to-http", "/to-file", "/http", "/file"].map(|path| tls.url(path));
    let endpoints: Vec<_> =
        endpoints.into_iter().chain(artifacts.iter().map(|server| server.url("/"))).collect();
    let found = outcomes(&authority, &app, &endpoints);
    assert_eq!(found, [ErrorCode::InsecureUrl.as_str(); 6]);
    assert_eq!((server.request_count(), plain.request_count()), (6, 0));
    assert_untouched(&app, "out of TLS");
}

#[test]
fn what_is_to_be_trusted_updates() {
    if !has("openssl") {
        return;
    }
    let (authority, app, release) = (Authority::new(), App::new(), release());
    let served = release.clone();
    let artifacts = Server::start(move |request| served.answer(request));
    let artifacts = Tls::before(&artifacts, authority.sound());
    let endpoint = announcing(artifacts.url("/App.AppImage"));
    let endpoint = Tls::before(&endpoint, authority.sound());
    assert_eq!(outcomes(&authority, &app, &[endpoint.url("/latest.json")]), ["updated"]);
    app.assert_is(&release.artifact);
    app.assert_nothing_left();
}

#[test]
fn certificates_are_read_when_tls_needs_them_once_and_again_where_there_were_none() {
    if !has("openssl") {
        return;
    }
    let (authority, app, system) = (Authority::new(), App::new(), TempDir::new().unwrap());
    let certificates = system.path().join("certificates.pem");
    let [for_bringing, for_removing] = [certificates.clone(), certificates.clone()];
    let brought = authority.certificate();
    let bringing = Server::start(move |_| {
        fs::copy(&brought, &for_bringing).unwrap();
        Reply::status(404)
    });
    let removing = Server::start(move |_| {
        fs::remove_file(&for_removing).unwrap();
        Reply::status(404)
    });
    let server = Server::start(|_| Reply::status(404));
    let tls = Tls::before(&server, authority.sound());
    // Of a session of its own: where one is resumed, no certificate is verified again.
    let other = Tls::before(&server, authority.sound_by(&TLS12));
    let environment = [("SSL_CERT_FILE", certificates.clone().into()), ("SSL_CERT_DIR", "/nowhere".into())];
    let [refused, answered] = [ErrorCode::Tls, ErrorCode::HttpStatus].map(ErrorCode::as_str);

    // Where http read them, these would be kept; where each TLS read them, there would be none at the end.
    fs::copy(Authority::new().certificate(), &certificates).unwrap();
    let endpoints = [bringing.url("/"), tls.url("/"), removing.url("/"), other.url("/")];
    assert_eq!(outcomes_in(&environment, &app, &endpoints), [answered; 4]);

    let endpoints = [tls.url("/"), bringing.url("/"), tls.url("/")];
    assert_eq!(outcomes_in(&environment, &app, &endpoints), [refused, answered, answered]);
    assert_eq!((tls.connections(), other.connections(), server.request_count()), (3, 1, 3));
    app.assert_untouched();
}
