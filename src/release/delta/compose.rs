//! [`Composition`]: both artifacts as streams and what lies between them, and the texts that are compared.

use std::{
    collections::{HashMap, HashSet},
    io,
    num::NonZero,
    ops::Range,
    thread,
};

use super::{
    diff::Diff,
    reproduce::Reproducer,
    streams::{self, Stream},
};
use crate::delta::{Codec, Piece, Step, Table};

/// What is shorter and lies between streams is not worth being looked up.
const COPIED_MIN_BYTES: usize = 32;

/// What becomes of the table, and the two texts.
#[derive(Debug, Default)]
pub(super) struct Composition {
    pub(super) table: Table,
    pub(super) old_text: Vec<u8>,
    pub(super) new_text: Vec<u8>,
    pub(super) streams: usize,
    pub(super) opaque_streams: usize,
}

impl Composition {
    pub(super) fn new(old: &[u8], new: &[u8]) -> io::Result<Self> {
        let (old_parts, new_parts) = (parts(old), parts(new));
        let places = old_parts.iter().filter(|part| part.is_worth_copying());
        let places: HashMap<&[u8], usize> = places.map(|part| (part.bytes(old), part.range.start)).collect();
        let is_known = |part: &Part| part.is_worth_copying() && places.contains_key(part.bytes(new));
        let changed: Vec<&Stream> =
            new_parts.iter().filter(|part| !is_known(part)).filter_map(|part| part.stream.as_ref()).collect();
        let codecs = reproduce(&changed, new);
        // Where nothing can be made again, compressed bytes are compared with compressed bytes.
        let is_plain = codecs.iter().all(Option::is_none);
        let mut codecs = codecs.into_iter();
        let mut this = Self { streams: changed.len(), ..Self::default() };
        for part in &new_parts {
            let bytes = part.bytes(new);
            let is_known = is_known(part);
            let copied = if is_known { places.get(bytes).copied() } else { this.goes_on(bytes, old) };
            // Each changed stream has one, also where what is told of it is that a copy goes on.
            let codec = if is_known || part.stream.is_none() { None } else { codecs.next().flatten() };
            match (copied, &part.stream) {
                (Some(position), _) => this.copy(position as u64, bytes.len() as u64),
                (None, None) => this.raw(bytes),
                (None, Some(stream)) => match codec {
                    Some(codec) => this.encode(codec, stream, bytes)?,
                    None => {
                        this.opaque_streams += 1;
                        this.raw(bytes);
                    }
                },
            }
        }
        let copied: HashSet<&[u8]> =
            new_parts.iter().filter(|part| is_known(part)).map(|part| part.bytes(new)).collect();
        for part in old_parts.iter().filter(|part| !copied.contains(part.bytes(old))) {
            let stream = part.stream.as_ref().filter(|_| !is_plain);
            this.expand(part.range.start, part.bytes(old), stream)?;
        }
        Ok(this)
    }

    /// Where in the base a copy that has just ended would go on with the same bytes.
    fn goes_on(&self, bytes: &[u8], old: &[u8]) -> Option<usize> {
        let Some(Step::Copy { position, len }) = self.table.steps.last() else { return None };
        let end = usize::try_from(position + len).ok()?;
        (old.get(end..end + bytes.len()) == Some(bytes)).then_some(end)
    }

