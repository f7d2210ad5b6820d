//! Where bundles do not run, no installation has one, and nothing is planned for it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    install::{Progress, Record},
    signature::VerifiedArtifact,
    system::System,
};

/// There is none.
#[derive(Debug)]
pub(crate) enum PreparedBundle {}

impl PreparedBundle {
    pub(crate) fn new(_: &Path, _: VerifiedArtifact, _: &Arc<dyn System>) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) const fn commit(self, _: Record<'_>) -> Result<Progress> {
        match self {}
    }
}

pub(crate) fn check(_: &Path, _: &dyn System) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn needs_administrator(_: &Path, _: &dyn System) -> Result<bool> {
    Err(unsupported())
}

pub(crate) const fn copy_directory(_: &Path, _: &dyn System) -> Option<PathBuf> {
    None
}

pub(crate) const fn sweep(_: &Path, _: &dyn System) {}

fn unsupported() -> Error {
    Error::UnsupportedFormat { format: "app".to_owned(), reason: "bundles run on macOS alone".to_owned() }
}
