//! [`Context`]: what a check, a download and an installation of one application share.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use semver::Version;

use crate::{
    Error, Result,
    config::Settings,
    install::{self, Installation},
    manifest::Release,
    relaunch,
    signature::{Announced, Signature, Trust, VerifiedArtifact},
    state::{DataDir, Installed, State, remove, short_hash},
    system::{Fingerprint, System},
    target::Format,
    updater::{InstallOptions, is_wanted},
};

/// One application, as it is configured and installed.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) installation: Installation,
    pub(super) system: Arc<dyn System>,
}

impl Context {
    pub(super) fn new(settings: Settings, system: Arc<dyn System>) -> Result<Self> {
        let installation = Installation::locate(settings.config.executable_path.as_deref(), &*system)?;
        Ok(Self { settings, installation, system })
    }

    /// The keys to look for in a manifest: with the bundle first, where it is known.
    pub(super) fn target_keys(&self) -> Vec<String> {
        if let Some(target) = &self.settings.target_override {
            return vec![target.clone()];
        }
        let target = self.settings.target;
        let bundle = self.installation.format.map(|format| format!("{target}-{format}"));
        bundle.into_iter().chain([target.to_string()]).collect()
    }

    pub(super) fn data(&self) -> Result<DataDir> {
        let config = &self.settings.config;
        let application = match &config.app_id {
            Some(id) => short_hash(format!("app:{id}").as_bytes()),
            None => short_hash(self.real_path().as_os_str().as_encoded_bytes()),
        };
        DataDir::locate(config.data_dir.as_deref(), &application, &*self.system)
    }

    fn real_path(&self) -> PathBuf {
        let path = self.installation.path();
        self.system.canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let target = self.installation.target.as_deref().ok()?;
        self.system.fingerprint(target).ok()
    }

    /// The higher one of what this process says and what an update has put in its place since it started: an old
    /// release must not be taken for an update of the new one that is only not running yet.
    pub(super) fn current_version(&self) -> Version {
        let running = &self.settings.current_version;
        let state = self.data().and_then(|data| data.state()).unwrap_or_default();
        match state.installed_version(self.fingerprint().as_ref()) {
            Some(installed) if installed.cmp_precedence(running).is_gt() => installed.clone(),
            _ => running.clone(),
        }
    }

    pub(super) fn is_wanted(&self, offered: &Version) -> bool {
        is_wanted(&self.current_version(), offered, self.settings.config.allow_downgrades)
    }

    /// What an artifact must be signed with, and as.
    pub(super) fn trust(
        &self,
        version: &Version,
        target: &str,
        format: Format,
        signature: &Signature,
    ) -> Result<Arc<Trust>> {
        let config = &self.settings.config;
        // Without a place for data nothing has been installed from there.
        let state = self.data().map_or_else(|_| Ok(State::default()), |data| data.state())?;
        let downgrade = version.cmp_precedence(&self.current_version()).is_lt();
        let announced = Announced {
            version: version.clone(),
            target: target.to_owned(),
            format,
            channel: config.channel.clone(),
            app_id: config.app_id.clone(),
            signed_version_required: config.require_signed_version
                || downgrade
                || state.requires_signed_version(self.fingerprint().as_ref()),
        };
        Ok(Arc::new(Trust { keys: self.settings.keys.clone(), signature: signature.clone(), announced }))
    }

    /// Whether this very artifact is what is installed, although the application reports another version.
    pub(super) fn is_installed(&self, signature: &Signature) -> bool {
        let state = self.data().and_then(|data| data.state()).unwrap_or_default();
        state.is_installed(signature, self.fingerprint().as_ref())
    }

    /// Removes what earlier runs left and nobody needs. It only tidies, so its failures are no reason to end a check.
    pub(super) fn tidy(&self, wanted: Option<&Release>) {
        let Ok(data) = self.data() else { return };
        if !data.exists() {
            return;
        }
        let Ok(_lock) = data.lock() else { return };
        let staged = data.staged().filter(|staged| self.is_wanted(&staged.version));
        let staged = staged.and_then(|staged| staged.parsed_signature());
        if staged.is_none() {
            let _ = data.forget_staged();
        }
        let _ = data.sweep(staged.iter().chain(wanted.map(|release| &release.signature)));
        install::sweep(&self.installation, &*self.system);
    }

    pub(super) fn plan(&self, format: Format) -> Result<install::InstallPlan> {
        install::plan(format, &self.installation)
    }

    /// Tells before a download whether its result could be installed.
    pub(super) fn preflight(&self, version: &Version, format: Format) -> Result<()> {
        self.refuse_replay(version)?;
        install::check(&self.plan(format)?, &*self.system)
    }

    pub(super) fn copy_directory(&self, format: Format, data: &DataDir) -> Option<PathBuf> {
        let plan = self.plan(format).ok()?;
        install::copy_directory(&plan, &data.downloads(), &*self.system)
    }

    /// An update may have been found before a higher one was installed.
    fn refuse_replay(&self, version: &Version) -> Result<()> {
        let installed = self.current_version();
        if version.cmp_precedence(&installed).is_ge() || self.settings.config.allow_downgrades {
            return Ok(());
        }
        let reason = format!("{version} is older than {installed}, which is installed already");
        Err(Error::NotUpdatable { reason })
    }

    /// Installs what was verified. The caller holds the lock.
    pub(super) fn install(&self, artifact: VerifiedArtifact, options: InstallOptions) -> Result<()> {
        let data = self.data()?;
        let plan = self.plan(artifact.trust().announced.format)?;
        let trust = Arc::clone(artifact.trust());
        let announced = &trust.announced.version;
        self.refuse_replay(announced)?;
        let version = artifact.metadata().version.as_ref().map(|_| announced.clone());
        let signed_version = version.is_some();
        let state = data.state()?;
        let seen = state.requires_signed_version(self.fingerprint().as_ref());
        let mut record = |file: &File| {
            let fingerprint = self
                .system
                .fingerprint_of(file)
                .map_err(|error| Error::io("inspect", "the new file", error))?;
            let signature = trust.signature.identity().to_owned();
            let installed = Some(Installed { signature, fingerprint, version: version.clone() });
            data.write_state(&State { installed, signed_version_seen: seen })
        };
        let done = install::execute(&plan, artifact, self.settings.target, &*self.system, &mut record);
        if matches!(done, Ok(()) | Err(Error::InvalidArtifact { .. })) {
            // The new version is in place, or will never be: what cannot be removed now is tidied up by the next check.
            let _ = data.discard_staged(&trust.signature);
        }
        done?;
        if signed_version && !seen {
            // Until this can be written, the record of the installation says the same.
            let _ = data
                .state()
                .and_then(|state| data.write_state(&State { signed_version_seen: true, ..state }));
        }
        if options.relaunch {
            relaunch::start(self.installation.path(), options.args, &*self.system)?;
        }
        Ok(())
    }

    /// The unfinished download, and its record.
    pub(super) fn discard_partial(path: &Path) {
        Self::discard_file(path);
        Self::discard_file(&path.with_extension("json"));
    }

    pub(super) fn discard_file(path: &Path) {
        // The error that led here is the one to report; the next check tidies up.
        let _ = remove(path);
    }
}

/// Runs what may wait for the disk where it holds up no other task.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::Io {
            operation: "complete",
            path: "the operation".into(),
            source: error.to_string().into(),
        })
    })
}
