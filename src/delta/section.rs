//! [`Section`]: a compressed part of a delta, read as a stream.

use std::io::{self, BufReader, Read};

use liblzma::{bufread::XzDecoder, stream::Stream};

use super::{ReadAt, SectionSize, invalid, random_access::Range};

/// Window of a section. Three are read at once.
pub(crate) const SECTION_WINDOW_MAX_BYTES: u32 = 16 << 20; // 16 MiB
/// For the decoder: its window, and its own tables.
const MEMORY_MAX_BYTES: u64 = SECTION_WINDOW_MAX_BYTES as u64 + (1 << 20);
const BUFFER_BYTES: usize = 64 << 10; // 64 KiB

/// Gives exactly as many bytes as were declared; fewer or more in the stream are an error.
pub(super) struct Section<'a, R: ReadAt + ?Sized> {
    decoder: Option<XzDecoder<BufReader<Range<'a, R>>>>,
    remaining: u64,
}

impl<'a, R: ReadAt + ?Sized> Section<'a, R> {
    pub(super) fn open(delta: &'a R, position: u64, size: SectionSize) -> io::Result<Self> {
        if size.stored == 0 && size.expanded == 0 {
            return Ok(Self { decoder: None, remaining: 0 });
        }
        let range = BufReader::with_capacity(BUFFER_BYTES, Range::new(delta, position, size.stored));
        let stream = Stream::new_stream_decoder(MEMORY_MAX_BYTES, 0)?;
        Ok(Self { decoder: Some(XzDecoder::new_stream(range, stream)), remaining: size.expanded })
    }

    /// Fails unless everything was read: from here on its checksum holds, and nothing is hidden behind it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        if self.remaining > 0 || decoder.read(&mut [0])? > 0 {
            return Err(invalid("a section expands to another size than declared"));
        }
        if decoder.get_mut().read(&mut [0])? > 0 {
            return Err(invalid("a section has bytes behind its end"));
        }
        Ok(())
    }
}

impl<R: ReadAt + ?Sized> Read for Section<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(decoder) = &mut self.decoder else { return Ok(0) };
        let len = usize::try_from(self.remaining).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let read = decoder.read(buffer.get_mut(..len).unwrap_or_default())?;
        self.remaining -= read as u64;
        Ok(read)
    }
}
