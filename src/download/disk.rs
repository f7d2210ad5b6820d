//! [`DiskSink`]: a file that is written and hashed on a thread of its own, so that the network never waits for the
//! disk and the verifier never for both.

use std::{fs::File, path::PathBuf, sync::Arc};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Sink, Step, is_strong_etag};
use crate::{
    Error, Result,
    signature::{Trust, VerifiedArtifact, VerifyingFile},
    state::{DataDir, Lock, Partial},
    system::{System, check_space},
};

/// Pieces under way between network and disk; bounds memory.
const QUEUE_PIECES: usize = 8;

enum Message {
    Append(Bytes),
    Restart,
    Finish,
}

type Writer = JoinHandle<Result<Option<VerifiedArtifact>>>;

/// The unfinished download of one artifact.
pub(crate) struct DiskSink {
    to_writer: Option<mpsc::Sender<Message>>,
    writer: Option<Writer>,
    data: DataDir,
    system: Arc<dyn System>,
    trust: Arc<Trust>,
    copied_to: Option<PathBuf>,
    etag: Option<String>,
    position: u64,
    resumed: bool,
}

impl DiskSink {
    /// Continues the unfinished download with this signature, or begins one. The writer holds the lock for as long as
    /// it may touch the file. Room is needed in `copied_to` as well.
    pub(crate) async fn open(
        data: DataDir,
        trust: Arc<Trust>,
        copied_to: Option<PathBuf>,
        system: Arc<dyn System>,
        lock: Arc<Lock>,
    ) -> Result<Self> {
        let record = data.partial_record(&trust.signature);
        let path = data.partial(&trust.signature);
        let known = record.is_some();
        let (to_writer, inbox) = mpsc::channel(QUEUE_PIECES);
        let (ready, opened) = oneshot::channel();
        let writer_trust = Arc::clone(&trust);
        let writer_system = Arc::clone(&system);
        let writer = tokio::task::spawn_blocking(move || {
            let _lock = lock;
            let file = open_partial(&path, known, &*writer_system)?;
            let file = VerifyingFile::open(file, path, &writer_trust)?;
            // Nobody waits for the length any more if the download was cancelled.
            let _ = ready.send(file.len());
            write(file, inbox)
        });
        let mut sink = Self {
            to_writer: Some(to_writer),
            writer: Some(writer),
            data,
            system,
            trust,
            copied_to,
            etag: record.and_then(|partial| partial.etag).filter(|etag| is_strong_etag(etag)),
            position: 0,
            resumed: false,
        };
        match opened.await {
            Ok(length) => sink.position = length,
            Err(_) => return Err(sink.failure().await),
        }
        sink.resumed = sink.position > 0;
        Ok(sink)
    }

    /// Whether what is at hand was put together from several answers.
    pub(crate) const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Flushes and verifies what was written.
    pub(crate) async fn finish(mut self) -> Result<VerifiedArtifact> {
        self.send(Message::Finish).await?;
        self.to_writer = None;
        match self.join().await? {
            Some(artifact) => Ok(artifact),
            None => Err(writer_gone()),
        }
    }

    /// Waits until the writer has let go of the file, which stays for a later attempt.
    pub(crate) async fn close(mut self) {
        self.to_writer = None;
        // Whatever it says, the reason for closing is the one that counts.
        let _ = self.join().await;
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        let sent = match &self.to_writer {
            Some(to_writer) => to_writer.send(message).await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(self.failure().await) }
    }

    async fn failure(&mut self) -> Error {
        self.to_writer = None;
        self.join().await.err().unwrap_or_else(writer_gone)
    }

    async fn join(&mut self) -> Result<Option<VerifiedArtifact>> {
        match self.writer.take() {
            Some(writer) => writer.await.unwrap_or_else(|_| Err(writer_gone())),
            None => Err(writer_gone()),
        }
    }
}

impl Sink for DiskSink {
    fn position(&self) -> u64 {
        self.position
    }

    fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    fn begin(&mut self, etag: Option<String>, total: Option<u64>) -> Result<()> {
        let total = total.unwrap_or(0);
        check_space(&self.data.downloads(), total.saturating_sub(self.position), &*self.system)?;
        if let Some(directory) = &self.copied_to {
            check_space(directory, total, &*self.system)?;
        }
        if self.etag != etag || self.position == 0 {
            let signature = &self.trust.signature;
            let record = Partial { signature: signature.identity().to_owned(), etag: etag.clone() };
            self.data.write_partial_record(signature, &record)?;
        }
        self.etag = etag;
        self.resumed |= self.position > 0;
        Ok(())
    }

    fn restart(&mut self) -> Step<'_> {
        Box::pin(async move {
            self.send(Message::Restart).await?;
            self.etag = None;
            self.position = 0;
            self.resumed = false;
            Ok(())
        })
    }

    fn append(&mut self, chunk: Bytes) -> Step<'_> {
        Box::pin(async move {
            let length = chunk.len() as u64;
            self.send(Message::Append(chunk)).await?;
            self.position += length;
            Ok(())
        })
    }
}

/// A file without its record cannot be continued, and a planted one must not be.
fn open_partial(path: &PathBuf, known: bool, system: &dyn System) -> Result<File> {
    if known && let Ok(file) = system.open_private(path) {
        return Ok(file);
    }
    crate::state::remove(path)?;
    system.create_private(path).map_err(|error| Error::io("create", path, error))
}

fn write(
    mut file: VerifyingFile<'_>,
    mut inbox: mpsc::Receiver<Message>,
) -> Result<Option<VerifiedArtifact>> {
    while let Some(message) = inbox.blocking_recv() {
        match message {
            Message::Append(chunk) => file.append(&chunk)?,
            Message::Restart => file.restart()?,
            Message::Finish => {
                file.sync()?;
                return file.verify().map(Some);
            }
        }
    }
    Ok(None)
}

fn writer_gone() -> Error {
    Error::Io { operation: "write", path: "the download".into(), source: "its thread ended early".into() }
}
