//! Keys and passwords from the command line, the environment, files and the terminal.

use std::{
    env::{self, VarError},
    io::{self, IsTerminal},
    path::Path,
};

use cargo_packager_updater::{Error, sign::SecretKey, signature::PublicKey};

use crate::{failure::Failure, file};

pub(crate) const PRIVATE_KEY_VARIABLE: &str = "CARGO_PACKAGER_SIGN_PRIVATE_KEY";
pub(crate) const PASSWORD_VARIABLE: &str = "CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD";

/// Text that must not be shown; so it cannot be formatted.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The password for a new key: given, from the environment, empty with `--ci`, else asked for twice.
pub(crate) fn new_password(given: Option<Secret>, ci: bool) -> Result<Secret, Failure> {
    let is_given = given.is_some();
    let known = given_or_variable(given, PASSWORD_VARIABLE)?;
    // A secret that was not set is an empty variable; that must not make a key without a password by mistake.
    if let Some(password) = known.filter(|password| is_given || !password.expose().is_empty()) {
        return Ok(password);
    }
    if ci {
        return Ok(Secret(String::new()));
    }
    let password = prompt("Password for the new private key: ")?;
    if prompt("The same password again: ")? == password {
        Ok(Secret(password))
    } else {
        Err(Failure::other("the passwords are not the same; no key was made"))
    }
}

/// The private key, as text or as a file's path, from the option or the environment.
pub(crate) fn private_key(key: Option<Secret>, password: Option<Secret>) -> Result<SecretKey, Failure> {
    let given = given_or_variable(key, PRIVATE_KEY_VARIABLE)?.filter(|key| !key.expose().is_empty());
    let Some(given) = given else {
        return Err(Failure::other(format!(
            "no private key: set {PRIVATE_KEY_VARIABLE} or give --private-key"
        )));
    };
    let (text, encrypted) = key_text(given)?;
    let password = if encrypted { Some(known_password(password)?) } else { None };
    Ok(SecretKey::parse(text.expose(), password.as_ref().map(Secret::expose))?)
}

/// Text that is no key is taken for a path, and not shown: it may be a key with a mistake in it.
fn key_text(given: Secret) -> Result<(Secret, bool), Failure> {
    if let Ok(encrypted) = SecretKey::needs_password(given.expose()) {
        return Ok((given, encrypted));
    }
    let text = file::read_text(Path::new(given.expose())).map_err(|_| {
        Failure::other("the private key is neither a key nor the path of a file that can be read")
    })?;
    let encrypted = SecretKey::needs_password(&text)?;
    Ok((Secret(text), encrypted))
}

/// Given, from the environment, asked for on a terminal, else the empty one that `generate --ci` uses.
fn known_password(given: Option<Secret>) -> Result<Secret, Failure> {
    if let Some(password) = given_or_variable(given, PASSWORD_VARIABLE)? {
        return Ok(password);
    }
    let password =
        if io::stdin().is_terminal() { prompt("Password of the private key: ")? } else { String::new() };
    Ok(Secret(password))
}

/// A public key, as text or as a file's path.
pub(crate) fn public_key(given: &str) -> Result<PublicKey, Failure> {
    let unusable = |reason| Failure::from(Error::InvalidPubkey { option: "pubkey".to_owned(), reason });
    PublicKey::parse(given).or_else(|reason| {
        if !Path::new(given).is_file() {
            return Err(unusable(reason));
        }
        PublicKey::parse(&file::read_text(Path::new(given))?).map_err(unusable)
    })
}

fn given_or_variable(given: Option<Secret>, variable: &str) -> Result<Option<Secret>, Failure> {
    match (given, env::var(variable)) {
        (Some(given), _) => Ok(Some(given)),
        (None, Ok(value)) => Ok(Some(Secret(value))),
        (None, Err(VarError::NotPresent)) => Ok(None),
        (None, Err(VarError::NotUnicode(_))) => Err(Failure::other(format!("{variable} is not UTF-8"))),
    }
}

fn prompt(question: &str) -> Result<String, Failure> {
    rpassword::prompt_password(question).map_err(|error| {
        Failure::other(format!(
            "cannot ask for the password ({error}): set {PASSWORD_VARIABLE} or give --password"
        ))
    })
}
