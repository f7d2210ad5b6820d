//! Which option was meant by a name that is none.

/// Shorter names resemble too much of what an application may keep beside its options.
const COMPARED_MIN_BYTES: usize = 5;
/// One character too many, missing or another is an edit; two that changed places are two. Of long names, as demands for
/// more security have them, nothing else is two edits away.
const EDITS_MAX: usize = 1;
const EDITS_MAX_OF_LONG: usize = 2;
const LONG_MIN_BYTES: usize = 12;

/// The option that this name resembles; nothing where it is an option itself, or resembles none.
pub(crate) fn meant<'a>(name: &str, options: &[&'a str]) -> Option<&'a str> {
    if options.contains(&name) {
        return None;
    }
    options.iter().copied().find(|option| resembles(&name.to_ascii_lowercase(), &option.to_ascii_lowercase()))
}

fn resembles(name: &str, option: &str) -> bool {
    let edits = match name.len().min(option.len()) {
        LONG_MIN_BYTES.. => EDITS_MAX_OF_LONG,
        COMPARED_MIN_BYTES.. => EDITS_MAX,
        _ => 0,
    };
    is_within(edits, name.as_bytes(), option.as_bytes())
}

/// Whether so many edits make one of the other. It goes no deeper than the shorter one is long.
fn is_within(edits: usize, one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([], rest) | (rest, []) => rest.len() <= edits,
        ([a, one_rest @ ..], [b, other_rest @ ..]) if a == b => is_within(edits, one_rest, other_rest),
        ([_, one_rest @ ..], [_, other_rest @ ..]) => edits.checked_sub(1).is_some_and(|edits| {
            is_within(edits, one_rest, other_rest)
                || is_within(edits, one_rest, other)
                || is_within(edits, one, other_rest)
        }),
    }
}
