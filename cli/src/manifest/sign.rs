//! `manifest sign`: a signed part for a manifest, or one for a longer time.

use std::time::{Duration, SystemTime};

use cargo_packager_updater::{
    IntoVersion,
    release::{Known, Manifest, Terms, rfc3339},
};
use serde_json::json;

use super::{read, write};
use crate::{args::SignManifestArgs, failure::Failure, key::private_key, output::Output};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn run(args: SignManifestArgs, output: &Output) -> Result<(), Failure> {
    let manifest = read(&args.manifest)?;
    let key = private_key(args.key.private_key.clone(), args.key.password.clone())?;
    let signed = match &args.version {
        Some(version) => {
            let known = known(&args, version)?;
            manifest.renew(&key, &known, SystemTime::now(), |old| terms(&args, Some(&old)))
        }
        None => {
            if args.app.is_none() {
                output.warn(
                    "without --app, the manifest of another application under this key could be served",
                );
            }
            let before = manifest.terms_signed_by(&key);
            manifest.sign(&key, &terms(&args, before.as_ref()))
        }
    }
    .map_err(Failure::about(args.manifest.display()))?;
    write(&args.manifest, &signed)?;
    report(&args, &signed, output)
}

/// `--version` comes with `--renew` alone.
fn known(args: &SignManifestArgs, version: &str) -> Result<Known, Failure> {
    Ok(Known { version: version.into_version()?, app: args.app.clone(), channel: args.channel.clone() })
}

fn terms(args: &SignManifestArgs, old: Option<&Terms>) -> Terms {
    let now = SystemTime::now();
    Terms {
        app: args.app.clone(),
        channel: args.channel.clone(),
        sequence: args.sequence.unwrap_or_else(|| Terms::next_sequence(old.map(|old| old.sequence), now)),
        issued: now,
        expires: now + DAY * args.valid_days,
    }
}

fn report(args: &SignManifestArgs, signed: &Manifest, output: &Output) -> Result<(), Failure> {
    let path = args.manifest.to_string_lossy();
    let Some(terms) = signed.claimed_terms()? else {
        return Err(Failure::other(format!("{path} did not get signed")));
    };
    let expires = rfc3339(terms.expires);
    let text = format!("Signed {path}: sequence {}, valid until {expires}", terms.sequence);
    let value = json!({
        "ok": true,
        "manifest": path,
        "sequence": terms.sequence,
        "issued": rfc3339(terms.issued),
        "expires": expires,
        "app": terms.app,
        "channel": terms.channel,
    });
    output.result(&text, &value)
}
