mod cancellation;
mod encoders;
mod instructions;
mod lies;
#[cfg(feature = "release")]
mod round_trips;
mod tables;

use std::io::{self, Write};

use liblzma::{
    stream::{Check, Filters, LzmaOptions, Stream},
    write::XzEncoder,
};
use ring::digest;

use super::*;

const ZLIB: Codec = Codec::Deflate { level: 6, window_bits: 15, is_wrapped: true };

/// Words by chance: the same ones everywhere, and neither all alike nor without any likeness.
fn text(len: usize, mut seed: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        // xorshift64
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let word = seed % 300;
        text.extend((0..2 + word % 9).map(|n| b'a' + ((word * 31 + n * n * 7) % 26) as u8));
        text.push(if seed.is_multiple_of(50) { seed.to_le_bytes()[3] } else { b' ' });
    }
    text.truncate(len);
    text
}

fn encoded(codec: Codec, text: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    codec.encode(&mut &*text, &mut stored).unwrap();
    stored
}

fn image(bytes: &[u8]) -> Image {
    let sha256 = digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap();
    Image { size: bytes.len() as u64, sha256 }
}

/// What an application makes of it. However it ends, no more comes out than the header says.
fn patched(base: &[u8], delta: &[u8]) -> io::Result<Vec<u8>> {
    patched_until(base, delta, &|| false)
}

fn patched_until(base: &[u8], delta: &[u8], is_cancelled: &dyn Fn() -> bool) -> io::Result<Vec<u8>> {
    let header = Header::parse(delta, delta.len() as u64)?;
    let (mut scratch, mut result) = (Vec::new(), Vec::new());
    let outcome = apply(&Patch { base, delta, header: &header }, &mut scratch, &mut result, is_cancelled);
    assert!(result.len() as u64 <= header.result.size);
    assert!(scratch.len() as u64 <= header.old_text_len);
    outcome.map(|()| {
        assert_eq!(image(&result), header.result);
        result
    })
}

#[track_caller]
fn assert_refused(base: &[u8], delta: &[u8], expected: &str) {
    let error = patched(base, delta).expect_err(expected);
    assert!(error.to_string().contains(expected), "{expected}: {error}");
}

fn xz(section: &[u8]) -> Vec<u8> {
    if section.is_empty() {
        return Vec::new();
    }
    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 20);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let mut encoder =
        XzEncoder::new_stream(Vec::new(), Stream::new_stream_encoder(&filters, Check::Crc32).unwrap());
    encoder.write_all(section).unwrap();
    encoder.finish().unwrap()
}

/// A delta, any part of which can lie.
#[derive(Clone)]
struct Forged {
    base: Vec<u8>,
    result: Image,
    old_text_len: u64,
    new_text_len: u64,
    table: Vec<u8>,
    control: Vec<u8>,
    differences: Vec<u8>,
    insertions: Vec<u8>,
}

impl Forged {
    /// One that does not.
    fn sound() -> Self {
        let old = text(5000, 1);
        let differences: Vec<u8> = (0..5000).map(|n| u8::from(n % 1000 == 7)).collect();
        let mut new = b"raw".to_vec();
        new.extend(old.iter().zip(&differences).map(|(old, difference)| old.wrapping_add(*difference)));
        new.splice(2503..2503, *b"insertion");
        let (old_stream, new_stream) = (encoded(ZLIB, &old), encoded(ZLIB, &new[3..]));
        let stored = old_stream.len() as u64;
        let table = Table {
            pieces: vec![Piece { position: 4, stored, expanded: 5000, codec: Some(ZLIB) }],
            steps: vec![
                Step::Copy { position: 0, len: 4 },
                Step::Raw { len: 3 },
                Step::Encode { codec: ZLIB, expanded: 5009, stored: new_stream.len() as u64 },
            ],
        };
        Self {
            base: [b"head", &old_stream[..], b"tail"].concat(),
            result: image(&[&b"headraw"[..], &new_stream].concat()),
            old_text_len: 5000,
            new_text_len: 5012,
            table: table.to_bytes(),
            control: control(&[(0, 0, 3), (0, 2500, 9), (0, 2500, 0)]),
            differences,
            insertions: b"rawinsertion".to_vec(),
        }
    }

    /// With nothing but steps, which make nothing but insertions.
    fn inserting(steps: Vec<Step>, insertions: &[u8], result: Image) -> Self {
        let len = insertions.len() as u64;
        Self {
            base: b"base".to_vec(),
            result,
            old_text_len: 0,
            new_text_len: len,
            table: Table { pieces: Vec::new(), steps }.to_bytes(),
            control: control(&[(0, 0, len)]),
            differences: Vec::new(),
            insertions: insertions.to_vec(),
        }
    }

    fn sections(&self) -> [&[u8]; 4] {
        [&self.table, &self.control, &self.differences, &self.insertions]
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_with(|_, _| {})
    }

    /// With another header, or other compressed sections.
    fn to_bytes_with(&self, change: impl FnOnce(&mut Header, &mut [Vec<u8>; 4])) -> Vec<u8> {
        let mut stored = self.sections().map(xz);
        let mut header = Header {
            base: image(&self.base),
            result: self.result,
            old_text_len: self.old_text_len,
            new_text_len: self.new_text_len,
            sections: self
                .sections()
                .map(|section| SectionSize { stored: 0, expanded: section.len() as u64 }),
        };
        for (size, stored) in header.sections.iter_mut().zip(&stored) {
            size.stored = stored.len() as u64;
        }
        change(&mut header, &mut stored);
        [header.to_bytes(), stored.concat()].concat()
    }

    #[track_caller]
    fn assert_refused(&self, expected: &str) {
        assert_refused(&self.base, &self.to_bytes(), expected);
    }
}

/// Seek, add, insert.
fn control(instructions: &[(i64, u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (seek, add, insert) in instructions {
        bytes.put_signed(*seek);
        bytes.put_varint(*add);
        bytes.put_varint(*insert);
    }
    bytes
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        bytes.put_varint(*number);
    }
    bytes
}

#[test]
fn a_sound_delta_makes_its_result() {
    let sound = Forged::sound();
    assert_eq!(image(&patched(&sound.base, &sound.to_bytes()).unwrap()), sound.result);
}
