//! [`ExitInstall`]: an installation in the `exit` event of the process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
};

use cargo_packager_updater::{InstallOptions, Result, updater};
use napi::{
    Env,
    bindgen_prelude::{FnArgs, Function},
    threadsafe_function::UnknownReturnValue,
};

use crate::{
    exit::{main_process, process_args, read_flag},
    task,
    value::Given,
};

type ListenerArgs<'env> = FnArgs<(&'static str, Function<'env, (), ()>)>;

/// What is made ready in the background, and awaited at exit.
pub(crate) struct ExitInstall(Receiver<Result<updater::PreparedInstall>>);

/// One process has one exit, and only its main thread may ask for this.
static SCHEDULED: Mutex<Option<ExitInstall>> = Mutex::new(None);
static LISTENING: AtomicBool = AtomicBool::new(false);
/// Held while an update is being made ready, which locks the application's data.
static PREPARING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl ExitInstall {
    /// Replaces an earlier request.
    pub(crate) fn schedule(env: &Env, staged: &updater::StagedUpdate, options: &Given) -> Result<()> {
        let process = main_process(env, "installOnExit")?;
        let install = read(options, staged)?;
        staged.check_prepare(&install)?;
        let runtime = task::runtime()?;
        listen(env, &process)?;
        // What was made ready before would be in the way.
        Self::dismiss();
        let (done, prepared) = mpsc::channel();
        let staged = staged.clone();
        runtime.spawn(async move {
            let _preparing = PREPARING.lock().await;
            // Nobody waits for it any more where the request was taken back.
            let _ = done.send(staged.prepare(install).await);
        });
        *scheduled() = Some(Self(prepared));
        Ok(())
    }

    /// Takes the request back.
    pub(crate) fn dismiss() {
        scheduled().take();
    }

    /// Until what is being made ready lets go of the application's data.
    pub(crate) async fn prepared() {
        drop(PREPARING.lock().await);
    }

    /// A failure leaves the update staged: the next run finds it, and has somebody to tell.
    fn finish(self) {
        if let Ok(Ok(prepared)) = self.0.recv() {
            let _ = prepared.finish();
        }
    }
}

fn scheduled() -> std::sync::MutexGuard<'static, Option<ExitInstall>> {
    SCHEDULED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(options: &Given, staged: &updater::StagedUpdate) -> Result<InstallOptions> {
    let relaunch = read_flag(options, "relaunch")?;
    if read_flag(options, "exit")? == Some(false) {
        return Err(options.clone().renamed("exit").refuse("cannot be false: the process exits"));
    }
    let args = if relaunch.unwrap_or_else(|| staged.format().is_windows_installer()) {
        process_args(options.env)
    } else {
        None
    };
    Ok(InstallOptions { relaunch, will_exit: Some(true), args })
}

fn listen(env: &Env, process: &Given) -> Result<()> {
    if LISTENING.load(Ordering::Relaxed) {
        return Ok(());
    }
    let listener = process.read(env.create_function_from_closure("installOnExit", |_| {
        let install = scheduled().take();
        // Unwinding into Node would be undefined behaviour, and nobody is left who could be told.
        let _ = catch_unwind(AssertUnwindSafe(|| install.map(ExitInstall::finish)));
        Ok(())
    }))?;
    let once = process.method::<ListenerArgs, UnknownReturnValue>("once")?;
    process.read(once.apply(process.object()?, ("exit", listener).into()))?;
    LISTENING.store(true, Ordering::Relaxed);
    Ok(())
}
