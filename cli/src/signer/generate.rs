//! `signer generate`: a key pair, printed or in two files.

use std::path::Path;

use cargo_packager_updater::sign::KeyPair;
use serde_json::json;

use crate::{
    args::GenerateArgs,
    failure::Failure,
    file::{Access, Draft, beside},
    key::{PASSWORD_VARIABLE, PRIVATE_KEY_VARIABLE, new_password},
    output::Output,
};

pub(super) fn run(args: GenerateArgs, output: &Output) -> Result<(), Failure> {
    if let Some(path) = args.path.as_deref().filter(|_| !args.force) {
        refuse_existing(path)?;
    }
    let password = new_password(args.password, args.ci)?;
    let pair = KeyPair::generate(password.expose())?;
    match &args.path {
        Some(path) => {
            save(path, &pair, args.force)?;
            report_files(path, &pair, output)
        }
        None => print(&pair, output),
    }
}

/// Asked before the password is, and decided again when the files are created.
fn refuse_existing(path: &Path) -> Result<(), Failure> {
    match [path.to_owned(), beside(path, ".pub")].iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(taken) => {
            Err(Failure::other(format!("{} exists already; --force replaces it", taken.display())))
        }
        None => Ok(()),
    }
}

/// The packager reads these files whole, so nothing follows the key, not even a line break.
fn save(path: &Path, pair: &KeyPair, force: bool) -> Result<(), Failure> {
    let public_path = beside(path, ".pub");
    let private = Draft::write(path, pair.private_key().as_bytes(), Access::Owner)?;
    let public = Draft::write(&public_path, pair.public_key().as_bytes(), Access::Everybody)?;
    if force {
        private.replace()?;
        return public.replace();
    }
    private.create()?;
    public.create().inspect_err(|_| {
        // Half a pair is of no use, and would be in the way of the next attempt.
        let _ = std::fs::remove_file(path);
    })
}

fn report_files(path: &Path, pair: &KeyPair, output: &Output) -> Result<(), Failure> {
    let public_path = beside(path, ".pub");
    let text = format!(
        "Private key: {} (keep it secret; without it and its password no update can be signed)\n\
         Public key:  {}\n\n{}\n\n\
         To sign, set {PRIVATE_KEY_VARIABLE} to the private key's path or content,\n\
         and {PASSWORD_VARIABLE} to its password.\n\
         The application takes the public key as `pubkey`.",
        path.display(),
        public_path.display(),
        pair.public_key(),
    );
    let value = json!({
        "ok": true,
        "privateKeyPath": path.to_string_lossy(),
        "publicKeyPath": public_path.to_string_lossy(),
        "publicKey": pair.public_key(),
    });
    output.result(&text, &value)
}

fn print(pair: &KeyPair, output: &Output) -> Result<(), Failure> {
    let text = format!(
        "Private key (keep it secret; without it and its password no update can be signed):\n{}\n\n\
         Public key:\n{}\n\n\
         To sign, set {PRIVATE_KEY_VARIABLE} to the private key,\n\
         and {PASSWORD_VARIABLE} to its password.\n\
         The application takes the public key as `pubkey`.",
        pair.private_key(),
        pair.public_key(),
    );
    let value = json!({"ok": true, "privateKey": pair.private_key(), "publicKey": pair.public_key()});
    output.result(&text, &value)
}
