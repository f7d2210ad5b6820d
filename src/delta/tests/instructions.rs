use super::*;

#[test]
fn instructions_that_lead_to_before_or_behind_the_old_text_are_refused() {
    let sound = Forged::sound();
    for (seek, expected) in
        [(-1, "before the old text"), (i64::MIN, "before the old text"), (5000, "behind the old text")]
    {
        let control = control(&[(0, 0, 3), (seek, 2500, 9), (0, 2500, 0)]);
        Forged { control, ..sound.clone() }.assert_refused(expected);
    }
    // Half of what is read lies behind the end.
    let control = control(&[(0, 0, 3), (4000, 2500, 9), (0, 2500, 0)]);
    Forged { control, ..sound }.assert_refused("behind the old text");
}

#[test]
fn positions_of_more_than_64_bits_are_refused() {
    let sound = Forged::sound();
    let control = control(&[(i64::MAX, 0, 1), (i64::MAX, 0, 1), (i64::MAX, 0, 1), (0, 5000, 9)]);
    Forged { control, ..sound.clone() }.assert_refused("the old text");
    // Where nothing is read a position may be anywhere.
    let control = super::control(&[(i64::MAX, 0, 3), (-i64::MAX, 2500, 9), (0, 2500, 0)]);
    assert!(patched(&sound.base, &Forged { control, ..sound.clone() }.to_bytes()).is_ok());
    let control = [&[0; 3][..], &[0xff; 30]].concat();
    assert!(patched(&sound.base, &Forged { control, ..sound.clone() }.to_bytes()).is_err());
}

#[test]
fn an_instruction_that_makes_nothing_is_refused() {
    let sound = Forged::sound();
    let control = control(&[(0, 0, 3), (0, 0, 0), (0, 2500, 9), (0, 2500, 0)]);
    Forged { control, ..sound }.assert_refused("makes nothing");
}

#[test]
fn instructions_that_make_more_or_less_than_the_new_text_are_refused() {
    let sound = Forged::sound();
    for (instructions, expected) in [
        (&[(0, 0, 3), (0, 2500, 9), (0, 2500, 1)][..], "more than the new text"),
        (&[(0, 0, 3), (0, 2500, 9), (0, 2501, 0)], "more than the new text"),
        (&[(0, 0, 3), (0, 2500, 9), (0, 2500, 0), (0, 1, 0)], "another size"),
        (&[(0, 0, 3), (0, 2500, u64::MAX)], "failed to fill"),
        (&[(0, 0, 3), (0, u64::MAX, 9)], "behind the old text"),
        (&[(0, 0, 3), (0, 2500, 9), (0, 2499, 0)], "failed to fill"),
        (&[(0, 0, 3)], "failed to fill"),
        (&[], "failed to fill"),
    ] {
        Forged { control: control(instructions), ..sound.clone() }.assert_refused(expected);
    }
}

#[test]
fn bytes_that_no_instruction_takes_are_refused() {
    let sound = Forged::sound();
    // One byte that is a difference in one section is an insertion in the other.
    let (mut differences, mut insertions) = (sound.differences.clone(), sound.insertions.clone());
    differences.push(0);
    insertions.pop();
    Forged { differences, insertions, ..sound.clone() }.assert_refused("failed to fill");
    let control = [&sound.control[..], &[0]].concat();
    Forged { control, ..sound }.assert_refused("another size");
}

#[test]
fn instructions_of_one_byte_each_that_lead_everywhere_are_followed() {
    let len = 60_000;
    let old = text(len, 3);
    let mut instructions = Vec::new();
    let (mut new, mut position) = (Vec::new(), 0_i64);
    for n in 0..10_000_u64 {
        let next = (n * 7919 % len as u64).cast_signed();
        instructions.push((next - position, 1, 0));
        new.push(old[usize::try_from(next).unwrap()]);
        position = next + 1;
    }
    let piece = Piece { position: 0, stored: len as u64, expanded: len as u64, codec: None };
    let table = Table { pieces: vec![piece], steps: vec![Step::Raw { len: 10_000 }] };
    let delta = Forged {
        base: old,
        result: image(&new),
        old_text_len: len as u64,
        new_text_len: 10_000,
        table: table.to_bytes(),
        control: control(&instructions),
        differences: vec![0; 10_000],
        insertions: Vec::new(),
    };
    assert_eq!(patched(&delta.base, &delta.to_bytes()).unwrap(), new);
}
