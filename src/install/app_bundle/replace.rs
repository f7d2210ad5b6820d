//! Replacing a bundle: by this user, where they may, else by an administrator.

mod administrator;
mod exchange;
#[cfg(test)]
#[cfg(target_os = "linux")]
#[cfg(target_pointer_width = "64")]
mod faults;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{INFO_PLIST, is_bundle_name};
use crate::{
    Error, Result,
    install::{Progress, Record, swap::parent},
    signature::VerifiedArtifact,
    system::System,
};
use administrator::Handover;
use exchange::{Exchange, canonical, recover};

pub(crate) use exchange::sweep;

/// Who can replace the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    Own,
    Administrator,
}

/// A bundle that is ready to be installed.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum PreparedBundle {
    Exchange(Exchange),
    Handover(Handover),
}

impl PreparedBundle {
    pub(crate) fn new(target: &Path, artifact: VerifiedArtifact, system: &Arc<dyn System>) -> Result<Self> {
        let (target, rights) = resolve(target, &**system)?;
        match rights {
            Rights::Own => Exchange::new(target, artifact, system).map(Self::Exchange),
            Rights::Administrator => Handover::new(target, artifact, system).map(Self::Handover),
        }
    }

    pub(crate) fn commit(self, record: Record<'_>) -> Result<Progress> {
        match self {
            Self::Exchange(exchange) => exchange.commit(record),
            Self::Handover(handover) => handover.commit(record),
        }
        .map(|()| Progress::Done)
    }
}

/// Finds out whether the bundle can be replaced.
pub(crate) fn check(target: &Path, system: &dyn System) -> Result<()> {
    resolve(target, system).map(drop)
}

/// Whether this user may not replace it themselves.
pub(crate) fn needs_administrator(target: &Path, system: &dyn System) -> Result<bool> {
    resolve(target, system).map(|(_, rights)| rights == Rights::Administrator)
}

/// Where the archive is unpacked.
pub(crate) fn copy_directory(target: &Path, system: &dyn System) -> Option<PathBuf> {
    resolve(target, system).ok().map(|(target, _)| parent(&target).to_owned())
}

/// The bundle that is replaced, behind all symbolic links, and who can do it.
fn resolve(target: &Path, system: &dyn System) -> Result<(PathBuf, Rights)> {
    let not_updatable =
        |reason: &str| Error::NotUpdatable { reason: format!("{} {reason}", target.display()) };
    recover(&canonical(target, system), system);
    let path = system.resolve(target).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_updatable("does not exist"),
        _ => Error::io("find", target, error),
    })?;
    let info = path.join(INFO_PLIST);
    let is_file = match system.is_file(&info) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => false,
        outcome => outcome.map_err(|error| Error::io("inspect", &info, error))?,
    };
    if !(is_file && is_bundle_name(&path)) {
        return Err(not_updatable("is no application bundle"));
    }
    let rights = rights(&path, system).map_err(|error| Error::io("replace", &path, error))?;
    Ok((path, rights))
}

/// Who may rename the bundle and cannot write to it could not remove it afterwards, and would own the new one: what an
/// administrator installed stays theirs.
fn rights(bundle: &Path, system: &dyn System) -> io::Result<Rights> {
    let allowed = system.check_writable(parent(bundle)).and_then(|()| system.check_writable(bundle));
    match allowed {
        Ok(()) => Ok(Rights::Own),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Without the program that asks for the password, the refusal is the last word.
            administrator::check(system).map_err(|_| error).map(|()| Rights::Administrator)
        }
        Err(error) => Err(error),
    }
}
