//! [`Handover`]: an administrator replaces the bundle where this user may not, after giving their password to macOS.
//!
//! # Implementation
//! `osascript` runs a constant AppleScript, which runs a constant shell script as root. Everything that varies is an
//! argument to both; nothing is ever put into the text of a script. This process has checked before that the archive
//! keeps the rules, and root only goes on with the very bytes that were checked: it copies them into a directory that
//! nobody else can enter and compares their SHA-512.
//!
//! # Limitations
//! A shell cannot exchange two directories: the old bundle is renamed away and the new one renamed in, with signals
//! ignored and undone on failure. A power loss or SIGKILL exactly between leaves the old one, complete, in a hidden
//! directory of root's beside its place.

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{Context, SHA512};

use crate::{
    Error, Result,
    archive::{CheckOnly, Limits, unpack},
    error::clip,
    install::{
        Change, Record,
        swap::{parent, prefix},
    },
    signature::VerifiedArtifact,
    state::random_name,
    system::{Finished, Owner, Program, System},
};

const OSASCRIPT: &str = "/usr/bin/osascript";

/// Runs `/bin/sh -c` with its arguments as root. macOS asks for the password of an administrator.
const APPLESCRIPT: [&str; 7] = [
    "on run argv",
    "set theCommand to \"/bin/sh -c\"",
    "repeat with i from 1 to (count of argv)",
    "set theCommand to theCommand & \" \" & quoted form of (item i of argv)",
    "end repeat",
    "do shell script theCommand with administrator privileges",
    "end run",
];

/// See [`arguments`] for what it is given.
const SCRIPT: &str = include_str!("administrator.sh");

/// `userCanceledErr` of AppleScript, and the refusals of Authorization Services (`errAuthorizationDenied`, `Canceled`,
/// `InteractionNotAllowed`).
const REFUSALS: [&str; 4] = ["(-128)", "(-60005)", "(-60006)", "(-60007)"];

/// Fails where nobody can be asked.
pub(super) fn check(system: &dyn System) -> io::Result<()> {
    system.check_executable(Path::new(OSASCRIPT))
}

/// A bundle that an administrator is to replace by what is in a verified archive.
#[derive(Debug)]
pub(crate) struct Handover {
    target: PathBuf,
    artifact: VerifiedArtifact,
    arguments: Vec<OsString>,
    system: Arc<dyn System>,
}

impl Handover {
    /// `target` is behind all symbolic links.
    pub(super) fn new(target: PathBuf, artifact: VerifiedArtifact, system: &Arc<dyn System>) -> Result<Self> {
        let limits = Limits::for_archive(artifact.size());
        let sha512 = artifact.read_again(|archive| {
            let mut digesting = BufReader::new(Digesting { archive, context: Context::new(&SHA512) });
            unpack(&mut digesting, limits, &mut CheckOnly)?;
            io::copy(&mut digesting, &mut io::sink())
                .map_err(|error| Error::io("read", artifact.path(), error))?;
            Ok(hexadecimal(digesting.into_inner().context.finish().as_ref()))
        })?;
        let inspect = |error| Error::io("inspect", &target, error);
        let old = system.tree().open_root(&target).map_err(inspect)?;
        let (owner, mode) = system.tree().owner_and_mode(&old).map_err(inspect)?;
        let work = format!("{}{}.tmp", prefix(&target), random_name()?);
        let order = Order {
            archive: artifact.path(),
            size: artifact.size(),
            sha512,
            target: &target,
            work,
            owner,
            mode,
        };
        let arguments = arguments(&order);
        Ok(Self { arguments, target, artifact, system: Arc::clone(system) })
    }

    pub(super) fn commit(self, record: Record<'_>) -> Result<()> {
        record(Change::Begins)?;
        let program =
            Program { path: Path::new(OSASCRIPT), args: &self.arguments, stdin: None, time_max: None };
        let finished = self.system.run(&program).map_err(|error| Error::io("start", OSASCRIPT, error))?;
        check_outcome(&finished, &self.target)?;
        // The new version is in place; an archive that stays is removed by the next check.
        let _ = self.system.remove_file(self.artifact.path());
        Ok(())
    }
}

/// What root is asked to do.
struct Order<'a> {
    archive: &'a Path,
    size: u64,
    /// Of the archive, hexadecimal.
    sha512: String,
    target: &'a Path,
    /// Name for a directory beside the target.
    work: String,
    /// Of the old bundle, and so of the new one.
    owner: Owner,
    mode: u32,
}

/// For `osascript`: its script, and then what follows `/bin/sh -c`.
fn arguments(order: &Order<'_>) -> Vec<OsString> {
    let script = APPLESCRIPT.iter().flat_map(|line| ["-e".into(), (*line).into()]);
    let values: [OsString; 10] = [
        SCRIPT.into(),
        "updater".into(),
        order.archive.into(),
        order.size.to_string().into(),
        order.sha512.clone().into(),
        parent(order.target).into(),
        order.target.file_name().unwrap_or_default().into(),
        order.work.clone().into(),
        format!("{}:{}", order.owner.user, order.owner.group).into(),
        format!("{:o}", order.mode).into(),
    ];
    script.chain(values).collect()
}

fn check_outcome(finished: &Finished, target: &Path) -> Result<()> {
    if finished.exit_code == Some(0) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&finished.stderr);
    let said = said.trim();
    if REFUSALS.iter().any(|code| said.ends_with(code)) {
        let reason =
            format!("replacing {} was not allowed by an administrator: {}", target.display(), clip(said));
        return Err(Error::ElevationDenied { reason });
    }
    Err(Error::InstallerFailed {
        installer: OSASCRIPT.to_owned(),
        exit_code: finished.exit_code,
        reason: clip(said),
    })
}

/// Reads an archive and hashes what is read.
struct Digesting<'a> {
    archive: &'a mut dyn BufRead,
    context: Context,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        self.context.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
