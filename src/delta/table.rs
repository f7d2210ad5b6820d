//! [`Table`]: the streams of both artifacts, checked as a whole before any of them is read.

use std::{
    io::{self, Read},
    time::Duration,
};

#[cfg(any(test, feature = "release"))]
use super::varint::PutVarint;
use super::{Codec, Header, codec::BUFFERED_MAX_BYTES, invalid, varint::ReadVarint};

/// Estimated for one thread. Whoever waits longer had better download everything.
const WORK_MAX: Duration = Duration::from_secs(600);
const DECODE_COST_NS: u64 = 20;
const MOVE_COST_NS: u64 = 5;
/// Each instruction may lead to another part of the old text, which is read.
const INSTRUCTION_COST_NS: u64 = 4000;
const INSTRUCTION_MIN_BYTES: u64 = 3;

/// Part of the base that is part of the old text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the base.
    pub(crate) position: u64,
    /// Bytes in the base.
    pub(crate) stored: u64,
    /// Bytes in the old text.
    pub(crate) expanded: u64,
    /// How it is compressed, if it is.
    pub(crate) codec: Option<Codec>,
}

/// One step to the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes of the base.
    Copy { position: u64, len: u64 },
    /// The next bytes of the new text.
    Raw { len: u64 },
    /// The next bytes of the new text, compressed.
    Encode { codec: Codec, expanded: u64, stored: u64 },
}

/// What is expanded, and what is made of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) steps: Vec<Step>,
}

impl Table {
    pub(super) fn parse(input: &mut impl Read, header: &Header) -> io::Result<Self> {
        let codecs = list(input, |input| Codec::parse(input))?;
        let mut end = 0;
        let pieces = list(input, |input| Piece::parse(input, &codecs, &mut end))?;
        let mut copied = 0;
        let steps = list(input, |input| Step::parse(input, &codecs, &mut copied))?;
        let table = Self { pieces, steps };
        table.check(header).map(|()| table)
    }

    fn check(&self, header: &Header) -> io::Result<()> {
        let mut texts = (Sum::default(), Sum::default(), Sum::default());
        let mut work_ns = Sum::default();
        let [_, control, ..] = header.sections;
        work_ns.add((control.expanded / INSTRUCTION_MIN_BYTES).saturating_mul(INSTRUCTION_COST_NS));
        for piece in &self.pieces {
            check_range(piece.position, piece.stored, header.base.size)?;
            texts.0.add(piece.expanded);
            let cost_ns = if piece.codec.is_some() { DECODE_COST_NS } else { MOVE_COST_NS };
            work_ns.add(work(piece.expanded.max(piece.stored), cost_ns));
        }
        for step in &self.steps {
            let (text, result) = match *step {
                Step::Copy { position, len } => {
                    check_range(position, len, header.base.size)?;
                    (0, len)
                }
                Step::Raw { len } => (len, len),
                Step::Encode { codec, expanded, stored } => {
                    work_ns.add(work(expanded, codec.cost_ns()));
                    (expanded, stored)
                }
            };
            work_ns.add(work(result, MOVE_COST_NS));
            texts.1.add(text);
            texts.2.add(result);
        }
        let sums = [texts.0, texts.1, texts.2].map(|sum| sum.0);
        if sums != [header.old_text_len, header.new_text_len, header.result.size].map(Some) {
            return Err(invalid("its streams do not add up to what its header says"));
        }
        if work_ns.0.is_none_or(|ns| Duration::from_nanos(ns) > WORK_MAX) {
            return Err(invalid(&format!("it takes more than {} s of work", WORK_MAX.as_secs())));
        }
        Ok(())
    }

    #[cfg(any(test, feature = "release"))]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let codecs = self.codecs();
        let mut bytes = Vec::new();
        bytes.put_varint(codecs.len() as u64);
        codecs.iter().for_each(|codec| codec.put(&mut bytes));
        let (mut end, mut copied) = (0, 0);
        bytes.put_varint(self.pieces.len() as u64);
        self.pieces.iter().for_each(|piece| piece.put(&mut bytes, &codecs, &mut end));
        bytes.put_varint(self.steps.len() as u64);
        self.steps.iter().for_each(|step| step.put(&mut bytes, &codecs, &mut copied));
        bytes
    }

    /// Each once.
    #[cfg(any(test, feature = "release"))]
    fn codecs(&self) -> Vec<Codec> {
        let of_step = |step: &Step| match step {
            Step::Encode { codec, .. } => Some(*codec),
            _ => None,
        };
        let mut codecs = Vec::new();
        let of_pieces = self.pieces.iter().filter_map(|piece| piece.codec);
        for codec in of_pieces.chain(self.steps.iter().filter_map(of_step)) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs
    }
}

