//! [`Reproducer`]: which encoder, with which parameters, made a stream.

use std::io::{self, Write};

use super::streams::{Kind, Stream};
use crate::delta::Codec;

/// So many streams that nothing reproduces since a codec was found, and only what worked before is tried: each of the others
/// would cost all levels once more.
const PATIENCE: u32 = 8;

/// Remembers what worked: the streams of one artifact mostly have the same encoder.
#[derive(Debug, Default)]
pub(super) struct Reproducer {
    /// The last one that worked comes first.
    known: Vec<Codec>,
    fruitless: u32,
}

impl Reproducer {
    /// The codec that makes the same bytes of what they expand to, if there is one.
    pub(super) fn encoder(&mut self, stream: &Stream, artifact: &[u8]) -> Option<Codec> {
        let stored = artifact.get(stream.position..stream.end())?;
        let mut expanded = Vec::new();
        stream.decoder().decode(&mut &*stored, &mut expanded, stream.expanded).ok()?;
        let found = self.find(stream.kind, stored, &expanded);
        match found {
            Some(codec) => {
                if !self.known.contains(&codec) {
                    self.fruitless = 0;
                }
                self.known.retain(|known| *known != codec);
                self.known.insert(0, codec);
            }
            None => self.fruitless += 1,
        }
        found
    }

    fn find(&self, kind: Kind, stored: &[u8], expanded: &[u8]) -> Option<Codec> {
        let is_it = |codec: &Codec| makes(*codec, expanded, stored);
        let candidates = candidates(kind);
        let known = self.known.iter().filter(|codec| candidates.contains(codec));
        let others = candidates.iter().filter(|codec| !self.known.contains(codec));
        let others_max = if self.fruitless < PATIENCE { usize::MAX } else { 0 };
        known.chain(others.take(others_max)).copied().find(is_it)
    }
}

/// In the order in which they are likely.
fn candidates(kind: Kind) -> Vec<Codec> {
    const EXTREME: u8 = 16;
    match kind {
        Kind::Zlib { window_bits } => deflate(window_bits, true),
        Kind::Deflate => deflate(15, false),
        Kind::Zstd => {
            let levels =
                [15, 3, 19, 22].into_iter().chain((1..=22).filter(|level| ![15, 3, 19, 22].contains(level)));
            levels.map(|level| Codec::Zstd { level }).collect()
        }
        Kind::Lzma2 { dictionary_bytes } => {
            let presets = [6, 9, 9 | EXTREME, 6 | EXTREME, 0, 1, 2, 3, 4, 5, 7, 8];
            presets.map(|preset| Codec::Lzma2 { preset, dictionary_bytes }).to_vec()
        }
    }
}

fn deflate(window_bits: u8, is_wrapped: bool) -> Vec<Codec> {
    [9, 6, 1, 5, 7, 8, 4, 3, 2].map(|level| Codec::Deflate { level, window_bits, is_wrapped }).to_vec()
}

fn makes(codec: Codec, mut expanded: &[u8], stored: &[u8]) -> bool {
    let mut rest = Expected(stored);
    codec.encode(&mut expanded, &mut rest).is_ok() && rest.0.is_empty()
}

/// Fails at the first byte that is another one, so that nothing more is compressed in vain.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        self.0 = rest;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
