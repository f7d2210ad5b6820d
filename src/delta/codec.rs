//! [`Codec`]: a way of compressing, told so exactly that the same bytes come out of it again.

use std::io::{self, Read, Write};

use flate2::{Compress, Compression, Decompress};
use liblzma::stream::{Filters, LzmaOptions, PRESET_EXTREME, Stream};

use super::{invalid, varint::ReadVarint};

/// Zstandard compresses in one call, and everybody else's streams are buffered up to here too.
pub(crate) const BUFFERED_MAX_BYTES: u64 = 1 << 20; // 1 MiB
/// Window of an encoder. What it needs is about twelve times as much.
pub(crate) const DICTIONARY_MAX_BYTES: u32 = 8 << 20; // 8 MiB

/// What compresses with these parameters, or expands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// DEFLATE as zlib does it. Tag 1, then level (1 to 9), bits of the window (9 to 15), whether the stream has zlib's
    /// header and checksum (RFC 1950) or none (RFC 1951).
    Deflate { level: u8, window_bits: u8, is_wrapped: bool },
    /// Zstandard, one frame with one call. Tag 2, then level (1 to 22).
    Zstd { level: u8 },
    /// LZMA2 without a container, as liblzma does it. Tag 3, then preset (0 to 9, and 16 for the extreme kind), size of
    /// the dictionary in bytes.
    Lzma2 { preset: u8, dictionary_bytes: u32 },
}

const DEFLATE: u64 = 1;
const ZSTD: u64 = 2;
const LZMA2: u64 = 3;
const EXTREME: u8 = 16;

impl Codec {
    /// The generation of the encoders, whose output the tests hold fast: the version of libzstd (1.5.7 is 10507), which
    /// changes it in nearly every release, and a number that counts changes of the other two, times a million.
    pub(crate) fn encoders() -> u32 {
        const OTHERS: u32 = 1; // zlib 1.3, liblzma 5.8
        OTHERS * 1_000_000 + zstd_safe::version_number()
    }

    pub(super) fn parse(input: &mut dyn Read) -> io::Result<Self> {
        let codec = match input.varint()? {
            DEFLATE => Self::Deflate {
                level: byte(input)?,
                window_bits: byte(input)?,
                is_wrapped: match input.varint()? {
                    0 => false,
                    1 => true,
                    _ => return Err(invalid("a flag that is neither 0 nor 1")),
                },
            },
            ZSTD => Self::Zstd { level: byte(input)? },
            LZMA2 => Self::Lzma2 {
                preset: byte(input)?,
                dictionary_bytes: u32::try_from(input.varint()?)
                    .map_err(|_| invalid("a dictionary that is too large"))?,
            },
            _ => return Err(invalid("an unknown codec")),
        };
        if codec.is_supported() { Ok(codec) } else { Err(invalid("parameters that no encoder has")) }
    }

    #[cfg(any(test, feature = "release"))]
    pub(super) fn put(self, bytes: &mut Vec<u8>) {
        use super::varint::PutVarint;

        let numbers = match self {
            Self::Deflate { level, window_bits, is_wrapped } => {
                vec![DEFLATE, level.into(), window_bits.into(), is_wrapped.into()]
            }
            Self::Zstd { level } => vec![ZSTD, level.into()],
            Self::Lzma2 { preset, dictionary_bytes } => vec![LZMA2, preset.into(), dictionary_bytes.into()],
        };
        for number in numbers {
            bytes.put_varint(number);
        }
    }

    fn is_supported(self) -> bool {
        match self {
            Self::Deflate { level, window_bits, .. } => {
                (1..=9).contains(&level) && (9..=15).contains(&window_bits)
            }
            Self::Zstd { level } => (1..=22).contains(&level),
            Self::Lzma2 { preset, dictionary_bytes } => {
                preset & !EXTREME <= 9 && (4096..=DICTIONARY_MAX_BYTES).contains(&dictionary_bytes)
            }
        }
    }

