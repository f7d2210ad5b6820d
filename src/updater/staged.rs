//! [`StagedUpdate`]: a verified update on disk.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use semver::Version;

use super::{Context, InstallOptions, PreparedInstall, run_blocking};
use crate::{
    Error, Result,
    signature::{Announced, Trust, VerifiedArtifact},
    state::Staged,
    target::Format,
};

/// A verified update on disk, ready to be installed now or by a later run.
#[derive(Debug, Clone)]
pub struct StagedUpdate {
    context: Arc<Context>,
    trust: Arc<Trust>,
    path: PathBuf,
    size: u64,
    downloaded_bytes: u64,
}

impl StagedUpdate {
    pub(super) fn new(context: Arc<Context>, artifact: &VerifiedArtifact, downloaded_bytes: u64) -> Self {
        Self {
            context,
            trust: Arc::clone(artifact.trust()),
            path: artifact.path().to_owned(),
            size: artifact.size(),
            downloaded_bytes,
        }
    }

    /// The version of the update.
    pub fn version(&self) -> &Version {
        &self.trust.announced.version
    }

    /// The artifact's format.
    pub fn format(&self) -> Format {
        self.trust.announced.format
    }

    /// Where the artifact lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the artifact in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes received for it: less than the size where an earlier attempt was continued.
    pub fn downloaded_bytes(&self) -> u64 {
        self.downloaded_bytes
    }

    /// Verifies the file once more, because time has passed, and installs it.
    ///
    /// # Errors
    /// [`Error::NotUpdatable`], [`Error::SignatureMismatch`] and its relatives, [`Error::Busy`], [`Error::Io`] and its
    /// relatives.
    pub async fn install(&self, options: InstallOptions) -> Result<()> {
        let this = self.clone();
        run_blocking(move || {
            let _lock = this.context.data()?.lock()?;
            this.preflight(&options)?;
            this.context.install(this.verified()?, options)
        })
        .await
    }

    /// Verifies the file once more and does everything but the last step, for an installation at the very end of this
    /// process.
    ///
    /// # Errors
    /// As [`Self::install`]; see [`Self::check_prepare`].
    pub async fn prepare(&self, options: InstallOptions) -> Result<PreparedInstall> {
        let this = self.clone();
        run_blocking(move || {
            let _lock = this.context.data()?.lock()?;
            this.check_prepare(&options)?;
            PreparedInstall::new(&this.context, this.verified()?, options)
        })
        .await
    }

    /// Finds out quickly whether [`Self::prepare`] has a chance.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`] for deb, rpm and pacman, whose package managers ask questions and take their time;
    /// [`Error::NotUpdatable`], [`Error::Io`] and its relatives.
    pub fn check_prepare(&self, options: &InstallOptions) -> Result<()> {
        let format = self.format();
        if format.is_package() {
            let reason =
                "it cannot be installed while the application exits: use `install` before".to_owned();
            return Err(Error::UnsupportedFormat { format: format.to_string(), reason });
        }
        self.preflight(options)
    }

    fn preflight(&self, options: &InstallOptions) -> Result<()> {
        self.context.preflight(self.version(), self.format(), options).map(drop)
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Io`] and its relatives.
    pub async fn discard(&self) -> Result<()> {
        let this = self.clone();
        run_blocking(move || {
            let data = this.context.data()?;
            let _lock = data.lock()?;
            data.discard_staged(&this.trust.signature)
        })
        .await
    }

    /// What has to be signed is decided anew: it may have changed since this was staged.
    fn verified(&self) -> Result<VerifiedArtifact> {
        let Announced { version, target, format, .. } = &self.trust.announced;
        let trust = self.context.trust(version, target, *format, &self.trust.signature)?;
        let file = self
            .context
            .system
            .open_private(&self.path)
            .map_err(|error| Error::io("open", &self.path, error))?;
        VerifiedArtifact::from_file(file, self.path.clone(), &trust)
    }

    /// What an earlier run staged. One that is no update any more is removed.
    pub(super) fn pending(context: &Arc<Context>) -> Result<Option<Self>> {
        let data = context.data()?;
        if !data.exists() {
            return Ok(None);
        }
        let _lock = data.lock()?;
        let Some(staged) = data.staged() else { return Ok(None) };
        let found = match Self::read(context, &staged)? {
            None => None,
            Some(this) => match this.verified() {
                Ok(_) => Some(this),
                // It may be fine, and can only not be read at the moment.
                Err(error @ (Error::Io { .. } | Error::PermissionDenied { .. })) => return Err(error),
                Err(_) => None,
            },
        };
        if found.is_none() {
            data.sweep([]);
            data.forget_staged()?;
        }
        Ok(found)
    }

    fn read(context: &Arc<Context>, staged: &Staged) -> Result<Option<Self>> {
        let Some((signature, format)) = staged.parsed_signature().zip(staged.format.parse().ok()) else {
            return Ok(None);
        };
        let current = context.is_wanted(&staged.version)
            && context.target_keys().contains(&staged.target)
            && !context.is_installed(&signature);
        let path = context.data()?.finished(&signature);
        let metadata = std::fs::symlink_metadata(&path).ok();
        let Some(metadata) = metadata.filter(|metadata| current && metadata.is_file()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            context: Arc::clone(context),
            trust: context.trust(&staged.version, &staged.target, format, &signature)?,
            path,
            size: metadata.len(),
            downloaded_bytes: staged.downloaded_bytes,
        }))
    }
}
