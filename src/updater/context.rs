//! [`Context`]: what a check, a download and an installation of one application share.

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::Arc,
};

use semver::Version;

use crate::{
    Error, Result,
    config::Settings,
    install::{self, InstallPlan, Installation, Order},
    manifest::Release,
    signature::{Announced, PublicKey, Signature, Trust, VerifiedArtifact},
    state::{Begun, DataDir, Expected, Staged, State, remove, short_hash},
    system::{Fingerprint, System},
    target::{Format, canonical_key},
    updater::{InstallOptions, PreparedInstall, is_wanted},
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
        let configured = settings.config.executable_path.as_deref();
        let installation = Installation::locate(configured, settings.target.os, &*system)?;
        Ok(Self { settings, installation, system })
    }

    /// Comes first in a check, because it decides what the application is. May take a moment.
    pub(super) fn find_package(&self) {
        self.installation.find_package(&*self.system);
    }

    /// The keys to look for in a manifest: with the bundle first, where it is known.
    pub(super) fn target_keys(&self) -> Vec<String> {
        if let Some(target) = &self.settings.target_override {
            return vec![target.clone()];
        }
        let target = self.settings.target;
        let bundle = self.installation.format().map(|format| format!("{target}-{format}"));
        bundle.into_iter().chain([target.to_string()]).collect()
    }

    /// Whether a release under this key of a manifest is for this application.
    pub(super) fn is_for(&self, target: &str) -> bool {
        let target = canonical_key(target);
        self.target_keys().iter().any(|key| canonical_key(key) == target)
    }

    pub(super) fn data(&self) -> Result<DataDir> {
        let config = &self.settings.config;
        let application = match &config.app_id {
            Some(id) => short_hash(format!("app:{id}").as_bytes()),
            None if self.installation.is_shared() => short_hash(&self.path_and_keys()),
            None => self.place(),
        };
        DataDir::locate(config.data_dir.as_deref(), &application, &*self.system)
    }

    /// Names what an update replaces.
    fn place(&self) -> String {
        short_hash(self.real_path().as_os_str().as_encoded_bytes())
    }

    /// The path of what an update replaces, as records of what is staged have it.
    pub(super) fn application(&self) -> String {
        self.real_path().to_string_lossy().into_owned()
    }

    /// Whether nobody else may want it: another copy with the same `appId` may be older, on another channel, or installed
    /// otherwise. A copy that is gone was moved here or removed.
    pub(super) fn is_ours(&self, staged: &Staged) -> bool {
        staged.application == self.application()
            || !Path::new(&staged.application).try_exists().unwrap_or(true)
    }

    /// Names what runs from a file from which others run, too. What they have seen must lock nobody out.
    fn path_and_keys(&self) -> Vec<u8> {
        let keys = self.settings.keys.iter().chain(&self.settings.manifest_keys);
        let mut lines: Vec<&str> = keys.map(PublicKey::as_line).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut name = self.real_path().into_os_string().into_encoded_bytes();
        lines.iter().for_each(|line| name.extend(["\0", line].concat().bytes()));
        name
    }

    fn real_path(&self) -> PathBuf {
        let path = self.installation.path();
        self.system.canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }

    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        self.installation.fingerprint(&*self.system)
    }

    /// What earlier installations left on record.
    pub(super) fn state(&self) -> Result<State> {
        Ok(self.data()?.state()?.settled(&self.place(), self.fingerprint().as_ref()))
    }

    /// The higher one of what this process says and what an update has put in its place since it started: an old
    /// release must not be taken for an update of the new one that is only not running yet.
    pub(super) fn current_version(&self) -> Version {
        let running = &self.settings.current_version;
        let state = self.state().unwrap_or_default();
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
        let state = if self.data().is_ok() { self.state()? } else { State::default() };
        let downgrade = version.cmp_precedence(&self.current_version()).is_lt();
        let announced = Announced {
            version: version.clone(),
            target: target.to_owned(),
            format,
            channel: config.channel.clone(),
            app_id: config.app_id.clone(),
            signed_version_required: config.require_signed_version || downgrade || state.signed_version_seen,
        };
        Ok(Arc::new(Trust { keys: self.settings.keys.clone(), signature: signature.clone(), announced }))
    }

    /// Whether this very artifact is what is installed, although the application reports another version.
    pub(super) fn is_installed(&self, signature: &Signature) -> bool {
        let state = self.state().unwrap_or_default();
        state.is_installed(signature, self.fingerprint().as_ref())
    }

    /// Whether an installer of Windows was begun with this release, did not replace the application and may have had it
    /// started again. Until [`Self::tidy`], which settles that.
    pub(super) fn has_just_failed(&self, release: &Release) -> bool {
        if !release.format.is_windows_installer() {
            return false;
        }
        let state = self.data().and_then(|data| data.state()).unwrap_or_default();
        state.has_failed(&release.signature, &self.place(), self.fingerprint().as_ref())
    }

    /// Removes what earlier runs left and nobody needs. It only tidies, so its failures are no reason to end a check.
    pub(super) fn tidy(&self, wanted: Option<&Release>) {
        let Ok(data) = self.data() else { return };
        if !data.exists() {
            return;
        }
        let Ok(_lock) = data.lock() else { return };
        let _ = self.settle(&data);
        if self.settings.config.keep_artifact == Some(false) {
            data.forget_base();
        }
        let staged = data.staged().filter(|staged| {
            // Where that cannot be told, whoever installs it finds out.
            let is_good = self.is_wanted(&staged.version) && self.is_still_announced(staged).unwrap_or(true);
            is_good || !self.is_ours(staged)
        });
        let staged = staged.and_then(|staged| staged.parsed_signature());
        if staged.is_none() {
            let _ = data.forget_staged();
        }
        data.sweep(staged.iter().chain(wanted.map(|release| &release.signature)));
        install::sweep(&self.installation, &*self.system);
    }

    /// Writes down how the last installation came out.
    pub(super) fn settle(&self, data: &DataDir) -> Result<()> {
        let known = data.state()?;
        let settled = known.clone().settled(&self.place(), self.fingerprint().as_ref());
        if settled == known { Ok(()) } else { data.write_state(&settled) }
    }

    /// Writes down that the last step of an installation is to be done. Where it cannot be told how that comes out, only
    /// that an earlier one counts no more.
    pub(super) fn begin(
        &self,
        data: &DataDir,
        signature: &Signature,
        version: Option<Version>,
        expected: Option<Expected>,
    ) -> Result<()> {
        let state = self.state()?;
        let (place, signature) = (self.place(), signature.identity().to_owned());
        data.write_state(&match expected {
            Some(expected) => state.beginning(Begun { place, signature, version, expected }),
            None => state,
        })
    }

    /// Writes down that whoever was asked for it says that it has failed.
    pub(super) fn withdraw(&self, data: &DataDir) -> Result<()> {
        let known = data.state()?;
        let withdrawn = known.clone().withdrawn(&self.place());
        if withdrawn == known { Ok(()) } else { data.write_state(&withdrawn) }
    }

    /// What an installation of this version is asked to do. Installers of Windows need the files of the application, so by
    /// default it leaves, and is started again.
    pub(super) fn order(&self, version: &Version, format: Format, options: &InstallOptions) -> Order {
        Order {
            target: self.settings.target,
            version: version.clone(),
            windows: self.settings.config.windows.clone().unwrap_or_default(),
            relaunch: options.relaunch.unwrap_or_else(|| format.is_windows_installer()),
            will_exit: options.will_exit.unwrap_or_else(|| format.is_windows_installer()),
            downgrade: version.cmp_precedence(&self.current_version()).is_lt(),
            args: options.args.clone().unwrap_or_else(|| self.system.args()),
            directory: self.system.current_dir().ok(),
        }
    }

    pub(super) fn plan(&self, format: Format, order: &Order) -> Result<InstallPlan> {
        install::plan(format, &self.installation, order)
    }

    /// Refuses options that the installer of this release could not be told.
    pub(super) fn check_options(&self, release: &Release) -> Result<()> {
        let order = self.order(&release.version, release.format, &InstallOptions::default());
        match self.plan(release.format, &order) {
            Err(error @ Error::InvalidOption { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Tells before a download whether its result could be installed.
    pub(super) fn preflight(
        &self,
        version: &Version,
        format: Format,
        options: &InstallOptions,
    ) -> Result<InstallPlan> {
        self.refuse_replay(version)?;
        let plan = self.plan(format, &self.order(version, format, options))?;
        install::check(&plan, &*self.system)?;
        Ok(plan)
    }

    pub(super) fn copy_directory(
        &self,
        version: &Version,
        format: Format,
        data: &DataDir,
    ) -> Option<PathBuf> {
        let plan = self.plan(format, &self.order(version, format, &InstallOptions::default())).ok()?;
        install::copy_directory(&plan, &data.downloads(), &*self.system)
    }

    /// An update may have been found before a higher one was installed.
    pub(super) fn refuse_replay(&self, version: &Version) -> Result<()> {
        let installed = self.current_version();
        if version.cmp_precedence(&installed).is_ge() || self.settings.config.allow_downgrades {
            return Ok(());
        }
        let reason = format!("{version} is older than {installed}, which is installed already");
        Err(Error::NotUpdatable { reason })
    }

    /// Installs what was verified, as `record` says it was announced. The caller holds the lock.
    pub(super) fn install(
        self: &Arc<Self>,
        artifact: VerifiedArtifact,
        record: Arc<Staged>,
        options: InstallOptions,
    ) -> Result<()> {
        PreparedInstall::new(self, artifact, record, options)?.commit()
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

/// Boxed: tokio's part of it is large, and compiled once so.
type Work = Box<dyn FnOnce() -> Result<Box<dyn Any + Send>> + Send>;

/// Runs what may wait for the disk where it holds up no other task.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let failed = |reason: String| Error::Io {
        operation: "complete",
        path: "the operation".into(),
        source: reason.into(),
    };
    let work: Work = Box::new(|| Ok(Box::new(work()?)));
    let outcome = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))??;
    outcome.downcast().map(|outcome| *outcome).map_err(|_| failed("it gave something else".to_owned()))
}
