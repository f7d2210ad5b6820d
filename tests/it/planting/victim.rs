//! Whoever updates.

use std::io;

use cargo_packager_updater::{Config, Error, ErrorCode, check_update};

use super::{
    UPDATED,
    person::{base, endpoint_and_key},
    scene::{APP_ID, Places},
};

#[test]
#[ignore = "the part of another test that runs as another user"]
fn victim() {
    let Some(base) = base() else { return };
    for applications in io::stdin().lines() {
        let outcome = match update(&Places::new(&base, applications.unwrap().as_ref())) {
            Ok(()) => UPDATED.to_owned(),
            Err(error) if is_refusal(error.code()) => error.to_string(),
            Err(error) => panic!("{error}"),
        };
        println!("outcome {}", outcome.replace('\n', " "));
    }
}

fn update(places: &Places) -> Result<(), Error> {
    let (endpoint, key) = endpoint_and_key();
    let config = Config {
        endpoints: vec![endpoint],
        pubkey: key.into(),
        executable_path: Some(places.application.clone()),
        data_dir: Some(places.data.clone()),
        app_id: Some(APP_ID.to_owned()),
        ..Config::default()
    };
    match check_update("1.0.0", config)? {
        Some(update) => update.download_and_install(),
        None => panic!("an update is offered"),
    }
}

/// What an updater may say to what it finds.
fn is_refusal(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::PermissionDenied | ErrorCode::NotUpdatable | ErrorCode::Io)
}
