//! [`promise`]: work on background threads, and the promise that it settles.

use std::{io, pin::Pin, sync::LazyLock};

use cargo_packager_updater::{CancellationToken, Error, Result};
use napi::{
    Env, JsValue,
    bindgen_prelude::{Object, PromiseRaw, ToNapiValue},
    sys::napi_value,
};
use tokio::runtime::{Builder, Runtime};

use crate::{abort::Abort, error::Failure};

/// What operations differ by, boxed: what carries them out is large, and compiled once so.
type Work = Pin<Box<dyn Future<Output = Result<Convert, Failure>> + Send>>;
type Convert = Box<dyn FnOnce(&Env) -> napi::Result<napi_value> + Send>;
type Settle = Box<dyn FnOnce(Env) -> napi::Result<napi_value>>;

/// Started by the first operation, never by loading the addon, and never stopped: the end of the process does not
/// wait for it.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("updater").enable_all().build()
});

/// Does `work` with `input`, then `convert`s its outcome on the JavaScript thread. Rejects where `input` is bad.
pub(crate) fn promise<'env, I, W, T, C, V>(
    env: &'env Env,
    input: Result<(I, Abort)>,
    work: impl FnOnce(I, CancellationToken) -> W,
    convert: C,
) -> napi::Result<Object<'env>>
where
    W: Future<Output = Result<T, Failure>> + Send + 'static,
    T: Send + 'static,
    C: FnOnce(&Env, T) -> napi::Result<V> + Send + 'static,
    V: ToNapiValue + 'static,
{
    let input = input.map(|(input, abort)| {
        let work = work(input, abort.token());
        let work: Work = Box::pin(async move {
            let value = work.await?;
            let convert: Convert = Box::new(|env| Ok(convert(env, value)?.into_unknown(env)?.raw()));
            Ok(convert)
        });
        (work, abort)
    });
    start(env, input)
}

fn start(env: &Env, input: Result<(Work, Abort)>) -> napi::Result<Object<'_>> {
    let ((work, abort), runtime) = match input.and_then(|input| Ok((input, runtime()?))) {
        Ok(ready) => ready,
        Err(error) => {
            let promise = PromiseRaw::<()>::reject(env, Failure::from(error).into_js(env))?;
            return promise.to_unknown().coerce_to_object();
        }
    };
    let (deferred, promise) = env.create_deferred::<napi_value, Settle>()?;
    // A task of its own turns a panic into an error; unwinding into Node would be undefined behaviour.
    let running = runtime.spawn(work);
    runtime.spawn(async move {
        let outcome = running.await.unwrap_or_else(|panic| Err(Failure::Panicked(panic.to_string())));
        deferred.resolve(Box::new(move |env| match (outcome, abort.finish(&env)) {
            (Ok(convert), _) => convert(&env),
            (Err(Failure::Engine(Error::Cancelled)), Some(reason)) => Err(reason),
            (Err(failure), _) => Err(failure.into_js(&env)),
        }));
    });
    Ok(promise)
}

pub(crate) fn runtime() -> Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| Error::Io {
        operation: "start threads for",
        path: "updater".into(),
        source: error.to_string().into(),
    })
}
