//! [`Header`]: what a delta is for, and how large its parts are. Everything in it is checked before anything is read on.

use std::io;

use super::{Codec, ReadAt, invalid};
use crate::hex::hex;

const MAGIC: [u8; 8] = *b"\x89updelta";
const VERSION: u32 = 1;

/// The lists of a table are held in memory.
const TABLE_MAX_BYTES: u64 = 2 << 20; // 2 MiB
/// Bytes expand to so many at most, and some more for small ones: what is written to disk and counted as free space.
const EXPANSION_MAX: u64 = 32;
const EXPANSION_FREE_BYTES: u64 = 64 << 20; // 64 MiB
const CONTROL_FREE_BYTES: u64 = 64 << 10; // 64 KiB

/// One of the two artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

impl Image {
    /// The SHA-256 in hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        hex(self.sha256)
    }
}

/// How large a section is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SectionSize {
    /// Bytes in the delta.
    pub(crate) stored: u64,
    /// Bytes that it expands to.
    pub(crate) expanded: u64,
}

/// The first bytes of a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base: Image,
    pub(crate) result: Image,
    pub(crate) old_text_len: u64,
    pub(crate) new_text_len: u64,
    /// Table, control, differences, insertions.
    pub(crate) sections: [SectionSize; 4],
}

impl Header {
    /// Bytes.
    pub(crate) const LEN: usize = 176;

    /// Reads the header of a delta of `len` bytes.
    pub(crate) fn parse(delta: &(impl ReadAt + ?Sized), len: u64) -> io::Result<Self> {
        let mut bytes = [0; Self::LEN];
        delta.read_exact_at(&mut bytes, 0)?;
        let mut fields = Fields(&bytes);
        if fields.array()? != MAGIC {
            return Err(invalid("it is not a delta"));
        }
        let version = u32::from_le_bytes(fields.array()?);
        if version != VERSION {
            return Err(invalid(&format!("it has version {version} of the format; known is {VERSION}")));
        }
        let (made_with, here) = (u32::from_le_bytes(fields.array()?), Codec::encoders());
        if made_with != here {
            return Err(invalid(&format!("it is for encoders {made_with}; here are {here}")));
        }
        let header = Self {
            base: fields.image()?,
            result: fields.image()?,
            old_text_len: fields.number()?,
            new_text_len: fields.number()?,
            sections: [fields.section()?, fields.section()?, fields.section()?, fields.section()?],
        };
        header.check(len).map(|()| header)
    }

    #[cfg(any(test, feature = "release"))]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(Codec::encoders().to_le_bytes());
        for image in [&self.base, &self.result] {
            bytes.extend(image.size.to_le_bytes());
            bytes.extend(image.sha256);
        }
        for number in [self.old_text_len, self.new_text_len] {
            bytes.extend(number.to_le_bytes());
        }
        for section in self.sections {
            bytes.extend(section.stored.to_le_bytes());
            bytes.extend(section.expanded.to_le_bytes());
        }
        bytes
    }

    /// Bytes that are needed on disk beside the result, while it is made.
    pub(crate) const fn scratch_bytes(&self) -> u64 {
        self.old_text_len
    }

    /// Where each section begins.
    pub(super) fn positions(&self) -> [u64; 4] {
        let mut next = Self::LEN as u64;
        self.sections.map(|section| {
            let position = next;
            next = next.saturating_add(section.stored);
            position
        })
    }

    fn check(&self, len: u64) -> io::Result<()> {
        let [table, control, differences, insertions] = self.sections;
        let stored = [table, control, differences, insertions]
            .iter()
            .try_fold(Self::LEN as u64, |sum, section| sum.checked_add(section.stored));
        if stored != Some(len) {
            return Err(invalid("its sections do not add up to its size"));
        }
        if differences.expanded.checked_add(insertions.expanded) != Some(self.new_text_len) {
            return Err(invalid("differences and insertions do not add up to the new text"));
        }
        for (name, text, image) in
            [("old", self.old_text_len, self.base), ("new", self.new_text_len, self.result)]
        {
            let max = image.size.saturating_mul(EXPANSION_MAX).saturating_add(EXPANSION_FREE_BYTES);
            if text > max {
                return Err(invalid(&format!(
                    "the {name} text has {text} bytes, more than the {max} allowed"
                )));
            }
        }
        if table.expanded > TABLE_MAX_BYTES {
            return Err(invalid(&format!("its table has more than {TABLE_MAX_BYTES} bytes")));
        }
        // Each instruction can ask for another place in the old text: many of them for few bytes are nothing but work.
        if control.expanded > (self.new_text_len / 2).saturating_add(CONTROL_FREE_BYTES) {
            return Err(invalid("it has too many instructions"));
        }
        Ok(())
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(*array)
    }

    fn number(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn image(&mut self) -> io::Result<Image> {
        Ok(Image { size: self.number()?, sha256: self.array()? })
    }

    fn section(&mut self) -> io::Result<SectionSize> {
        Ok(SectionSize { stored: self.number()?, expanded: self.number()? })
    }
}
