//! [`are_useful`]: which deltas of earlier releases are announced once more.

use std::collections::HashMap;

use crate::manifest::{AnnouncedDelta, CHAIN_MAX};

/// Of each whether applications take it: it leads to the release in as many steps as they go, from where no single step does.
/// A manifest with all that there ever were would soon be larger than they read.
pub(in crate::release) fn are_useful(deltas: &[AnnouncedDelta]) -> Vec<bool> {
    let direct = deltas.iter().filter(|delta| delta.result.is_none());
    let mut steps: HashMap<&str, usize> = direct.map(|delta| (delta.base.as_str(), 1)).collect();
    for count in 2..=CHAIN_MAX {
        let leads_on = |delta: &&AnnouncedDelta| steps_from(&steps, delta) == Some(count - 1);
        let bases: Vec<&str> = deltas.iter().filter(leads_on).map(|delta| delta.base.as_str()).collect();
        for base in bases {
            steps.entry(base).or_insert(count);
        }
    }
    let is_useful = |delta: &AnnouncedDelta| {
        let is_near = steps_from(&steps, delta).is_some_and(|rest| rest < CHAIN_MAX);
        delta.result.is_none() || (is_near && steps.get(delta.base.as_str()) != Some(&1))
    };
    deltas.iter().map(is_useful).collect()
}

/// How many follow it.
fn steps_from(steps: &HashMap<&str, usize>, delta: &AnnouncedDelta) -> Option<usize> {
    steps.get(delta.result.as_deref()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(deltas: &[(&str, Option<&str>)]) -> Vec<String> {
        let deltas: Vec<_> =
            deltas.iter().map(|(base, result)| AnnouncedDelta::example(base, 1, *result)).collect();
        let useful = are_useful(&deltas);
        let kept = deltas.into_iter().zip(useful).filter(|(_, is_useful)| *is_useful);
        kept.map(|(delta, _)| delta.base).collect()
    }

    #[test]
    fn links_beyond_the_reach_of_applications_are_forgotten() {
        let bases: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let chain: Vec<(&str, Option<&str>)> = (0..10)
            .map(|number| (bases[number].as_str(), bases.get(number + 1).map(String::as_str)))
            .collect();
        assert_eq!(kept(&chain), ["5", "6", "7", "8", "9"]);
    }

    #[test]
    fn nobody_goes_a_long_way_where_there_is_a_short_one() {
        assert_eq!(kept(&[("b", None), ("a", None), ("a", Some("b"))]), ["b", "a"]);
        assert_eq!(kept(&[("c", None), ("b", Some("c")), ("a", Some("b")), ("a", Some("c"))]).len(), 4);
    }

    #[test]
    fn what_leads_nowhere_or_in_a_circle_is_forgotten() {
        assert_eq!(kept(&[("c", None), ("a", Some("b")), ("b", Some("a"))]), ["c"]);
    }
}
