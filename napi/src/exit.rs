//! [`Finish`]: what follows an installation.

use std::ffi::OsString;

use cargo_packager_updater::{InstallOptions, Result};
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
    pub(crate) fn read(options: &Given) -> Result<Self> {
        let Some(options) = options.clone().present() else { return Ok(Self::default()) };
        let relaunch = read_optional(&options, "relaunch", Given::boolean)?;
        let exit = match options.member("exit")? {
            Some(exit) if exit.boolean()? => Exit::plan(&exit)?,
            _ => Exit(None),
        };
        let args = if relaunch == Some(true) { process_args(options.env) } else { None };
        Ok(Self { install: InstallOptions { relaunch, args, ..InstallOptions::default() }, exit })
    }
}

impl Default for Finish {
    fn default() -> Self {
        Self { install: InstallOptions::default(), exit: Exit(None) }
    }
}

impl Exit {
    fn plan(option: &Given) -> Result<Self> {
        let global = global(option.env).ok_or_else(|| option.refuse("needs Node.js"))?;
        let Some(process) = global.member("process")? else { return Err(option.refuse("needs Node.js")) };
        // In a worker, process.exit() would end the worker only, and what process.chdir() is replaced by says so.
        let chdir = process.method::<(), UnknownReturnValue>("chdir")?;
        if option.read(chdir.has_named_property("disabled"))? {
            return Err(option.refuse("is not possible in a worker"));
        }
        global.method::<ExitArgs, UnknownReturnValue>("setImmediate")?;
        let exit = process.method::<u32, UnknownReturnValue>("exit")?;
        let bound = option.read(exit.bind(process.object()?))?;
        option.read(bound.create_ref()).map(|exit| Self(Some(exit)))
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
pub(crate) fn process_args(env: &Env) -> Option<Vec<OsString>> {
    let process = global(env)?.member("process").ok()??;
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
