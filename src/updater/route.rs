//! [`cheapest`]: which deltas to download, if any. Pure.

use crate::manifest::{AnnouncedDelta, CHAIN_MAX};

/// Deltas that lead, one after the other, from an artifact at hand to the release.
#[derive(Debug, Clone)]
pub(super) struct Route<'a, B> {
    /// What it begins with.
    pub(super) base: &'a B,
    pub(super) deltas: Vec<&'a AnnouncedDelta>,
}

/// The deltas with the fewest bytes in all, where they are fewer than `full_bytes`: what the artifact still costs. `bases`
/// are the SHA-256 of what is at hand, each with whatever tells where it is.
pub(super) fn cheapest<'a, B>(
    deltas: &'a [AnnouncedDelta],
    bases: &'a [(String, B)],
    full_bytes: u64,
) -> Option<Route<'a, B>> {
    let routes = bases.iter().filter_map(|(sha256, base)| {
        let (bytes, deltas) = from(deltas, sha256, CHAIN_MAX)?;
        Some((bytes, Route { base, deltas }))
    });
    let (bytes, route) = routes.min_by_key(|(bytes, route)| (*bytes, route.deltas.len()))?;
    (bytes < full_bytes).then_some(route)
}

/// Every delta that fits, and the cheapest way on from what it makes, with one delta fewer. `None` where there is no way.
fn from<'a>(
    deltas: &'a [AnnouncedDelta],
    base: &str,
    links_max: usize,
) -> Option<(u64, Vec<&'a AnnouncedDelta>)> {
    // Costs of the best way on from each delta, for ways of one link, then of two, and so on.
    let mut ways: Vec<Option<(u64, Vec<&AnnouncedDelta>)>> = vec![None; deltas.len()];
    for _ in 0..links_max {
        let longer = deltas.iter().map(|delta| match &delta.result {
            None => Some((delta.size, vec![delta])),
            Some(made) => {
                let (bytes, rest) = best(deltas, &ways, made)?;
                Some((bytes.checked_add(delta.size)?, [&[delta][..], rest].concat()))
            }
        });
        ways = longer.collect();
    }
    best(deltas, &ways, base).map(|(bytes, way)| (bytes, way.to_vec()))
}

fn best<'w, 'a>(
    deltas: &[AnnouncedDelta],
    ways: &'w [Option<(u64, Vec<&'a AnnouncedDelta>)>],
    base: &str,
) -> Option<(u64, &'w [&'a AnnouncedDelta])> {
    let fitting = deltas.iter().zip(ways).filter(|(delta, _)| delta.base == base);
    let ways = fitting.filter_map(|(_, way)| way.as_ref().map(|(bytes, way)| (*bytes, way.as_slice())));
    ways.min_by_key(|(bytes, way)| (*bytes, way.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(base: &str, size: u64, result: Option<&str>) -> AnnouncedDelta {
        AnnouncedDelta::example(base, size, result)
    }

    fn names(deltas: &[AnnouncedDelta], bases: &[&str], full: u64) -> Option<Vec<String>> {
        let bases: Vec<_> = bases.iter().map(|base| ((*base).to_owned(), ())).collect();
        let route = cheapest(deltas, &bases, full)?;
        Some(route.deltas.iter().map(|delta| delta.url.path()[1..].to_owned()).collect())
    }

    #[test]
    fn the_fewest_bytes_win() {
        let deltas = [
            delta("one", 50, None),
            delta("one", 10, Some("two")),
            delta("two", 10, Some("three")),
            delta("three", 10, None),
            delta("three", 9, None),
        ];
        assert_eq!(names(&deltas, &["one"], 100).unwrap(), ["one-two", "two-three", "three-release"]);
        assert_eq!(names(&deltas, &["one"], 30).unwrap().len(), 3);
        assert_eq!(names(&deltas, &["one"], 29), None);
        assert_eq!(names(&deltas, &["one", "three"], 100).unwrap(), ["three-release"]);
        assert_eq!(names(&deltas[..1], &["one"], 50), None);
        assert_eq!(names(&deltas, &["other"], 100), None);
        assert_eq!(names(&deltas, &[], 100), None);
    }

    #[test]
    fn a_chain_has_five_links_at_most() {
        let chain = |links: usize| -> Vec<AnnouncedDelta> {
            (0..links)
                .map(|link| {
                    let next = format!("{}", link + 1);
                    delta(&link.to_string(), 1, Some(&*next).filter(|_| link + 1 < links))
                })
                .collect()
        };
        assert_eq!(names(&chain(CHAIN_MAX), &["0"], 100).unwrap().len(), CHAIN_MAX);
        assert_eq!(names(&chain(CHAIN_MAX + 1), &["0"], 100), None);
    }

    #[test]
    fn circles_and_sizes_beyond_all_numbers_lead_nowhere() {
        let circle = [delta("a", 0, Some("b")), delta("b", 0, Some("a"))];
        assert_eq!(names(&circle, &["a"], 100), None);
        let huge = [delta("a", u64::MAX, Some("b")), delta("b", 1, None)];
        assert_eq!(names(&huge, &["a"], u64::MAX), None);
    }
}
