//! [`Patched`]: the new text, made of the old one while it is read.

use std::io::{self, Read};

use super::{ReadAt, invalid, section::Section, varint::ReadVarint};

/// Instructions jump, but mostly not far.
const WINDOW_BYTES: usize = 16 << 10; // 16 KiB

/// The new text as a stream.
pub(super) struct Patched<'a, R: ReadAt + ?Sized, O: ReadAt + ?Sized> {
    old: Window<'a, O>,
    control: Section<'a, R>,
    differences: Section<'a, R>,
    insertions: Section<'a, R>,
    position: u64,
    /// What is left to do of an instruction.
    add: u64,
    insert: u64,
}

impl<'a, R: ReadAt + ?Sized, O: ReadAt + ?Sized> Patched<'a, R, O> {
    pub(super) fn new(old: Window<'a, O>, [control, differences, insertions]: [Section<'a, R>; 3]) -> Self {
        Self { old, control, differences, insertions, position: 0, add: 0, insert: 0 }
    }

    /// Fails unless every instruction was followed to its end.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.add > 0 || self.insert > 0 {
            return Err(invalid("its instructions make more than the new text"));
        }
        self.control.finish()?;
        self.differences.finish()?;
        self.insertions.finish()
    }

    fn next_instruction(&mut self) -> io::Result<()> {
        let control = &mut self.control;
        let (seek, add, insert) = (control.signed()?, control.varint()?, control.varint()?);
        if add == 0 && insert == 0 {
            return Err(invalid("an instruction makes nothing"));
        }
        let moved = self.position.checked_add_signed(seek);
        self.position = moved.ok_or_else(|| invalid("an instruction leads to before the old text"))?;
        (self.add, self.insert) = (add, insert);
        Ok(())
    }

    fn add(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let old = self.old.at(self.position, buffer.len())?;
        let (buffer, _) = buffer.split_at_mut(old.len());
        self.differences.read_exact(buffer)?;
        for (byte, old) in buffer.iter_mut().zip(old) {
            *byte = byte.wrapping_add(*old);
        }
        self.position += old.len() as u64;
        self.add -= old.len() as u64;
        Ok(old.len())
    }
}

impl<R: ReadAt + ?Sized, O: ReadAt + ?Sized> Read for Patched<'_, R, O> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.add == 0 && self.insert == 0 {
            self.next_instruction()?;
        }
        let rest = if self.add > 0 { self.add } else { self.insert };
        let len = usize::try_from(rest).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let (buffer, _) = buffer.split_at_mut(len);
        if self.add > 0 {
            return self.add(buffer);
        }
        self.insertions.read_exact(buffer)?;
        self.insert -= len as u64;
        Ok(len)
    }
}

/// Part of the old text, in memory.
pub(super) struct Window<'a, O: ReadAt + ?Sized> {
    source: &'a O,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a, O: ReadAt + ?Sized> Window<'a, O> {
    pub(super) const fn new(source: &'a O) -> Self {
        Self { source, start: 0, bytes: Vec::new() }
    }

    /// Between one and `len` bytes from a position.
    fn at(&mut self, position: u64, len: usize) -> io::Result<&[u8]> {
        let inside = |from: u64| usize::try_from(from).ok().filter(|from| *from < self.bytes.len());
        let from = match position.checked_sub(self.start).and_then(inside) {
            Some(from) => from,
            None => {
                self.fill(position)?;
                0
            }
        };
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.get(..len.min(rest.len()))
            .filter(|bytes| !bytes.is_empty())
            .ok_or_else(|| invalid("an instruction leads to behind the old text"))
    }

    fn fill(&mut self, position: u64) -> io::Result<()> {
        self.start = position;
        self.bytes.resize(WINDOW_BYTES, 0);
        let mut filled = 0;
        while filled == 0 {
            match self.source.read_at(&mut self.bytes, position) {
                Ok(0) => break,
                Ok(read) => filled = read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.bytes.clear();
                    return Err(error);
                }
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}
