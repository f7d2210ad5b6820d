//! [`Update`]: a release that is newer, not yet downloaded.

use std::{path::Path, sync::Arc};

use semver::Version;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Context, DownloadOptions, InstallOptions, StagedUpdate, run_blocking};
use crate::{
    Config, Error, Result,
    download::{DiskSink, Download, MemorySink, Sink},
    endpoint::{Endpoint, display},
    http::{Client, Headers},
    manifest::Release,
    progress::{Meter, Phase},
    signature::{Trust, VerifiedArtifact, VerifyingFile},
    state::{DataDir, Lock, Staged, random_name, remove},
    target::Format,
};

/// A release that was found. Immutable: what was checked is what is downloaded, verified and installed.
#[derive(Debug, Clone)]
pub struct Update {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) context: Arc<Context>,
    release: Release,
    endpoint: Endpoint,
}

/// Of bytes that are in memory already, so many are written and hashed at once.
const PIECE_BYTES: usize = 256 << 10; // 256 KiB

/// A finished download, and the bytes that were received for it.
type Fetched = (VerifiedArtifact, u64);

/// What the ways to the artifact have in common.
pub(super) struct Fetch {
    pub(super) trust: Arc<Trust>,
    pub(super) cancel: CancellationToken,
    pub(super) lock: Arc<Lock>,
    pub(super) meter: Meter,
    /// Bytes so far.
    pub(super) received: u64,
}

impl Fetch {
    fn refuse_cancelled(&self) -> Result<()> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

impl Update {
    pub(super) fn new(context: Arc<Context>, release: Release, endpoint: Endpoint) -> Self {
        Self { inner: Arc::new(Inner { context, release, endpoint }) }
    }

    pub(super) fn release(&self) -> &Release {
        &self.inner.release
    }

    /// The version that runs now.
    pub fn current_version(&self) -> &Version {
        &self.inner.context.settings.current_version
    }

    /// The version that was announced.
    pub fn version(&self) -> &Version {
        &self.release().version
    }

    /// The key that matched in the manifest: `linux-x86_64`.
    pub fn target(&self) -> &str {
        &self.release().target
    }

    /// The artifact's format.
    pub fn format(&self) -> Format {
        self.release().format
    }

    /// Where the artifact is.
    pub fn download_url(&self) -> &Url {
        &self.release().url
    }

    /// The signature, as announced.
    pub fn signature(&self) -> &str {
        &self.release().announced_signature
    }

    /// What will be replaced; where nothing can be, the running executable.
    pub fn extract_path(&self) -> &Path {
        self.inner.context.installation.path()
    }

    /// Declared size in bytes, where the manifest gives one.
    pub fn size(&self) -> Option<u64> {
        self.release().size
    }

    /// Release notes.
    pub fn body(&self) -> Option<&str> {
        self.release().notes.as_deref()
    }

    /// Publication date.
    pub fn date(&self) -> Option<OffsetDateTime> {
        self.release().date
    }

    /// Publication date as RFC 3339 text.
    pub fn date_text(&self) -> Option<String> {
        self.date().and_then(|date| date.format(&Rfc3339).ok())
    }

    /// What the updater was configured with.
    pub fn config(&self) -> &Config {
        &self.inner.context.settings.config
    }

    /// Downloads to memory and verifies.
    ///
    /// # Errors
    /// [`Error::Network`] and its relatives, [`Error::SizeMismatch`], [`Error::SignatureMismatch`] and its relatives,
    /// [`Error::Cancelled`].
    pub async fn download(&self, options: DownloadOptions) -> Result<Vec<u8>> {
        let mut meter = Meter::new(options.on_progress);
        let bytes = match self.download_once(&options.cancel, &mut meter).await? {
            // What was put together may be at fault: once more, from the start.
            (Err(Error::SignatureMismatch { .. }), true) => {
                self.download_once(&options.cancel, &mut meter).await?.0
            }
            (outcome, _) => outcome,
        }?;
        meter.finish(Phase::Verify, bytes.len() as u64);
        Ok(bytes)
    }

