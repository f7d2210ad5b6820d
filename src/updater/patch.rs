//! Differential updates: the artifact is made of what is at hand and of deltas, and verified like one that was downloaded.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    Update,
    context::{Context, run_blocking},
    route::{Route, cheapest},
    update::{Fetch, cancellable},
};
use crate::{
    Error, Result,
    delta::{Cancelled, Header, Patch, apply},
    download::{FileSink, Sink},
    manifest::AnnouncedDelta,
    progress::Phase,
    signature::{
        PublicKey, Signature, SignedMetadata, Trust, VerifiedArtifact, VerifyingFile, verify_reader,
    },
    state::{DataDir, Lock, digest_of, random_name},
    system::{System, check_space, lower_priority},
    target::Format,
};

/// How often is told how far patching is: 20 times a second.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

impl Update {
    /// Makes the artifact of deltas, where that takes fewer bytes than what is missing of it. `None` where there is no such
    /// way. Whatever fails, nothing of it is left, and the full artifact does without.
    pub(super) async fn patched(&self, fetch: &mut Fetch) -> Result<Option<VerifiedArtifact>> {
        let deltas = &self.release().deltas;
        if deltas.is_empty() {
            return Ok(None);
        }
        let this = self.clone();
        let look = run_blocking(move || Ok((this.bases()?, this.missing_bytes()?)));
        let (bases, full_bytes) = cancellable(&fetch.cancel, look).await?;
        let Some(route) = cheapest(deltas, &bases, full_bytes) else { return Ok(None) };
        let artifact = self.follow(&route, fetch).await;
        fetch.meter.is_part_of(0, None);
        if artifact.is_err() {
            fetch.meter.restart();
        }
        artifact.map(Some)
    }

    /// What is at hand, by its SHA-256.
    fn bases(&self) -> Result<Vec<(String, PathBuf)>> {
        let context = &self.inner.context;
        let mut bases = context.data()?.kept();
        let path = context.installation.path();
        // A pipe that somebody put in its place would be waited for.
        if self.format() == Format::AppImage && context.system.is_file(path).unwrap_or(false) {
            let sha256 = File::open(path).and_then(|file| digest_of(&file));
            bases.push((sha256.map_err(|error| Error::io("read", path, error))?, path.to_owned()));
        }
        Ok(bases)
    }

    /// What the full artifact still costs, at most: an earlier download of it may be continued.
    fn missing_bytes(&self) -> Result<u64> {
        let (data, signature) = (self.inner.context.data()?, &self.release().signature);
        let may_continue = data.partial_record(signature).is_some_and(|partial| partial.etag.is_some());
        let begun = data.partial(signature).metadata().ok().filter(|_| may_continue);
        let whole = self.size().unwrap_or(self.inner.context.settings.max_download_bytes);
        Ok(whole.saturating_sub(begun.map_or(0, |file| file.len())))
    }

    async fn follow(&self, route: &Route<'_, PathBuf>, fetch: &mut Fetch) -> Result<VerifiedArtifact> {
        let open = File::open(route.base).map_err(|error| Error::io("read", route.base, error));
        let mut base = Base { file: open?, _made: None };
        // Where the call is dropped, nobody waits for what its thread makes.
        let cancel = fetch.cancel.child_token();
        let _ended_with_this = cancel.clone().drop_guard();
        let mut time_left = self.config().limits.patch_time_max;
        let total: u64 = route.deltas.iter().map(|delta| delta.size).sum();
        let mut before = 0;
        for (index, delta) in route.deltas.iter().enumerate() {
            fetch.meter.is_part_of(before, Some(total));
            let delta_file = self.fetch_delta(delta, fetch).await?;
            before += delta.size;
            let is_last = index + 1 == route.deltas.len();
            let job = Job {
                update: self.clone(),
                base,
                delta: delta_file,
                cancel: cancel.clone(),
                time_max: time_left,
                _lock: Arc::clone(&fetch.lock),
            };
            if is_last {
                fetch.meter.finish(Phase::Download, before);
                return self.make_artifact(job, fetch).await;
            }
            let begun = Instant::now();
            base = run_quietly(move || job.make_base()).await?;
            time_left = time_left.saturating_sub(begun.elapsed());
        }
        Err(invalid("there is no delta"))
    }

