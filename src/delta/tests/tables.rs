use super::*;

const MIB: u64 = 1 << 20;

#[test]
fn ranges_behind_the_end_of_the_base_are_refused() {
    let sound = Forged::sound();
    let size = sound.base.len() as u64;
    for (position, len) in [(size - 3, 4), (size + 1, 0), (1 << 62, 4), (4, u64::MAX - 4)] {
        let steps = vec![Step::Copy { position, len }];
        let table = Table { pieces: Vec::new(), steps }.to_bytes();
        Forged { table, ..sound.clone() }.assert_refused("behind the end of the base");
        let piece = Piece { position, stored: len, expanded: len, codec: None };
        let table = Table { pieces: vec![piece], steps: Vec::new() }.to_bytes();
        Forged { table, ..sound.clone() }.assert_refused("behind the end of the base");
    }
}

#[test]
fn positions_of_more_than_64_bits_are_refused() {
    let sound = Forged::sound();
    for table in [
        // No codecs, a piece.
        numbers(&[0, 1, u64::MAX, 1, 0, 0]),
        numbers(&[0, 1, 1, u64::MAX, 0, 0]),
        // A copy from before the base, and one that ends behind all numbers.
        numbers(&[0, 0, 1, 0, 1, 4]),
        numbers(&[0, 0, 2, 0, u64::MAX - 1, 1, 0, u64::MAX - 1, u64::MAX]),
        numbers(&[0, 0, 1, 0, 2, u64::MAX]),
    ] {
        Forged { table, ..sound.clone() }.assert_refused("more than 64 bits");
    }
}

#[test]
fn sums_that_are_not_those_of_the_header_are_refused_also_where_they_wrap() {
    let sound = Forged::sound();
    let size = sound.result.size;
    for steps in [
        vec![],
        vec![Step::Raw { len: 5012 }],
        vec![Step::Encode { codec: ZLIB, expanded: 5011, stored: size }],
        vec![Step::Encode { codec: ZLIB, expanded: 5012, stored: size - 1 }],
        vec![Step::Raw { len: u64::MAX }, Step::Raw { len: 5013 }],
        vec![
            Step::Encode { codec: ZLIB, expanded: 5012, stored: u64::MAX },
            Step::Encode { codec: ZLIB, expanded: 0, stored: size + 1 },
        ],
    ] {
        let table = Table { pieces: Vec::new(), steps }.to_bytes();
        Forged { old_text_len: 0, table, ..sound.clone() }.assert_refused("do not add up");
    }
    let piece = |position, expanded| Piece { position, stored: 1, expanded, codec: Some(ZLIB) };
    let steps = vec![Step::Encode { codec: ZLIB, expanded: 5012, stored: size }];
    let pieces = vec![piece(0, u64::MAX), piece(1, 5001)];
    let table = Table { pieces, steps }.to_bytes();
    Forged { table, ..sound }.assert_refused("do not add up");
}

#[test]
fn codecs_that_nobody_knows_or_with_parameters_that_nobody_has_are_refused() {
    let sound = Forged::sound();
    for (codec, expected) in [
        (&[0][..], "unknown codec"),
        (&[4], "unknown codec"),
        (&[u64::MAX], "unknown codec"),
        (&[1, 0, 15, 1], "no encoder has"),
        (&[1, 10, 15, 1], "no encoder has"),
        (&[1, 6, 8, 1], "no encoder has"),
        (&[1, 6, 16, 1], "no encoder has"),
        (&[1, 6, 15, 2], "neither 0 nor 1"),
        (&[1, 256 + 6, 15, 1], "too large"),
        (&[2, 0], "no encoder has"),
        (&[2, 23], "no encoder has"),
        (&[2, 256 + 3], "too large"),
        (&[3, 10, 4096], "no encoder has"),
        (&[3, 16 + 10, 4096], "no encoder has"),
        (&[3, 32, 4096], "no encoder has"),
        (&[3, 6, 4095], "no encoder has"),
        (&[3, 6, (8 << 20) + 1], "no encoder has"),
        (&[3, 6, (1 << 32) + 4096], "too large"),
    ] {
        let table = numbers(&[&[1], codec, &[0, 0]].concat());
        Forged { table, ..sound.clone() }.assert_refused(expected);
    }
}

#[test]
fn codecs_that_are_not_in_the_list_are_refused() {
    let sound = Forged::sound();
    for index in [1, 2, u64::MAX - 2] {
        // A codec; no pieces; a step.
        let table = numbers(&[1, 2, 3, 0, 1, 2 + index, 1, 1]);
        Forged { table, ..sound.clone() }.assert_refused("not in the list");
        // A codec; a piece.
        let table = numbers(&[1, 2, 3, 1, 0, 1, 1 + index, 1, 0]);
        Forged { table, ..sound.clone() }.assert_refused("not in the list");
    }
}

#[test]
fn lists_that_claim_more_than_there_is_are_refused() {
    let sound = Forged::sound();
    for table in [numbers(&[u64::MAX]), numbers(&[0, u64::MAX]), numbers(&[0, 0, u64::MAX]), Vec::new()] {
        assert!(patched(&sound.base, &Forged { table, ..sound.clone() }.to_bytes()).is_err());
    }
    // And such as claim less.
    let table = [&sound.table[..], &[0]].concat();
    Forged { table, ..sound }.assert_refused("another size than declared");
}

