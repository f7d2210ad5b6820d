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
    /// Bytes fetched for it: less than `size` after a resumed download.
    #[napi(readonly)]
    pub downloaded_bytes: f64,
}

impl StagedUpdate {
    pub(crate) fn new(staged: updater::StagedUpdate) -> Self {
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
        if input.is_ok() {
            ExitInstall::dismiss();
        }
        let staged = self.staged.clone();
        task::promise(
            env,
            input,
            async move |finish: Finish, _| {
                ExitInstall::prepared().await;
                staged.install(finish.install).await?;
                Ok(finish.exit)
            },
            |env, exit: Exit| exit.leave(env),
        )
    }

    /// Install when this process exits: verifies and prepares in the background, swaps (or starts the installer) in the
    /// `exit` event. `install` and `discard` take that back; another call replaces it.
    ///
    /// Throws in workers, for deb, rpm and pacman, and where nothing can be replaced. What goes wrong later leaves the
    /// update staged, and so does a process ended by a signal: `pendingUpdate` finds it then.
    #[napi(ts_args_type = "options?: InstallOptions", ts_return_type = "void")]
    pub fn install_on_exit(&self, env: &Env, options: Unknown) -> napi::Result<()> {
        ExitInstall::schedule(env, &self.staged, &Given::argument(env, "options", options))
            .map_err(|error| Failure::from(error).into_js(env))
    }

    /// Remove it from disk.
    // napi-rs has no words for this: nobody constructs this class.
    #[napi(ts_return_type = "Promise<void>\n  private constructor()")]
    pub fn discard<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        ExitInstall::dismiss();
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
