//! Nothing is installed that the author did not sign for this application, this version and this platform.

use base64::{Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::{Config, ErrorCode, Target, Updater};

use crate::support::{App, Draft, Release, Reply, Signer, Site, appimage};

/// Every way to get at the artifact ends with `expected`; nothing is installed and no file is left.
async fn assert_refused(site: &Site, expected: ErrorCode) {
    assert_config_refused(site, expected, |_| ()).await;
}

async fn assert_config_refused(site: &Site, expected: ErrorCode, change: impl Fn(&mut Config)) {
    let app = App::new();
    let mut config = app.config(site.endpoint());
    change(&mut config);
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    let staged = update.stage(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(staged.code(), expected, "{staged}");
    let downloaded = update.download(Default::default()).await.map(drop).unwrap_err();
    assert_eq!(downloaded.code(), expected, "{downloaded}");
    let installed = update.download_and_install(Default::default(), Default::default()).await.unwrap_err();
    assert_eq!(installed.code(), expected, "{installed}");
    app.assert_untouched();
    app.assert_nothing_left();
}

fn signed(trusted_comment: &str) -> Site {
    Site::honest(Release::signed_as("2.0.0", trusted_comment))
}

#[tokio::test]
async fn a_strangers_signature_is_refused() {
    let mut release = Release::new();
    release.signature = Signer::stranger().sign(&release.artifact, "version:2.0.0");
    assert_refused(&Site::honest(release), ErrorCode::SignatureMismatch).await;
}

#[tokio::test]
async fn who_has_the_key_for_manifests_cannot_make_a_release() {
    let mut release = Release::new();
    release.signature = Signer::stranger().sign(&release.artifact, "version:2.0.0");
    let site = Site::signed(release, Draft::new(1).signed_by(&[Signer::stranger()]));
    assert_config_refused(&site, ErrorCode::SignatureMismatch, |config| {
        config.manifest_pubkeys = Some(Signer::stranger().pubkey().into());
    })
    .await;
}

#[tokio::test]
async fn another_file_is_refused() {
    let other = Release { artifact: appimage(300_000, 99), ..Release::new() };
    assert_refused(&Site::honest(other), ErrorCode::SignatureMismatch).await;
}

#[tokio::test]
async fn one_changed_bit_anywhere_is_refused() {
    for at in [100, 150_000, 299_999] {
        let mut release = Release::new();
        release.artifact[at] ^= 1;
        assert_refused(&Site::honest(release), ErrorCode::SignatureMismatch).await;
    }
}

#[tokio::test]
async fn an_edited_trusted_comment_is_refused() {
    let mut release = Release::version("1.0.0");
    release.version = "2.0.0".to_owned();
    release.signature = release.signature.replace("version:1.0.0", "version:2.0.0");
    assert_refused(&Site::honest(release), ErrorCode::SignatureMismatch).await;
}

#[tokio::test]
async fn an_edited_untrusted_comment_is_of_no_account() {
    let mut release = Release::new();
    release.signature = release.signature.replace("untrusted comment: signature", "untrusted comment: x");
    let (app, site) = (App::new(), Site::honest(release));
    site.update(&app).await.stage(Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_comment_longer_than_minisign_would_write_is_no_part_of_a_signature() {
    let mut release = Release::new();
    let comment = format!("untrusted comment: {}", "x".repeat(70_000));
    release.signature = release.signature.replace("untrusted comment: signature", &comment);
    let (app, site) = (App::new(), Site::honest(release));
    let error = app.updater(site.endpoint()).check().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidSignature);
}

#[tokio::test]
async fn a_truncated_artifact_is_refused() {
    for length in [0, 1, 299_999] {
        let whole = Release::new();
        let short = || Release { artifact: whole.artifact[..length].to_owned(), ..whole.clone() };
        assert_refused(&Site::honest(short()), ErrorCode::SignatureMismatch).await;
        let unsized_ = Site::new(short(), |release, request| release.answer(request).unsized_body());
        assert_refused(&unsized_, ErrorCode::SignatureMismatch).await;
        let declared = short().with_entry("size", 300_000);
        assert_refused(&Site::honest(declared.clone()), ErrorCode::SizeMismatch).await;
        let unsized_ = Site::new(declared, |release, request| release.answer(request).unsized_body());
        assert_refused(&unsized_, ErrorCode::SizeMismatch).await;
    }
}

#[tokio::test]
async fn an_extended_artifact_is_refused() {
    let mut long = Release::new();
    long.artifact.push(b'!');
    assert_refused(&Site::honest(long.clone()), ErrorCode::SignatureMismatch).await;
    let unsized_ = Site::new(long.clone(), |release, request| release.answer(request).unsized_body());
    assert_refused(&unsized_, ErrorCode::SignatureMismatch).await;
    let declared = long.with_entry("size", 300_000);
    assert_refused(&Site::honest(declared.clone()), ErrorCode::SizeMismatch).await;
    let unsized_ = Site::new(declared, |release, request| release.answer(request).unsized_body());
    assert_refused(&unsized_, ErrorCode::SizeMismatch).await;
}

#[tokio::test]
async fn an_authentic_legacy_signature_is_refused() {
    let mut release = Release::new();
    release.signature = Signer::author().sign_legacy(&release.artifact, "version:2.0.0");
    let (app, site) = (App::new(), Site::honest(release));
    let error = app.updater(site.endpoint()).check().await.map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidSignature);
    assert!(error.to_string().contains("legacy"), "{error}");
}

#[tokio::test]
async fn garbage_is_no_signature() {
    let good = Release::new().signature;
    let lines: Vec<&str> = good.lines().collect();
    let long = good.replace(lines[1], &STANDARD.encode([b'E'; 75]));
    for garbage in ["", " ", "garbage", "%%%", &lines[..3].join("\n"), &lines[1..].join("\n"), &long] {
        let release = Release { signature: garbage.to_owned(), ..Release::new() };
        let (app, site) = (App::new(), Site::honest(release));
        let error = app.updater(site.endpoint()).check().await.map(drop).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidSignature, "{garbage:?}");
        app.assert_untouched();
    }
}

#[tokio::test]
async fn an_artifact_signed_as_another_version_is_refused() {
    for comment in ["version:1.0.0", "version:2.0.1", "version:2.0.0-rc.1", "version:two", "version:"] {
        assert_refused(&signed(comment), ErrorCode::SignedVersionMismatch).await;
    }
}

#[tokio::test]
async fn an_artifact_signed_for_another_purpose_is_refused() {
    for comment in [
        "version:2.0.0\ttarget:plan9-mips",
        "version:2.0.0\tformat:deb",
        "version:2.0.0\ttype:manifest",
        "version:2.0.0\ttype:delta",
        "type:",
    ] {
        assert_refused(&signed(comment), ErrorCode::SignedMetadataMismatch).await;
    }
}

#[tokio::test]
async fn an_artifact_signed_for_another_channel_or_application_is_refused() {
    let beta = |config: &mut Config| config.channel = Some("stable".to_owned());
    let site = signed("version:2.0.0\tchannel:beta");
    assert_config_refused(&site, ErrorCode::SignedMetadataMismatch, beta).await;
    let other = |config: &mut Config| config.app_id = Some("com.example.this".to_owned());
    let site = signed("version:2.0.0\tapp:com.example.other");
    assert_config_refused(&site, ErrorCode::SignedMetadataMismatch, other).await;
}

#[tokio::test]
async fn a_signature_without_a_version_is_refused_where_one_is_required() {
    let required = |config: &mut Config| config.require_signed_version = true;
    let site = signed("timestamp:1");
    assert_config_refused(&site, ErrorCode::SignedVersionMissing, required).await;
}

#[tokio::test]
async fn a_comment_that_says_a_thing_twice_is_refused() {
    assert_refused(&signed("version:2.0.0\tversion:2.0.0"), ErrorCode::InvalidSignature).await;
}

#[tokio::test]
async fn what_was_signed_for_exactly_this_is_installed() {
    let target = Target::current().unwrap();
    for comment in [
        String::new(),
        "version:v2.0.0".to_owned(),
        format!(
            "version:2.0.0\ttarget:plan9-mips, {target}\tformat:appimage\tchannel:beta\tapp:com.example.a"
        ),
    ] {
        let app = App::new();
        let site = Site::honest(Release::signed_as("2.0.0", &comment));
        let config = Config {
            channel: Some("beta".to_owned()),
            app_id: Some("com.example.a".to_owned()),
            ..app.config(site.endpoint())
        };
        let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
        app.assert_is(&site.release.artifact);
        app.assert_nothing_left();
    }
}

#[tokio::test]
async fn any_one_of_several_keys_may_have_signed() {
    let (author, stranger) = (Signer::author().pubkey(), Signer::stranger().pubkey());
    let site = Site::honest(Release::new());
    for keys in [vec![stranger.clone(), author.clone()], vec![author, stranger]] {
        let app = App::new();
        let config = Config { pubkey: keys.into(), ..app.config(site.endpoint()) };
        let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
        update.download_and_install(Default::default(), Default::default()).await.unwrap();
        app.assert_is(&site.release.artifact);
    }
}

#[tokio::test]
async fn keys_and_signatures_may_be_in_the_packagers_encoding() {
    let mut release = Release::new();
    release.signature = STANDARD.encode(&release.signature);
    let key = format!("untrusted comment: minisign public key\n{}\n", Signer::author().pubkey());
    let (app, site) = (App::new(), Site::honest(release));
    let config = Config { pubkey: STANDARD.encode(key).into(), ..app.config(site.endpoint()) };
    let update = Updater::new("1.0.0", config).unwrap().check().await.unwrap().unwrap();
    update.download_and_install(Default::default(), Default::default()).await.unwrap();
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn bytes_are_verified_again_when_they_are_installed() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let update = site.update(&app).await;
    let bytes = update.download(Default::default()).await.unwrap();
    assert_eq!(bytes, site.release.artifact);
    let mut changed = bytes.clone();
    changed[200_000] ^= 0x80;
    for bad in [Vec::new(), b"garbage".to_vec(), changed, bytes[..299_999].to_owned()] {
        let error = update.install(bad, Default::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::SignatureMismatch);
        app.assert_untouched();
        app.assert_nothing_left();
    }
    update.install(bytes, Default::default()).await.unwrap();
    app.assert_is(&site.release.artifact);
}

#[tokio::test]
async fn a_staged_file_is_verified_again_when_it_is_installed() {
    let (app, site) = (App::new(), Site::honest(Release::new()));
    let staged = site.update(&app).await.stage(Default::default()).await.unwrap();
    std::fs::write(staged.path(), appimage(300_000, 5)).unwrap();
    let error = staged.install(Default::default()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignatureMismatch);
    app.assert_untouched();
}

#[tokio::test]
async fn an_authentic_file_that_could_not_be_started_is_refused() {
    for artifact in [b"#!/bin/sh\n".to_vec(), Vec::new(), appimage(100, 1)[..18].to_vec()] {
        let signature = Signer::author().sign(&artifact, "version:2.0.0");
        let (app, site) = (
            App::new(),
            Site::new(Release { artifact, signature, ..Release::new() }, |release, _| {
                Reply::ok(release.artifact.clone())
            }),
        );
        let update = site.update(&app).await;
        let error = update.download_and_install(Default::default(), Default::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArtifact);
        app.assert_untouched();
        app.assert_nothing_left();
    }
}
