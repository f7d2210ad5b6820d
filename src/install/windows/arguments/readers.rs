//! Command lines from the other side: what the programs that read them take them for.
#![allow(clippy::indexing_slicing, reason = "a model that errs is to fail the test")]

use super::NSIS_DIRECTORY;

/// The documented rules, written from the reader's side.
pub(crate) fn split(line: &str) -> Vec<String> {
    let (mut args, mut arg, mut is_open, mut is_quoted) = (Vec::new(), String::new(), false, false);
    let mut rest = line.chars().peekable();
    while let Some(&next) = rest.peek() {
        let mut backslashes = 0;
        while rest.next_if_eq(&'\\').is_some() {
            backslashes += 1;
        }
        if backslashes > 0 {
            is_open = true;
            let before_mark = rest.peek() == Some(&'"');
            arg.extend(std::iter::repeat_n('\\', if before_mark { backslashes / 2 } else { backslashes }));
            if before_mark && backslashes % 2 == 1 {
                arg.extend(rest.next());
            }
            continue;
        }
        rest.next();
        match next {
            '"' => (is_quoted, is_open) = (!is_quoted, true),
            ' ' | '\t' if !is_quoted => {
                if is_open {
                    args.push(std::mem::take(&mut arg));
                }
                is_open = false;
            }
            other => {
                arg.push(other);
                is_open = true;
            }
        }
    }
    if is_open {
        args.push(arg);
    }
    args
}

/// How the stub finds its own switches (NSIS 3, `Source/exehead/Main.c`, in words): a piece that begins with a
/// quotation mark, which is skipped, goes to the next one, any other to the next space. At its start `/S` and `/NCRC`
/// count before a space or the end of the line, and `/D=` behind a space, to the end of the line.
pub(crate) fn switches_seen_by_the_stub(line: &str) -> Vec<String> {
    let text: Vec<char> = line.chars().collect();
    let at = |index: usize| text.get(index).copied();
    let reads = |index: usize, word: &str| text[index..].starts_with(&word.chars().collect::<Vec<_>>());
    let (mut seen, mut next) = (Vec::new(), 0);
    while next < text.len() {
        if at(next) == Some(' ') {
            next += 1;
            continue;
        }
        let is_quoted = at(next) == Some('"');
        next += usize::from(is_quoted);
        for switch in ["/S", "/NCRC"] {
            if reads(next, switch) && matches!(at(next + switch.len()), None | Some(' ')) {
                seen.push(switch.to_owned());
            }
        }
        if reads(next, NSIS_DIRECTORY) && at(next - 1) == Some(' ') {
            seen.push(text[next..].iter().collect());
            break;
        }
        let end = if is_quoted { '"' } else { ' ' };
        while at(next).is_some_and(|character| character != end) {
            next += 1;
        }
        next += usize::from(is_quoted);
    }
    seen
}

/// msiexec's rules, from the reader's side: spaces part arguments outside quotation marks, which are dropped, except
/// that two in a row inside stand for one.
pub(crate) fn split_as_msiexec(line: &str) -> Vec<String> {
    let (mut args, mut arg, mut is_open, mut is_quoted) = (Vec::new(), String::new(), false, false);
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => arg.push('"'),
            '"' => (is_quoted, is_open) = (!is_quoted, true),
            ' ' if !is_quoted => {
                if is_open {
                    args.push(std::mem::take(&mut arg));
                }
                is_open = false;
            }
            other => {
                arg.push(other);
                is_open = true;
            }
        }
    }
    if is_open {
        args.push(arg);
    }
    args
}
