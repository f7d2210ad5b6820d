//! [`Cancellable`]: what is read or written, until somebody wants it to end.

use std::io::{self, Read, Write};

/// Asks before each piece that is read or written. Both ways, because a few bytes can expand to very many, and many become
/// a few.
pub(super) struct Cancellable<'a, T> {
    pub(super) inner: T,
    is_cancelled: &'a dyn Fn() -> bool,
}

impl<'a, T> Cancellable<'a, T> {
    pub(super) const fn new(inner: T, is_cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { inner, is_cancelled }
    }

    pub(super) fn check(&self) -> io::Result<()> {
        // Not [`io::ErrorKind::Interrupted`], after which readers try again.
        if (self.is_cancelled)() { Err(io::Error::other(Cancelled)) } else { Ok(()) }
    }

    pub(super) const fn is_cancelled(&self) -> &'a dyn Fn() -> bool {
        self.is_cancelled
    }
}

impl<T: Read> Read for Cancellable<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<T: Write> Write for Cancellable<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Why patching ended: somebody wanted it to.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
pub(crate) struct Cancelled;
