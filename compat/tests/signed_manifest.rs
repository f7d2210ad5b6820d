//! An application with version 0.2.3 of the updater reads a signed manifest, and installs from it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, SystemTime},
};

use now::{
    release::{Manifest, SignedArtifact, Terms, Unversioned},
    sign::{KeyPair, SecretKey, encode},
    signature::SignedMetadata,
};

const NEW: &[u8] = b"#!/bin/sh\necho 2.0.0\n";

/// Answers so many requests: with the manifest, or with the artifact.
fn serve(listener: TcpListener, manifest: String, requests: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for _ in 0..requests {
            let (stream, _) = listener.accept().unwrap();
            answer(stream, &manifest);
        }
    })
}

fn answer(stream: TcpStream, manifest: &str) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
    }
    let body = if first.contains("/latest.json") { manifest.as_bytes() } else { NEW };
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(body).unwrap();
}

fn signed_manifest(key: &SecretKey, url: &str) -> String {
    let metadata =
        SignedMetadata { version: Some("2.0.0".to_owned()), file: Some("App.AppImage".to_owned()), ..Default::default() };
    let signature = encode(&key.sign(&mut &NEW[..], &metadata).unwrap());
    let artifact = SignedArtifact::new("App.AppImage", NEW.len() as u64, &signature).unwrap();
    let artifact = artifact.with(old::target(), None);
    let mut manifest = Manifest::new("2.0.0", None, None).unwrap();
    manifest.add(&artifact, url, Unversioned::Refuse).unwrap();
    let now = SystemTime::now();
    let terms = Terms {
        app: Some("com.example.app".to_owned()),
        channel: None,
        sequence: 1,
        issued: now,
        expires: now + Duration::from_secs(86_400),
    };
    let text = manifest.sign(key, &terms).unwrap().to_json().unwrap();
    assert!(text.contains("signedManifest"));
    text
}

#[test]
fn version_0_2_3_updates_itself_from_a_signed_manifest() {
    let pair = KeyPair::generate("").unwrap();
    let key = SecretKey::parse(pair.private_key(), Some("")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = format!("http://{}", listener.local_addr().unwrap());
    let server = serve(listener, signed_manifest(&key, &format!("{site}/App.AppImage")), 2);

    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("App.AppImage");
    fs::write(&app, "old").unwrap();
    let config = old::Config {
        endpoints: vec![format!("{site}/latest.json").parse().unwrap()],
        pubkey: pair.public_key().to_owned(),
        ..Default::default()
    };
    let updater =
        old::UpdaterBuilder::new("1.0.0".parse().unwrap(), config).executable_path(&app).build().unwrap();
    let update = updater.check().unwrap().expect("an update is offered");
    assert_eq!(update.version, "2.0.0");
    update.download_and_install().unwrap();
    server.join().unwrap();
    assert_eq!(fs::read(&app).unwrap(), NEW);
}