    /// One transfer to memory; the inner result and the flag are those of [`Self::fetch_once`].
    async fn download_once(
        &self,
        cancel: &CancellationToken,
        meter: &mut Meter,
    ) -> Result<(Result<Vec<u8>>, bool)> {
        let mut sink = MemorySink::default();
        let client = self.client()?;
        let Release { url, size, .. } = self.release();
        let headers = self.headers_for(url);
        cancellable(cancel, self.transfer(&client, url, &headers, *size).run(&mut sink, meter)).await?;
        let (MemorySink { bytes, resumed, .. }, trust) = (sink, self.trust()?);
        meter.finish(Phase::Download, bytes.len() as u64);
        let outcome = run_blocking(move || Ok(trust.verify_bytes(&bytes).map(|_| bytes))).await?;
        Ok((outcome, resumed))
    }

    /// Verifies these bytes against the announced signature, then installs them.
    ///
    /// # Errors
    /// [`Error::SignatureMismatch`] and its relatives, [`Error::ManifestExpired`], [`Error::NotUpdatable`],
    /// [`Error::Busy`], [`Error::Io`] and its relatives.
    pub async fn install(&self, bytes: Vec<u8>, options: InstallOptions) -> Result<()> {
        let this = self.clone();
        run_blocking(move || this.install_bytes(&bytes, options)).await
    }

    /// Downloads to disk in constant memory, continuing an earlier attempt, and verifies. Nothing is installed yet.
    ///
    /// # Errors
    /// As [`Self::download`]; [`Error::ManifestExpired`] and [`Error::NotUpdatable`] where the release is not to be had any
    /// more; [`Error::Busy`], [`Error::NoSpace`], [`Error::Io`] and its relatives.
    pub async fn stage(&self, options: DownloadOptions) -> Result<StagedUpdate> {
        let lock = self.lock().await?;
        let (artifact, downloaded) = self.fetch(options, &lock).await?;
        Ok(StagedUpdate::new(Arc::clone(&self.inner.context), &artifact, self.record(downloaded)))
    }

    /// [`Self::stage`] and [`StagedUpdate::install`] under one lock. Finds out first whether installing is possible.
    ///
    /// # Errors
    /// As both of them.
    pub async fn download_and_install(
        &self,
        download: DownloadOptions,
        install: InstallOptions,
    ) -> Result<()> {
        let this = self.clone();
        let options = install.clone();
        run_blocking(move || this.preflight(&options)).await?;
        let lock = self.lock().await?;
        let cancel = download.cancel.clone();
        let (artifact, _) = self.fetch(download, &lock).await?;
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let this = self.clone();
        run_blocking(move || {
            let _lock = lock;
            this.install_verified(artifact, install)
        })
        .await
    }

    fn preflight(&self, options: &InstallOptions) -> Result<()> {
        self.inner.context.preflight(self.version(), self.format(), options).map(drop)
    }

    async fn lock(&self) -> Result<Arc<Lock>> {
        let context = Arc::clone(&self.inner.context);
        run_blocking(move || context.data()?.lock().map(Arc::new)).await
    }

    fn trust(&self) -> Result<Arc<Trust>> {
        let release = self.release();
        self.inner.context.trust(&release.version, &release.target, release.format, &release.signature)
    }

    pub(super) fn client(&self) -> Result<Client> {
        Client::shared(self.inner.context.settings.proxy.as_ref())
    }

    /// The endpoint's headers may carry secrets meant for its origin alone.
    pub(super) fn headers_for(&self, url: &Url) -> Headers {
        let settings = &self.inner.context.settings;
        if url.origin() == self.inner.endpoint.url.origin() {
            settings.headers.clone().overridden_by(&settings.download_headers)
        } else {
            settings.download_headers.clone()
        }
    }