    fn copy(&mut self, from: u64, more: u64) {
        match self.table.steps.last_mut() {
            Some(Step::Copy { position, len }) if *position + *len == from => *len += more,
            _ => self.table.steps.push(Step::Copy { position: from, len: more }),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.new_text.extend_from_slice(bytes);
        match self.table.steps.last_mut() {
            Some(Step::Raw { len }) => *len += bytes.len() as u64,
            _ => self.table.steps.push(Step::Raw { len: bytes.len() as u64 }),
        }
    }

    fn encode(&mut self, codec: Codec, stream: &Stream, bytes: &[u8]) -> io::Result<()> {
        codec.decode(&mut &*bytes, &mut self.new_text, stream.expanded)?;
        let (expanded, stored) = (stream.expanded, bytes.len() as u64);
        self.table.steps.push(Step::Encode { codec, expanded, stored });
        Ok(())
    }

    fn expand(&mut self, position: usize, mut bytes: &[u8], stream: Option<&Stream>) -> io::Result<()> {
        let (position, stored) = (position as u64, bytes.len() as u64);
        let piece = match stream {
            None => {
                self.old_text.extend_from_slice(bytes);
                Piece { position, stored, expanded: stored, codec: None }
            }
            Some(stream) => {
                let codec = stream.decoder();
                codec.decode(&mut bytes, &mut self.old_text, stream.expanded)?;
                Piece { position, stored, expanded: stream.expanded, codec: Some(codec) }
            }
        };
        self.table.pieces.push(piece);
        Ok(())
    }

    /// Leaves out the pieces of the base that no instruction reads, so that no application expands them. Returns the
    /// length of what is left of the old text.
    pub(super) fn keep_what_is_used(&mut self, diff: &mut Diff) -> u64 {
        let mut total = 0;
        let mut starts = Vec::with_capacity(self.table.pieces.len());
        for piece in &self.table.pieces {
            starts.push(total);
            total += piece.expanded;
        }
        let piece_at = |position: u64| starts.partition_point(|start| *start <= position).saturating_sub(1);
        let mut is_used = vec![false; starts.len()];
        for instruction in diff.instructions.iter().filter(|instruction| instruction.add > 0) {
            let last = piece_at(instruction.position + instruction.add - 1);
            for used in is_used.iter_mut().take(last + 1).skip(piece_at(instruction.position)) {
                *used = true;
            }
        }
        let mut left_out = 0;
        let shifts: Vec<u64> = is_used
            .iter()
            .zip(&self.table.pieces)
            .map(|(used, piece)| {
                let shift = left_out;
                left_out += if *used { 0 } else { piece.expanded };
                shift
            })
            .collect();
        let mut end = 0;
        for instruction in &mut diff.instructions {
            instruction.position = match instruction.add {
                0 => end,
                _ => instruction.position - shifts.get(piece_at(instruction.position)).copied().unwrap_or(0),
            };
            end = instruction.position + instruction.add;
        }
        let mut used = is_used.iter();
        self.table.pieces.retain(|_| used.next().copied().unwrap_or(true));
        total - left_out
    }
}

/// A stream, or what lies between two.
struct Part {
    range: Range<usize>,
    stream: Option<Stream>,
}

impl Part {
    fn bytes<'a>(&self, artifact: &'a [u8]) -> &'a [u8] {
        artifact.get(self.range.clone()).unwrap_or_default()
    }

    fn is_worth_copying(&self) -> bool {
        self.stream.is_some() || self.range.len() >= COPIED_MIN_BYTES
    }
}

fn parts(artifact: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut end = 0;
    let between = |range: Range<usize>| (!range.is_empty()).then_some(Part { range, stream: None });
    for stream in streams::find(artifact) {
        parts.extend(between(end..stream.position));
        end = stream.end();
        parts.push(Part { range: stream.position..end, stream: Some(stream) });
    }
    parts.extend(between(end..artifact.len()));
    parts
}

/// The encoder of each stream, on all processors.
fn reproduce(streams: &[&Stream], artifact: &[u8]) -> Vec<Option<Codec>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = streams.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let shares: Vec<_> = streams
            .chunks(share)
            .map(|share| {
                let work = move || {
                    let mut reproducer = Reproducer::default();
                    share.iter().map(|stream| reproducer.encoder(stream, artifact)).collect::<Vec<_>>()
                };
                (share.len(), scope.spawn(work))
            })
            .collect();
        // An encoder without memory panics; what it was at is told byte by byte.
        shares.into_iter().flat_map(|(len, share)| share.join().unwrap_or_else(|_| vec![None; len])).collect()
    })
}
