//! [`StagedUpdate`]: a verified update on disk.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use semver::Version;

use super::{Context, InstallOptions, PreparedInstall, run_blocking};
use crate::{
    Error, Result,
    install::{self, InstallPlan},
    signature::{Announced, Trust, VerifiedArtifact},
    state::Staged,
    target::Format,
};

/// A verified update on disk, ready to be installed now or by a later run.
#[derive(Debug, Clone)]
pub struct StagedUpdate {
    context: Arc<Context>,
    trust: Arc<Trust>,
    record: Arc<Staged>,
    path: PathBuf,
    size: u64,
}

impl StagedUpdate {
    pub(super) fn new(context: Arc<Context>, artifact: &VerifiedArtifact, record: Staged) -> Self {
        Self {
            context,
            trust: Arc::clone(artifact.trust()),
            record: Arc::new(record),
            path: artifact.path().to_owned(),
            size: artifact.size(),
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
        self.record.downloaded_bytes
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
            this.context.install(this.verified()?, Arc::clone(&this.record), options)
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
            PreparedInstall::new(&this.context, this.verified()?, Arc::clone(&this.record), options)
        })
        .await
    }

    /// Finds out quickly whether [`Self::prepare`] has a chance.
    ///
    /// # Errors
    /// [`Error::UnsupportedFormat`] for deb, rpm and pacman, whose package managers ask questions and take their time,
    /// and for a bundle that only an administrator can replace; [`Error::NotUpdatable`], [`Error::Io`] and its relatives.
    pub fn check_prepare(&self, options: &InstallOptions) -> Result<()> {
        if self.format().is_package() {
            return Err(self.unsupported_at_exit("its package manager asks questions"));
        }
        let plan = self.preflight(options)?;
        if install::needs_administrator(&plan, &*self.context.system)? {
            return Err(self.unsupported_at_exit("an administrator has to be asked"));
        }
        Ok(())
    }

    /// Who has left an application cannot tell why it asks for a password, and the exit would wait for the answer.
    fn unsupported_at_exit(&self, why: &str) -> Error {
        let reason =
            format!("{why}, so it cannot be installed while the application exits: use `install` before");
        Error::UnsupportedFormat { format: self.format().to_string(), reason }
    }

    fn preflight(&self, options: &InstallOptions) -> Result<InstallPlan> {
        self.context.preflight(self.version(), self.format(), options)
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
        self.context.refuse_unannounced(&self.record)?;
        let Announced { version, target, format, .. } = &self.trust.announced;
        let trust = self.context.trust(version, target, *format, &self.trust.signature)?;
        let file = self
            .context
            .system
            .open_private(&self.path)
            .map_err(|error| Error::io("open", &self.path, error))?;
        VerifiedArtifact::from_file(file, self.path.clone(), &trust)
    }

    /// What an earlier run staged. One that is no update any more is removed, unless it may be one for another copy.
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
        // As long as no package manager answers, it cannot be told from one that was made for another package.
        if found.is_none() && !context.installation.may_be_packaged() && context.is_ours(&staged) {
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
            && context.is_for(&staged.target)
            // Of its own one, whoever installs it is told why that cannot be.
            && (context.is_ours(staged) || context.installation.format() == Some(format))
            && !context.is_installed(&signature);
        let path = context.data()?.finished(&signature);
        let metadata = std::fs::symlink_metadata(&path).ok();
        let Some(metadata) = metadata.filter(|metadata| current && metadata.is_file()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            context: Arc::clone(context),
            trust: context.trust(&staged.version, &staged.target, format, &signature)?,
            record: Arc::new(staged.clone()),
            path,
            size: metadata.len(),
        }))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, io, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{
        Config, ErrorCode, Pubkeys, config::Settings, signature::testing, system::testing::FakeSystem,
    };

    const BUNDLE: &str = "/Applications/X.app";
    const PUBKEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn an_administrator_is_not_asked_for_a_password_while_the_application_exits() {
        let directory = tempfile::tempdir().unwrap();
        let archive = directory.path().join("archive");
        fs::write(&archive, b"archive").unwrap();
        fs::set_permissions(&archive, fs::Permissions::from_mode(0o600)).unwrap();
        let system = FakeSystem::default()
            .with_file(&format!("{BUNDLE}/Contents/Info.plist"), b"")
            .with_program("/usr/bin/osascript", "")
            .with_refusal(io::ErrorKind::PermissionDenied);
        let config = Config {
            endpoints: vec!["https://releases.example.com".into()],
            pubkey: Pubkeys(vec![PUBKEY.to_owned()]),
            executable_path: Some(BUNDLE.into()),
            data_dir: Some(directory.path().join("data")),
            ..Config::default()
        };
        let settings = Settings::parse(Version::new(1, 0, 0), config).unwrap();
        let settings = Settings { target: "macos-aarch64".parse().unwrap(), ..settings };
        let context = Arc::new(Context::new(settings, Arc::new(system)).unwrap());
        let artifact = testing::verified(&archive);
        let record = Staged {
            version: Version::new(2, 0, 0),
            target: "macos-aarch64".to_owned(),
            format: Format::App.to_string(),
            signature: artifact.trust().signature.as_str().to_owned(),
            downloaded_bytes: artifact.size(),
            application: context.application(),
            channel: String::new(),
            manifest_keys: Vec::new(),
        };
        let staged = StagedUpdate::new(context, &artifact, record);
        let options = InstallOptions::default();
        staged.preflight(&options).unwrap();
        let error = staged.check_prepare(&options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedFormat);
        assert!(error.to_string().contains("administrator"), "{error}");
    }
}
