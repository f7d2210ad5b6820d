//! [`StagedUpdate`]: the class.

use cargo_packager_updater::updater;
use napi::{Env, Unknown, bindgen_prelude::Object};
use napi_derive::napi;

use crate::{
    abort::Abort,
    error::Failure,
    exit::{Exit, Finish},
    exit_install::ExitInstall,
    progress::number,
    task,
    value::Given,
};

/// A verified update on disk, ready to install now or by a later run.
#[napi]
pub struct StagedUpdate {
    staged: updater::StagedUpdate,
    #[napi(readonly)]
    pub version: String,
    #[napi(readonly)]
    pub path: String,
    /// Bytes.
    #[napi(readonly)]
    pub size: f64,
    /// Bytes fetched for it: less than `size` after a resumed download, or with a delta.
    #[napi(readonly)]
    pub downloaded_bytes: f64,
}

impl StagedUpdate {
    pub(crate) fn new(env: &Env, staged: updater::StagedUpdate) -> Self {
        // A worker has no exit to wait for, and `install_on_exit` says so.
        let _ = ExitInstall::watch(env);
        Self {
            version: staged.version().to_string(),
            path: staged.path().to_string_lossy().into_owned(),
            size: number(staged.size()),
            downloaded_bytes: number(staged.downloaded_bytes()),
            staged,
        }
    }
}

#[napi]
impl StagedUpdate {
    /// Verify once more, and install.
    #[napi(ts_args_type = "options?: InstallOptions", ts_return_type = "Promise<void>")]
    pub fn install<'env>(&self, env: &'env Env, options: Unknown<'env>) -> napi::Result<Object<'env>> {
        let input = Finish::read(&Given::argument(env, "options", options), self.staged.format())
            .map(|finish| (finish, Abort::none(env)));
        let taken_back = input.is_ok().then(|| ExitInstall::take_back(&self.staged)).flatten();
        let staged = self.staged.clone();
        task::promise(
            env,
            input,
            async move |finish: Finish, _| {
                ExitInstall::prepared().await;
                let outcome = staged.install(finish.install).await;
                if let (Err(_), Some(request)) = (&outcome, taken_back) {
                    request.put_back();
                }
                Ok(outcome.map(|()| finish.exit)?)
            },
            |env, exit: Exit| exit.leave(env),
        )
    }

    /// Install when this process exits: verifies and prepares in the background, swaps (or starts the installer) in the
    /// `exit` event, before its other listeners. `install` and `discard` take that back, but an `install` that fails does
    /// not; another call, for any update, replaces it.
    ///
    /// Throws in workers and in the `exit` event, for deb, rpm and pacman, where macOS would ask for an administrator, and
    /// where nothing can be replaced. What goes wrong later is told to nobody and leaves the update staged, and so does a
    /// process ended by a signal: `pendingUpdate` finds it then.
    #[napi(ts_args_type = "options?: InstallOptions", ts_return_type = "void")]
    pub fn install_on_exit(&self, env: &Env, options: Unknown) -> napi::Result<()> {
        ExitInstall::schedule(env, &self.staged, &Given::argument(env, "options", options))
            .map_err(|error| Failure::from(error).into_js(env))
    }

    /// Remove it from disk.
    // napi-rs has no words for this: nobody constructs this class.
    #[napi(ts_return_type = "Promise<void>\n  private constructor()")]
    pub fn discard<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        ExitInstall::take_back(&self.staged);
        let staged = self.staged.clone();
        task::promise(
            env,
            Ok(((), Abort::none(env))),
            async move |(), _| {
                ExitInstall::prepared().await;
                Ok(staged.discard().await?)
            },
            |_, ()| Ok(()),
        )
    }
}
