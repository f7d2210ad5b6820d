//! Node.js binding of `cargo-packager-updater`: conversions only. What each function does is decided in the engine.

mod abort;
mod constants;
mod error;
mod exit;
mod exit_install;
mod misspelt;
mod options;
mod progress;
mod staged;
mod task;
mod update;
mod value;

use cargo_packager_updater::{self as engine, Updater};
use napi::{Env, Unknown, bindgen_prelude::Object};
use napi_derive::napi;

use abort::Abort;
use options::Options;
use staged::StagedUpdate;
use update::Update;
use value::Given;

/// Ask the endpoints whether there is a newer version. Resolves with `null` where there is none.
///
/// Every option is checked before anything is sent; a bad one rejects the promise, nothing is thrown.
#[napi(
    ts_args_type = "currentVersion: string, options: Options, checkOptions?: CheckOptions",
    ts_return_type = "Promise<Update | null>"
)]
pub fn check_update<'env>(
    env: &'env Env,
    current_version: Unknown<'env>,
    options: Unknown<'env>,
    check_options: Unknown<'env>,
) -> napi::Result<Object<'env>> {
    let input = Options::read(env, current_version, options).and_then(|options| {
        let signal = options::read_signal(&Given::argument(env, "checkOptions", check_options))?;
        Ok((options, Abort::follow(env, signal)?))
    });
    task::promise(
        env,
        input,
        async |Options { version, config, pubkey }, cancel| {
            let updater = Updater::new(version, config)?;
            let found = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(engine::Error::Cancelled.into()),
                found = updater.check() => found?,
            };
            Ok(found.map(|update| (update, pubkey)))
        },
        |_, found| Ok(found.map(|(update, pubkey)| Update::new(update, pubkey))),
    )
}

/// What an earlier run staged, verified again with these options and newer than `currentVersion`; else `null`.
/// Works offline.
#[napi(
    ts_args_type = "currentVersion: string, options: Options",
    ts_return_type = "Promise<StagedUpdate | null>"
)]
pub fn pending_update<'env>(
    env: &'env Env,
    current_version: Unknown<'env>,
    options: Unknown<'env>,
) -> napi::Result<Object<'env>> {
    let input = Options::read(env, current_version, options).map(|options| (options, Abort::none(env)));
    task::promise(
        env,
        input,
        async |Options { version, config, .. }, _| Ok(Updater::new(version, config)?.pending().await?),
        |env, pending| Ok(pending.map(|staged| StagedUpdate::new(env, staged))),
    )
}

/// Start the application again as soon as this process has exited. Does not exit by itself.
#[napi(ts_args_type = "options?: RelaunchOptions", ts_return_type = "Promise<void>")]
pub fn relaunch<'env>(env: &'env Env, options: Unknown<'env>) -> napi::Result<Object<'env>> {
    let input = options::read_relaunch(&Given::argument(env, "options", options))
        .map(|options| (options, Abort::none(env)));
    task::promise(env, input, async |options, _| Ok(engine::relaunch(options)?), |_, ()| Ok(()))
}
