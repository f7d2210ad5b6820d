//! [`find`]: the compressed streams in an artifact, whatever it is, known by their own headers.

use std::ops::RangeInclusive;

use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream::{Action, Filters, LzmaOptions, Stream as Lzma};

use crate::delta::{BUFFERED_MAX_BYTES, Codec, DICTIONARY_MAX_BYTES};

/// One that would not fit into memory beside everything else.
const EXPANDED_MAX_BYTES: u64 = 4 << 30; // 4 GiB
/// One that expands to less is not worth its line in the table.
const EXPANDED_BYTES: RangeInclusive<u64> = 64..=EXPANDED_MAX_BYTES;
const CHUNK_BYTES: usize = 64 << 10; // 64 KiB

/// How a stream is compressed, as far as it tells by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// RFC 1950: the bits of the window.
    Zlib { window_bits: u8 },
    /// RFC 1951, in a gzip file (RFC 1952).
    Deflate,
    /// RFC 8878.
    Zstd,
    /// In an xz file: the size of the dictionary.
    Lzma2 { dictionary_bytes: u32 },
}

/// A compressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) position: usize,
    /// Bytes in the artifact.
    pub(super) stored: usize,
    pub(super) expanded: u64,
    pub(super) kind: Kind,
}

impl Stream {
    /// What expands it. How it was compressed plays no part in that.
    pub(super) const fn decoder(&self) -> Codec {
        match self.kind {
            Kind::Zlib { .. } => Codec::Deflate { level: 6, window_bits: 15, is_wrapped: true },
            Kind::Deflate => Codec::Deflate { level: 6, window_bits: 15, is_wrapped: false },
            Kind::Zstd => Codec::Zstd { level: 3 },
            Kind::Lzma2 { dictionary_bytes } => Codec::Lzma2 { preset: 6, dictionary_bytes },
        }
    }

    pub(super) fn end(&self) -> usize {
        self.position + self.stored
    }
}

/// Finds every stream that expands without an error, from the first on, without looking into the ones found.
pub(super) fn find(artifact: &[u8]) -> Vec<Stream> {
    let mut finder = Finder::new();
    let mut streams: Vec<Stream> = Vec::new();
    let mut position = 0;
    while let Some(rest) = artifact.get(position..).filter(|rest| !rest.is_empty()) {
        let before = streams.last().filter(|stream| stream.end() == position);
        let found = match before {
            Some(Stream { kind: Kind::Lzma2 { .. }, stored, .. }) => finder.next_xz_block(rest, *stored),
            _ => None,
        };
        let found = found.or_else(|| finder.at(rest));
        position = match found.filter(|(_, _, expanded, _)| EXPANDED_BYTES.contains(expanded)) {
            Some((offset, stored, expanded, kind)) => {
                let stream = Stream { position: position + offset, stored, expanded, kind };
                streams.push(stream);
                stream.end()
            }
            None => position + 1,
        };
    }
    streams
}

/// Offset behind the header, bytes stored, bytes expanded.
type Found = (usize, usize, u64, Kind);

struct Finder {
    inflate: Decompress,
    inflate_raw: Decompress,
    buffer: Vec<u8>,
    /// Bytes of the checksum behind each block of the last xz file.
    xz_check_len: usize,
}

impl Finder {
    fn new() -> Self {
        let (inflate, inflate_raw) = (Decompress::new(true), Decompress::new(false));
        Self { inflate, inflate_raw, buffer: vec![0; CHUNK_BYTES], xz_check_len: 0 }
    }

    fn at(&mut self, bytes: &[u8]) -> Option<Found> {
        match *bytes {
            [0x1f, 0x8b, 8, flags, ..] => self.gzip(bytes, flags),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd(bytes),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => self.xz(bytes),
            [cmf, flg, ..] => self.zlib(bytes, cmf, flg),
            _ => None,
        }
    }

    /// The header is divisible by 31, and names the method 8 (RFC 1950, section 2.2). A dictionary of its own has nobody.
    fn zlib(&mut self, bytes: &[u8], cmf: u8, flg: u8) -> Option<Found> {
        const PRESET_DICTIONARY: u8 = 0x20;
        let (method, window_bits) = (cmf & 15, (cmf >> 4) + 8);
        let is_header = u16::from_be_bytes([cmf, flg]).is_multiple_of(31);
        // zlib itself takes a window of 8 bits for one of 9.
        if method != 8 || !(9..=15).contains(&window_bits) || !is_header || flg & PRESET_DICTIONARY != 0 {
            return None;
        }
        self.inflate.reset(true);
        let (stored, expanded) = inflate(&mut self.inflate, bytes, &mut self.buffer)?;
        Some((0, stored, expanded, Kind::Zlib { window_bits }))
    }

    /// What follows the stream tells its length (RFC 1952, section 2.3.1).
    fn gzip(&mut self, bytes: &[u8], flags: u8) -> Option<Found> {
        let body = gzip_header_len(bytes, flags)?;
        self.inflate_raw.reset(false);
        let (stored, expanded) = inflate(&mut self.inflate_raw, bytes.get(body..)?, &mut self.buffer)?;
        let trailer = bytes.get(body + stored + 4..)?.first_chunk()?;
        let len_modulo_32_bits = u64::from(u32::from_le_bytes(*trailer));
        (expanded & 0xffff_ffff == len_modulo_32_bits).then_some((body, stored, expanded, Kind::Deflate))
    }

