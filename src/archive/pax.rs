//! [`Pax`]: the records of a `pax` extended header.
//!
//! Source: POSIX.1-2024, `pax`, "pax Extended Header": `"%d %s=%s\n", <length>, <keyword>, <value>`.

/// The records that say what a file is. Others (owners, other times, attributes, comments) are left alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<Vec<u8>>,
    pub(super) modified: Option<Vec<u8>>,
}

impl Pax {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let mut this = Self::default();
        while !bytes.is_empty() {
            let (record, rest) = split_record(bytes).ok_or("a pax record is malformed")?;
            this.add(record)?;
            bytes = rest;
        }
        Ok(this)
    }

    /// Whether it leaves names and sizes as they are.
    pub(super) fn is_harmless(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, record: &[u8]) -> Result<(), &'static str> {
        let equals = record.iter().position(|byte| *byte == b'=').ok_or("a pax record has no value")?;
        let (key, value) = record.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        if key.starts_with(b"GNU.sparse.") || matches!(key, b"SCHILY.realsize" | b"SUN.holesdata") {
            return Err("it is a sparse file");
        }
        let known = match key {
            b"path" => &mut self.path,
            b"linkpath" => &mut self.link,
            b"size" => &mut self.size,
            b"mtime" => &mut self.modified,
            _ => return Ok(()),
        };
        // An empty value takes an earlier one back, or the last of two counts: not to every program.
        if value.is_empty() || known.replace(value.to_owned()).is_some() {
            return Err("a pax record is empty or there twice");
        }
        Ok(())
    }
}

/// The first record without its length and line feed, and what follows it. Values may hold line feeds themselves.
fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let length = decimal(bytes.get(..space)?)?;
    let record = bytes.get(space.checked_add(1)?..usize::try_from(length).ok()?)?;
    let rest = bytes.get(usize::try_from(length).ok()?..)?;
    Some((record.strip_suffix(b"\n")?, rest))
}

/// Digits and nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::pax_record, *};

    #[test]
    fn values_are_read_by_their_length() {
        let bytes = [
            pax_record("SCHILY.xattr.user.x", b"a\nb=\n7 path=evil\n"),
            pax_record("path", b"X.app/a=b"),
            pax_record("mtime", b"1.5"),
        ]
        .concat();
        let pax = Pax::parse(&bytes).unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"X.app/a=b"[..]));
        assert_eq!(pax.modified.as_deref(), Some(&b"1.5"[..]));
        assert!(!pax.is_harmless());
        assert!(Pax::parse(&pax_record("comment", b"x")).unwrap().is_harmless());
    }

    #[test]
    fn what_two_programs_could_read_differently_is_refused() {
        for bytes in [
            [pax_record("path", b"a"), pax_record("path", b"b")].concat(),
            pax_record("path", b""),
            pax_record("GNU.sparse.name", b"x"),
            pax_record("SCHILY.realsize", b"1"),
            pax_record("SUN.holesdata", b" 0 1"),
            b"8 path=a\n".to_vec(),
            b"11 path=a\n".to_vec(),
            b"+10 path=a\n".to_vec(),
            b"-1 path=a\n".to_vec(),
            b"99999999999999999999 path=a\n".to_vec(),
            b"1 ".to_vec(),
            b"2 \n".to_vec(),
            b"7 path\n".to_vec(),
            b"\0\0\0".to_vec(),
        ] {
            assert!(Pax::parse(&bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
