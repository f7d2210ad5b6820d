//! [`FileSink`]: a file that is only read once it is complete.

use std::{
    fs::File,
    io::{self, Seek, Write},
    sync::Arc,
};

use bytes::Bytes;

use super::{Sink, Step};
use crate::{Error, Result};

/// What is written at once.
const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

/// An empty file, and what comes next for it. Continued within one download, not by a later one.
pub(crate) struct FileSink {
    file: Arc<File>,
    buffer: Vec<u8>,
    written: u64,
    etag: Option<String>,
}

impl FileSink {
    pub(crate) fn new(file: File) -> Self {
        Self { file: Arc::new(file), buffer: Vec::new(), written: 0, etag: None }
    }

    /// Writes the rest.
    pub(crate) async fn finish(mut self) -> Result<()> {
        self.write().await
    }

    async fn write(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.written += buffer.len() as u64;
        self.blocking(move |mut file| file.write_all(&buffer)).await
    }

    /// The runtime must not wait for a disk.
    async fn blocking(&self, work: impl FnOnce(&File) -> io::Result<()> + Send + 'static) -> Result<()> {
        let file = Arc::clone(&self.file);
        let done = tokio::task::spawn_blocking(move || work(&file)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| Error::io("write", "a delta", error))
    }
}

impl Sink for FileSink {
    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    fn begin(&mut self, etag: Option<String>, _: Option<u64>) -> Result<()> {
        self.etag = etag;
        Ok(())
    }

    fn restart(&mut self) -> Step<'_> {
        Box::pin(async move {
            self.buffer.clear();
            self.written = 0;
            self.etag = None;
            self.blocking(|mut file| file.set_len(0).and_then(|()| file.rewind())).await
        })
    }

    fn append(&mut self, chunk: Bytes) -> Step<'_> {
        Box::pin(async move {
            self.buffer.extend_from_slice(&chunk);
            if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.write().await }
        })
    }
}