    /// The first block of a file (The .xz File Format 1.2.1, section 2.1.1).
    fn xz(&mut self, bytes: &[u8]) -> Option<Found> {
        const HEADER_BYTES: usize = 12;
        const CHECK_BYTES: [usize; 16] = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
        self.xz_check_len = *CHECK_BYTES.get(usize::from(*bytes.get(7)?))?;
        self.xz_block(bytes, HEADER_BYTES)
    }

    /// What follows a block whose compressed bytes are `stored`: padding to four bytes, its checksum, and another block or the
    /// index (section 3). Nothing but this place tells where a block begins.
    fn next_xz_block(&mut self, bytes: &[u8], stored: usize) -> Option<Found> {
        let padding = stored.next_multiple_of(4) - stored;
        self.xz_block(bytes, padding + self.xz_check_len)
    }

    /// A block whose header is at `start`, and whose last filter is LZMA2 (sections 3.1 and 5.3.1). What other filters made of
    /// the text before counts as the text.
    fn xz_block(&mut self, bytes: &[u8], start: usize) -> Option<Found> {
        const INDEX: u8 = 0;
        const LZMA2: [u8; 2] = [0x21, 1];
        let block = bytes.get(start..)?;
        let real_len = *block.first().filter(|len| **len != INDEX)?;
        let header_len = (usize::from(real_len) + 1) * 4;
        let filters = block.get(2..header_len.checked_sub(4)?)?;
        let at = filters.windows(2).rposition(|pair| pair == LZMA2)?;
        let dictionary_bytes = dictionary_bytes(*filters.get(at + 2)?)?;
        let body = start + header_len;
        let (stored, expanded) = expand_lzma2(bytes.get(body..)?, dictionary_bytes, &mut self.buffer)?;
        Some((body, stored, expanded, Kind::Lzma2 { dictionary_bytes }))
    }
}

/// Bytes taken, bytes made. Nothing where it is no stream.
fn inflate(inflate: &mut Decompress, bytes: &[u8], buffer: &mut [u8]) -> Option<(usize, u64)> {
    loop {
        let taken = usize::try_from(inflate.total_in()).ok()?;
        let before = inflate.total_out();
        match inflate.decompress(bytes.get(taken..)?, buffer, FlushDecompress::None).ok()? {
            Status::StreamEnd => {
                return Some((usize::try_from(inflate.total_in()).ok()?, inflate.total_out()));
            }
            Status::Ok if inflate.total_out() > before && before < EXPANDED_MAX_BYTES => {}
            _ => return None,
        }
    }
}

fn gzip_header_len(bytes: &[u8], flags: u8) -> Option<usize> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let mut len = 10;
    if flags & EXTRA != 0 {
        len += 2 + usize::from(u16::from_le_bytes(*bytes.get(len..)?.first_chunk()?));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            len += 1 + bytes.get(len..)?.iter().position(|byte| *byte == 0)?;
        }
    }
    Some(if flags & HEADER_CRC == 0 { len } else { len + 2 })
}

fn zstd(bytes: &[u8]) -> Option<Found> {
    let stored = zstd_safe::find_frame_compressed_size(bytes).ok()?;
    let expanded = zstd_safe::get_frame_content_size(bytes).ok()??;
    if expanded > BUFFERED_MAX_BYTES || stored as u64 > BUFFERED_MAX_BYTES {
        return None;
    }
    let mut text: Vec<u8> = Vec::with_capacity(usize::try_from(expanded).ok()?);
    zstd_safe::decompress(&mut text, bytes.get(..stored)?).ok()?;
    Some((0, stored, expanded, Kind::Zstd))
}

/// 2 or 3, shifted (The .xz File Format 1.2.1, section 5.3.1).
fn dictionary_bytes(bits: u8) -> Option<u32> {
    let bytes = (2 | u32::from(bits & 1)).checked_shl(u32::from(bits / 2) + 11)?;
    (4096..=DICTIONARY_MAX_BYTES).contains(&bytes).then_some(bytes)
}

fn expand_lzma2(bytes: &[u8], dictionary_bytes: u32, buffer: &mut [u8]) -> Option<(usize, u64)> {
    let mut options = LzmaOptions::new_preset(6).ok()?;
    options.dict_size(dictionary_bytes);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let mut decoder = Lzma::new_raw_decoder(&filters).ok()?;
    loop {
        let taken = usize::try_from(decoder.total_in()).ok()?;
        let before = decoder.total_out();
        match decoder.process(bytes.get(taken..)?, buffer, Action::Run).ok()? {
            liblzma::stream::Status::StreamEnd => {
                return Some((usize::try_from(decoder.total_in()).ok()?, decoder.total_out()));
            }
            liblzma::stream::Status::Ok if decoder.total_out() > before && before < EXPANDED_MAX_BYTES => {}
            _ => return None,
        }
    }
}
