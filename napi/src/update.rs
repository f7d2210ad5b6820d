//! [`Update`]: the class.

use std::collections::BTreeMap;

use cargo_packager_updater::{InstallMode, Result, WindowsConfig, updater};
use napi::{
    Either, Env, Unknown, ValueType,
    bindgen_prelude::{ArrayBuffer, Object, Undefined},
};
use napi_derive::napi;

use crate::{
    abort::Abort,
    exit::{Exit, Finish},
    exit_install::ExitInstall,
    options::Pubkey,
    progress::{Listener, number},
    staged::StagedUpdate,
    task,
    value::Given,
};

/// What only concerns Windows installers.
#[napi(object, object_from_js = false)]
#[derive(Clone)]
pub struct UpdaterWindowsOptions {
    /// Extra arguments for the NSIS or WiX installer; each string reaches the installer as one argument.
    pub installer_args: Option<Vec<String>>,
    /// Default 'passive'. 'BasicUi', 'Quiet' and 'Passive' are accepted too.
    #[napi(ts_type = "WindowsUpdateInstallMode")]
    pub install_mode: Option<&'static str>,
}

impl From<&WindowsConfig> for UpdaterWindowsOptions {
    fn from(config: &WindowsConfig) -> Self {
        let mode = match config.install_mode {
            InstallMode::BasicUi => "basicUi",
            InstallMode::Quiet => "quiet",
            InstallMode::Passive => "passive",
        };
        Self { installer_args: Some(config.installer_args.clone()), install_mode: Some(mode) }
    }
}

/// Plain data: what `JSON.stringify(update)` gives, safe to send over IPC.
#[napi(object, object_from_js = false)]
pub struct UpdateInfo {
    pub current_version: String,
    pub version: String,
    pub target: String,
    #[napi(ts_type = "UpdateFormat")]
    pub format: String,
    pub download_url: String,
    pub signature: String,
    pub extract_path: String,
    pub size: Option<f64>,
    pub body: Option<String>,
    pub date: Option<String>,
}

/// `undefined` where there is nothing; napi makes `null` of a `None`.
type Optional<T> = Either<T, Undefined>;

/// An update that was found. Immutable: what was checked is what is downloaded, verified and installed.
#[napi]
pub struct Update {
    update: updater::Update,
    #[napi(readonly)]
    pub current_version: String,
    #[napi(readonly)]
    pub version: String,
    /// The key of its entry under `platforms`.
    #[napi(readonly)]
    pub target: String,
    #[napi(readonly, ts_type = "UpdateFormat")]
    pub format: String,
    #[napi(readonly)]
    pub download_url: String,
    /// As announced.
    #[napi(readonly)]
    pub signature: String,
    /// What will be replaced.
    #[napi(readonly)]
    pub extract_path: String,
    pubkey: Pubkey,
    headers: BTreeMap<String, String>,
    timeout: Option<f64>,
    windows: Option<UpdaterWindowsOptions>,
    size: Option<f64>,
    body: Option<String>,
    date: Option<String>,
}

impl Update {
    pub(crate) fn new(update: updater::Update, pubkey: Pubkey) -> Self {
        let config = update.config();
        // Collecting would bring in a sort.
        let mut headers = BTreeMap::new();
        headers.extend(config.headers.iter().cloned());
        Self {
            current_version: update.current_version().to_string(),
            version: update.version().to_string(),
            target: update.target().to_owned(),
            format: update.format().to_string(),
            download_url: update.download_url().to_string(),
            signature: update.signature().to_owned(),
            extract_path: update.extract_path().to_string_lossy().into_owned(),
            pubkey,
            headers,
            timeout: config.timeout.map(|timeout| number(timeout.as_millis().try_into().unwrap_or(u64::MAX))),
            windows: config.windows.as_ref().map(Into::into),
            size: update.size().map(number),
            body: update.body().map(ToOwned::to_owned),
            date: update.date_text(),
            update,
        }
    }
}

#[napi]
impl Update {
    #[napi(getter, ts_return_type = "string | Array<string>")]
    pub fn pubkey(&self) -> Pubkey {
        self.pubkey.clone()
    }

    #[napi(getter)]
    pub fn headers(&self) -> BTreeMap<String, String> {
        self.headers.clone()
    }

    #[napi(getter, skip_typescript)]
    pub fn timeout(&self) -> Optional<f64> {
        self.timeout.into()
    }

    #[napi(getter, skip_typescript)]
    pub fn windows(&self) -> Optional<UpdaterWindowsOptions> {
        self.windows.clone().into()
    }

    #[napi(getter, skip_typescript)]
    pub fn size(&self) -> Optional<f64> {
        self.size.into()
    }

    #[napi(getter, skip_typescript)]
    pub fn body(&self) -> Optional<String> {
        self.body.clone().into()
    }

    #[napi(getter, skip_typescript)]
    pub fn date(&self) -> Optional<String> {
        self.date.clone().into()
    }

