//! The synchronous face of the engine. It has a runtime of its own, so that it also works on a thread of another one.

use std::{
    future::Future,
    ops::Deref,
    sync::{LazyLock, mpsc},
};

use crate::{
    Config, DownloadOptions, Error, InstallOptions, IntoVersion, Result,
    updater::{self, Updater},
};

/// Asks the endpoints whether there is a release newer than `current_version`; blocks until one has answered.
///
/// ```no_run
/// # fn main() -> cargo_packager_updater::Result<()> {
/// use cargo_packager_updater::{Config, check_update};
///
/// let config = Config {
///     endpoints: vec!["https://example.com/{{target}}/{{arch}}/{{current_version}}".into()],
///     pubkey: "<pubkey here>".into(),
///     ..Default::default()
/// };
/// if let Some(update) = check_update(env!("CARGO_PKG_VERSION"), config)? {
///     update.download_and_install()?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`Updater::new`] and [`Updater::check`].
pub fn check_update(current_version: impl IntoVersion, config: Config) -> Result<Option<Update>> {
    let updater = Updater::new(current_version, config)?;
    Ok(block_on(async move { updater.check().await })?.map(Update))
}

/// What an earlier run staged, if it is still an update; needs no network.
///
/// # Errors
/// As [`Updater::new`] and [`Updater::pending`].
pub fn pending_update(current_version: impl IntoVersion, config: Config) -> Result<Option<StagedUpdate>> {
    let updater = Updater::new(current_version, config)?;
    Ok(block_on(async move { updater.pending().await })?.map(StagedUpdate))
}

/// A release that was found; what it tells of itself is in [`updater::Update`].
#[derive(Debug, Clone)]
pub struct Update(updater::Update);

impl Deref for Update {
    type Target = updater::Update;

    fn deref(&self) -> &updater::Update {
        &self.0
    }
}

impl Update {
    /// As [`updater::Update::download`].
    ///
    /// # Errors
    /// The same.
    pub fn download(&self) -> Result<Vec<u8>> {
        let update = self.0.clone();
        block_on(async move { update.download(DownloadOptions::default()).await })
    }

    /// As [`updater::Update::install`].
    ///
    /// # Errors
    /// The same.
    pub fn install(&self, bytes: Vec<u8>) -> Result<()> {
        let update = self.0.clone();
        block_on(async move { update.install(bytes, InstallOptions::default()).await })
    }

    /// As [`updater::Update::download_and_install`], with what [`Self::stage`] and [`StagedUpdate::install`] do by default.
    ///
    /// # Errors
    /// The same.
    pub fn download_and_install(&self) -> Result<()> {
        self.download_and_install_with(DownloadOptions::default(), InstallOptions::default())
    }

    /// As [`updater::Update::download_and_install`].
    ///
    /// # Errors
    /// The same.
    pub fn download_and_install_with(
        &self,
        download: DownloadOptions,
        install: InstallOptions,
    ) -> Result<()> {
        let update = self.0.clone();
        block_on(async move { update.download_and_install(download, install).await })
    }

    /// As [`updater::Update::stage`].
    ///
    /// # Errors
    /// The same.
    pub fn stage(&self, options: DownloadOptions) -> Result<StagedUpdate> {
        let update = self.0.clone();
        block_on(async move { update.stage(options).await }).map(StagedUpdate)
    }
}

/// A verified update on disk; what it tells of itself is in [`updater::StagedUpdate`].
#[derive(Debug, Clone)]
pub struct StagedUpdate(updater::StagedUpdate);

impl Deref for StagedUpdate {
    type Target = updater::StagedUpdate;

    fn deref(&self) -> &updater::StagedUpdate {
        &self.0
    }
}

impl StagedUpdate {
    /// As [`updater::StagedUpdate::install`].
    ///
    /// # Errors
    /// The same.
    pub fn install(&self, options: InstallOptions) -> Result<()> {
        let staged = self.0.clone();
        block_on(async move { staged.install(options).await })
    }

    /// As [`updater::StagedUpdate::discard`].
    ///
    /// # Errors
    /// The same.
    pub fn discard(&self) -> Result<()> {
        let staged = self.0.clone();
        block_on(async move { staged.discard().await })
    }
}

static RUNTIME: LazyLock<std::io::Result<tokio::runtime::Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("updater").build()
});

/// Waits on a channel: `Runtime::block_on` panics on a thread that already drives another runtime.
fn block_on<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let fail =
        |reason: String| Error::Io { operation: "run", path: "the updater".into(), source: reason.into() };
    let runtime = RUNTIME.as_ref().map_err(|error| fail(error.to_string()))?;
    let (done, result) = mpsc::channel();
    runtime.spawn(async move {
        // The receiver waits until this is sent.
        let _ = done.send(work.await);
    });
    result.recv().unwrap_or_else(|_| Err(fail("its task ended early".to_owned())))
}
