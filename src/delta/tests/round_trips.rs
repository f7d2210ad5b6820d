//! From the publisher's side to the application's, for every kind of stream.

use std::io::{Read, Seek};

use flate2::{Compress, Compression, FlushCompress};

use super::*;
use crate::release::{Delta, DeltaStep};

fn round_trip(old: &[u8], new: &[u8]) -> Delta {
    let delta = Delta::create(old, new, &mut |_| {}).unwrap();
    assert_eq!(patched(old, delta.as_bytes()).unwrap(), new);
    assert_eq!((delta.base_sha256(), delta.result_sha256()), (image(old).hex(), image(new).hex()));
    assert_eq!(delta.result_size(), new.len() as u64);
    delta
}

/// Of some streams one in ten changes, in one place. All are reproduced, and the delta is no larger than what changed.
fn change_some(stream: impl Fn(&[u8]) -> Vec<u8>, len: usize) {
    let texts: Vec<Vec<u8>> = (0..20).map(|n| text(len, 100 + n)).collect();
    let container = |texts: &[Vec<u8>]| {
        let mut container = b"container".to_vec();
        for (n, text) in texts.iter().enumerate() {
            container.extend(stream(text));
            container.extend(vec![0; n % 5]);
        }
        container
    };
    let old = container(&texts);
    let mut texts = texts;
    for text in texts.iter_mut().step_by(10) {
        text.splice(len / 2..len / 2, *b"inserted");
    }
    let new = container(&texts);
    let delta = round_trip(&old, &new);
    assert_eq!((delta.streams(), delta.opaque_streams()), (2, 0));
    assert!(delta.as_bytes().len() < 176 + 700, "{}", delta.as_bytes().len());
}

fn gzip(flags: u8, text: &[u8], level: u8) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 2, 3];
    if flags & 4 != 0 {
        file.extend(*b"\x05\0extra");
    }
    if flags & 8 != 0 {
        file.extend(*b"name\0");
    }
    if flags & 16 != 0 {
        file.extend(*b"comment\0");
    }
    if flags & 2 != 0 {
        file.extend(*b"cr");
    }
    file.extend(encoded(Codec::Deflate { level, window_bits: 15, is_wrapped: false }, text));
    let mut crc = flate2::Crc::new();
    crc.update(text);
    file.extend(crc.sum().to_le_bytes());
    file.extend(crc.amount().to_le_bytes());
    file
}

fn xz_file(text: &[u8], preset: u32, dictionary_bytes: u32, is_x86: bool) -> Vec<u8> {
    let mut options = LzmaOptions::new_preset(preset).unwrap();
    options.dict_size(dictionary_bytes);
    let mut filters = Filters::new();
    if is_x86 {
        filters.x86();
    }
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc64).unwrap();
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// In a way that no single call of zlib does.
fn flushed_in_the_middle(text: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(text.len() + 1000);
    let mut compress = Compress::new(Compression::new(6), true);
    let (first, rest) = text.split_at(text.len() / 3);
    compress.compress_vec(first, &mut stream, FlushCompress::Full).unwrap();
    compress.compress_vec(rest, &mut stream, FlushCompress::Finish).unwrap();
    stream
}

#[test]
fn plain_bytes_of_any_length() {
    let old = text(100_000, 1);
    let mut changed = old.clone();
    changed.splice(30_000..30_010, *b"something else, and longer");
    let longer = [&old[..], &text(50_000, 2)].concat();
    let moved = [&old[60_000..], &old[..60_000]].concat();
    for (old, new) in [
        (&old[..], &changed[..]),
        (&old, &longer),
        (&longer, &old),
        (&old, &moved),
        (&old, &old[50_000..]),
        (b"a", b"b"),
        (b"", b"b"),
        (b"a", b""),
        (b"", b""),
    ] {
        let delta = round_trip(old, new);
        assert_eq!((delta.streams(), delta.opaque_streams()), (0, 0));
    }
    assert!(round_trip(&old, &changed).as_bytes().len() < 600);
    assert!(round_trip(&old, &moved).as_bytes().len() < 600);
}

#[test]
fn from_nothing_and_to_nothing() {
    let text = text(100_000, 1);
    let new = [text.clone(), encoded(ZLIB, &text)].concat();
    let delta = round_trip(b"", &new);
    assert_eq!((delta.streams(), delta.opaque_streams()), (1, 0));
    assert!(round_trip(&new, b"").as_bytes().len() < 300);
}

#[test]
fn what_did_not_change_is_copied() {
    let stream = encoded(ZLIB, &text(100_000, 1));
    let artifact = [b"head", &stream[..], b"tail"].concat();
    let delta = round_trip(&artifact, &artifact);
    assert_eq!((delta.streams(), delta.opaque_streams()), (0, 0));
    assert!(delta.as_bytes().len() < 400, "{}", delta.as_bytes().len());
}

