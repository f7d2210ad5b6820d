use std::cell::Cell;

use super::*;

/// What is dropped tries to end its stream, and is told once more that nobody wants it.
const CALLS_AFTERWARDS: u32 = 3;

fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Cancelled>())
}

/// Ends it at each of its moments, until there is none left.
fn cancel_everywhere(base: &[u8], delta: &[u8]) -> u32 {
    for moment in 0.. {
        let calls = Cell::new(0);
        let outcome = patched_until(base, delta, &|| calls.replace(calls.get() + 1) >= moment);
        let Err(error) = outcome else { return moment };
        assert!(is_cancelled(&error), "{error}");
        assert!(calls.get() <= moment + 1 + CALLS_AFTERWARDS, "{} of {moment}", calls.get());
    }
    unreachable!("it ends")
}

#[test]
fn patching_ends_wherever_it_is_cancelled() {
    let sound = Forged::sound();
    assert!(cancel_everywhere(&sound.base, &sound.to_bytes()) > 10);
}

#[test]
fn long_streams_are_left_in_their_middle() {
    // A few bytes expand to many, and become a few again: neither alone is asked often enough.
    let zeros = vec![0; 2 << 20];
    let stream = encoded(ZLIB, &zeros);
    for codec in [ZLIB, Codec::Lzma2 { preset: 0, dictionary_bytes: 1 << 16 }] {
        let result = encoded(codec, &zeros);
        let (stored, expanded) = (result.len() as u64, zeros.len() as u64);
        let piece = Piece { position: 0, stored: stream.len() as u64, expanded, codec: Some(ZLIB) };
        let steps = vec![Step::Encode { codec, expanded, stored }];
        let delta = Forged {
            base: stream.clone(),
            result: image(&result),
            old_text_len: expanded,
            new_text_len: expanded,
            table: Table { pieces: vec![piece], steps }.to_bytes(),
            control: control(&[(0, expanded, 0)]),
            differences: zeros.clone(),
            insertions: Vec::new(),
        }
        .to_bytes();
        let calls = Cell::new(0);
        let count = || {
            calls.set(calls.get() + 1);
            false
        };
        assert_eq!(patched_until(&stream, &delta, &count).unwrap(), result);
        // At least once in 256 KiB of each text.
        assert!(calls.get() > 16, "{}", calls.get());
        for moment in [0, 1, calls.get() / 2, calls.get() - 1] {
            let calls = Cell::new(0);
            let outcome = patched_until(&stream, &delta, &|| calls.replace(calls.get() + 1) >= moment);
            assert!(is_cancelled(&outcome.unwrap_err()));
            assert!(calls.get() <= moment + 1 + CALLS_AFTERWARDS, "{} of {moment}", calls.get());
        }
    }
}

#[test]
fn very_many_items_that_make_nothing_can_be_left() {
    let mut table = numbers(&[0, 10_000]);
    table.extend([0; 30_000]);
    table.extend(numbers(&[0]));
    let delta = Forged { table, old_text_len: 0, ..Forged::inserting(Vec::new(), b"", image(b"")) };
    let mut delta = delta;
    delta.control.clear();
    let calls = Cell::new(0);
    let outcome = patched_until(&delta.base, &delta.to_bytes(), &|| calls.replace(calls.get() + 1) >= 100);
    assert!(is_cancelled(&outcome.unwrap_err()));
}