    async fn fetch_delta(&self, delta: &AnnouncedDelta, fetch: &mut Fetch) -> Result<VerifiedDelta> {
        let Fetch { cancel, lock, meter, received, .. } = fetch;
        let context = Arc::clone(&self.inner.context);
        // What it makes has to find room too. The rest is known when it is here.
        let size = delta.size.saturating_add(self.size().unwrap_or(0));
        let held = Arc::clone(lock);
        let file = run_blocking(move || {
            let _lock = held;
            let data = context.data()?;
            check_space(&data.downloads(), size, &*context.system)?;
            Temporary::create(&data, &*context.system)
        })
        .await?;
        let client = self.client()?;
        let headers = self.headers_for(&delta.url);
        let download = self.transfer(&client, &delta.url, &headers, Some(delta.size));
        let mut sink = FileSink::new(file.try_clone()?);
        let outcome = cancellable(cancel, download.run(&mut sink, meter)).await;
        *received += outcome.as_ref().copied().unwrap_or(sink.position());
        outcome?;
        sink.finish().await?;
        let (context, signature, version) =
            (Arc::clone(&self.inner.context), delta.signature.clone(), delta.version.clone());
        let held = Arc::clone(lock);
        run_blocking(move || {
            let _lock = held;
            let config = &context.settings.config;
            let names = (config.channel.as_deref(), config.app_id.as_deref());
            VerifiedDelta::new(file, &signature, &context.settings.keys, |metadata| {
                metadata.check_delta(&version, names)
            })
        })
        .await
    }

    async fn make_artifact(&self, job: Job, fetch: &mut Fetch) -> Result<VerifiedArtifact> {
        let Fetch { trust, meter, .. } = fetch;
        meter.restart();
        let done = Arc::<AtomicU64>::default();
        let (counter, trust) = (Arc::clone(&done), Arc::clone(trust));
        let mut artifact = std::pin::pin!(run_quietly(move || job.make_artifact(&trust, &counter)));
        loop {
            tokio::select! {
                biased;
                artifact = &mut artifact => {
                    let artifact = artifact?;
                    meter.finish(Phase::Patch, artifact.size());
                    return Ok(artifact);
                }
                () = tokio::time::sleep(PROGRESS_INTERVAL) => {
                    meter.patch(done.load(Ordering::Relaxed), self.size());
                }
            }
        }
    }
}

/// A delta file that the author signed as one. Only [`Self::new`] makes it, and only it is ever decoded.
struct VerifiedDelta {
    file: Temporary,
}

impl VerifiedDelta {
    fn new(
        file: Temporary,
        signature: &Signature,
        keys: &[PublicKey],
        check: impl FnOnce(&SignedMetadata) -> Result<()>,
    ) -> Result<Self> {
        io::Seek::rewind(&mut &file.file).map_err(|error| Error::io("read", &file.path, error))?;
        check(&verify_reader(&mut &file.file, signature, keys)?)?;
        Ok(Self { file })
    }
}

/// What a delta is applied to.
struct Base {
    file: File,
    /// Where it was made for this, and goes afterwards.
    _made: Option<Temporary>,
}

/// One delta to be applied.
struct Job {
    update: Update,
    base: Base,
    delta: VerifiedDelta,
    cancel: CancellationToken,
    time_max: Duration,
    /// Nobody else may tidy up here as long as this goes on.
    _lock: Arc<Lock>,
}