#[test]
fn zlib_streams_of_every_level_and_window() {
    for level in 1..=9 {
        change_some(
            |text| encoded(Codec::Deflate { level, window_bits: 15, is_wrapped: true }, text),
            20_000,
        );
    }
    for window_bits in 9..15 {
        change_some(|text| encoded(Codec::Deflate { level: 9, window_bits, is_wrapped: true }, text), 20_000);
    }
}

#[test]
fn zstandard_frames() {
    for level in [1, 3, 9, 15, 19, 22] {
        change_some(|text| encoded(Codec::Zstd { level }, text), 20_000);
    }
}

#[test]
fn xz_files_also_behind_a_filter_for_machine_code() {
    for (preset, dictionary_bytes) in [(6, 1 << 17), (6, 8 << 20), (9, 1 << 20), (1, 1 << 16)] {
        for is_x86 in [false, true] {
            change_some(|text| xz_file(text, preset, dictionary_bytes, is_x86), 20_000);
        }
    }
    change_some(|text| xz_file(text, 9 | liblzma::stream::PRESET_EXTREME, 1 << 20, true), 20_000);
}

#[test]
fn gzip_files_with_any_header_whose_body_does_not_fit_into_the_buffer() {
    let old = text(1_100_000, 1);
    let mut new = old.clone();
    new.splice(800_000..800_000, *b"inserted");
    for (flags, level) in [(0, 9), (8, 6), (4 | 8 | 16 | 2, 9), (1 | 16, 1)] {
        let delta = round_trip(&gzip(flags, &old, level), &gzip(flags, &new, level));
        assert_eq!((delta.streams(), delta.opaque_streams()), (1, 0));
        assert!(delta.as_bytes().len() < 800, "{}", delta.as_bytes().len());
    }
}

#[test]
fn streams_of_all_kinds_one_after_the_other_in_another_order() {
    let texts: Vec<Vec<u8>> = (0..4).map(|n| text(30_000, 50 + n)).collect();
    let mut changed = texts.clone();
    for text in &mut changed {
        text[15_000] ^= 1;
    }
    let streams = |texts: &[Vec<u8>]| {
        [
            encoded(Codec::Deflate { level: 9, window_bits: 15, is_wrapped: true }, &texts[0]),
            encoded(Codec::Zstd { level: 15 }, &texts[1]),
            xz_file(&texts[2], 6, 1 << 20, false),
            gzip(8, &texts[3], 6),
        ]
    };
    let (old, mut new) = (streams(&texts), streams(&changed));
    new.reverse();
    let delta = round_trip(&old.concat(), &new.concat());
    assert_eq!((delta.streams(), delta.opaque_streams()), (4, 0));
    assert!(delta.as_bytes().len() < 1000, "{}", delta.as_bytes().len());
}

#[test]
fn streams_that_nobody_makes_in_the_same_way_are_told_byte_by_byte() {
    let old: Vec<u8> = (0..12).flat_map(|n| flushed_in_the_middle(&text(20_000, 200 + n))).collect();
    let changed = |n: u64| text(20_000, if n.is_multiple_of(2) { 200 + n } else { 300 + n });
    let mut new: Vec<u8> = (0..12).flat_map(|n| flushed_in_the_middle(&changed(n))).collect();
    let delta = round_trip(&old, &new);
    assert_eq!((delta.streams(), delta.opaque_streams()), (6, 6));
    // One that somebody makes is not overlooked beside a few of them.
    new.truncate(new.len() / 2);
    new.extend(encoded(ZLIB, &text(20_000, 400)));
    let delta = round_trip(&old, &new);
    assert_eq!(delta.streams() - delta.opaque_streams(), 1);
}

#[test]
fn what_nobody_makes_in_the_same_way_has_its_compressed_bytes_compared() {
    let old = flushed_in_the_middle(&text(200_000, 1));
    let mut changed = text(200_000, 1);
    changed[150_000] ^= 1;
    let new = flushed_in_the_middle(&changed);
    let delta = round_trip(&old, &new);
    assert_eq!((delta.streams(), delta.opaque_streams()), (1, 1));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let size = delta.as_bytes().len();
    assert!(size < new.len() - same + 1_000, "{size} of {} bytes, of which {same} are the same", new.len());
}

#[test]
fn a_stream_inside_a_stream_is_part_of_the_text() {
    let with = |inner: &[u8]| {
        encoded(
            ZLIB,
            &[&text(20_000, 1), &encoded(Codec::Zstd { level: 3 }, inner)[..], &text(20_000, 2)].concat(),
        )
    };
    let mut inner = text(10_000, 3);
    let old = with(&inner);
    inner[5000] ^= 1;
    let delta = round_trip(&old, &with(&inner));
    assert_eq!((delta.streams(), delta.opaque_streams()), (1, 0));
}

