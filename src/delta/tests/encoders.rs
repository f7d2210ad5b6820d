//! What encoders make is part of the format: a delta holds what they are given. That it does not depend on the processor is
//! seen by `encoders.spec.mjs`, which runs wherever the addon does. Where a library is replaced by another version and one of them
//! fails, [`Codec::encoders`] has to become another number, so that no delta made before is applied.

use super::*;

fn hash(codec: Codec, text: &[u8]) -> String {
    image(&encoded(codec, text)).hex()[..16].to_owned()
}

fn check(text: &[u8], vectors: &[(Codec, &str)]) {
    let made: Vec<(Codec, String)> = vectors.iter().map(|(codec, _)| (*codec, hash(*codec, text))).collect();
    let known: Vec<(Codec, String)> =
        vectors.iter().map(|(codec, hash)| (*codec, (*hash).to_owned())).collect();
    assert_eq!(made, known);
}

#[test]
fn the_generation_is_that_of_these_vectors() {
    assert_eq!(Codec::encoders(), 1_010_507);
    assert_eq!(zstd_safe::version_number(), 10507);
    assert_eq!(image(&text(200 << 10, 7)).hex()[..16], *"b211340dcf06f873");
}

#[test]
fn zlib_makes_the_same_bytes_as_ever() {
    let deflate = |level, window_bits, is_wrapped| Codec::Deflate { level, window_bits, is_wrapped };
    check(
        &text(200 << 10, 7),
        &[
            (deflate(1, 15, true), "88fbffe690002b5d"),
            (deflate(2, 15, true), "9f9b4f63a7b9e0f5"),
            (deflate(3, 15, true), "6d9fdf157ce19435"),
            (deflate(4, 15, true), "e346835b3452974d"),
            (deflate(5, 15, true), "84466ff82a208209"),
            (deflate(6, 15, true), "4fc35f29f41def4a"),
            (deflate(7, 15, true), "ef72217a3d7a1f8c"),
            (deflate(8, 15, true), "7428e8d7b18d9bb0"),
            (deflate(9, 15, true), "7428e8d7b18d9bb0"),
            (deflate(9, 9, true), "5e5f36071acf90cf"),
            (deflate(6, 12, false), "43e519d42809475e"),
            (deflate(9, 15, false), "e56d8615d4728408"),
        ],
    );
}

#[test]
fn zstandard_makes_the_same_bytes_as_ever() {
    let zstd = |level| Codec::Zstd { level };
    check(
        &text(200 << 10, 7),
        &[
            (zstd(1), "c7898f0afc088683"),
            (zstd(3), "0340fd5a4bb5994b"),
            (zstd(5), "f93c8d4e7e8abefe"),
            (zstd(9), "71234f8357930a82"),
            (zstd(12), "2c9a5018c6dd86ea"),
            (zstd(15), "115fc7ac012a9d4d"),
            (zstd(17), "9f3189b5072369e0"),
            (zstd(19), "a34cf1743cd557de"),
            (zstd(22), "a34cf1743cd557de"),
        ],
    );
}

#[test]
fn liblzma_makes_the_same_bytes_as_ever() {
    let lzma = |preset, dictionary_bytes| Codec::Lzma2 { preset, dictionary_bytes };
    check(
        &text(200 << 10, 7),
        &[
            (lzma(0, 1 << 20), "01a8f03c69913010"),
            (lzma(3, 1 << 20), "40363b51dce53f33"),
            (lzma(6, 1 << 17), "3377c5f0704521a0"),
            (lzma(6, 4096), "01b94abeff8bd5e0"),
            (lzma(6, 8 << 20), "f8046154cab848ae"),
            (lzma(9, 1 << 20), "f8046154cab848ae"),
            (lzma(16, 1 << 20), "5ab6bd731894920e"),
            (lzma(16 + 6, 1 << 20), "5ab6bd731894920e"),
            (lzma(16 + 9, 1 << 20), "5ab6bd731894920e"),
        ],
    );
}

/// Gives other numbers of bytes each time.
struct Irregular<'a>(&'a [u8], usize);

impl io::Read for Irregular<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 7 % 5003 + 1;
        let len = self.1.min(buffer.len());
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn the_same_bytes_are_made_in_whatever_pieces_the_text_comes() {
    let text = text(300 << 10, 8);
    for codec in [
        Codec::Deflate { level: 1, window_bits: 15, is_wrapped: true },
        ZLIB,
        Codec::Deflate { level: 9, window_bits: 9, is_wrapped: false },
        Codec::Zstd { level: 15 },
        Codec::Lzma2 { preset: 1, dictionary_bytes: 1 << 16 },
        Codec::Lzma2 { preset: 6, dictionary_bytes: 1 << 20 },
    ] {
        let mut stored = Vec::new();
        codec.encode(&mut Irregular(&text, 1), &mut stored).unwrap();
        assert_eq!(stored, encoded(codec, &text), "{codec:?}");
    }
}

#[test]
fn what_was_encoded_is_expanded_to_its_end_or_to_as_much_as_is_wanted() {
    let text = text(100 << 10, 9);
    for codec in [ZLIB, Codec::Zstd { level: 3 }, Codec::Lzma2 { preset: 6, dictionary_bytes: 1 << 16 }] {
        let stored = encoded(codec, &text);
        let expanded = |stored: &[u8], max: usize| {
            let mut expanded = Vec::new();
            codec.decode(&mut &*stored, &mut expanded, max as u64).map(|len| {
                assert_eq!(len, expanded.len() as u64);
                expanded
            })
        };
        assert_eq!(expanded(&stored, text.len()).unwrap(), text);
        for cut in [1, stored.len() / 2, stored.len() - 8] {
            assert!(expanded(&stored[..cut], text.len() + 1).is_err(), "{codec:?} {cut}");
        }
        let part = expanded(&stored, 1000);
        // Zstandard expands all or nothing.
        assert!(part.map_or(codec == Codec::Zstd { level: 3 }, |part| part == text[..1000]));
    }
}
