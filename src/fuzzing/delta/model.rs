use super::{
    Bytes, ENCODED_MAX_BYTES, encoded, image,
    sections::{file, size, xz},
};
use crate::delta::{Codec, Header, Piece, PutVarint, Step, Table};

/// A base, a delta, and what has to come out of them: the documented format, in the plainest way.
#[derive(Default)]
pub(super) struct Model {
    pub(super) base: Vec<u8>,
    pub(super) result: Vec<u8>,
    table: Table,
    old_text: Vec<u8>,
    new_text: Vec<u8>,
    control: Vec<u8>,
    differences: Vec<u8>,
    insertions: Vec<u8>,
}

impl Model {
    /// Three lists, each with its length before it: pieces, instructions, steps.
    pub(super) fn read(mut description: Bytes<'_>) -> Option<Self> {
        let mut model = Self::default();
        for _ in 0..description.u8() % 8 {
            model.add_piece(&mut description);
        }
        let mut position = 0;
        for _ in 0..description.u8() % 16 {
            position = model.add_instruction(position, &mut description);
        }
        if model.old_text.len().max(model.new_text.len()) as u64 > ENCODED_MAX_BYTES {
            return None;
        }
        let mut rest = model.new_text.clone();
        for _ in 0..description.u8() % 16 {
            rest = model.add_step(rest, &mut description);
        }
        model.result.extend(&rest);
        model.table.steps.push(Step::Raw { len: rest.len() as u64 });
        Some(model)
    }

    pub(super) fn delta(&self) -> Vec<u8> {
        let sections = [&self.table.to_bytes(), &self.control, &self.differences, &self.insertions];
        let sections = sections.map(|section| (xz(section), section.len()));
        let header = Header {
            base: image(&self.base),
            result: image(&self.result),
            old_text_len: self.old_text.len() as u64,
            new_text_len: self.new_text.len() as u64,
            sections: sections.each_ref().map(|(stored, expanded)| size(stored, *expanded)),
        };
        file(&header, &sections.map(|(stored, _)| stored))
    }

    fn add_piece(&mut self, description: &mut Bytes<'_>) {
        let codec = codec(description);
        let skipped = usize::from(description.u8() % 4);
        self.base.extend(vec![0xaa; skipped]);
        let text = text(description);
        let stored = codec.map_or_else(|| text.clone(), |codec| encoded(codec, &text));
        self.table.pieces.push(Piece {
            position: self.base.len() as u64,
            stored: stored.len() as u64,
            expanded: text.len() as u64,
            codec,
        });
        self.base.extend(stored);
        self.old_text.extend(text);
    }

    fn add_instruction(&mut self, position: usize, description: &mut Bytes<'_>) -> usize {
        let start = usize::from(description.u16()) % (self.old_text.len() + 1);
        let add = usize::from(description.u16()) % (self.old_text.len() - start + 1);
        let insert = text(description);
        if add == 0 && insert.is_empty() {
            return position;
        }
        let difference = description.u8();
        self.control.put_signed((start as u64).wrapping_sub(position as u64).cast_signed());
        self.control.put_varint(add as u64);
        self.control.put_varint(insert.len() as u64);
        self.differences.extend(vec![difference; add]);
        self.insertions.extend(&insert);
        let old = self.old_text.get(start..start + add).unwrap();
        self.new_text.extend(old.iter().map(|byte| byte.wrapping_add(difference)));
        self.new_text.extend(&insert);
        start + add
    }

    fn add_step(&mut self, mut rest: Vec<u8>, description: &mut Bytes<'_>) -> Vec<u8> {
        let kind = description.u8() % 3;
        let codec = codec(description);
        let len = usize::from(description.u16());
        if kind == 0 {
            let position = len % (self.base.len() + 1);
            let len = usize::from(description.u16()) % (self.base.len() - position + 1);
            self.result.extend(self.base.get(position..position + len).unwrap());
            self.table.steps.push(Step::Copy { position: position as u64, len: len as u64 });
            return rest;
        }
        let after = rest.split_off(len.min(rest.len()));
        let expanded = rest.len() as u64;
        let stored = codec.map_or_else(|| rest.clone(), |codec| encoded(codec, &rest));
        self.table.steps.push(match codec {
            None => Step::Raw { len: expanded },
            Some(codec) => Step::Encode { codec, expanded, stored: stored.len() as u64 },
        });
        self.result.extend(stored);
        after
    }
}

/// A few bytes, repeated.
fn text(description: &mut Bytes<'_>) -> Vec<u8> {
    let (len, times) = (description.u8(), description.u8());
    description.take(len.into()).repeat(1 + usize::from(times % 32))
}

fn codec(description: &mut Bytes<'_>) -> Option<Codec> {
    let (kind, first, second) = (description.u8(), description.u8(), description.u8());
    match kind % 5 {
        0 => None,
        1 => Some(Codec::Zstd { level: 1 + first % 22 }),
        // Larger dictionaries take too long to set up.
        2 => Some(Codec::Lzma2 {
            preset: (first % 10) | (second & 16),
            dictionary_bytes: 4096 << (second % 3),
        }),
        kind => {
            Some(Codec::Deflate { level: 1 + first % 9, window_bits: 9 + second % 7, is_wrapped: kind == 3 })
        }
    }
}
