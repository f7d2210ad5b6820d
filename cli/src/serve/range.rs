//! [`Selection`]: which part of a file a request is for. RFC 9110, sections 13.1.5 and 14; single byte ranges.

use hyper::header::{HeaderMap, HeaderName, IF_RANGE, RANGE};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    /// First and last byte, both included.
    Part(u64, u64),
    Unsatisfiable,
}

/// `etag` and `last_modified` are those of the file as it is now.
pub(super) fn select(headers: &HeaderMap, len: u64, etag: &str, last_modified: &str) -> Selection {
    // The part of a file that has changed would be joined to the old one's; so the whole is sent then.
    if text(headers, IF_RANGE).is_some_and(|condition| condition != etag && condition != last_modified) {
        return Selection::Whole;
    }
    text(headers, RANGE).and_then(|range| parse(range, len)).unwrap_or(Selection::Whole)
}

/// `None` for what a server may ignore: other units, several ranges, mistakes (section 14.2).
fn parse(range: &str, len: u64) -> Option<Selection> {
    let (first, last) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(match len.checked_sub(1) {
            Some(end) if suffix > 0 => Selection::Part(len.saturating_sub(suffix), end),
            _ => Selection::Unsatisfiable,
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first < len { Selection::Part(first, last.min(len - 1)) } else { Selection::Unsatisfiable })
}

/// Digits only: `parse` would take a plus sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(range: &str, condition: Option<&str>, len: u64) -> Selection {
        let mut headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
        headers.extend(condition.map(|condition| (IF_RANGE, condition.parse().unwrap())));
        select(&headers, len, "\"tag\"", "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    #[test]
    fn one_range_selects_a_part() {
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=5-", 5, 9),
            ("bytes=5-99", 5, 9),
            ("bytes=-3", 7, 9),
            ("bytes=-99", 0, 9),
            ("bytes=2-18446744073709551615", 2, 9),
        ] {
            assert_eq!(selected(range, None, 10), Selection::Part(first, last), "{range}");
        }
    }

    #[test]
    fn what_lies_outside_is_unsatisfiable() {
        for (range, len) in [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-0", 10), ("bytes=-1", 0)] {
            assert_eq!(selected(range, None, len), Selection::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_range_gives_the_whole() {
        for range in [
            "bytes=",
            "bytes=-",
            "bytes=2-1",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=1-99999999999999999999",
        ] {
            assert_eq!(selected(range, None, 10), Selection::Whole, "{range}");
        }
        assert_eq!(select(&HeaderMap::new(), 10, "", ""), Selection::Whole);
    }

    #[test]
    fn a_part_is_only_sent_of_the_same_file() {
        for (condition, same) in [
            ("\"tag\"", true),
            ("Thu, 01 Jan 1970 00:00:00 GMT", true),
            ("\"other\"", false),
            ("W/\"tag\"", false),
            ("Fri, 02 Jan 1970 00:00:00 GMT", false),
        ] {
            let expected = if same { Selection::Part(1, 9) } else { Selection::Whole };
            assert_eq!(selected("bytes=1-", Some(condition), 10), expected, "{condition}");
        }
    }
}