#[test]
fn streams_that_do_not_fit_into_the_buffer_of_their_codec_are_refused() {
    let codec = Codec::Zstd { level: 3 };
    for (expanded, stored) in [(MIB + 1, 1), (1, MIB + 1)] {
        let steps = vec![Step::Encode { codec, expanded, stored }];
        Forged::inserting(steps, b"", image(b"")).assert_refused("too long for its codec");
        let pieces = vec![Piece { position: 0, stored, expanded, codec: Some(codec) }];
        let table = Table { pieces, steps: Vec::new() }.to_bytes();
        Forged { table, ..Forged::sound() }.assert_refused("too long for its codec");
    }
}

#[test]
fn more_work_than_anybody_waits_for_is_refused_before_it_is_begun() {
    let lzma = Codec::Lzma2 { preset: 9, dictionary_bytes: 8 << 20 };
    let gigabyte = 1_000_000_000;
    let claimed = |size| Image { size, ..image(b"") };
    for (steps, expanded, size, control) in [
        (vec![Step::Encode { codec: lzma, expanded: gigabyte, stored: gigabyte }], gigabyte, gigabyte, 3),
        // Each instruction leads to somewhere else.
        (vec![Step::Raw { len: gigabyte }], gigabyte, gigabyte, gigabyte / 2),
        // The largest number of encoders that are set up for nothing.
        (vec![Step::Encode { codec: lzma, expanded: 0, stored: 0 }; 250_000], 0, 0, 0),
    ] {
        let forged = Forged::inserting(steps, b"", claimed(size));
        let delta = forged.to_bytes_with(|header, _| {
            header.new_text_len = expanded;
            header.sections[1].expanded = control;
            header.sections[3].expanded = expanded;
        });
        assert_refused(&forged.base, &delta, "600 s of work");
    }
}

#[test]
fn items_that_make_nothing_are_no_work_however_many_there_are() {
    const ITEMS: u64 = 600_000;
    let mut table = numbers(&[0, ITEMS]);
    for _ in 0..ITEMS {
        table.extend([0, 0, 0]);
    }
    table.extend(numbers(&[0]));
    let nothing = |table| Forged {
        base: b"base".to_vec(),
        result: image(b""),
        old_text_len: 0,
        new_text_len: 0,
        table,
        control: Vec::new(),
        differences: Vec::new(),
        insertions: Vec::new(),
    };
    let pieces = nothing(table);
    assert!(patched(&pieces.base, &pieces.to_bytes()).unwrap().is_empty());
    for step in [&[0, 0, 0][..], &[1, 0]] {
        let mut table = numbers(&[0, 0, ITEMS]);
        for _ in 0..ITEMS {
            table.extend(step);
        }
        let steps = nothing(table);
        assert!(patched(&steps.base, &steps.to_bytes()).unwrap().is_empty());
    }
}

#[test]
fn what_is_encoded_to_another_size_than_declared_is_an_error_and_never_more_comes_out() {
    let short = text(1000, 5);
    // What does not fit into memory goes straight to the output.
    let long = text(1_300_000, 5);
    for text in [&short, &long] {
        let expanded = text.len() as u64;
        for codec in [ZLIB, Codec::Lzma2 { preset: 0, dictionary_bytes: 4 << 20 }] {
            let stored = encoded(codec, text).len() as u64;
            for wrong in [0, 1, stored - 1, stored + 1, MIB, 8 * MIB] {
                let steps = vec![Step::Encode { codec, expanded, stored: wrong }];
                let size = Image { size: wrong, ..image(b"") };
                let forged = Forged::inserting(steps, text, size);
                let error = patched(&forged.base, &forged.to_bytes()).unwrap_err().to_string();
                let known = ["declared", "makes more than it says"];
                assert!(known.iter().any(|known| error.contains(known)), "{error}");
            }
        }
    }
}

#[test]
fn streams_of_the_base_that_are_none_or_expand_to_another_size_are_errors() {
    let sound = Forged::sound();
    let stored = sound.base.len() as u64 - 8;
    let lzma = Codec::Lzma2 { preset: 6, dictionary_bytes: 4096 };
    let raw = Codec::Deflate { level: 6, window_bits: 15, is_wrapped: false };
    let size = sound.result.size;
    for (position, stored, expanded, codec) in [
        (3, stored, 5000, ZLIB),
        (4, stored - 1, 5000, raw),
        (4, stored / 2, 5000, ZLIB),
        (4, 0, 5000, ZLIB),
        (4, stored, 5001, ZLIB),
        (4, stored, 5000, lzma),
        (4, stored, 5000, Codec::Zstd { level: 3 }),
        (4, 0, 5000, Codec::Zstd { level: 3 }),
        (4, 0, 5000, lzma),
    ] {
        let piece = Piece { position, stored, expanded, codec: Some(codec) };
        let steps = vec![Step::Encode { codec: ZLIB, expanded: 5012, stored: size }];
        let table = Table { pieces: vec![piece], steps }.to_bytes();
        let delta = Forged { table, old_text_len: expanded, ..sound.clone() };
        assert!(patched(&delta.base, &delta.to_bytes()).is_err(), "{codec:?}");
    }
    // Never more than declared, whatever the stream holds.
    let bomb = encoded(ZLIB, &vec![0; 4 << 20]);
    let piece = Piece { position: 0, stored: bomb.len() as u64, expanded: 5000, codec: Some(ZLIB) };
    let steps = vec![Step::Raw { len: 5012 }, Step::Copy { position: 0, len: 100 }];
    let table = Table { pieces: vec![piece], steps }.to_bytes();
    let result = Image { size: 5112, ..sound.result };
    Forged { base: bomb, table, result, ..sound }.assert_refused("another result");
}
