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
        // Without its size nobody knows what the artifact costs.
        let Some(size) = self.size().filter(|_| !deltas.is_empty()) else { return Ok(None) };
        let this = self.clone();
        let look = run_blocking(move || Ok((this.bases()?, this.missing_bytes(size)?)));
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

    /// What the full artifact still costs: an earlier download of it may be continued.
    fn missing_bytes(&self, size: u64) -> Result<u64> {
        let (data, signature) = (self.inner.context.data()?, &self.release().signature);
        let may_continue = data.partial_record(signature).is_some_and(|partial| partial.etag.is_some());
        let begun = data.partial(signature).metadata().ok().filter(|_| may_continue);
        Ok(size.saturating_sub(begun.map_or(0, |file| file.len())))
    }

    async fn follow(&self, route: &Route<'_, PathBuf>, fetch: &mut Fetch) -> Result<VerifiedArtifact> {
        let base = File::open(route.base).map_err(|error| Error::io("read", route.base, error))?;
        let deltas = self.fetch_deltas(&route.deltas, fetch).await?;
        let total = deltas.iter().fold(0_u64, |sum, delta| sum.saturating_add(delta.header.result.size));
        let made = Arc::<AtomicU64>::default();
        let cancel = fetch.cancel.child_token();
        // Where the call is dropped, nobody waits for what its thread makes.
        let _ended_with_this = cancel.clone().drop_guard();
        let patching = Patching {
            update: self.clone(),
            deltas,
            begun: Instant::now(),
            made: Arc::clone(&made),
            cancel,
            _lock: Arc::clone(&fetch.lock),
        };
        let Fetch { trust, meter, .. } = fetch;
        let trust = Arc::clone(trust);
        meter.restart();
        let mut artifact = std::pin::pin!(run_quietly(move || patching.artifact(Base::AtHand(base), &trust)));
        loop {
            tokio::select! {
                biased;
                outcome = &mut artifact => {
                    let (artifact, file) = outcome?;
                    file.keep();
                    meter.finish(Phase::Patch, total);
                    return Ok(artifact);
                }
                () = tokio::time::sleep(PROGRESS_INTERVAL) => meter.patch(made.load(Ordering::Relaxed), total),
            }
        }
    }

    /// All of them first: what fails does so before any work is done.
    async fn fetch_deltas(
        &self,
        deltas: &[&AnnouncedDelta],
        fetch: &mut Fetch,
    ) -> Result<Vec<VerifiedDelta>> {
        let total = deltas.iter().map(|delta| delta.size).sum();
        let mut before = 0;
        let mut fetched = Vec::new();
        for delta in deltas {
            fetch.meter.is_part_of(before, Some(total));
            fetched.push(self.fetch_delta(delta, fetch).await?);
            before += delta.size;
        }
        fetch.meter.finish(Phase::Download, total);
        Ok(fetched)
    }

    async fn fetch_delta(&self, delta: &AnnouncedDelta, fetch: &mut Fetch) -> Result<VerifiedDelta> {
        let Fetch { cancel, lock, meter, received, .. } = fetch;
        let context = Arc::clone(&self.inner.context);
        // What it makes has to find room too. The rest is known when it is here.
        let needed = delta.size.saturating_add(self.size().unwrap_or(0));
        let held = Arc::clone(lock);
        let file = run_blocking(move || {
            let _lock = held;
            let data = context.data()?;
            check_space(&data.downloads(), needed, &*context.system)?;
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
        let fetched = run_blocking(move || {
            let _lock = held;
            let config = &context.settings.config;
            let names = (config.channel.as_deref(), config.app_id.as_deref());
            VerifiedDelta::new(file, &signature, &context.settings.keys, |metadata| {
                metadata.check_delta(&version, names)
            })
        })
        .await?;
        self.check_ends(delta, &fetched.header)?;
        Ok(fetched)
    }

    /// Whether it leads from where to where the manifest says: a server could put together a chain of genuine ones whose first
    /// is applied in vain.
    fn check_ends(&self, announced: &AnnouncedDelta, header: &Header) -> Result<()> {
        let got = header.result.size;
        if header.base.hex() != announced.base {
            return Err(invalid("it is for another base than announced"));
        }
        if announced.result.as_ref().is_some_and(|expected| *expected != header.result.hex()) {
            return Err(invalid("it makes something else than announced"));
        }
        if got > self.inner.context.settings.max_download_bytes {
            return Err(invalid("it makes more than the limit allows"));
        }
        match self.size().filter(|expected| announced.result.is_none() && *expected != got) {
            Some(expected) => {
                Err(Error::SizeMismatch { url: self.download_url().to_string(), expected, got })
            }
            None => Ok(()),
        }
    }
}

/// A delta file that the author signed as one. Only [`Self::new`] makes it, and only it is ever decoded.
struct VerifiedDelta {
    file: Temporary,
    header: Header,
}

impl VerifiedDelta {
    fn new(
        file: Temporary,
        signature: &Signature,
        keys: &[PublicKey],
        check: impl FnOnce(&SignedMetadata) -> Result<()>,
    ) -> Result<Self> {
        let failed = |error| Error::io("read", &file.path, error);
        io::Seek::rewind(&mut &file.file).map_err(failed)?;
        check(&verify_reader(&mut &file.file, signature, keys)?)?;
        let len = file.file.metadata().map_err(failed)?.len();
        let header = Header::parse(&file.file, len).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { file, header })
    }
}

