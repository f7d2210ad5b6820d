//! [`sample`]: some of many cases.

use super::Random;

/// All numbers below `total`, or so many of them, spread evenly but for chance.
pub(crate) fn sample(total: usize, wanted: u64, random: &mut Random) -> Vec<usize> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(total);
    let first_of = |part: usize| part * total / wanted;
    (0..wanted).map(|part| first_of(part) + random.below(first_of(part + 1) - first_of(part))).collect()
}