/// Beginning costs something too: buffers, an encoder. Many items that make nothing would be nothing but work.
const fn work(expanded: u64, cost_ns: u64) -> u64 {
    const STREAM_BYTES: u64 = 4096;
    expanded.saturating_add(STREAM_BYTES).saturating_mul(cost_ns)
}

const COPY: u64 = 0;
const RAW: u64 = 1;
const ENCODE: u64 = 2;

impl Piece {
    fn parse(input: &mut impl Read, codecs: &[Codec], end: &mut u64) -> io::Result<Self> {
        let position = end.checked_add(input.varint()?).ok_or_else(overflow)?;
        let stored = input.varint()?;
        *end = position.checked_add(stored).ok_or_else(overflow)?;
        let codec = match input.varint()? {
            0 => None,
            index => Some(pick(codecs, index - 1)?),
        };
        let expanded = match codec {
            None => stored,
            Some(codec) => check_buffered(codec, stored, input.varint()?)?,
        };
        Ok(Self { position, stored, expanded, codec })
    }

    #[cfg(any(test, feature = "release"))]
    fn put(&self, bytes: &mut Vec<u8>, codecs: &[Codec], end: &mut u64) {
        bytes.put_varint(self.position - *end);
        bytes.put_varint(self.stored);
        match self.codec {
            None => bytes.put_varint(0),
            Some(codec) => {
                bytes.put_varint(1 + index(codecs, codec));
                bytes.put_varint(self.expanded);
            }
        }
        *end = self.position + self.stored;
    }
}

impl Step {
    fn parse(input: &mut impl Read, codecs: &[Codec], copied: &mut u64) -> io::Result<Self> {
        match input.varint()? {
            COPY => {
                let position = copied.checked_add_signed(input.signed()?).ok_or_else(overflow)?;
                let len = input.varint()?;
                *copied = position.checked_add(len).ok_or_else(overflow)?;
                Ok(Self::Copy { position, len })
            }
            RAW => Ok(Self::Raw { len: input.varint()? }),
            index => {
                let codec = pick(codecs, index - ENCODE)?;
                let (expanded, stored) = (input.varint()?, input.varint()?);
                check_buffered(codec, stored, expanded)?;
                Ok(Self::Encode { codec, expanded, stored })
            }
        }
    }

    #[cfg(any(test, feature = "release"))]
    fn put(&self, bytes: &mut Vec<u8>, codecs: &[Codec], copied: &mut u64) {
        match *self {
            Self::Copy { position, len } => {
                bytes.put_varint(COPY);
                bytes.put_signed(position.wrapping_sub(*copied).cast_signed());
                bytes.put_varint(len);
                *copied = position + len;
            }
            Self::Raw { len } => {
                bytes.put_varint(RAW);
                bytes.put_varint(len);
            }
            Self::Encode { codec, expanded, stored } => {
                bytes.put_varint(ENCODE + index(codecs, codec));
                bytes.put_varint(expanded);
                bytes.put_varint(stored);
            }
        }
    }
}

#[cfg(any(test, feature = "release"))]
fn index(codecs: &[Codec], wanted: Codec) -> u64 {
    codecs.iter().position(|codec| *codec == wanted).unwrap_or_default() as u64
}

fn list<R: Read, T>(input: &mut R, mut item: impl FnMut(&mut R) -> io::Result<T>) -> io::Result<Vec<T>> {
    // Not reserved beforehand: the number is only a claim. What the input can hold bounds the list.
    let len = input.varint()?;
    (0..len).map(|_| item(input)).collect()
}

fn pick(codecs: &[Codec], index: u64) -> io::Result<Codec> {
    let codec = usize::try_from(index).ok().and_then(|index| codecs.get(index));
    codec.copied().ok_or_else(|| invalid("a codec that is not in the list"))
}

/// What passes through a buffer must fit in it.
fn check_buffered(codec: Codec, stored: u64, expanded: u64) -> io::Result<u64> {
    if codec.is_streaming() || (stored <= BUFFERED_MAX_BYTES && expanded <= BUFFERED_MAX_BYTES) {
        return Ok(expanded);
    }
    Err(invalid("a stream that is too long for its codec"))
}

fn check_range(position: u64, len: u64, size: u64) -> io::Result<()> {
    match position.checked_add(len) {
        Some(end) if end <= size => Ok(()),
        _ => Err(invalid("a range behind the end of the base")),
    }
}

fn overflow() -> io::Error {
    invalid("a position of more than 64 bits")
}

/// A sum that is nothing once it does not fit.
#[derive(Debug, Clone, Copy)]
struct Sum(Option<u64>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl Sum {
    fn add(&mut self, value: u64) {
        self.0 = self.0.and_then(|sum| sum.checked_add(value));
    }
}
