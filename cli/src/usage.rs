//! From arguments to [`Arguments`], and what is said where that fails: helpful, but without what may be a secret.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
};

use clap::{
    CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    args::Arguments,
    failure::{DONE, WRONG_USAGE},
};

/// Text to show instead of running a command.
pub(crate) enum Exit {
    Help(String),
    Mistake(String),
}

impl Exit {
    /// Shows it and gives the exit code.
    pub(crate) fn report(&self) -> i32 {
        // Nothing is left to do where nobody reads it.
        match self {
            Self::Help(text) => {
                let _ = writeln!(io::stdout(), "{}", text.trim_end());
                DONE
            }
            Self::Mistake(text) => {
                let _ = writeln!(io::stderr(), "{}", text.trim_end());
                WRONG_USAGE
            }
        }
    }
}

pub(crate) fn parse(args: &[OsString]) -> Result<Arguments, Exit> {
    let (program, rest) = args
        .split_first()
        .map_or((program_name(None), &[][..]), |(first, rest)| (program_name(first.to_str()), rest));
    let command = Arguments::command().bin_name(&program);
    command
        .try_get_matches_from(std::iter::once(OsString::from(program)).chain(rest.iter().cloned()))
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .map_err(|error| explain(&error))
}

/// A path is shown as the file's name, a command of several words as it is.
fn program_name(first: Option<&str>) -> String {
    let default = "cargo-packager-updater";
    let first = first.filter(|first| !first.is_empty()).unwrap_or(default);
    let path = Path::new(first);
    if first.contains(' ') && path.is_relative() {
        return first.to_owned();
    }
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(default).to_owned()
}

fn explain(error: &clap::Error) -> Exit {
    let shown = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Help(shown),
        ErrorKind::UnknownArgument => Exit::Mistake(without_values("unexpected argument", error)),
        ErrorKind::TooManyValues => Exit::Mistake(without_values("unexpected value for", error)),
        _ => Exit::Mistake(shown),
    }
}

/// A password with a space in it, or given to an option that takes none, ends up here as an argument of its own: only
/// names of options are shown.
fn without_values(problem: &str, error: &clap::Error) -> String {
    let name = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => text.split('=').next().filter(|name| name.starts_with('-')),
        _ => None,
    };
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let name = name.map_or_else(|| "(not shown: it may be a secret)".to_owned(), |name| format!("'{name}'"));
    format!("error: {problem} {name}\n\n{usage}\n\nFor more information, try '--help'.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        match parse(&args) {
            Err(Exit::Mistake(text)) => text,
            Err(Exit::Help(_)) => panic!("help for {args:?}"),
            Ok(_) => panic!("no mistake in {args:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_mistake_shows_a_secret() {
        for args in [
            &["x", "signer", "sign", "--password=hunter2", "--bogus", "f"][..],
            &["x", "signer", "generate", "--password", "a", "hunter2"],
            &["x", "signer", "generate", "--passwort=hunter2"],
            &["x", "signer", "generate", "--ci=hunter2"],
            &["x", "signer", "generate", "--password", "hunter2", "--password", "hunter2"],
            &["x", "signer", "sign", "--private-key", "hunter2"],
        ] {
            let text = mistake(args);
            assert!(!text.contains("hunter2"), "{args:?}: {text}");
            assert!(text.contains("Usage: x signer"), "{args:?}: {text}");
        }
        assert!(mistake(&["x", "signer", "generate", "--bogus"]).contains("unexpected argument '--bogus'"));
    }

    #[test]
    fn a_secret_may_look_like_an_option() {
        let args = ["x", "signer", "generate", "--password", "--hunter2"].map(OsString::from);
        assert!(parse(&args).is_ok());
    }

    #[test]
    fn the_program_is_shown_as_it_was_called() {
        for (first, shown) in [
            (Some("/opt/my tools/cargo-packager-updater"), "cargo-packager-updater"),
            (Some("target/debug/cargo-packager-updater"), "cargo-packager-updater"),
            (Some("npx @crabnebula/updater"), "npx @crabnebula/updater"),
            (Some(""), "cargo-packager-updater"),
            (None, "cargo-packager-updater"),
        ] {
            assert_eq!(program_name(first), shown);
        }
        assert!(
            mistake(&["npx @crabnebula/updater", "serve"]).contains("Usage: npx @crabnebula/updater serve")
        );
    }
}
