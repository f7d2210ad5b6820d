mod model;
mod sections;

use ring::digest;

use crate::{
    delta::{Codec, Header, Image, Patch, apply},
    release::Delta,
};
use model::Model;

/// So much is compressed in one run at most: encoders take longer than everything else.
const ENCODED_MAX_BYTES: u64 = 64 << 10;

/// What the first line says: `file`, a delta for [`BASE`]; `sections`, a base and the four sections, around which a header is
/// put that fits; `model`, the description of a delta of which it is known what it makes, and where it is damaged;
/// `create`, two artifacts, the first with its length before it. Whatever it is, no more comes out than the header says, and
/// nothing else.
pub fn delta(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let (mode, rest) = input.split_at(end);
    let mut rest = Bytes(rest.get(1..).unwrap_or_default());
    match mode {
        b"file" => drop(applied(BASE, rest.0)),
        b"sections" => sections::check(rest),
        b"model" => check_model(rest),
        b"create" => check_creation(rest.part(), rest.0),
        _ => {}
    }
}

const BASE: &[u8] = b"the base of every file";

/// The error is the reason.
fn applied(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, String> {
    let (result, outcome) = made(base, delta);
    outcome.map(|()| result)
}

/// What came out, and why no more did.
fn made(base: &[u8], delta: &[u8]) -> (Vec<u8>, Result<(), String>) {
    let (mut scratch, mut result) = (Vec::new(), Vec::new());
    let outcome = Header::parse(delta, delta.len() as u64).and_then(|header| {
        let patch = Patch { base, delta, header: &header };
        let outcome = apply(&patch, &mut scratch, &mut result, &|| false);
        assert!(scratch.len() as u64 <= header.old_text_len);
        assert!(result.len() as u64 <= header.result.size);
        assert!(outcome.is_err() || image(&result) == header.result);
        outcome
    });
    (result, outcome.map_err(|error| error.to_string()))
}

fn check_model(mut description: Bytes<'_>) {
    let (position, change) = (description.u16(), description.u8());
    let Some(model) = Model::read(description) else { return };
    let mut delta = model.delta();
    assert_eq!(applied(&model.base, &delta).as_ref(), Ok(&model.result));
    let at = usize::from(position) % delta.len();
    *delta.get_mut(at).unwrap() ^= change;
    if let Ok(result) = applied(&model.base, &delta) {
        assert!(result == model.result);
    }
}

fn check_creation(old: &[u8], new: &[u8]) {
    if let Ok(delta) = Delta::create(old, new, &mut |_| {}) {
        assert_eq!(applied(old, delta.as_bytes()).as_deref(), Ok(new));
        assert!(delta.opaque_streams() <= delta.streams());
    }
}

fn image(bytes: &[u8]) -> Image {
    let sha256 = digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap();
    Image { size: bytes.len() as u64, sha256 }
}

fn encoded(codec: Codec, text: &[u8]) -> Vec<u8> {
    let mut stored = Vec::new();
    codec.encode(&mut &*text, &mut stored).unwrap();
    stored
}

/// Zeros at the end, without end.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// What has its length before it.
    fn part(&mut self) -> &'a [u8] {
        let len = self.u16();
        self.take(len.into())
    }
}
