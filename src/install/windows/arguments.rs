//! Arguments as the two kinds of installers read them.
//!
//! Sources: "Parsing C command-line arguments" and `CommandLineToArgvW` (Microsoft), NSIS users manual 3.2.1 (`/D=`), and
//! "Command-Line Options" of Windows Installer (`msiexec`).

#[cfg(any(test, fuzzing))]
pub(crate) mod readers;

use crate::{Error, Result};

const OPTION: &str = "windows.installerArgs";
/// The directory to install to: last, and without quotation marks even if it has spaces (NSIS users manual, 3.2.1).
pub(crate) const NSIS_DIRECTORY: &str = "/D=";
/// What the stub looks for itself, exactly so (`/S` and `/s` are two things); a space or the end of the line follows.
const NSIS_SWITCHES: [&str; 2] = ["/S", "/NCRC"];
/// UTF-16 units of a command line that the stub keeps: `NSIS_MAX_STRLEN`, 1,024 with the zero unless NSIS was built
/// otherwise. Of the rest, and so of `/D=`, nobody would hear.
const NSIS_LINE_MAX_UNITS: usize = 1_023;
/// Those before the arguments: the installer's path (MAX_PATH), its quotation marks, and ` /P`.
const NSIS_LINE_START_UNITS: usize = 260 + 2 + 3;
const NSIS_ARGS_MAX_UNITS: usize = NSIS_LINE_MAX_UNITS - NSIS_LINE_START_UNITS;

/// The arguments for an NSIS installer, each behind a space.
pub(crate) fn nsis(args: &[String]) -> Result<String> {
    let mut line = String::new();
    let mut directory = None;
    for (index, arg) in args.iter().enumerate() {
        let refuse = |reason: &str| Err(refusal(index, arg, reason));
        if arg.contains('\0') {
            return refuse("holds a zero byte");
        } else if !arg.starts_with(NSIS_DIRECTORY) {
            let text = quoted(arg);
            if is_misread_by_nsis(&text) {
                return refuse("would be misread: NSIS looks for its own switches also in what is quoted");
            }
            line.push(' ');
            line.push_str(&text);
        } else if arg.contains('"') {
            return refuse("cannot hold a quotation mark");
        } else if directory.replace(arg).is_some() {
            return refuse("is a second directory to install to");
        }
    }
    if let Some(directory) = directory {
        line.push(' ');
        line.push_str(directory);
    }
    let units = line.encode_utf16().count();
    if units > NSIS_ARGS_MAX_UNITS {
        let value = format!("{units} characters with spaces and quotation marks");
        let reason =
            format!("an NSIS installer is told at most {NSIS_ARGS_MAX_UNITS}, and would not see the rest");
        return Err(Error::option_invalid(OPTION, value, reason));
    }
    Ok(line)
}

/// The arguments for msiexec, each behind a space: switches, and properties as `NAME=value`.
pub(crate) fn msi(args: &[String]) -> Result<String> {
    let mut line = String::new();
    for (index, arg) in args.iter().enumerate() {
        let refuse = |reason: &str| Err(refusal(index, arg, reason));
        line.push(' ');
        if arg.contains('\0') {
            return refuse("holds a zero byte");
        } else if let Some((name, value)) = property(arg) {
            line.push_str(&format!("{name}=\"{}\"", value.replace('"', "\"\"")));
        } else if arg.is_empty() {
            return refuse("is empty, which msiexec cannot be told");
        } else if arg.contains('"') {
            return refuse(
                "has a quotation mark, which msiexec only takes in the value of a property, NAME=value",
            );
        } else if arg.contains(char::is_whitespace) {
            line.push_str(&format!("\"{arg}\""));
        } else {
            line.push_str(arg);
        }
    }
    Ok(line)
}

