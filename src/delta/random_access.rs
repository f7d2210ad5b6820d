//! [`ReadAt`]: bytes that are read at any position, in a file or in memory.

use std::{fs::File, io};

use crate::system::read_file_at;

/// Bytes that do not change while they are read.
pub(crate) trait ReadAt {
    /// Reads at a position; fewer bytes at the end.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Fills the buffer.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let read = match self.read_at(buffer, position) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            buffer = buffer.get_mut(read..).unwrap_or_default();
            position += read as u64;
        }
        Ok(())
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_file_at(self, buffer, position)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let rest = usize::try_from(position).ok().and_then(|from| self.get(from..)).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(len)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, position)
    }
}

/// A range of bytes, read from its start.
pub(crate) struct Range<'a, R: ?Sized> {
    source: &'a R,
    position: u64,
    remaining: u64,
}

impl<'a, R: ReadAt + ?Sized> Range<'a, R> {
    pub(crate) const fn new(source: &'a R, position: u64, len: u64) -> Self {
        Self { source, position, remaining: len }
    }
}

impl<R: ReadAt + ?Sized> io::Read for Range<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.remaining).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let read = self.source.read_at(buffer.get_mut(..len).unwrap_or_default(), self.position)?;
        self.position += read as u64;
        self.remaining -= read as u64;
        Ok(read)
    }
}