    /// What encoding costs, in nanoseconds for a byte: a measured figure's order of magnitude, so that a delta with more
    /// work than anybody waits for is refused before it is begun.
    pub(super) const fn cost_ns(self) -> u64 {
        match self {
            Self::Deflate { level: 0..=6, .. } => 40,
            Self::Deflate { .. } => 120,
            Self::Zstd { level: 0..=9 } => 20,
            Self::Zstd { level: 10..=17 } => 150,
            Self::Zstd { .. } => 500,
            Self::Lzma2 { .. } => 600,
        }
    }

    /// Memory that an encoder takes a multiple of, however short the stream is.
    pub(super) fn window_bytes(self) -> u64 {
        match self {
            Self::Lzma2 { dictionary_bytes, .. } => dictionary_bytes.into(),
            Self::Deflate { .. } | Self::Zstd { .. } => 0,
        }
    }

    /// Whether streams of any length pass through it without being held in memory.
    pub(super) const fn is_streaming(self) -> bool {
        !matches!(self, Self::Zstd { .. })
    }

    /// Compresses all of `expanded`.
    pub(crate) fn encode(self, expanded: &mut dyn Read, stored: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Deflate { level, window_bits, is_wrapped } => {
                let level = Compression::new(level.into());
                let compress = Compress::new_with_window_bits(level, is_wrapped, window_bits);
                let mut encoder = flate2::write::ZlibEncoder::new_with_compress(stored, compress);
                io::copy(expanded, &mut encoder)?;
                encoder.finish().map(drop)
            }
            Self::Zstd { level } => {
                let mut text = Vec::new();
                expanded.take(BUFFERED_MAX_BYTES + 1).read_to_end(&mut text)?;
                let mut frame: Vec<u8> = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
                zstd_safe::CCtx::create().compress(&mut frame, &text, level.into()).map_err(zstd_error)?;
                stored.write_all(&frame)
            }
            Self::Lzma2 { .. } => {
                let mut encoder =
                    liblzma::write::XzEncoder::new_stream(stored, Stream::new_raw_encoder(&self.filters()?)?);
                io::copy(expanded, &mut encoder)?;
                encoder.finish().map(drop)
            }
        }
    }

    /// Expands the stream. Stops at its end, at the latest after `len_max` bytes.
    pub(crate) fn decode(
        self,
        stored: &mut dyn Read,
        expanded: &mut dyn Write,
        len_max: u64,
    ) -> io::Result<u64> {
        match self {
            Self::Deflate { is_wrapped, .. } => {
                let decompress = Decompress::new_with_window_bits(is_wrapped, 15);
                let decoder = flate2::read::ZlibDecoder::new_with_decompress(stored, decompress);
                io::copy(&mut decoder.take(len_max), expanded)
            }
            Self::Zstd { .. } => {
                let mut frame = Vec::new();
                stored
                    .take(zstd_safe::compress_bound(usize_of(BUFFERED_MAX_BYTES)) as u64)
                    .read_to_end(&mut frame)?;
                let mut text: Vec<u8> = Vec::with_capacity(usize_of(len_max.min(BUFFERED_MAX_BYTES)));
                zstd_safe::DCtx::create().decompress(&mut text, &frame).map_err(zstd_error)?;
                expanded.write_all(&text).map(|()| text.len() as u64)
            }
            Self::Lzma2 { .. } => {
                let stream = Stream::new_raw_decoder(&self.filters()?)?;
                let decoder = liblzma::read::XzDecoder::new_stream(stored, stream);
                io::copy(&mut decoder.take(len_max), expanded)
            }
        }
    }

    fn filters(self) -> io::Result<Filters> {
        let Self::Lzma2 { preset, dictionary_bytes } = self else { return Err(invalid("no LZMA2")) };
        let extreme = if preset & EXTREME == 0 { 0 } else { PRESET_EXTREME };
        let mut options = LzmaOptions::new_preset(u32::from(preset & !EXTREME) | extreme)?;
        options.dict_size(dictionary_bytes);
        let mut filters = Filters::new();
        filters.lzma2(&options);
        Ok(filters)
    }
}

fn byte(input: &mut dyn Read) -> io::Result<u8> {
    u8::try_from(input.varint()?).map_err(|_| invalid("a parameter that is too large"))
}

fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// This build of zstd has no texts.
fn zstd_error(code: zstd_safe::ErrorCode) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("error {} of zstd_errors.h", code.wrapping_neg()))
}
