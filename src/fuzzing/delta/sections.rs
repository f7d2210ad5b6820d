use flate2::Crc;

use super::{Bytes, ENCODED_MAX_BYTES, applied, image, made};
use crate::delta::{Header, Image, SectionSize};

/// Encoders take long to set up.
const ENCODED_MAX: u64 = 16;

/// A byte of which each bit says that a section is an xz file already; a base, the sections.
pub(super) fn check(mut input: Bytes<'_>) {
    let is_raw = input.u8();
    let base = input.part();
    let (table, control, differences) = (input.part(), input.part(), input.part());
    let insertions = input.0;
    let Some(sums) = Sums::of(table) else { return };
    let mut sections = [table, control, differences, insertions].map(<[u8]>::to_vec);
    if is_raw & 12 == 0 && sums.new_text <= ENCODED_MAX_BYTES {
        // So that the two of them add up.
        let new_text = usize::try_from(sums.new_text).unwrap();
        let [.., differences, insertions] = &mut sections;
        differences.truncate(new_text);
        insertions.resize(new_text - differences.len(), 0);
    }
    let mut sizes = [SectionSize::default(); 4];
    for (number, (section, size)) in sections.iter_mut().zip(&mut sizes).enumerate() {
        let mut raw = Bytes(section);
        let (stored, expanded) = match is_raw & 1 << number {
            0 => (xz(section), section.len()),
            _ => {
                let expanded = raw.u16();
                (raw.0.to_vec(), expanded.into())
            }
        };
        *size = self::size(&stored, expanded);
        *section = stored;
    }
    let mut header = Header {
        base: image(base),
        result: Image { size: sums.result, sha256: [0; 32] },
        old_text_len: sums.old_text,
        new_text_len: sums.new_text,
        sections: sizes,
    };
    let (result, outcome) = made(base, &file(&header, &sections));
    // It makes the same once more, and now it says so.
    if outcome.unwrap_err() == "it makes another result than it says" {
        header.result = image(&result);
        assert!(applied(base, &file(&header, &sections)) == Ok(result));
    }
}

pub(super) fn file(header: &Header, sections: &[Vec<u8>; 4]) -> Vec<u8> {
    [header.to_bytes(), sections.concat()].concat()
}

pub(super) const fn size(stored: &[u8], expanded: usize) -> SectionSize {
    SectionSize { stored: stored.len() as u64, expanded: expanded as u64 }
}

/// What a table makes, read once more. Nothing where it would only take long.
#[derive(Default)]
struct Sums {
    old_text: u64,
    new_text: u64,
    result: u64,
}

impl Sums {
    fn of(table: &[u8]) -> Option<Self> {
        let mut sums = Self::default();
        // What is no table is one without anything: its reader is shown all of them.
        sums.read(&mut &*table);
        (sums.old_text <= 1 << 20).then_some(sums)
    }

    fn read(&mut self, table: &mut &[u8]) -> Option<()> {
        let mut encoded = 0;
        for _ in 0..varint(table)? {
            let parameters = match varint(table)? {
                1 => 3,
                tag => tag.checked_sub(1)?,
            };
            for _ in 0..parameters.min(3) {
                varint(table)?;
            }
        }
        for _ in 0..varint(table)? {
            let (_, stored, codec) = (varint(table)?, varint(table)?, varint(table)?);
            let expanded = if codec == 0 { stored } else { varint(table)? };
            self.old_text = self.old_text.checked_add(expanded)?;
        }
        for _ in 0..varint(table)? {
            let (kind, first) = (varint(table)?, varint(table)?);
            let (text, result) = match kind {
                0 => (0, varint(table)?),
                1 => (first, first),
                _ => (first, varint(table)?),
            };
            encoded += u64::from(kind > 1);
            self.new_text = self.new_text.checked_add(text)?;
            self.result = self.result.checked_add(result)?;
        }
        if encoded > ENCODED_MAX {
            self.old_text = u64::MAX;
        }
        Some(())
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// An xz file in which nothing is compressed: one block, LZMA2 chunks as they are (The .xz File Format 1.2.1).
pub(super) fn xz(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    let flags = [0, 1];
    let mut file = with_crc(b"\xfd7zXZ\0", &flags);
    // 12 bytes, one filter: LZMA2 with a dictionary of 4 KiB.
    let block = with_crc(b"", &[2, 0, 0x21, 1, 0, 0, 0, 0]);
    let mut unpadded = block.len();
    file.extend(block);
    for (number, chunk) in text.chunks(1 << 16).enumerate() {
        let len = u16::try_from(chunk.len() - 1).unwrap();
        file.push(if number == 0 { 1 } else { 2 });
        file.extend(len.to_be_bytes());
        file.extend(chunk);
        unpadded += 3 + chunk.len();
    }
    file.push(0);
    unpadded += 1;
    file.extend(vec![0; unpadded.wrapping_neg() % 4]);
    file.extend(crc(text));
    unpadded += 4;
    let mut index = vec![0, 1];
    for number in [unpadded, text.len()] {
        crate::delta::PutVarint::put_varint(&mut index, number as u64);
    }
    index.resize(index.len().next_multiple_of(4), 0);
    let backward = u32::try_from(index.len() / 4).unwrap();
    file.extend(with_crc(b"", &index));
    let mut footer = backward.to_le_bytes().to_vec();
    footer.extend(flags);
    file.extend(crc(&footer));
    file.extend(footer);
    file.extend(b"YZ");
    file
}

fn with_crc(before: &[u8], bytes: &[u8]) -> Vec<u8> {
    [before, bytes, &crc(bytes)].concat()
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
