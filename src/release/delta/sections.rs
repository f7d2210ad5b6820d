//! [`Sections`]: table, instructions and their bytes, compressed.

use std::io::{self, Write};

use liblzma::{
    stream::{Check, Filters, LzmaOptions, PRESET_EXTREME, Stream},
    write::XzEncoder,
};

use super::diff::Diff;
use crate::delta::{PutVarint, SECTION_WINDOW_MAX_BYTES, SectionSize, Table};

/// In the order of the file.
pub(super) struct Sections([(Vec<u8>, SectionSize); 4]);

impl Sections {
    pub(super) fn new(table: &Table, diff: &Diff) -> io::Result<Self> {
        Ok(Self([
            compress(&table.to_bytes())?,
            compress(&control(diff))?,
            compress(&diff.differences)?,
            compress(&diff.insertions)?,
        ]))
    }

    pub(super) fn sizes(&self) -> [SectionSize; 4] {
        self.0.each_ref().map(|(_, size)| *size)
    }

    /// The file.
    pub(super) fn after(self, header: Vec<u8>) -> Vec<u8> {
        let mut bytes = header;
        for (section, _) in self.0 {
            bytes.extend(section);
        }
        bytes
    }
}

fn control(diff: &Diff) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut position = 0;
    for instruction in &diff.instructions {
        bytes.put_signed(instruction.position.wrapping_sub(position).cast_signed());
        bytes.put_varint(instruction.add);
        bytes.put_varint(instruction.insert);
        position = instruction.position + instruction.add;
    }
    bytes
}

fn compress(section: &[u8]) -> io::Result<(Vec<u8>, SectionSize)> {
    if section.is_empty() {
        return Ok((Vec::new(), SectionSize::default()));
    }
    let mut options = LzmaOptions::new_preset(9 | PRESET_EXTREME)?;
    options.dict_size(u32::try_from(section.len()).unwrap_or(u32::MAX).clamp(4096, SECTION_WINDOW_MAX_BYTES));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(section)?;
    let stored = encoder.finish()?;
    let size = SectionSize { stored: stored.len() as u64, expanded: section.len() as u64 };
    Ok((stored, size))
}
