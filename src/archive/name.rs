//! [`Name`]: the path of an entry, and when two of them are the same.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// APFS and HFS+ allow 255 in one component, of whatever unit they count.
const COMPONENT_MAX_BYTES: usize = 255;
/// `PATH_MAX` of macOS is 1024, and the bundle lies somewhere.
const PATH_MAX_BYTES: usize = 900;

/// A relative path of ordinary components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    /// It was written like a directory's.
    pub(super) ends_with_slash: bool,
}

impl Name {
    /// `None`: the directory that everything lies in, which archives of `.` begin with.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, &'static str> {
        let text = parse_text(bytes)?;
        if matches!(text, "." | "./") {
            return Ok(None);
        }
        if text.starts_with('/') {
            return Err("its name is absolute");
        }
        let text = text.strip_prefix("./").unwrap_or(text);
        let path = text.strip_suffix('/').unwrap_or(text);
        path.split('/').try_for_each(check_component)?;
        Ok(Some(Self { text: path.to_owned(), ends_with_slash: path.len() < text.len() }))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The directory at the top, and the rest of the path, which is empty for that directory.
    pub(super) fn split_top(&self) -> (&str, &str) {
        self.text.split_once('/').unwrap_or((&self.text, ""))
    }

    /// It is named like a file of the AppleDouble format.
    pub(super) fn is_apple_double(&self) -> bool {
        self.text.rsplit('/').next().is_some_and(|base| base.starts_with("._"))
    }
}

/// Text of an archive: a name or where a link leads.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_text(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| "its name is not UTF-8")?;
    if text.is_empty() {
        return Err("its name is empty");
    }
    if text.len() > PATH_MAX_BYTES {
        return Err("its name is too long");
    }
    if text.chars().any(char::is_control) {
        return Err("its name has a control character");
    }
    Ok(text)
}

fn check_component(component: &str) -> Result<(), &'static str> {
    match component {
        ".." => Err("its name leads out of its directory"),
        "" | "." => Err("its name can be written in more than one way"),
        _ if component.chars().all(is_ignorable) => Err("a part of its name cannot be seen"),
        _ if component.len() > COMPONENT_MAX_BYTES => Err("a part of its name is too long"),
        _ => Ok(()),
    }
}

/// Equal for paths that a file system takes for one: macOS ignores case (`A`, `a`; `ß`, `ss`) and normalisation
/// (`é` is one character or two), and on HFS+ some characters altogether.
pub(super) fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let path: String = path.chars().filter(|character| !is_ignorable(*character)).collect();
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let lower = |text: &str| -> String { text.chars().flat_map(char::to_lowercase).collect() };
    // Some characters are the same only in upper case.
    let upper: String = lower(&nfd.normalize(&path)).chars().flat_map(char::to_uppercase).collect();
    // The sigma at the end of a word is a letter of its own only in lower case.
    nfd.normalize(&lower(&upper)).replace('ς', "σ")
}

/// Those that HFS+ leaves out when it compares names (Apple Technical Note TN1150, "Unicode Subtleties"): joiners, marks
/// of direction, the byte order mark.
const fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_read() {
        let long = format!("X.app/{}", "n".repeat(255));
        let deep = format!("{}ab", "a/".repeat(449));
        for (bytes, expected) in [
            ("X.app", Some("X.app")),
            ("X.app/", Some("X.app")),
            ("./X.app/a b", Some("X.app/a b")),
            ("X.app/..a/.b/...", Some("X.app/..a/.b/...")),
            ("X.app/日本語 é", Some("X.app/日本語 é")),
            (&long, Some(&long)),
            (&deep, Some(&deep)),
            (".", None),
            ("./", None),
        ] {
            let name = Name::parse(bytes.as_bytes()).unwrap();
            assert_eq!(name.as_ref().map(Name::as_str), expected, "{bytes}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_have_two_spellings_are_refused() {
        let long = format!("X.app/{}", "n".repeat(256));
        let deep = format!("{}a", "a/".repeat(450));
        for bytes in [
            "",
            "/",
            "/X.app",
            "//X.app",
            "..",
            "../X.app",
            "X.app/..",
            "X.app/../..",
            "X.app/./a",
            "X.app//a",
            ".//X.app",
            "././X.app",
            "X.app//",
            "X.app/.",
            "X.app/a\0b",
            "X.app/a\nb",
            "X.app/\u{85}",
            "a\u{7f}",
            "X.app/\u{200d}/a",
            &long,
            &deep,
        ] {
            assert!(Name::parse(bytes.as_bytes()).is_err(), "{bytes:?}");
        }
        assert!(Name::parse(b"X.app/\xff").is_err());
    }

    #[test]
    fn names_that_a_mac_takes_for_one_fold_to_one() {
        for (one, other) in [
            ("A/readme", "a/README"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("CAF\u{c9}", "cafe\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{1e9e}", "ss"),
            ("\u{3a3}\u{391}\u{3a3}", "\u{3c3}\u{3b1}\u{3c2}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("\u{fb01}le", "FILE"),
            ("\u{212b}", "\u{e5}"),
            ("\u{1f80}", "\u{3b1}\u{313}\u{345}"),
            ("\u{130}", "i\u{307}"),
            ("a\u{200d}b", "A\u{feff}B"),
            ("\u{202e}a", "a"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} {other:?}");
        }
        for (one, other) in [("a", "b"), ("a.", "a"), ("e", "\u{e9}"), ("\u{e0}", "\u{e1}"), ("日", "本")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn the_directories_of_a_folded_path_are_its_folded_directories() {
        for path in
            ["Straße/ΣΊΣΥΦΟΣ/e\u{301}", "A/\u{301}b/C", "İ/ŉ/ﬁ", "x\u{200d}/\u{feff}Y/ς", "a/ǰ/\u{1e9e}"]
        {
            let whole = folded(path);
            let parts: Vec<String> = path.split('/').map(folded).collect();
            assert_eq!(whole, parts.join("/"), "{path}");
        }
        // The planes that have letters and marks.
        for character in ('\0'..='\u{1ffff}').filter(|character| *character != '/') {
            let name = folded(&character.to_string());
            assert!(!name.contains('/'), "{character:?}");
            assert_eq!(
                folded(&format!("{character}/{character}")),
                format!("{name}/{name}"),
                "{character:?}"
            );
        }
    }
}
