//! [`apply`]: base and delta in, result out. Nothing that comes out is trusted before the caller has verified it.

use std::{
    collections::VecDeque,
    io::{self, BufReader, Read, Write},
};

use ring::digest;

use super::{
    Header, Image, Piece, ReadAt, Step, Table,
    cancel::Cancellable,
    codec::BUFFERED_MAX_BYTES,
    invalid,
    patched::{Patched, Window},
    random_access::Range,
    section::Section,
    workers::{Job, Workers},
};

const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

/// What is applied.
pub(crate) struct Patch<'a, B: ?Sized, D: ?Sized> {
    pub(crate) base: &'a B,
    pub(crate) delta: &'a D,
    pub(crate) header: &'a Header,
}

/// Makes the result. `scratch` is empty, and takes the old text; what comes out goes to `output`, in order. `is_cancelled`
/// is asked after at most 256 KiB.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where base or delta are not what the header says, [`super::Cancelled`], and what reading and
/// writing give.
pub(crate) fn apply<B, D>(
    patch: &Patch<'_, B, D>,
    scratch: &mut (impl ReadAt + Write),
    output: &mut dyn Write,
    is_cancelled: &dyn Fn() -> bool,
) -> io::Result<()>
where
    B: ReadAt + ?Sized,
    D: ReadAt + ?Sized,
{
    let Patch { base, delta, header } = *patch;
    let mut output = Checked::new(output, header.result.size, is_cancelled);
    check_base(base, header, is_cancelled)?;
    let [table, control, differences, insertions] = header.positions();
    let [table_size, sizes @ ..] = header.sections;
    let mut section = Section::open(delta, table, table_size)?;
    let table = Table::parse(&mut section, header)?;
    section.finish()?;
    expand(base, &table.pieces, scratch, is_cancelled)?;
    let [control_size, differences_size, insertions_size] = sizes;
    let sections = [
        Section::open(delta, control, control_size)?,
        Section::open(delta, differences, differences_size)?,
        Section::open(delta, insertions, insertions_size)?,
    ];
    let text = Patched::new(Window::new(&*scratch), sections);
    let mut text = Cancellable::new(text, is_cancelled);
    make(&table.steps, base, &mut text, &mut output)?;
    text.inner.finish()?;
    if output.is(&header.result) { Ok(()) } else { Err(invalid("it makes another result than it says")) }
}

fn check_base(
    base: &(impl ReadAt + ?Sized),
    header: &Header,
    is_cancelled: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut nowhere = io::sink();
    // One byte more, to see whether it is longer.
    let len = header.base.size.saturating_add(1);
    let mut hashed = Checked::new(&mut nowhere, len, is_cancelled);
    let mut bytes = BufReader::with_capacity(BUFFER_BYTES, Range::new(base, 0, len));
    io::copy(&mut bytes, &mut hashed)?;
    if hashed.is(&header.base) { Ok(()) } else { Err(invalid("it is for another base")) }
}

/// Writes the old text.
fn expand(
    base: &(impl ReadAt + ?Sized),
    pieces: &[Piece],
    scratch: &mut impl Write,
    is_cancelled: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut text = Cancellable::new(scratch, is_cancelled);
    for piece in pieces {
        text.check()?;
        let range = Range::new(base, piece.position, piece.stored);
        let mut stored = Cancellable::new(range, is_cancelled);
        let expanded = match piece.codec {
            None => copy(&mut stored, piece.stored, &mut text)?,
            Some(codec) => {
                let mut stored = BufReader::with_capacity(BUFFER_BYTES, stored);
                codec.decode(&mut stored, &mut text, piece.expanded)?
            }
        };
        if expanded != piece.expanded {
            return Err(invalid("a stream of the base expands to another size than declared"));
        }
    }
    Ok(())
}

