//! Node.js binding of `cargo-packager-updater-cli`, for `npx`.

use std::{ffi::OsString, iter, thread};

use napi::{Env, Result, bindgen_prelude::Object};
use napi_derive::napi;

const PROGRAM: &str = "npx @crabnebula/updater";

/// Runs the command line. Resolves with its exit code.
#[napi(skip_typescript)]
pub fn run<'env>(env: &'env Env, args: Vec<String>) -> Result<Object<'env>> {
    let args: Vec<OsString> = iter::once(PROGRAM.to_owned()).chain(args).map(OsString::from).collect();
    let (deferred, promise) = env.create_deferred()?;
    // Node.js has to see signals meanwhile, so not on its own thread; and it would wait at its end for one of its pool.
    thread::Builder::new().name("updater-cli".to_owned()).spawn(move || {
        let code = cargo_packager_updater_cli::run(args);
        deferred.resolve(move |_| Ok(code));
    })?;
    Ok(promise)
}
