//! `manifest check`: what would keep applications from updating.

use std::{path::Path, time::SystemTime};

use cargo_packager_updater::{
    release::{DeltaEntry, Entry, Expectations, Manifest, Problem, check},
    signature::PublicKey,
};
use serde_json::{Value, json};

use super::{read, unversioned};
use crate::{
    args::CheckArgs,
    failure::Failure,
    file::{open_artifact, read_text},
    key::public_key,
    output::Output,
};

pub(super) fn run(args: &CheckArgs, output: &Output) -> Result<(), Failure> {
    let keys = args.pubkey.as_deref().map(public_key).transpose()?;
    let previous = args.previous.as_deref().map(read).transpose()?;
    let source = args.manifest.to_string_lossy();
    let text = read_text(&args.manifest)?;
    let manifest_keys = args.manifest_pubkey.as_deref().map(public_key).transpose()?;
    let expectations = Expectations {
        previous: previous.as_ref(),
        unversioned: unversioned(args.allow_unversioned),
        manifest_keys: manifest_keys.as_slice(),
        now: SystemTime::now(),
    };
    let mut report = check(text.as_bytes(), &source, &expectations);
    if let (Some(manifest), Some(key), Some(dir)) = (&report.manifest, keys, &args.artifacts) {
        let verification = Verification { manifest, keys: [key], dir, output };
        let found = verification.problems(&report.problems, args);
        report.problems.extend(found);
    }
    let ok = report.problems.is_empty();
    let problems: Vec<Value> = report.problems.iter().map(as_json).collect();
    let value = json!({"ok": ok, "problems": problems, "warnings": report.warnings});
    if !output.is_json() {
        report.warnings.iter().for_each(|warning| output.warn(warning));
        report.problems.iter().for_each(|problem| output.note(&format!("problem: {problem}")));
    }
    let text = match problems.len() {
        0 => format!("{source} is fine"),
        1 => format!("{source} has a problem"),
        count => format!("{source} has {count} problems"),
    };
    output.result(&text, &value)?;
    if ok { Ok(()) } else { Err(Failure::Reported) }
}

fn as_json(problem: &Problem) -> Value {
    json!({"key": problem.key, "reason": problem.reason})
}

struct Verification<'a> {
    manifest: &'a Manifest,
    keys: [PublicKey; 1],
    dir: &'a Path,
    output: &'a Output,
}

impl Verification<'_> {
    /// An entry with a problem is not fit for verification: it would only say the same again.
    fn problems(&self, known: &[Problem], args: &CheckArgs) -> Vec<Problem> {
        let is_sound = |key: &str| !known.iter().any(|problem| problem.key.as_deref() == Some(key));
        let verify = |(key, entry): (&String, &Entry)| {
            let failure = self.verify(key, entry, args).err()?;
            Some(Problem { key: Some(key.clone()), reason: failure.to_string() })
        };
        self.manifest.platforms().iter().filter(|(key, _)| is_sound(key)).filter_map(verify).collect()
    }

    fn verify(&self, key: &str, entry: &Entry, args: &CheckArgs) -> Result<(), Failure> {
        let name = entry
            .file_name()
            .ok_or_else(|| Failure::other(format!("{} does not end in a file's name", entry.url())))?;
        let path = self.dir.join(name);
        let (file, size) = open_artifact(&path)?;
        let bar = self.output.bar(size, format!("Verifying {}", path.display()));
        let announced = (key, self.manifest.version());
        entry
            .verify(
                announced,
                (&mut bar.wrap_read(file), size),
                &self.keys,
                unversioned(args.allow_unversioned),
            )
            .map_err(Failure::about(path.display()))?;
        bar.finish_and_clear();
        entry
            .deltas(self.manifest.version())
            .into_iter()
            .flatten()
            .filter(|delta| !delta.is_link())
            .try_for_each(|delta| self.verify_delta(&delta))
    }

    fn verify_delta(&self, delta: &DeltaEntry) -> Result<(), Failure> {
        let name = delta
            .file_name()
            .ok_or_else(|| Failure::other(format!("{} does not end in a file's name", delta.url())))?;
        let path = self.dir.join(name);
        let (mut file, size) = open_artifact(&path)?;
        delta.verify((&mut file, size), &self.keys).map_err(Failure::about(path.display()))
    }
}