/// One argument, as the C runtime and `CommandLineToArgvW` read it: quotation marks where there is a space; backslashes
/// count only before a quotation mark, and there twice. Marks at the end stay outside, because to the stub of an NSIS
/// installer, which knows no backslash, two in a row would begin something new.
fn quoted(arg: &str) -> String {
    let body = arg.trim_end_matches('"');
    let marks = arg.len() - body.len();
    let needs_quotes = arg.is_empty() || body.contains([' ', '\t', '\n', '\u{b}', '"']);
    let mut text = String::new();
    let mut backslashes = 0;
    for character in body.chars() {
        if character == '"' {
            text.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if character == '\\' { backslashes + 1 } else { 0 };
        text.push(character);
    }
    if needs_quotes || marks > 0 {
        text.extend(std::iter::repeat_n('\\', backslashes));
    }
    let text = if needs_quotes { format!("\"{text}\"") } else { text };
    text + &"\\\"".repeat(marks)
}

/// The stub of an NSIS installer looks for its switches by itself: every quotation mark ends what another began, only a
/// space parts the rest, and behind either of them a switch counts. Tells whether it would find one in an argument that is
/// more than that, or the end of it in the next.
fn is_misread_by_nsis(quoted: &str) -> bool {
    let mut rest = quoted;
    while !rest.is_empty() {
        let inner = rest.strip_prefix('"');
        let text = inner.unwrap_or(rest);
        if begins_with_switch(text) && !NSIS_SWITCHES.contains(&quoted) {
            return true;
        }
        let end = if inner.is_some() { '"' } else { ' ' };
        match text.split_once(end) {
            Some((_, after)) => rest = after.trim_start_matches(' '),
            None => return inner.is_some(),
        }
    }
    false
}

fn begins_with_switch(text: &str) -> bool {
    let is_switch =
        |after: Option<&str>| after.is_some_and(|after| after.is_empty() || after.starts_with(' '));
    NSIS_SWITCHES.iter().any(|switch| is_switch(text.strip_prefix(switch)))
        || text.starts_with(NSIS_DIRECTORY)
}

/// A property's name begins with a letter or underscore, and goes on with these, digits and periods.
fn property(arg: &str) -> Option<(&str, &str)> {
    let (name, value) = arg.split_once('=')?;
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    (begins && goes_on).then_some((name, value))
}

fn refusal(index: usize, arg: &str, reason: &str) -> Error {
    Error::option_invalid(format!("{OPTION}[{index}]"), format!("{arg:?}"), reason)
}

#[cfg(test)]
mod tests {
    use super::{
        readers::{split, split_as_msiexec, switches_seen_by_the_stub},
        *,
    };

    fn list(args: &[&str]) -> Vec<String> {
        args.iter().map(|&arg| arg.to_owned()).collect()
    }

    /// Repeatable, and no dependency.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        fn text(&mut self) -> String {
            const ALPHABET: [char; 20] = [
                '"', '"', '\\', '\\', ' ', ' ', '\t', '\n', '/', 'S', 'D', '=', '%', ';', '$', '(', 'a', 'é',
                '日', '🦀',
            ];
            let length = self.below(9);
            (0..length).map(|_| ALPHABET[self.below(ALPHABET.len())]).collect()
        }

        fn list(&mut self) -> Vec<String> {
            let length = self.below(6);
            (0..length).map(|_| self.text()).collect()
        }

        /// A list that is not refused, and its line. Few are.
        fn accepted(&mut self) -> (Vec<String>, String) {
            let is_directory = |arg: &String| arg.starts_with(NSIS_DIRECTORY);
            let attempts = (0..10).map(|_| self.list()).filter(|args| !args.iter().any(is_directory));
            let mut accepted = attempts.filter_map(|args| nsis(&args).ok().map(|line| (args, line)));
            accepted.next().expect("ten lists in a row were refused")
        }
    }

    #[test]
    fn whatever_an_argument_holds_it_reaches_an_nsis_installer_as_one() {
        let mut random = Random(7);
        for _ in 0..100_000 {
            let (args, line) = random.accepted();
            assert_eq!(split(&line), args, "{line}");
        }
    }

    /// For tests on Windows: records of a line, the number of arguments and the arguments, each ended by a zero.
    #[test]
    #[ignore = "writes what the tests in wine have split by Windows itself"]
    fn lists_for_windows_to_split() {
        let path = std::env::var_os("UPDATER_LISTS").unwrap();
        let (mut random, mut records) = (Random(10), Vec::<u16>::new());
        for _ in 0..100_000 {
            let (args, line) = random.accepted();
            let number = u16::try_from(args.len()).unwrap();
            records.extend(format!("\"C:\\a b\\x.exe\"{line}").encode_utf16().chain([0, number]));
            args.iter().for_each(|arg| records.extend(arg.encode_utf16().chain([0])));
        }
        let bytes: Vec<u8> = records.into_iter().flat_map(u16::to_le_bytes).collect();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn no_argument_hides_a_switch_from_the_installer_or_smuggles_one_in() {
        let mut random = Random(8);
        let pieces =
            ["/S", "/NCRC", "/D=", "/D=C:\\x y", "\"", " ", "a", "\\", "\" ", " /S", "\"/S ", "/S x", "/s"];
        let mut accepted = 0;
        for _ in 0..100_000 {
            let args: Vec<String> = (0..random.below(4))
                .map(|_| (0..random.below(6)).map(|_| pieces[random.below(pieces.len())]).collect())
                .collect();
            let Ok(line) = nsis(&args) else { continue };
            accepted += 1;
            let is_directory = |arg: &&String| arg.starts_with(NSIS_DIRECTORY);
            let switches = args.iter().filter(|arg| matches!(arg.as_str(), "/S" | "/NCRC"));
            let expected: Vec<String> = switches.chain(args.iter().filter(is_directory)).cloned().collect();
            assert_eq!(switches_seen_by_the_stub(&line), expected, "{args:?} as {line}");
        }
        // More is malice than in any real list.
        assert!(accepted > 50_000, "{accepted}");
    }

    #[test]
    fn a_switch_is_found_also_behind_a_quotation_mark() {
        for (line, switches) in [
            (" \"/S x\"", vec!["/S"]),
            (" \"/S\" x", vec![]),
            (" \"/NCRC x\" /S", vec!["/NCRC", "/S"]),
            (" /S\tx /s /Sx", vec![]),
            (" \"/D=C:\\a\" /D=C:\\b c", vec!["/D=C:\\b c"]),
        ] {
            assert_eq!(switches_seen_by_the_stub(line), switches, "{line}");
        }
    }

    #[test]
    fn a_line_that_nsis_would_cut_is_refused() {
        // 1,023 without `"<path of 260>" /P`.
        let fits = "a".repeat(757);
        assert_eq!(nsis(&list(&[&fits])).unwrap().len(), 758);
        for args in [
            list(&[&format!("{fits}a")]),
            // A crab is two units.
            list(&[&fits.replacen('a', "🦀", 1)]),
            list(&[&fits, "/D=C:\\"]),
            list(&[&fits.replacen('a', " ", 1)]),
        ] {
            assert_eq!(nsis(&args).unwrap_err().option(), Some("windows.installerArgs"));
        }
    }

    #[test]
    fn the_directory_stays_last_and_unquoted() {
        let args = list(&["/D=C:\\Program Files\\App", "a b", "c"]);
        assert_eq!(nsis(&args).unwrap(), " \"a b\" c /D=C:\\Program Files\\App");
    }

    #[test]
    fn what_an_installer_could_not_be_told_is_refused_by_name() {
        for (args, reads) in [
            (list(&["a", "b\0"]), nsis as fn(&[String]) -> Result<String>),
            (list(&["a", "/D=C:\\a\"b"]), nsis),
            (list(&["/D=C:\\a", "/D=C:\\b"]), nsis),
            (list(&["a", "x\" /D=C:\\elsewhere"]), nsis),
            (list(&["a", "/S x"]), nsis),
            (list(&["a", "/NCRC x"]), nsis),
            (list(&["a", "b\0"]), msi),
            (list(&["a", ""]), msi),
            (list(&["a", "/l \"x\""]), msi),
            (list(&["a", "1=\"x\""]), msi),
        ] {
            assert_eq!(reads(&args).unwrap_err().option(), Some("windows.installerArgs[1]"), "{args:?}");
        }
    }

    #[test]
    fn whatever_a_property_holds_it_reaches_msiexec_as_one_argument() {
        let mut random = Random(9);
        for _ in 0..100_000 {
            let length = random.below(5);
            let properties = (0..length).map(|index| format!("P{index}.x_={}", random.text()));
            let args: Vec<String> = properties.chain(list(&["/norestart", "C:\\a b\\log.txt"])).collect();
            let line = msi(&args).unwrap();
            assert_eq!(split_as_msiexec(&line), args, "{line}");
        }
    }

    #[test]
    fn properties_are_quoted_as_msiexec_wants() {
        let args = list(&["P=va\"lue", "EMPTY=", "/l*v", "C:\\a b\\x.log", "/norestart"]);
        let expected = " P=\"va\"\"lue\" EMPTY=\"\" /l*v \"C:\\a b\\x.log\" /norestart";
        assert_eq!(msi(&args).unwrap(), expected);
    }
}
