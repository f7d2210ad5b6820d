//! [`Listener`]: who is told about a download.

use cargo_packager_updater::{
    CancellationToken, ChunkMeter, DownloadOptions, Error, Phase, Progress, Result,
};
use napi::{
    Either, Status,
    bindgen_prelude::{FnArgs, Function, JsValuesTupleIntoVec, Null},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue},
};
use napi_derive::napi;
use tokio::sync::{mpsc, oneshot};

use crate::{abort::environment, error::Failure, value::Given};

const INTEGER_MAX: u64 = (1 << 53) - 1; // Number.MAX_SAFE_INTEGER

/// How far a download is.
#[napi(object, object_from_js = false, use_nullable = true)]
pub(crate) struct DownloadProgress {
    #[napi(ts_type = "'download' | 'patch' | 'verify'")]
    pub phase: &'static str,
    /// Bytes of the artifact that are at hand, including those of an earlier attempt; while deltas are downloaded, of them;
    /// in the phase `'patch'`, bytes that they have made. Where a delta is of no use, `'download'` begins again, with the
    /// artifact.
    pub transferred: f64,
    /// Bytes of the whole artifact, where known; while deltas are downloaded, of them; in the phase `'patch'`, of all that
    /// they make: each of a chain makes a whole artifact.
    pub total: Option<f64>,
    /// From 0 to 100, where the total is known.
    pub percent: Option<f64>,
    /// Mean speed of this phase so far; of verifying, that of what came before.
    pub bytes_per_second: f64,
}

impl From<Progress> for DownloadProgress {
    fn from(progress: Progress) -> Self {
        Self {
            phase: progress.phase.as_str(),
            transferred: number(progress.transferred),
            total: progress.total.map(number),
            percent: progress.percent(),
            bytes_per_second: number(progress.bytes_per_second),
        }
    }
}

/// A count as a JavaScript number; never one that is no longer exact.
#[allow(clippy::cast_precision_loss, reason = "the range is limited to what is exact")]
pub(crate) fn number(count: u64) -> f64 {
    count.min(INTEGER_MAX) as f64
}

type ChunkArgs = FnArgs<(f64, Either<f64, Null>)>;

pub(crate) enum Listener {
    None,
    /// `onProgress`.
    Progress(Callback<DownloadProgress>),
    /// The callbacks of 0.2.x: the length of each chunk, and the end of the download.
    Chunks {
        on_chunk: Option<Callback<ChunkArgs>>,
        on_finished: Option<Callback<()>>,
        meter: ChunkMeter,
    },
}

impl Listener {
    /// The callbacks of 0.2.x, where `null` stands for none too.
    pub(crate) fn chunks(on_chunk: &Given, on_finished: &Given) -> Result<Self> {
        Ok(Self::Chunks {
            on_chunk: Callback::read_nullable(on_chunk)?,
            on_finished: Callback::read_nullable(on_finished)?,
            meter: ChunkMeter::default(),
        })
    }

    pub(crate) fn progress(options: &Given) -> Result<Self> {
        let on_progress = options.member("onProgress")?;
        on_progress.map_or(Ok(Self::None), |given| Callback::read(&given).map(Self::Progress))
    }

    /// Downloads, and has told everything before it returns. A callback that throws ends the download, and nothing
    /// is installed, because the end of verification waits until it has been told.
    pub(crate) async fn attend<T>(
        self,
        cancel: CancellationToken,
        download: impl AsyncFnOnce(DownloadOptions) -> Result<T>,
    ) -> Result<T, Failure> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let telling = tokio::spawn(self.tell_all(receiver, cancel.clone()));
        let on_progress = Box::new(move |progress: Progress| {
            let (told, wait) = std::sync::mpsc::channel::<()>();
            let sent = sender.send((progress, told));
            if sent.is_ok() && progress.phase == Phase::Verify {
                // Ends when `told` is dropped.
                tokio::task::block_in_place(|| wait.recv()).unwrap_or_default();
            }
        });
        let outcome = download(DownloadOptions { on_progress: Some(on_progress), cancel }).await;
        match telling.await {
            Ok(Err(thrown)) => Err(thrown),
            Ok(Ok(())) => Ok(outcome?),
            Err(panic) => Err(Failure::Panicked(panic.to_string())),
        }
    }

    async fn tell_all(
        mut self,
        mut receiver: mpsc::UnboundedReceiver<(Progress, std::sync::mpsc::Sender<()>)>,
        cancel: CancellationToken,
    ) -> Result<(), Failure> {
        while let Some((progress, _told)) = receiver.recv().await {
            if let Err(failure) = self.tell(progress).await {
                cancel.cancel();
                return Err(failure);
            }
        }
        Ok(())
    }

    async fn tell(&mut self, progress: Progress) -> Result<(), Failure> {
        match self {
            Self::None => Ok(()),
            Self::Progress(callback) => callback.call(progress.into()).await,
            Self::Chunks { on_chunk, on_finished, meter } => {
                if let Some((length, total)) = meter.chunk(&progress)
                    && let Some(on_chunk) = on_chunk
                {
                    let total = total.map_or(Either::B(Null), |total| Either::A(number(total)));
                    on_chunk.call((number(length), total).into()).await?;
                }
                match on_finished {
                    Some(on_finished) if progress.phase == Phase::Verify => on_finished.call(()).await,
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A JavaScript function that is called from other threads, one call after the other.
pub(crate) struct Callback<Args: JsValuesTupleIntoVec + 'static> {
    function: ThreadsafeFunction<Args, UnknownReturnValue, Args, Status, false>,
    /// Cancelled when the function's environment ends.
    environment: CancellationToken,
}

impl<Args: JsValuesTupleIntoVec + Send + 'static> Callback<Args> {
    fn read(given: &Given) -> Result<Self> {
        let function: Function<Args, UnknownReturnValue> = given.function()?;
        let callback = function.build_threadsafe_function().build_callback(|context| Ok(context.value));
        Ok(Self { function: given.read(callback)?, environment: environment(given.env) })
    }

    fn read_nullable(given: &Given) -> Result<Option<Self>> {
        if given.is_nullish() { Ok(None) } else { Self::read(given).map(Some) }
    }

    /// Returns when the function has. Fails with what it threw.
    async fn call(&self, args: Args) -> Result<(), Failure> {
        let (sender, receiver) = oneshot::channel();
        let status = self.function.call_with_return_value(
            args,
            ThreadsafeFunctionCallMode::NonBlocking,
            move |returned, _| {
                // The receiver is gone when the operation is; nobody is left to tell.
                let _ = sender.send(returned.map(|_| ()));
                Ok(())
            },
        );
        // An environment that ends may keep calls that it will never make: whoever waited for one would hold the lock of
        // all updates for as long as the process lives.
        match (status, self.environment.run_until_cancelled(receiver).await) {
            (Status::Ok, Some(Ok(Ok(())))) => Ok(()),
            (Status::Ok, Some(Ok(Err(thrown)))) => Err(Failure::Thrown(thrown)),
            // The environment has ended.
            _ => Err(Error::Cancelled.into()),
        }
    }
}
