//! [`Diff`]: what changed from one text to another, as bsdiff tells it.

use std::io::{self, Cursor, Read};

use bzip2::read::BzDecoder;
use qbsdiff::Bsdiff;

/// What suffixes are sorted for has positions of 31 bits.
const OLD_TEXT_MAX_BYTES: usize = i32::MAX as usize - 1;

/// So many bytes of the old text, with differences added to them; so many new ones; then another place in the old text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Where in the old text.
    pub(super) position: u64,
    pub(super) add: u64,
    pub(super) insert: u64,
}

/// Instructions, and what they need.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Diff {
    pub(super) instructions: Vec<Instruction>,
    pub(super) differences: Vec<u8>,
    pub(super) insertions: Vec<u8>,
}

impl Diff {
    /// Memory: five times the old text, and the new one.
    pub(super) fn new(old: &[u8], new: &[u8]) -> io::Result<Self> {
        if new.is_empty() {
            return Ok(Self::default());
        }
        if old.len() > OLD_TEXT_MAX_BYTES {
            let reason = format!("what changed expands to {} bytes, which are too many", old.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let mut patch = Vec::new();
        // The sections are compressed better afterwards.
        Bsdiff::new(old, new).compression_level(1).compare(Cursor::new(&mut patch))?;
        Self::parse(&patch)
    }

    /// `BSDIFF40`, then the sizes of two sections and of the new text, then three sections in bzip2.
    fn parse(patch: &[u8]) -> io::Result<Self> {
        const HEADER_BYTES: usize = 32;
        let mut header = patch.get(8..HEADER_BYTES).unwrap_or_default();
        let sizes = [number(&mut header)?, number(&mut header)?]
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        let sections = patch.get(HEADER_BYTES..).unwrap_or_default();
        let (control, rest) = sections.split_at_checked(sizes[0]).ok_or(io::ErrorKind::UnexpectedEof)?;
        let (differences, insertions) =
            rest.split_at_checked(sizes[1]).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self {
            instructions: instructions(&expand(control)?)?,
            differences: expand(differences)?,
            insertions: expand(insertions)?,
        })
    }
}

fn instructions(mut control: &[u8]) -> io::Result<Vec<Instruction>> {
    let mut position = 0_i64;
    let mut instructions = Vec::new();
    while !control.is_empty() {
        let (add, insert, seek) = (number(&mut control)?, number(&mut control)?, number(&mut control)?);
        let [from, add, insert] = [position, add, insert].map(|number| u64::try_from(number).unwrap_or(0));
        if add > 0 || insert > 0 {
            instructions.push(Instruction { position: from, add, insert });
        }
        position += add.cast_signed() + seek;
    }
    Ok(instructions)
}

/// 63 bits, and one for the sign.
fn number(bytes: &mut &[u8]) -> io::Result<i64> {
    let (number, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    *bytes = rest;
    let number = u64::from_le_bytes(*number);
    let magnitude = (number & !(1 << 63)).cast_signed();
    Ok(if number >> 63 == 0 { magnitude } else { -magnitude })
}

fn expand(section: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    BzDecoder::new(section).read_to_end(&mut bytes)?;
    Ok(bytes)
}
