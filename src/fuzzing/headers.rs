use std::time::{Duration, UNIX_EPOCH};

use crate::download::{is_strong_etag, rest_from, retry_after};

/// A number of bytes at hand, a line break, and the value of a header.
pub fn headers(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (first, value) = text.split_once('\n').unwrap_or(("0", &text));
    let first: u64 = first.parse().unwrap_or_default();
    check_content_range(value, first);
    if is_strong_etag(value) {
        assert!(value.len() <= 256 && value.bytes().all(|byte| byte.is_ascii_graphic()), "{value:?}");
        assert_eq!(value.matches('"').count(), 2, "{value:?}");
    }
    for now in
        [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1 << 31), UNIX_EPOCH + Duration::from_secs(1 << 40)]
    {
        retry_after(value, now);
    }
}

/// What is accepted is the one way to say it, but for zeros before a number; and that one is.
fn check_content_range(value: &str, first: u64) {
    if let Some(total) = rest_from(value, first) {
        let range = value.strip_prefix("bytes ").unwrap();
        let numbers: Vec<&str> = range.split(['-', '/']).map(without_leading_zeros).collect();
        assert_eq!(numbers, [first, total - 1, total].map(|number| number.to_string()), "{value:?}");
        assert!(range.chars().filter(|character| !character.is_ascii_digit()).eq(['-', '/']), "{value:?}");
    }
    for total in [first.saturating_add(1), first.saturating_mul(3).max(1), u64::MAX] {
        let value = format!("bytes {first}-{}/{total}", total - 1);
        assert_eq!(rest_from(&value, first), (total > first).then_some(total));
    }
}

fn without_leading_zeros(number: &str) -> &str {
    let significant = number.trim_start_matches('0');
    number.get(number.len() - significant.len().max(1)..).unwrap_or_default()
}