/// Follows the steps.
fn make<B: ReadAt + ?Sized>(
    steps: &[Step],
    base: &B,
    text: &mut Cancellable<'_, impl Read>,
    output: &mut Checked<'_>,
) -> io::Result<()> {
    let mut maker = Maker { workers: Workers::new(), parts: VecDeque::new(), output };
    for step in steps {
        text.check()?;
        match *step {
            Step::Copy { position, len } => maker.add(Part::Copied(Range::new(base, position, len), len))?,
            Step::Raw { len } if len <= BUFFERED_MAX_BYTES => maker.add(Part::Raw(read(text, len)?))?,
            Step::Raw { len } => {
                let output = maker.finish()?;
                copy(text, len, output)?;
            }
            Step::Encode { codec, expanded, stored }
                if expanded.max(stored).max(codec.window_bytes()) <= BUFFERED_MAX_BYTES =>
            {
                let expanded = read(text, expanded)?;
                maker.add(Part::Encoded)?;
                let is_cancelled = maker.output.output.is_cancelled();
                maker.workers.add(Job { codec, expanded, stored }, is_cancelled);
            }
            Step::Encode { codec, expanded, stored } => {
                let output = maker.finish()?;
                let before = output.len;
                codec.encode(&mut Read::by_ref(text).take(expanded), output)?;
                if output.len - before != stored {
                    return Err(invalid("a stream is encoded to another size than declared"));
                }
            }
        }
    }
    maker.finish().map(drop)
}

/// A part of the result that is not written yet, because one before it is still being compressed.
enum Part<'a, B: ?Sized> {
    Copied(Range<'a, B>, u64),
    Raw(Vec<u8>),
    /// The next outcome of the workers.
    Encoded,
}

struct Maker<'a, 'b, B: ?Sized> {
    workers: Workers,
    parts: VecDeque<Part<'a, B>>,
    output: &'a mut Checked<'b>,
}

impl<'a, 'b, B: ReadAt + ?Sized> Maker<'a, 'b, B> {
    fn add(&mut self, part: Part<'a, B>) -> io::Result<()> {
        while self.parts.len() >= self.workers.pending_max() {
            self.write_next()?;
        }
        self.parts.push_back(part);
        Ok(())
    }

    /// Writes all that was added. What takes more memory than a part may follows at once.
    fn finish(&mut self) -> io::Result<&mut Checked<'b>> {
        while !self.parts.is_empty() {
            self.write_next()?;
        }
        Ok(self.output)
    }

    fn write_next(&mut self) -> io::Result<()> {
        match self.parts.pop_front() {
            Some(Part::Copied(mut range, len)) => copy(&mut range, len, self.output).map(drop),
            Some(Part::Raw(bytes)) => self.output.write_all(&bytes),
            Some(Part::Encoded) => match self.workers.take(self.output.output.is_cancelled()) {
                Some(stored) => self.output.write_all(&stored?),
                None => Err(invalid("a stream was lost")),
            },
            None => Ok(()),
        }
    }
}

fn read(text: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if text.take(len).read_to_end(&mut bytes)? as u64 == len {
        return Ok(bytes);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn copy(from: &mut impl Read, len: u64, to: &mut impl Write) -> io::Result<u64> {
    // A full buffer for each of very many ranges of a few bytes would take much longer than they do.
    let buffer_bytes = usize::try_from(len).map_or(BUFFER_BYTES, |len| len.min(BUFFER_BYTES));
    let copied = io::copy(&mut BufReader::with_capacity(buffer_bytes, from.take(len)), to)?;
    if copied == len { Ok(len) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Takes the result, and knows what it was.
struct Checked<'a> {
    output: Cancellable<'a, &'a mut dyn Write>,
    digest: digest::Context,
    len: u64,
    max: u64,
}

impl<'a> Checked<'a> {
    fn new(output: &'a mut dyn Write, max: u64, is_cancelled: &'a dyn Fn() -> bool) -> Self {
        let output = Cancellable::new(output, is_cancelled);
        Self { output, digest: digest::Context::new(&digest::SHA256), len: 0, max }
    }

    fn is(self, image: &Image) -> bool {
        self.len == image.size && self.digest.finish().as_ref() == image.sha256
    }
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A stream that is encoded to more than it declares would fill the disk before anybody notices.
        if bytes.len() as u64 > self.max - self.len {
            return Err(invalid("it makes more than it says"));
        }
        let written = self.output.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
