//! [`Handover`]: an administrator replaces the bundle where this user may not, after giving their password to macOS.
//!
//! # Implementation
//! `osascript` runs a constant AppleScript, which runs a constant shell script as root. Everything that varies is an
//! argument to both; nothing is ever put into the text of a script. This process checks that the artifact keeps the
//! rules, and packs what it checked anew: root's `tar` sees none of the author's bytes but names and content, and so
//! cannot read them in another way. Root goes on with exactly what was packed: it copies it into a directory that nobody
//! else can enter and compares its SHA-512.
//!
//! # Limitations
//! A shell cannot exchange two directories: the old bundle is renamed away and the new one renamed in, with signals
//! ignored and undone on failure. A power loss or SIGKILL exactly between leaves the old one, complete, in a hidden
//! directory of root's beside its place. Such a directory is not removed by any later run: this user cannot, and root
//! does not remove what it finds in a directory that others may write to.

mod packed;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::exchange::unpacked_at_least;
use crate::{
    Error, Result,
    error::clip,
    install::{
        Change, Record,
        app_bundle::INFO_PLIST,
        swap::{Seen, parent, prefix},
    },
    signature::VerifiedArtifact,
    state::random_name,
    system::{Finished, Owner, Program, System, check_space},
};
use packed::{Packed, Sum};

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

/// Where the script expects the new bundle.
const TOP: &str = "new";

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
    seen: Seen,
    artifact: VerifiedArtifact,
    /// Lies there until root has copied it.
    packed: Packed,
    arguments: Vec<OsString>,
    system: Arc<dyn System>,
}

impl Handover {
    /// `target` is behind all symbolic links.
    pub(super) fn new(target: PathBuf, artifact: VerifiedArtifact, system: &Arc<dyn System>) -> Result<Self> {
        let seen = Seen::new(&target.join(INFO_PLIST), &**system)?;
        let needed = unpacked_at_least(&artifact);
        check_space(parent(artifact.path()), needed, &**system)?;
        // Root's copy, and what it unpacks.
        check_space(parent(&target), needed.saturating_mul(2), &**system)?;
        let (packed, sum) = Packed::new(&artifact, TOP, system)?;
        let inspect = |error| Error::io("inspect", &target, error);
        let old = system.tree().open_root(&target).map_err(inspect)?;
        let (owner, mode) = system.tree().owner_and_mode(&old).map_err(inspect)?;
        let work = format!("{}{}.tmp", prefix(&target), random_name()?);
        let arguments = arguments(&Order { archive: packed.path(), sum, target: &target, work, owner, mode });
        Ok(Self { target, seen, artifact, packed, arguments, system: Arc::clone(system) })
    }

    pub(super) fn commit(self, record: Record<'_>) -> Result<()> {
        self.seen.check(&self.target, &*self.system)?;
        record(Change::Begins)?;
        let program =
            Program { path: Path::new(OSASCRIPT), args: &self.arguments, stdin: None, time_max: None };
        let finished = self.system.run(&program).map_err(|error| Error::io("start", OSASCRIPT, error))?;
        drop(self.packed);
        check_outcome(&finished, &self.target)?;
        // The new version is in place; an archive that stays is removed by the next check.
        let _ = self.system.remove_file(self.artifact.path());
        Ok(())
    }
}

/// What root is asked to do.
struct Order<'a> {
    archive: &'a Path,
    sum: Sum,
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
        order.sum.size.to_string().into(),
        order.sum.sha512.clone().into(),
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
