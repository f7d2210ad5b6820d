//! [`PreparedInstall`]: an installation of which only the last step is missing.

use std::{ffi::OsString, sync::Arc};

use semver::Version;

use super::{Context, InstallOptions};
use crate::{
    Error, Result,
    install::{self, Change, Prepared, Progress},
    relaunch,
    signature::{Trust, VerifiedArtifact},
    state::{DataDir, Expected, Staged},
};

/// A verified update, made ready: one quick step, such as a rename, is missing. Dropping it gives that up, and leaves
/// the update staged.
#[derive(Debug)]
pub struct PreparedInstall {
    context: Arc<Context>,
    trust: Arc<Trust>,
    record: Arc<Staged>,
    /// The version, where the signature carries it.
    signed_version: Option<Version>,
    prepared: Prepared,
    relaunch: bool,
    args: Option<Vec<OsString>>,
}

impl PreparedInstall {
    pub(super) fn new(
        context: &Arc<Context>,
        artifact: VerifiedArtifact,
        record: Arc<Staged>,
        options: InstallOptions,
    ) -> Result<Self> {
        let trust = Arc::clone(artifact.trust());
        let (version, format) = (&trust.announced.version, trust.announced.format);
        let order = context.order(version, format, &options);
        let plan = context.plan(format, &order)?;
        let signed_version = artifact.metadata().version.as_ref().map(|_| version.clone());
        let prepared = install::prepare(&plan, artifact, &order, &context.data()?.scratch(), &context.system);
        if matches!(prepared, Err(Error::InvalidArtifact { .. } | Error::UnsafeArchive { .. })) {
            // It will never be of use: what cannot be removed now is tidied up by the next check.
            let _ = context.data()?.discard_staged(&trust.signature);
        }
        Ok(Self {
            context: Arc::clone(context),
            record,
            signed_version,
            prepared: prepared?,
            relaunch: order.relaunch,
            args: options.args,
            trust,
        })
    }

    /// Does the last step, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Busy`] while another update of this application is under way; [`Error::NotUpdatable`] where another one
    /// was staged or installed since; [`Error::Io`] and its relatives.
    pub fn finish(self) -> Result<()> {
        let data = self.context.data()?;
        let _lock = data.lock()?;
        if !data.is_staged(&self.trust.signature) {
            let reason = format!("{} is not staged any more", self.trust.announced.version);
            return Err(Error::NotUpdatable { reason });
        }
        self.commit()
    }

    /// The caller holds the lock.
    pub(super) fn commit(self) -> Result<()> {
        let Self { context, trust, record, signed_version, prepared, relaunch, args } = self;
        context.refuse_replay(&trust.announced.version)?;
        context.refuse_unannounced(&record)?;
        let ledger = Ledger { context: &context, data: context.data()?, trust: &trust, signed_version };
        let progress = prepared.commit(&mut |change| ledger.announce(change)).inspect_err(|_| {
            // The error that led here is the one to report.
            let _ = context.withdraw(&ledger.data);
        })?;
        ledger.close(progress);
        if relaunch && progress == Progress::Done {
            relaunch::start(context.installation.launch(), args, &*context.system)?;
        }
        Ok(())
    }
}

/// Keeps the record of one installation.
struct Ledger<'a> {
    context: &'a Context,
    data: DataDir,
    trust: &'a Trust,
    signed_version: Option<Version>,
}

impl Ledger<'_> {
    /// Before the last step, so that the step itself decides whether the record counts.
    fn announce(&self, change: Change) -> Result<()> {
        let expected = match change {
            Change::Replaces(new) => Some(Expected::Exactly(new)),
            Change::Begins => self.context.fingerprint().map(Expected::AnythingBut),
        };
        self.context.begin(&self.data, &self.trust.signature, self.signed_version.clone(), expected)
    }

    /// After the last step. What cannot be written or removed now is seen to by the next check.
    fn close(&self, progress: Progress) {
        let signature = &self.trust.signature;
        if progress == Progress::Done {
            let _ = self.data.discard_staged(signature);
            let _ = self.context.settle(&self.data);
        } else if self.data.is_staged(signature) {
            // Whether it will succeed is not known, so the file stays for another attempt. That is not made by itself:
            // an application that installs what is pending, and is started again after each refusal, would never run.
            let _ = self.data.forget_staged();
        }
    }
}
