//! [`Failure`]: why a command did not do what it was asked to.

use std::{fmt, path::Path};

use cargo_packager_updater::Error;
use serde_json::json;

use crate::output::Output;

pub(crate) const DONE: i32 = 0;
pub(crate) const FAILED: i32 = 1;
pub(crate) const WRONG_USAGE: i32 = 2;

/// Never holds a secret.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine's error, and the file it is about.
    Engine { about: Option<String>, error: Box<Error> },
    /// In the command line's own words.
    Other(String),
    /// The command has said itself what is wrong.
    Reported,
}

impl Failure {
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    pub(crate) fn io(operation: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::Io { operation, path: path.to_owned(), source: source.into() }.into()
    }

    /// Names the file in front of an engine's error, which does not know it.
    pub(crate) fn about(subject: impl fmt::Display) -> impl FnOnce(Error) -> Self {
        move |error| Self::Engine { about: Some(subject.to_string()), error: Box::new(error) }
    }

    /// Tells the user and gives the exit code.
    pub(crate) fn report(&self, output: &Output) -> i32 {
        let code = match self {
            Self::Engine { error, .. } => error.code().as_str(),
            Self::Other(_) => "ERR_UPDATER_CLI",
            Self::Reported => return FAILED,
        };
        let value = json!({"ok": false, "error": {"code": code, "message": self.to_string()}});
        output.failure(&self.to_string(), &value);
        FAILED
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine { about: Some(subject), error } => write!(f, "{subject}: {error}"),
            Self::Engine { about: None, error } => error.fmt(f),
            Self::Other(message) => f.write_str(message),
            Self::Reported => Ok(()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine { about: None, error: Box::new(error) }
    }
}
