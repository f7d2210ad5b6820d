//! `serve`: what an application and its download see of the local update server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    time::Duration,
};

use common::Cli;
use serde_json::Value;

const HANG: Duration = Duration::from_secs(20);

struct Server {
    cli: Cli,
    child: Child,
    address: SocketAddr,
}

struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Server {
    /// Serves `site/` with one release, version 2.0.0, for one platform.
    fn start() -> Self {
        let cli = Cli::with_key();
        cli.write("site/App_x86_64.AppImage", b"0123456789");
        cli.write("secret", "secret");
        cli.succeed(&["signer", "sign", "site/App_x86_64.AppImage", "--version", "2.0.0"]);
        let create = ["manifest", "create", "site", "--version", "2.0.0", "--base-url", "http://127.0.0.1:1"];
        cli.succeed(&create);
        let mut child = cli
            .command(&["serve", "site", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap();
        let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix('/')).unwrap();
        Self { address: address.parse().unwrap(), cli, child }
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: answer[end + 4..].to_vec() }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.request("GET", path, headers)
    }

    /// Ends it as a terminal does, and gives its exit code and what it logged.
    #[cfg(unix)]
    fn end(mut self, signal: rustix::process::Signal) -> common::Ran {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        common::Ran { code, stdout: String::new(), stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

const ARTIFACT: &str = "/App_x86_64.AppImage";

#[test]
fn a_file_is_served_whole_and_in_parts() {
    let server = Server::start();
    let whole = server.get(ARTIFACT, &[]);
    assert_eq!((whole.status, whole.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!((whole.header("content-length"), whole.header("accept-ranges")), (Some("10"), Some("bytes")));
    for (range, content_range, body) in [
        ("bytes=4-", "bytes 4-9/10", &b"456789"[..]),
        ("bytes=0-0", "bytes 0-0/10", b"0"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
    ] {
        let part = server.get(ARTIFACT, &[("Range", range)]);
        assert_eq!((part.status, part.body.as_slice()), (206, body), "{range}");
        assert_eq!(part.header("content-range"), Some(content_range));
        assert_eq!(part.header("etag"), whole.header("etag"));
    }
    let outside = server.get(ARTIFACT, &[("Range", "bytes=10-")]);
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */10")));
    assert_eq!(server.get(ARTIFACT, &[("Range", "bytes=0-1,3-4")]).status, 200);
}

#[test]
fn a_changed_file_is_not_continued() {
    let server = Server::start();
    let etag = server.get(ARTIFACT, &[]).header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"'));
    let resume = |etag: &str| server.get(ARTIFACT, &[("Range", "bytes=4-"), ("If-Range", etag)]);
    assert_eq!(resume(&etag).status, 206);
    server.cli.write("site/App_x86_64.AppImage", b"abcdefghijk");
    let restarted = resume(&etag);
    assert_eq!((restarted.status, restarted.body.as_slice()), (200, &b"abcdefghijk"[..]));
    assert_ne!(restarted.header("etag"), Some(etag.as_str()));
}

#[test]
fn head_gives_the_same_head_and_other_methods_are_refused() {
    let server = Server::start();
    let (get, head) = (server.get(ARTIFACT, &[]), server.request("HEAD", ARTIFACT, &[("Range", "bytes=4-")]));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-length", "content-type", "etag", "last-modified", "accept-ranges"] {
        assert!(get.header(name).is_some(), "{name}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let post = server.request("POST", ARTIFACT, &[("Content-Length", "0")]);
    assert_eq!((post.status, post.header("allow")), (405, Some("get, head")));
}

#[test]
fn nothing_outside_the_directory_is_served() {
    let server = Server::start();
    for path in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/./../secret", "//secret", "/", "/site"] {
        let response = server.get(path, &[]);
        assert_eq!(response.status, 404, "{path}");
        assert!(!response.body.windows(6).any(|window| window == b"secret"), "{path}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(server.cli.path("secret"), server.cli.path("site/link")).unwrap();
        assert_eq!(server.get("/link", &[]).status, 404);
    }
}

#[test]
fn the_dynamic_endpoint_offers_only_what_is_newer() {
    let server = Server::start();
    let answer = server.get("/update/linux/x86_64/1.9.9", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let offer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((offer["version"].as_str(), offer["format"].as_str()), (Some("2.0.0"), Some("appimage")));
    assert_eq!(offer["url"], "http://127.0.0.1:1/App_x86_64.AppImage");
    assert_eq!(offer["signature"], server.cli.read("site/App_x86_64.AppImage.sig"));
    for current in ["2.0.0", "v2.0.0", "2.0.0%2B5", "3.0.0"] {
        let answer = server.get(&format!("/update/linux/x86_64/{current}"), &[]);
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{current}");
    }
    for (path, status) in [
        ("/update/linux/armv7/1.0.0", 404),
        ("/update/linux/x86_64/one", 400),
        ("/update/linux/x86_64", 400),
        ("/update/linux/x86_64/1.0.0/more", 400),
    ] {
        assert_eq!(server.get(path, &[]).status, status, "{path}");
    }
}

#[test]
fn the_manifest_of_the_moment_counts() {
    let server = Server::start();
    let status = || server.get("/update/linux/x86_64/1.0.0", &[]).status;
    assert_eq!(status(), 200);
    server.cli.write("site/latest.json", "{}");
    assert_eq!(status(), 500);
    std::fs::remove_file(server.cli.path("site/latest.json")).unwrap();
    assert_eq!(status(), 404);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_normally_and_every_request_was_logged() {
    use rustix::process::Signal;
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start();
        server.get("/latest.json", &[("Range", "bytes=0-4")]);
        server.get("/missing%0Aline?token=1", &[]);
        let ran = server.end(signal);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (0, "GET /latest.json 206 5\nGET /missing%0Aline 404 10\n")
        );
    }
}

#[test]
fn what_cannot_be_served_is_told() {
    let cli = Cli::new();
    cli.write("file", "");
    assert!(cli.fail(&["serve", "missing"]).contains("missing"));
    assert!(cli.fail(&["serve", "file"]).contains("not a directory"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(cli.fail(&["serve", ".", "--port", &port]).contains("cannot listen on 127.0.0.1"));
    assert_eq!(cli.run(&["serve", ".", "--port", "65536"]).code, 2);
}
