//! [`Failure`]: why a promise is rejected, and the `Error` object that says so.

use std::error::Error as StdError;

use cargo_packager_updater::{Error, ErrorCode};
use napi::{
    Env, JsValue, Status,
    bindgen_prelude::{JsObjectValue, Object},
};

pub(crate) enum Failure {
    Engine(Error),
    /// A callback threw this; it is given back as it is.
    Thrown(napi::Error),
    /// A defect of this package.
    Panicked(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Failure {
    pub(crate) fn into_js(self, env: &Env) -> napi::Error {
        let object = match self {
            Self::Thrown(thrown) => return thrown,
            Self::Engine(error) => create(env, &error),
            Self::Panicked(message) => {
                plain(env, &format!("internal error: {message}")).and_then(|mut object| {
                    object.set("code", ErrorCode::Io.as_str())?;
                    Ok(object)
                })
            }
        };
        match object {
            Ok(object) => napi::Error::from_unknown_without_coercion(object.to_unknown()),
            Err(error) => error,
        }
    }
}

fn create<'env>(env: &'env Env, error: &Error) -> napi::Result<Object<'env>> {
    let mut object = plain(env, &error.to_string())?;
    object.set("code", error.code().as_str())?;
    if let Some(option) = error.option() {
        object.set("option", option)?;
    }
    if let Some(url) = error.url() {
        object.set("url", url)?;
    }
    if let Some(status) = error.status() {
        object.set("status", u32::from(status))?;
    }
    if let Some(exit_code) = error.exit_code() {
        object.set("exitCode", exit_code)?;
    }
    if let Some(source) = error.source() {
        object.set("cause", create_cause(env, source)?)?;
    }
    if !error.errors().is_empty() {
        let errors =
            error.errors().iter().map(|error| create(env, error)).collect::<napi::Result<Vec<_>>>()?;
        object.set("errors", errors)?;
    }
    Ok(object)
}

fn create_cause<'env>(env: &'env Env, error: &dyn StdError) -> napi::Result<Object<'env>> {
    let mut object = plain(env, &error.to_string())?;
    if let Some(source) = error.source() {
        object.set("cause", create_cause(env, source)?)?;
    }
    Ok(object)
}

/// An `Error` without the `code` that napi gives each.
fn plain<'env>(env: &'env Env, message: &str) -> napi::Result<Object<'env>> {
    let mut object = env.create_error(napi::Error::new(Status::GenericFailure, message))?;
    object.delete_named_property("code")?;
    Ok(object)
}
