//! Differential updates: what changed between two artifacts, small because it is told of their *expanded* bytes.
//!
//! Compressed bytes change altogether where one byte of what they hold does. A delta therefore names the compressed
//! streams of both artifacts (the blocks of an AppImage's squashfs, the body of a `.tar.gz`), tells what changed in what
//! they expand to, in the manner of bsdiff, and has the client compress it again, bit for bit. Streams that did not
//! change are copied as they are. Nothing here is trusted or proves anything: the delta file has a signature of its own,
//! which is checked before it is read, and what comes out is verified like a full download.
//!
//! # File format, version 1
//!
//! Numbers of fixed width are little-endian. `varint` is unsigned LEB128 of at most 64 bits; `signed` is one, zigzag.
//!
//! | offset | size | |
//! |---|---|---|
//! | 0 | 8 | `89 75 70 64 65 6C 74 61` (0x89, `updelta`) |
//! | 8 | 4 | version of the format: 1 |
//! | 12 | 4 | encoders: [`Codec::encoders`]; others do not make the same bytes, so that a delta for others is refused |
//! | 16 | 8 + 32 | base: its size, and its SHA-256 |
//! | 56 | 8 + 32 | result: its size, and its SHA-256 |
//! | 96 | 8 | size of the old text |
//! | 104 | 8 | size of the new text |
//! | 112 | 4 × 16 | for each section, in the order below: its size in this file, and the size that it expands to |
//! | 176 | | the sections, one after the other, up to the end of the file |
//!
//! Each section is an `.xz` file of its own (one stream, checked by CRC32), or nothing where it expands to nothing.
//!
//! 1. **Table.** Three lists, each with its length (`varint`) before it:
//!    - codecs: a tag (`varint`) and its parameters, see [`Codec`];
//!    - pieces of the base, in its order, which expanded and joined are the *old text*: bytes skipped since the end of the
//!      last one, bytes in the base, codec (0: as they are, else an index from 1), and, for a codec, bytes expanded;
//!    - steps that make the result: `0`, position in the base less the end of the last copy (`signed`), length: copied
//!      from the base; `1`, length: the next bytes of the *new text* as they are; `2 + index`, bytes expanded, bytes
//!      stored: the next bytes of the new text, encoded.
//! 2. **Control.** `signed` seek, `varint` add, `varint` insert, until the new text is complete: the position in the old
//!    text moves by `seek` from where it was (at first 0), then come so many bytes from there with differences added to
//!    them (wrapping), which moves it on, then so many new bytes.
//! 3. **Differences**, one byte for each that is added.
//! 4. **Insertions.**

mod apply;
mod cancel;
mod codec;
mod header;
mod patched;
mod random_access;
mod section;
mod table;
#[cfg(test)]
mod tests;
mod varint;
mod workers;

pub(crate) use apply::{Patch, apply};
pub(crate) use cancel::Cancelled;
pub(crate) use codec::Codec;
#[cfg(any(test, feature = "release"))]
pub(crate) use codec::{BUFFERED_MAX_BYTES, DICTIONARY_MAX_BYTES};
pub(crate) use header::{Header, Image, SectionSize};
pub(crate) use random_access::ReadAt;
#[cfg(any(test, feature = "release"))]
pub(crate) use section::SECTION_WINDOW_MAX_BYTES;
pub(crate) use table::{Piece, Step, Table};
#[cfg(any(test, feature = "release"))]
pub(crate) use varint::PutVarint;

/// What the signature of a delta says that it is, as `type`: one of an artifact does not do, nor the other way round.
pub(crate) const PURPOSE: &str = "delta";

fn invalid(reason: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason)
}