/// What a delta is applied to.
enum Base {
    AtHand(File),
    /// By an earlier delta of the chain, and goes when it is not needed any more.
    Made(Temporary),
}

impl Base {
    const fn file(&self) -> &File {
        match self {
            Self::AtHand(file) | Self::Made(Temporary { file, .. }) => file,
        }
    }
}

/// What is done on a thread of its own: deltas are applied, one after the other.
struct Patching {
    update: Update,
    deltas: Vec<VerifiedDelta>,
    begun: Instant,
    /// Bytes so far.
    made: Arc<AtomicU64>,
    cancel: CancellationToken,
    /// Nobody else may tidy up here as long as this goes on.
    _lock: Arc<Lock>,
}

impl Patching {
    /// The file goes with the value beside the artifact, unless that is kept: nobody may wait for them any more.
    fn artifact(self, mut base: Base, trust: &Arc<Trust>) -> Result<(VerifiedArtifact, Temporary)> {
        let (last, links) = self.deltas.split_last().ok_or_else(|| invalid("there is none"))?;
        for link in links {
            let made = self.temporary()?;
            self.apply(link, &base, &mut made.try_clone()?)?;
            base = Base::Made(made);
        }
        self.last(last, &base, trust)
    }

    /// What comes out is the artifact, or nothing.
    fn last(
        &self,
        delta: &VerifiedDelta,
        base: &Base,
        trust: &Arc<Trust>,
    ) -> Result<(VerifiedArtifact, Temporary)> {
        let (update, context) = (&self.update, &self.update.inner.context);
        let copied_to = context.copy_directory(update.version(), update.format(), &context.data()?);
        if let Some(directory) = copied_to {
            check_space(&directory, delta.header.result.size, &*context.system)?;
        }
        let made = self.temporary()?;
        let mut artifact = Artifact(VerifyingFile::open(made.try_clone()?, made.path.clone(), trust)?);
        self.apply(delta, base, &mut artifact)?;
        artifact.0.sync()?;
        let artifact = artifact.0.verify()?;
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok((artifact, made)) }
    }

    fn apply(&self, delta: &VerifiedDelta, base: &Base, output: &mut dyn Write) -> Result<()> {
        let context = &self.update.inner.context;
        let header = &delta.header;
        let needed = header.scratch_bytes().saturating_add(header.result.size);
        check_space(&context.data()?.downloads(), needed, &*context.system)?;
        let scratch = self.temporary()?;
        let patch = Patch { base: base.file(), delta: &delta.file.file, header };
        let mut output = Counted { output, made: &self.made };
        let is_ended = || self.cancel.is_cancelled() || self.is_too_long();
        apply(&patch, &mut scratch.try_clone()?, &mut output, &is_ended).map_err(|error| self.failed(&error))
    }

    fn temporary(&self) -> Result<Temporary> {
        let context = &self.update.inner.context;
        Temporary::create(&context.data()?, &*context.system)
    }

    /// What a delta says of its work is an estimate, and bytes can be chosen so that an encoder takes far longer.
    fn is_too_long(&self) -> bool {
        self.begun.elapsed() >= self.update.config().limits.patch_time_max
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

/// Tells how far patching is.
struct Counted<'a> {
    output: &'a mut dyn Write,
    made: &'a AtomicU64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.made.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The artifact, while it is written.
struct Artifact<'a>(VerifyingFile<'a>);

impl Write for Artifact<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map_err(io::Error::other)?;
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