impl Job {
    /// The last one: what comes out is the artifact, or nothing.
    fn make_artifact(self, trust: &Arc<Trust>, done: &AtomicU64) -> Result<VerifiedArtifact> {
        let context = &self.update.inner.context;
        let data = context.data()?;
        let header = self.header()?;
        let expected = self.update.size();
        if let Some(expected) = expected.filter(|expected| *expected != header.result.size) {
            let (url, got) = (self.update.download_url().to_string(), header.result.size);
            return Err(Error::SizeMismatch { url, expected, got });
        }
        let copied_to = context.copy_directory(self.update.version(), self.update.format(), &data);
        if let Some(directory) = copied_to {
            check_space(&directory, header.result.size, &*context.system)?;
        }
        let made = Temporary::create(&data, &*context.system)?;
        let file = VerifyingFile::open(made.try_clone()?, made.path.clone(), trust)?;
        let mut output = Artifact { file, done };
        self.apply(&header, &mut output)?;
        output.file.sync()?;
        let artifact = output.file.verify()?;
        made.keep();
        Ok(artifact)
    }

    /// One of a chain.
    fn make_base(self) -> Result<Base> {
        let context = &self.update.inner.context;
        let header = self.header()?;
        let made = Temporary::create(&context.data()?, &*context.system)?;
        let mut file = made.try_clone()?;
        self.apply(&header, &mut file)?;
        Ok(Base { file, _made: Some(made) })
    }

    fn header(&self) -> Result<Header> {
        let (file, settings) = (&self.delta.file.file, &self.update.inner.context.settings);
        let len = file.metadata().map_err(|error| Error::io("read", &self.delta.file.path, error))?.len();
        let header = Header::parse(file, len).map_err(|error| invalid(&error.to_string()))?;
        if header.result.size > settings.max_download_bytes {
            return Err(invalid("it makes more than the limit allows"));
        }
        Ok(header)
    }

    fn apply(&self, header: &Header, output: &mut dyn Write) -> Result<()> {
        let context = &self.update.inner.context;
        let data = context.data()?;
        let needed = header.scratch_bytes().saturating_add(header.result.size);
        check_space(&data.downloads(), needed, &*context.system)?;
        let scratch = Temporary::create(&data, &*context.system)?;
        let patch = Patch { base: &self.base.file, delta: &self.delta.file.file, header };
        // What a delta says of its work is an estimate, and bytes can be chosen so that an encoder takes far longer.
        let begun = Instant::now();
        let is_ended = || self.cancel.is_cancelled() || begun.elapsed() >= self.time_max;
        apply(&patch, &mut scratch.try_clone()?, output, &is_ended).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Error {
        let is_ended = error.get_ref().is_some_and(|inner| inner.is::<Cancelled>());
        match is_ended {
            true if self.cancel.is_cancelled() => Error::Cancelled,
            true => invalid("it takes too long"),
            false => invalid(&error.to_string()),
        }
    }
}

/// The artifact, while it is written.
struct Artifact<'a> {
    file: VerifyingFile<'a>,
    done: &'a AtomicU64,
}

impl Write for Artifact<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes).map_err(io::Error::other)?;
        self.done.store(self.file.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file of this update alone, which is gone with this value. One that a crash leaves is swept up like every `.tmp`.
struct Temporary {
    file: File,
    path: PathBuf,
    is_kept: bool,
}

impl Temporary {
    fn create(data: &DataDir, system: &dyn System) -> Result<Self> {
        let path = data.downloads().join(format!("{}.tmp", random_name()?));
        let file = system.create_private(&path).map_err(|error| Error::io("create", &path, error))?;
        Ok(Self { file, path, is_kept: false })
    }

    fn try_clone(&self) -> Result<File> {
        self.file.try_clone().map_err(|error| Error::io("open", &self.path, error))
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_kept {
            Context::discard_file(&self.path);
        }
    }
}

/// On a thread of its own, which gives way to everything else.
async fn run_quietly<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (report, outcome) = oneshot::channel();
    let started = std::thread::Builder::new().name("updater-patch".to_owned()).spawn(move || {
        lower_priority();
        // Nobody waits any more where the call was dropped.
        let _ = report.send(work());
    });
    started.map_err(|error| Error::io("start", Path::new("a thread"), error))?;
    outcome.await.unwrap_or_else(|_| Err(invalid("the thread that applied it ended early")))
}

fn invalid(reason: &str) -> Error {
    Error::InvalidArtifact { format: "delta", reason: reason.to_owned() }
}
