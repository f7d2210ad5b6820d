//! [`Finish`]: what follows an installation.

use std::ffi::OsString;

use cargo_packager_updater::{Error, Format, InstallOptions, Result};
use napi::{
    Env, JsValue,
    bindgen_prelude::{FnArgs, Function, FunctionRef, JsObjectValue},
    threadsafe_function::UnknownReturnValue,
};

use crate::{options::read_optional, value::Given};

type ExitArgs<'env> = FnArgs<(Function<'env, u32, UnknownReturnValue>, u32)>;

/// The install options, checked before anything happens.
pub(crate) struct Finish {
    pub(crate) install: InstallOptions,
    pub(crate) exit: Exit,
}

/// `process.exit`, where it is to be called.
pub(crate) struct Exit(Option<FunctionRef<u32, UnknownReturnValue>>);

impl Finish {
    pub(crate) fn read(options: &Given, format: Format) -> Result<Self> {
        let (relaunch, exit) = read_flags(options)?;
        Self::plan(options.env, format, relaunch, exit)
    }

    pub(crate) fn by_default(env: &Env, format: Format) -> Result<Self> {
        Self::plan(env, format, None, None)
    }

    /// Windows installers need the files of the application, so it leaves and is started again by default.
    fn plan(env: &Env, format: Format, relaunch: Option<bool>, exit: Option<bool>) -> Result<Self> {
        let by_default = format.is_windows_installer();
        let exit = if exit.unwrap_or(by_default) { Exit::plan(env)? } else { Exit(None) };
        let args = if relaunch.unwrap_or(by_default) { process_args(env) } else { None };
        Ok(Self { install: InstallOptions { relaunch, will_exit: Some(exit.0.is_some()), args }, exit })
    }
}

/// `relaunch` and `exit`.
pub(crate) fn read_flags(options: &Given) -> Result<(Option<bool>, Option<bool>)> {
    let Some(options) = options.options(&["relaunch", "exit"])? else { return Ok((None, None)) };
    let flag = |key| read_optional(&options, key, Given::boolean);
    Ok((flag("relaunch")?, flag("exit")?))
}

/// Of what is refused when it is asked for.
pub(crate) fn refuse_true(option: &str, reason: &str) -> Error {
    Error::InvalidOption { option: option.to_owned(), value: "true".to_owned(), reason: reason.to_owned() }
}

/// The `process` of the main thread; `option` is what needs it.
pub(crate) fn main_process<'env>(env: &'env Env, option: &str) -> Result<Given<'env>> {
    let refuse = |reason| refuse_true(option, reason);
    let global = global(env).ok_or_else(|| refuse("needs Node.js"))?;
    let process = global.member("process")?.ok_or_else(|| refuse("needs Node.js"))?;
    // In a worker, process.exit() would end the worker only, and what process.chdir() is replaced by says so.
    let chdir = process.method::<(), UnknownReturnValue>("chdir")?;
    if process.read(chdir.has_named_property("disabled"))? {
        return Err(refuse("is not possible in a worker"));
    }
    Ok(process)
}

impl Exit {
    fn plan(env: &Env) -> Result<Self> {
        let process = main_process(env, "exit")?;
        let exit = process.method::<u32, UnknownReturnValue>("exit")?;
        let bound = process.read(exit.bind(process.object()?))?;
        process.read(bound.create_ref()).map(|exit| Self(Some(exit)))
    }

    /// Leaves in a macrotask, when everybody who waits for the promise has run.
    pub(crate) fn leave(self, env: &Env) -> napi::Result<()> {
        let (Some(exit), Some(global)) = (self.0, global(env)) else { return Ok(()) };
        let exit = exit.borrow_back(env)?;
        let scheduled = global
            .method::<ExitArgs, UnknownReturnValue>("setImmediate")
            .and_then(|set_immediate| global.read(set_immediate.call((exit, 0).into())));
        scheduled.map(|_| ()).map_err(|error| napi::Error::from_reason(error.to_string()))
    }
}

/// The arguments of this process as Node keeps them: those that the system keeps are overwritten by `process.title`.
/// None in a worker, which is given its own in their place: what the system keeps is all there is.
pub(crate) fn process_args(env: &Env) -> Option<Vec<OsString>> {
    let process = main_process(env, "args").ok()?;
    let strings = |key| process.member(key).ok()??.strings().ok();
    let argv0 = process.member("argv0").ok()??.string().ok()?;
    let mut arguments = strings("argv")?.into_iter().skip(1).peekable();
    // In a single-executable application the program stands here once more, in the place of a script.
    arguments.next_if_eq(&argv0);
    Some(strings("execArgv")?.into_iter().chain(arguments).map(OsString::from).collect())
}

fn global(env: &Env) -> Option<Given<'_>> {
    env.get_global().ok().map(|global| Given::argument(env, "globalThis", global.to_unknown()))
}