    pub(super) fn transfer<'a>(
        &'a self,
        client: &'a Client,
        url: &'a Url,
        headers: &'a Headers,
        size: Option<u64>,
    ) -> Download<'a> {
        let settings = &self.inner.context.settings;
        Download {
            client,
            url,
            transport: self.inner.endpoint.transport_for(url),
            headers,
            silence_max: settings.timeout,
            limits: &settings.config.limits,
            size,
            size_max: settings.max_download_bytes,
        }
    }

    async fn fetch(&self, options: DownloadOptions, lock: &Arc<Lock>) -> Result<Fetched> {
        let mut fetch = Fetch {
            trust: self.trust()?,
            cancel: options.cancel,
            lock: Arc::clone(lock),
            meter: Meter::new(options.on_progress),
            received: 0,
        };
        fetch.refuse_cancelled()?;
        let at_hand = self.at_hand(&fetch.trust, Arc::clone(lock)).await?;
        fetch.refuse_cancelled()?;
        if let Some(artifact) = at_hand {
            fetch.meter.finish(Phase::Verify, artifact.size());
            return Ok((artifact, 0));
        }
        let artifact = match self.patched(&mut fetch).await {
            Ok(Some(artifact)) => artifact,
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            // A delta saves bytes and is good for nothing else: whatever is wrong with it, there is the artifact.
            Ok(None) | Err(_) => self.fetch_full(&mut fetch).await?,
        };
        let Fetch { mut meter, received, lock, .. } = fetch;
        meter.finish(Phase::Verify, artifact.size());
        let this = self.clone();
        let artifact = run_blocking(move || {
            let _lock = lock;
            this.keep(artifact, received)
        })
        .await?;
        Ok((artifact, received))
    }

    async fn fetch_full(&self, fetch: &mut Fetch) -> Result<VerifiedArtifact> {
        let (outcome, resumed) = self.fetch_once(fetch).await?;
        match outcome {
            // What was put together may be at fault: once more, from the start.
            Err(Error::SignatureMismatch { .. }) if resumed => self.fetch_once(fetch).await?.0,
            outcome => outcome,
        }
    }

    /// One transfer into the partial file. The inner result tells whether the bytes are authentic, the flag whether
    /// they are the parts of several answers.
    async fn fetch_once(&self, fetch: &mut Fetch) -> Result<(Result<VerifiedArtifact>, bool)> {
        let Fetch { trust, cancel, lock, meter, received } = fetch;
        let context = &self.inner.context;
        let data = context.data()?;
        let partial = data.partial(&trust.signature);
        let client = self.client()?;
        let Release { url, size, .. } = self.release();
        let headers = self.headers_for(url);
        let (system, lock) = (Arc::clone(&context.system), Arc::clone(lock));
        let copied_to = context.copy_directory(self.version(), self.format(), &data);
        let mut sink = DiskSink::open(data, Arc::clone(trust), copied_to, system, lock).await?;
        let transfer = self.transfer(&client, url, &headers, *size);
        match cancellable(cancel, transfer.run(&mut sink, meter)).await {
            Ok(bytes) => *received += bytes,
            Err(error) => {
                sink.close().await;
                if !may_be_continued(&error) {
                    Context::discard_partial(&partial);
                }
                return Err(error);
            }
        }
        meter.finish(Phase::Download, sink.position());
        let resumed = sink.resumed();
        let outcome = sink.finish().await;
        if outcome.is_err() {
            Context::discard_partial(&partial);
        }
        Ok((outcome, resumed))
    }

    /// What an earlier call or run finished, verified again.
    async fn at_hand(&self, trust: &Arc<Trust>, lock: Arc<Lock>) -> Result<Option<VerifiedArtifact>> {
        let this = self.clone();
        let trust = Arc::clone(trust);
        run_blocking(move || {
            let _lock = lock;
            let context = &this.inner.context;
            let data = context.data()?;
            this.refuse_outdated()?;
            // What was staged before stays usable until this download is finished.
            let staged = data.staged().and_then(|staged| staged.parsed_signature());
            data.sweep(staged.iter().chain([&trust.signature]));
            let path = data.finished(&trust.signature);
            let Ok(file) = context.system.open_private(&path) else { return Ok(None) };
            let Ok(artifact) = VerifiedArtifact::from_file(file, path.clone(), &trust) else {
                return remove(&path).map(|()| None);
            };
            // An installer that was handed it before may have come to nothing, and who announced it before may not be
            // believed any more.
            let known = data.staged_as(&trust.signature);
            let downloaded_bytes = known.as_ref().map_or(0, |staged| staged.downloaded_bytes);
            if known != Some(this.record(downloaded_bytes)) {
                this.make_known(&data, downloaded_bytes)?;
            }
            // Whoever staged it may have been ended before it was kept.
            if this.is_kept_as_base() && !data.has_kept(artifact.file()).unwrap_or(true) {
                let _ = data.keep_base(artifact.file(), &*context.system);
            }
            Ok(Some(artifact))
        })
        .await
    }

    /// Makes a verified download known to later runs.
    fn keep(&self, artifact: VerifiedArtifact, downloaded_bytes: u64) -> Result<VerifiedArtifact> {
        let data = self.inner.context.data()?;
        let path = data.finished(&self.release().signature);
        let system = &self.inner.context.system;
        system
            .rename(artifact.file(), artifact.path(), &path)
            .map_err(|error| Error::io("rename", artifact.path(), error))?;
        remove(&artifact.path().with_extension("json"))?;
        // What was downloaded stays: the next check may announce it anew.
        self.refuse_outdated()?;
        self.make_known(&data, downloaded_bytes)?;
        if self.is_kept_as_base() {
            // A later update may have more to download without it, and that is all.
            let _ = data.keep_base(artifact.file(), &**system);
        }
        Ok(artifact.moved_to(path))
    }

    /// An AppImage lies where it is installed as it came; of everything else nothing is left that a delta could be for.
    fn is_kept_as_base(&self) -> bool {
        let wanted = self.config().keep_artifact.unwrap_or(!self.release().deltas.is_empty());
        wanted && self.format() != Format::AppImage
    }

    /// What held when it was found may not hold any more.
    fn refuse_outdated(&self) -> Result<()> {
        let Inner { context, release, endpoint } = &*self.inner;
        context.refuse_outdated(release, &display(&endpoint.url))
    }

    fn make_known(&self, data: &DataDir, downloaded_bytes: u64) -> Result<()> {
        data.write_staged(&self.record(downloaded_bytes))?;
        data.sweep([&self.release().signature]);
        Ok(())
    }

    fn record(&self, downloaded_bytes: u64) -> Staged {
        let release = self.release();
        Staged {
            version: release.version.clone(),
            target: release.target.clone(),
            format: release.format.to_string(),
            signature: release.signature.as_str().to_owned(),
            downloaded_bytes,
            application: self.inner.context.application(),
            channel: self.inner.context.channel().to_owned(),
            manifest_keys: release.manifest_keys.iter().map(|key| key.as_line().to_owned()).collect(),
        }
    }

    fn install_verified(&self, artifact: VerifiedArtifact, options: InstallOptions) -> Result<()> {
        let record = Arc::new(self.record(artifact.size()));
        self.inner.context.install(artifact, record, options)
    }

    fn install_bytes(&self, bytes: &[u8], options: InstallOptions) -> Result<()> {
        let context = &self.inner.context;
        self.preflight(&options)?;
        let data = context.data()?;
        let _lock = data.lock()?;
        self.refuse_outdated()?;
        let path = data.downloads().join(format!("{}.tmp", random_name()?));
        let file = context.system.create_private(&path).map_err(|error| Error::io("create", &path, error))?;
        let trust = self.trust()?;
        let installed = VerifyingFile::open(file, path.clone(), &trust)
            .and_then(|mut file| {
                // Hashed while they are in the processor's cache.
                bytes.chunks(PIECE_BYTES).try_for_each(|piece| file.append(piece))?;
                file.verify()
            })
            .and_then(|artifact| self.install_verified(artifact, options));
        if installed.is_err() {
            Context::discard_file(&path);
        }
        installed
    }
}

/// Network trouble and the user's own wish leave bytes that are worth keeping; a full disk wants them gone.
const fn may_be_continued(error: &Error) -> bool {
    matches!(
        error,
        Error::Network { .. }
            | Error::Timeout { .. }
            | Error::Tls { .. }
            | Error::HttpStatus { .. }
            | Error::Cancelled
    )
}

pub(super) async fn cancellable<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Error::Cancelled),
        result = work => result,
    }
}
