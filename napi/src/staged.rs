//! [`StagedUpdate`]: the class.

use cargo_packager_updater::{Error, updater};
use napi::{Env, Unknown, bindgen_prelude::Object};
use napi_derive::napi;

use crate::{
    abort::Abort,
    error::Failure,
    exit::{Exit, Finish},
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
        let input =
            Finish::read(&Given::argument(env, "options", options)).map(|finish| (finish, Abort::none(env)));
        let staged = self.staged.clone();
        task::promise(
            env,
            input,
            async move |finish: Finish, _| {
                staged.install(finish.install).await?;
                Ok(finish.exit)
            },
            |env, exit: Exit| exit.leave(env),
        )
    }

    /// Not supported by this version: throws. Use `install` before the process exits.
    #[napi(ts_args_type = "options?: InstallOptions", ts_return_type = "void")]
    pub fn install_on_exit(&self, env: &Env) -> napi::Result<()> {
        let error = Error::InvalidOption {
            option: "installOnExit".to_owned(),
            value: "a call".to_owned(),
            reason: "is not supported by this version".to_owned(),
        };
        Err(Failure::from(error).into_js(env))
    }

    /// Remove it from disk.
    // napi-rs has no words for this: nobody constructs this class.
    #[napi(ts_return_type = "Promise<void>\n  private constructor()")]
    pub fn discard<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let staged = self.staged.clone();
        task::promise(
            env,
            Ok(((), Abort::none(env))),
            async move |(), _| Ok(staged.discard().await?),
            |_, ()| Ok(()),
        )
    }
}
