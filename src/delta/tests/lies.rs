//! Headers that lie, and files that are damaged.

use super::*;

#[test]
fn what_is_no_delta_or_one_of_another_version_or_for_other_encoders_is_refused() {
    let sound = Forged::sound();
    for (at, expected) in [(0, "not a delta"), (7, "not a delta"), (8, "version"), (12, "encoders")] {
        let mut bytes = sound.to_bytes();
        bytes[at] ^= 1;
        assert_refused(&sound.base, &bytes, expected);
    }
    for bytes in [&b""[..], b"\x89updelta", &sound.to_bytes()[..175]] {
        assert!(patched(&sound.base, bytes).is_err());
    }
}

#[test]
fn another_base_is_refused() {
    let sound = Forged::sound();
    let base = &sound.base[..];
    let longer = [base, b"more"].concat();
    let mut other = base.to_vec();
    other[100] ^= 1;
    for base in [&longer[..], &base[1..], &other, b""] {
        assert_refused(base, &sound.to_bytes(), "another base");
    }
    for size in [0, 1 << 40, u64::MAX] {
        let delta = sound.to_bytes_with(|header, _| header.base.size = size);
        assert!(patched(base, &delta).is_err());
    }
}

#[test]
fn another_result_than_the_one_that_is_declared_is_an_error() {
    let sound = Forged::sound();
    let delta = sound.to_bytes_with(|header, _| header.result.sha256[31] ^= 1);
    assert_refused(&sound.base, &delta, "another result");
    for size in [0, sound.result.size - 1, sound.result.size + 1, u64::MAX] {
        let delta = sound.to_bytes_with(|header, _| header.result.size = size);
        assert_refused(&sound.base, &delta, "add up");
    }
}

#[test]
fn texts_that_are_larger_than_bytes_expand_to_are_refused_before_anything_is_read() {
    let sound = Forged::sound();
    let more_than_allowed = |size| size * 32 + (64 << 20) + 1;
    for len in [more_than_allowed(sound.base.len() as u64), u64::MAX] {
        let delta = sound.to_bytes_with(|header, _| header.old_text_len = len);
        assert_refused(&sound.base, &delta, "allowed");
    }
    for len in [more_than_allowed(sound.result.size), u64::MAX] {
        let delta = sound.to_bytes_with(|header, _| {
            header.new_text_len = len;
            header.sections[3].expanded = len - header.sections[2].expanded;
        });
        assert_refused(&sound.base, &delta, "allowed");
    }
    for len in [0, sound.old_text_len - 1, sound.old_text_len + 1] {
        let delta = sound.to_bytes_with(|header, _| header.old_text_len = len);
        assert_refused(&sound.base, &delta, "add up");
    }
}

#[test]
fn sections_that_are_not_where_the_header_says_are_refused() {
    let sound = Forged::sound();
    for section in 0..4 {
        for wrong in [0, 1, 1 << 63, u64::MAX] {
            let delta = sound.to_bytes_with(|header, _| header.sections[section].stored = wrong);
            assert_refused(&sound.base, &delta, "add up to its size");
        }
        // In the sum they wrap to what is right.
        let delta = sound.to_bytes_with(|header, _| {
            let next = (section + 1) % 4;
            header.sections[section].stored = header.sections[section].stored.wrapping_add(1 << 63);
            header.sections[next].stored = header.sections[next].stored.wrapping_add(1 << 63);
        });
        assert_refused(&sound.base, &delta, "add up to its size");
        // One takes a part of the next.
        let delta = sound.to_bytes_with(|header, _| {
            header.sections[section].stored -= 1;
            header.sections[(section + 1) % 4].stored += 1;
        });
        assert!(patched(&sound.base, &delta).is_err());
    }
}