    /// Download to memory and verify. For large artifacts prefer `stage`.
    #[napi(
        ts_args_type = "onChunk?: (chunkLength: number, contentLength: number | null) => void, onDownloadFinished?: () => void",
        ts_return_type = "Promise<ArrayBuffer>"
    )]
    pub fn download<'env>(
        &self,
        env: &'env Env,
        on_chunk: Unknown<'env>,
        on_download_finished: Unknown<'env>,
    ) -> napi::Result<Object<'env>> {
        let on_chunk = Given::argument(env, "onChunk", on_chunk);
        let on_finished = Given::argument(env, "onDownloadFinished", on_download_finished);
        let input = Listener::chunks(&on_chunk, &on_finished).map(|listener| (listener, Abort::none(env)));
        let update = self.update.clone();
        task::promise(
            env,
            input,
            async move |listener: Listener, cancel| {
                listener.attend(cancel, async |options| update.download(options).await).await
            },
            ArrayBuffer::from_data,
        )
    }

    /// Verify these bytes against the announced signature, then install them.
    #[napi(
        ts_args_type = "bytes: ArrayBuffer | Uint8Array, options?: InstallOptions",
        ts_return_type = "Promise<void>"
    )]
    pub fn install<'env>(
        &self,
        env: &'env Env,
        bytes: Unknown<'env>,
        options: Unknown<'env>,
    ) -> napi::Result<Object<'env>> {
        let options = Given::argument(env, "options", options);
        let input = Finish::read(&options, self.update.format()).and_then(|finish| {
            let bytes = Given::argument(env, "bytes", bytes).bytes()?;
            Ok(((bytes, finish), Abort::none(env)))
        });
        let update = self.update.clone();
        task::promise(
            env,
            input,
            async move |(bytes, finish): (Vec<u8>, Finish), _| {
                ExitInstall::prepared().await;
                update.install(bytes, finish.install).await?;
                Ok(finish.exit)
            },
            |env, exit: Exit| exit.leave(env),
        )
    }

    /// Download to disk in constant memory, verify, install. Takes the callbacks of 0.2.x, or options.
    #[napi(
        ts_args_type = "onChunk?: (chunkLength: number, contentLength: number | null) => void, onDownloadFinished?: () => void): Promise<void>\n  downloadAndInstall(options?: DownloadOptions & InstallOptions",
        ts_return_type = "Promise<void>"
    )]
    pub fn download_and_install<'env>(
        &self,
        env: &'env Env,
        options: Unknown<'env>,
        on_download_finished: Unknown<'env>,
    ) -> napi::Result<Object<'env>> {
        let options = Given::argument(env, "options", options);
        let on_finished = Given::argument(env, "onDownloadFinished", on_download_finished);
        let input = if options.kind() == ValueType::Object {
            // The signal last: only an operation that begins stops listening to it.
            Finish::read(&options, self.update.format()).and_then(|finish| {
                let (listener, abort) = read_download(env, &options)?;
                Ok(((listener, finish), abort))
            })
        } else {
            Listener::chunks(&options.renamed("onChunk"), &on_finished).and_then(|listener| {
                let finish = Finish::by_default(env, self.update.format())?;
                Ok(((listener, finish), Abort::none(env)))
            })
        };
        let update = self.update.clone();
        task::promise(
            env,
            input,
            async move |(listener, finish): (Listener, Finish), cancel| {
                let Finish { install, exit } = finish;
                ExitInstall::prepared().await;
                listener
                    .attend(cancel, async move |download| {
                        update.download_and_install(download, install).await
                    })
                    .await?;
                Ok(exit)
            },
            |env, exit: Exit| exit.leave(env),
        )
    }

    /// Download to disk in constant memory, resuming an earlier attempt, and verify. Nothing is installed yet.
    #[napi(ts_args_type = "options?: DownloadOptions", ts_return_type = "Promise<StagedUpdate>")]
    pub fn stage<'env>(&self, env: &'env Env, options: Unknown<'env>) -> napi::Result<Object<'env>> {
        let input = read_download(env, &Given::argument(env, "options", options));
        let update = self.update.clone();
        task::promise(
            env,
            input,
            async move |listener: Listener, cancel| {
                ExitInstall::prepared().await;
                listener.attend(cancel, async |options| update.stage(options).await).await
            },
            |env, staged| Ok(StagedUpdate::new(env, staged)),
        )
    }

    // What napi-rs has no words for is declared here: accessors that may give undefined, and that nobody constructs
    // this class.
    #[napi(
        js_name = "toJSON",
        ts_return_type = "UpdateInfo
  /** Milliseconds. */
  readonly timeout?: number
  readonly windows?: UpdaterWindowsOptions
  /** Declared size in bytes, where the manifest gives one. */
  readonly size?: number
  /** Release notes. */
  readonly body?: string
  /** Publication date, RFC 3339. */
  readonly date?: string
  private constructor()"
    )]
    pub fn to_json(&self) -> UpdateInfo {
        UpdateInfo {
            current_version: self.current_version.clone(),
            version: self.version.clone(),
            target: self.target.clone(),
            format: self.format.clone(),
            download_url: self.download_url.clone(),
            signature: self.signature.clone(),
            extract_path: self.extract_path.clone(),
            size: self.size,
            body: self.body.clone(),
            date: self.date.clone(),
        }
    }
}

fn read_download<'env>(env: &'env Env, options: &Given<'env>) -> Result<(Listener, Abort)> {
    let Some(options) = options.options(&["onProgress", "signal"])? else {
        return Ok((Listener::None, Abort::none(env)));
    };
    let listener = Listener::progress(&options)?;
    Ok((listener, Abort::follow(env, options.member("signal")?)?))
}