#[test]
fn streams_that_are_cut_damaged_or_begin_in_another_one() {
    let stream = encoded(ZLIB, &text(20_000, 1));
    let frame = encoded(Codec::Zstd { level: 3 }, &text(20_000, 2));
    let file = xz_file(&text(20_000, 3), 6, 1 << 16, true);
    let gzip = gzip(4 | 8, &text(20_000, 4), 6);
    for whole in [&stream, &frame, &file, &gzip] {
        let half = whole.len() / 2;
        let mut damaged = whole.clone();
        damaged[half] ^= 1;
        for (old, new) in [
            (&whole[..], &whole[..half]),
            (&whole[..half], &whole[..]),
            (&whole[half..], whole),
            (whole, &damaged),
            (&damaged, whole),
            (whole, &[&b"\x78\x9c"[..], whole].concat()),
            (whole, &[&b"\x1f\x8b\x08"[..], whole].concat()),
            (whole, &[&b"\xfd7zXZ\0"[..], whole].concat()),
            (whole, &[&whole[..20], whole].concat()),
            (whole, &[&whole[..], &whole[..], &stream].concat()),
            (whole, &encoded(ZLIB, whole)),
            (&encoded(ZLIB, whole), whole),
        ] {
            round_trip(old, new);
        }
    }
    for header in
        [&b"\x1f\x8b\x08"[..], b"\x1f\x8b\x08\xff", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x78", b"\x78\x9c"]
    {
        for more in 0..40 {
            let cut = [header, &vec![0xff; more]].concat();
            round_trip(&cut, &[&cut[..], &cut].concat());
            let cut = [header, &vec![0; more]].concat();
            round_trip(&cut, &[&cut[..], &cut].concat());
        }
    }
}

#[test]
fn a_stream_that_a_copy_reaches_leaves_the_encoders_of_the_next_ones_to_them() {
    let deflate =
        |level, seed| encoded(Codec::Deflate { level, window_bits: 15, is_wrapped: true }, &text(900, seed));
    let (first, inner) = (deflate(6, 1), deflate(6, 2));
    // In the old artifact the inner stream is part of the text of another one, which the new artifact has not.
    let mut outer = Vec::with_capacity(2000);
    Compress::new(Compression::none(), true).compress_vec(&inner, &mut outer, FlushCompress::Finish).unwrap();
    let old = [&first[..], &outer].concat();
    outer.truncate(outer.len() - 4);
    assert!(outer.ends_with(&inner));
    let new = [&first[..], &outer, b"other", &deflate(9, 3), b"-", &deflate(1, 4)].concat();
    let delta = round_trip(&old, &new);
    assert_eq!((delta.streams(), delta.opaque_streams()), (3, 0));
}

#[test]
fn long_dictionaries_for_short_streams_are_set_up_one_after_the_other() {
    let codec = Codec::Lzma2 { preset: 6, dictionary_bytes: 8 << 20 };
    let insertions = text(40_000, 1);
    let streams: Vec<Vec<u8>> = insertions.chunks(10_000).map(|text| encoded(codec, text)).collect();
    let mut steps = Vec::new();
    for stream in &streams {
        steps.push(Step::Encode { codec, expanded: 10_000, stored: stream.len() as u64 });
    }
    let delta = Forged::inserting(steps, &insertions, image(&streams.concat()));
    assert_eq!(patched(&delta.base, &delta.to_bytes()).unwrap(), streams.concat());
    assert!(codec.window_bytes() > codec::BUFFERED_MAX_BYTES);
}

#[test]
fn files_are_patched_like_memory_and_the_steps_are_told() {
    let (old, new) = (gzip(8, &text(300_000, 1), 6), gzip(8, &text(310_000, 1), 6));
    let mut steps = Vec::new();
    let delta = Delta::create(&old, &new, &mut |step| steps.push(step)).unwrap();
    assert_eq!(steps, [DeltaStep::Scan, DeltaStep::Compare, DeltaStep::Compress, DeltaStep::Verify]);
    let file = |content: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    };
    let (base, bytes) = (file(&old), file(delta.as_bytes()));
    let (mut scratch, mut result) = (file(b""), file(b""));
    Delta::apply(&base, &bytes, &mut scratch, &mut result).unwrap();
    result.rewind().unwrap();
    let mut made = Vec::new();
    result.read_to_end(&mut made).unwrap();
    assert_eq!(made, new);
    let error = Delta::apply(&bytes, &bytes, &mut file(b""), &mut made).unwrap_err();
    assert!(error.to_string().contains("another base"), "{error}");
    assert!(Delta::apply(&base, &base, &mut file(b""), &mut made).is_err());
}
