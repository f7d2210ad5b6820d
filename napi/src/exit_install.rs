//! [`ExitInstall`]: an installation in the `exit` event of the process.

use std::{
    mem,
    panic::catch_unwind,
    sync::{Mutex, MutexGuard, PoisonError},
};

use cargo_packager_updater::{InstallOptions, Result, updater};
use napi::{
    Env,
    bindgen_prelude::{FnArgs, Function},
    threadsafe_function::UnknownReturnValue,
};
use tokio::{
    sync::oneshot::{self, Receiver},
    task::spawn_blocking,
};

use crate::{
    exit::{main_process, process_args, read_flags, refuse_true},
    task,
    value::Given,
};

type ListenerArgs<'env> = FnArgs<(&'static str, Function<'env, (), ()>)>;

const NAME: &str = "installOnExit";

/// What is made ready in the background, and awaited at exit.
pub(crate) struct ExitInstall {
    request: Request,
    prepared: Receiver<Result<updater::PreparedInstall>>,
}

/// What was asked for.
#[derive(Clone)]
pub(crate) struct Request {
    staged: updater::StagedUpdate,
    options: InstallOptions,
}

/// One process has one exit, and only its main thread sees it.
struct Exit {
    is_watched: bool,
    has_begun: bool,
    scheduled: Option<ExitInstall>,
    /// What was made ready for requests that do not count any more.
    withdrawn: Vec<Receiver<Result<updater::PreparedInstall>>>,
}

static EXIT: Mutex<Exit> =
    Mutex::new(Exit { is_watched: false, has_begun: false, scheduled: None, withdrawn: Vec::new() });
/// Held while an update is being made ready, which locks the application's data.
static PREPARING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl ExitInstall {
    /// Waits for the exit of the process, from when there is something that could be installed then: in the event
    /// itself it would be too late to find out that it has begun.
    pub(crate) fn watch(env: &Env) -> Result<()> {
        let process = main_process(env, NAME)?;
        if exit().is_watched {
            return Ok(());
        }
        let listener = process.read(env.create_function_from_closure(NAME, |_| {
            // Unwinding into Node would be undefined behaviour, and nobody is left who could be told.
            let _ = catch_unwind(at_exit);
            Ok(())
        }))?;
        // First of all: a listener that throws or exits keeps the others from being called.
        let prepend = process.method::<ListenerArgs, UnknownReturnValue>("prependOnceListener")?;
        process.read(prepend.apply(process.object()?, ("exit", listener).into()))?;
        exit().is_watched = true;
        Ok(())
    }

    /// Replaces an earlier request.
    pub(crate) fn schedule(env: &Env, staged: &updater::StagedUpdate, options: &Given) -> Result<()> {
        Self::watch(env)?;
        if exit().has_begun {
            return Err(refuse_true(NAME, "comes too late: the process is exiting"));
        }
        let options = read(options, staged)?;
        staged.check_prepare(&options)?;
        Request { staged: staged.clone(), options }.prepare(&mut exit())
    }

    /// Takes the request back, if it is for this update.
    pub(crate) fn take_back(staged: &updater::StagedUpdate) -> Option<Request> {
        let mut exit = exit();
        // Its name is made from the application and the signature.
        let is_same = |install: &mut Self| install.request.staged.path() == staged.path();
        let install = exit.scheduled.take_if(is_same)?;
        Some(exit.withdraw(install))
    }

    /// Until what was or is being made ready is out of the way.
    pub(crate) async fn prepared() {
        drop(clear_way().await);
    }

    /// A failure leaves the update staged: the next run finds it, and has somebody to tell.
    fn finish(self) -> Result<()> {
        let prepared = match self.prepared.blocking_recv() {
            Ok(Ok(prepared)) => prepared,
            // What was in the way then may not be now.
            _ => self.request.prepare_now()?,
        };
        prepared.finish()
    }
}

impl Request {
    /// Makes it as if it had not been taken back, unless something else was asked for since.
    pub(crate) fn put_back(self) {
        let mut exit = exit();
        if exit.scheduled.is_none() && !exit.has_begun {
            // Without threads nothing could have failed that it is put back for.
            let _ = self.prepare(&mut exit);
        }
    }

    fn prepare_now(self) -> Result<updater::PreparedInstall> {
        task::runtime()?.block_on(self.staged.prepare(self.options))
    }

    fn prepare(self, exit: &mut Exit) -> Result<()> {
        let runtime = task::runtime()?;
        if let Some(replaced) = exit.scheduled.take() {
            exit.withdraw(replaced);
        }
        let (done, prepared) = oneshot::channel();
        let Self { staged, options } = self.clone();
        runtime.spawn(async move {
            let _preparing = clear_way().await;
            // Nobody waits for it any more where the request was taken back.
            if !done.is_closed() {
                let _ = done.send(staged.prepare(options).await);
            }
        });
        exit.scheduled = Some(ExitInstall { request: self, prepared });
        Ok(())
    }
}

impl Exit {
    fn withdraw(&mut self, install: ExitInstall) -> Request {
        let ExitInstall { request, mut prepared } = install;
        // Nothing is made ready for it any more.
        prepared.close();
        self.withdrawn.push(prepared);
        request
    }
}

/// Waits until what is being made ready lets go of the application's data, and removes what nobody wants any more: it may
/// hold the file. For the thousands of files of a bundle JavaScript must not wait.
async fn clear_way() -> tokio::sync::MutexGuard<'static, ()> {
    let preparing = PREPARING.lock().await;
    let withdrawn = mem::take(&mut exit().withdrawn);
    if !withdrawn.is_empty() {
        // What cannot be removed is tidied up by the next check.
        let _ = spawn_blocking(move || drop(withdrawn)).await;
    }
    preparing
}

fn exit() -> MutexGuard<'static, Exit> {
    EXIT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at_exit() {
    let mut exit = exit();
    exit.has_begun = true;
    let scheduled = exit.scheduled.take();
    drop(exit);
    if let Some(install) = scheduled {
        let _ = install.finish();
    }
}

fn read(options: &Given, staged: &updater::StagedUpdate) -> Result<InstallOptions> {
    let (relaunch, exit) = read_flags(options)?;
    if exit == Some(false) {
        return Err(options.clone().renamed("exit").refuse("cannot be false: the process exits"));
    }
    let args = if relaunch.unwrap_or_else(|| staged.format().is_windows_installer()) {
        process_args(options.env)
    } else {
        None
    };
    Ok(InstallOptions { relaunch, will_exit: Some(true), args })
}
