//! [`Body`]: an answer's bytes, from memory or from a part of a file.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Bytes, Frame, SizeHint};
use tokio::{
    fs::File,
    io::{AsyncRead, ReadBuf},
};

const CHUNK_BYTES: usize = 64 * 1024;

pub(super) enum Body {
    Memory(Option<Bytes>),
    File { file: File, remaining: u64, buffer: Vec<u8> },
}

impl Body {
    pub(super) const fn empty() -> Self {
        Self::Memory(None)
    }

    pub(super) fn text(text: String) -> Self {
        Self::Memory(Some(text.into()))
    }

    /// The next `len` bytes of a file, read as the client takes them.
    pub(super) fn file(file: File, len: u64) -> Self {
        Self::File { file, remaining: len, buffer: vec![0; CHUNK_BYTES] }
    }

    fn remaining(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File { remaining, .. } => *remaining,
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Memory(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File { remaining: 0, .. } => Poll::Ready(None),
            Self::File { file, remaining, buffer } => {
                let chunk = ready!(poll_chunk(file, *remaining, buffer, context))?;
                *remaining -= chunk.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

/// A file that became shorter meanwhile is an error: the connection is cut, and the client does not take it for whole.
fn poll_chunk(
    file: &mut File,
    remaining: u64,
    buffer: &mut [u8],
    context: &mut Context<'_>,
) -> Poll<io::Result<Bytes>> {
    let wanted = usize::try_from(remaining).unwrap_or(usize::MAX).min(buffer.len());
    let (buffer, _) = buffer.split_at_mut(wanted);
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(file).poll_read(context, &mut buffer))?;
    if buffer.filled().is_empty() {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
}