#[test]
fn sections_that_expand_to_another_size_are_refused() {
    let sound = Forged::sound();
    for section in 0..4 {
        for change in [1, u64::MAX, 1 << 20, 1 << 62] {
            let delta = sound.to_bytes_with(|header, _| {
                let size = &mut header.sections[section].expanded;
                *size = size.wrapping_add(change);
            });
            assert!(patched(&sound.base, &delta).is_err());
        }
    }
    // What one has less the other has more.
    for change in [1, u64::MAX] {
        let delta = sound.to_bytes_with(|header, _| {
            header.sections[2].expanded = header.sections[2].expanded.wrapping_add(change);
            header.sections[3].expanded = header.sections[3].expanded.wrapping_sub(change);
        });
        assert!(patched(&sound.base, &delta).is_err());
    }
    let delta = sound.to_bytes_with(|header, _| {
        header.sections[2].expanded = u64::MAX;
        header.sections[3].expanded = 5013;
    });
    assert_refused(&sound.base, &delta, "do not add up to the new text");
}

#[test]
fn a_table_or_instructions_that_are_too_long_are_refused_before_they_are_read() {
    let sound = Forged::sound();
    let delta = sound.to_bytes_with(|header, _| header.sections[0].expanded = (2 << 20) + 1);
    assert_refused(&sound.base, &delta, "its table has more than");
    let delta = sound.to_bytes_with(|header, _| header.sections[1].expanded = 5012 / 2 + (64 << 10) + 1);
    assert_refused(&sound.base, &delta, "too many instructions");
}

#[test]
fn bytes_behind_the_end_of_a_section_are_refused_and_one_that_is_cut_short() {
    let sound = Forged::sound();
    for section in 0..4 {
        for more in [&b"\0"[..], b"\0\0\0\0", &xz(b"more")] {
            let delta = sound.to_bytes_with(|header, stored| {
                stored[section].extend(more);
                header.sections[section].stored += more.len() as u64;
            });
            assert_refused(&sound.base, &delta, "bytes behind its end");
        }
        let delta = sound.to_bytes_with(|header, stored| {
            stored[section].pop();
            header.sections[section].stored -= 1;
        });
        assert!(patched(&sound.base, &delta).is_err());
        let delta = sound.to_bytes_with(|header, stored| {
            stored[section].clear();
            header.sections[section].stored = 0;
        });
        assert!(patched(&sound.base, &delta).is_err());
    }
}

#[test]
fn a_section_that_expands_to_far_more_than_it_says_or_needs_much_memory_for_it_is_refused() {
    let sound = Forged::sound();
    let bomb = xz(&vec![0; 16 << 20]);
    let mut options = LzmaOptions::new_preset(0).unwrap();
    options.dict_size(64 << 20);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    for section in 0..4 {
        let delta = sound.to_bytes_with(|header, stored| {
            stored[section].clone_from(&bomb);
            header.sections[section].stored = bomb.len() as u64;
        });
        assert!(patched(&sound.base, &delta).is_err());
        let delta = sound.to_bytes_with(|header, stored| {
            let stream = Stream::new_stream_encoder(&filters, Check::Crc32).unwrap();
            let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(sound.sections()[section]).unwrap();
            stored[section] = encoder.finish().unwrap();
            header.sections[section].stored = stored[section].len() as u64;
        });
        assert_refused(&sound.base, &delta, "memory");
    }
}

#[test]
fn a_delta_that_is_cut_anywhere_is_refused() {
    let sound = Forged::sound();
    let delta = sound.to_bytes();
    for len in 0..delta.len() {
        assert!(patched(&sound.base, &delta[..len]).is_err(), "{len}");
    }
    assert!(patched(&sound.base, &[&delta[..], b"\0"].concat()).is_err());
}

#[test]
fn whichever_bit_is_flipped_nothing_but_the_result_comes_out() {
    let sound = Forged::sound();
    let delta = sound.to_bytes();
    for bit in 0..delta.len() * 8 {
        let mut flipped = delta.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(result) = patched(&sound.base, &flipped) {
            assert_eq!(image(&result), sound.result, "bit {bit}");
        }
    }
}
