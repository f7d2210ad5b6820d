//! [`Updater`]: asks the endpoints, and decides whether their answer is an update. The asynchronous face of the
//! engine; it runs in a tokio runtime with time enabled.

mod context;
mod freshness;
mod patch;
mod prepared;
mod route;
mod staged;
mod update;

use std::{cmp::Ordering, ffi::OsString, sync::Arc};

use bytes::Bytes;
use semver::Version;
use url::Url;

use crate::{
    Config, Error, IntoVersion, Result,
    config::Settings,
    endpoint::{Endpoint, display},
    http::{Client, Request},
    manifest::Release,
    system::OsSystem,
};

use context::{Context, run_blocking};
pub use prepared::PreparedInstall;
pub use staged::StagedUpdate;
pub use update::Update;

pub use crate::progress::OnProgress;

/// What a download reports, and how it is ended early.
#[derive(Default)]
pub struct DownloadOptions {
    /// Called at most 20 times a second, on a thread of the runtime; it should return quickly.
    pub on_progress: Option<OnProgress>,
    /// Ends the download with [`Error::Cancelled`]. What was received is kept for the next attempt. Once the
    /// installation has begun it has no effect.
    pub cancel: tokio_util::sync::CancellationToken,
}

/// What follows an installation.
#[derive(Debug, Clone, Default)]
pub struct InstallOptions {
    /// Start the new version once this process is gone; see [`crate::relaunch()`]. Default: only where a Windows
    /// installer (NSIS, WiX) does it.
    pub relaunch: Option<bool>,
    /// This process ends as soon as the call returns, so that a Windows installer can replace its files; the engine
    /// itself never ends it. Where it does not, an MSI is waited for. Default: with Windows installers.
    pub will_exit: Option<bool>,
    /// Arguments for the new version. Default: those of this process.
    pub args: Option<Vec<OsString>>,
}

/// An application that wants to be up to date.
#[derive(Debug, Clone)]
pub struct Updater {
    context: Arc<Context>,
}

impl Updater {
    /// Checks every value of `config`.
    ///
    /// # Errors
    /// [`Error::InvalidVersion`], [`Error::InvalidOption`], [`Error::InvalidPubkey`], [`Error::InsecureUrl`],
    /// [`Error::UnsupportedPlatform`].
    pub fn new(current_version: impl IntoVersion, config: Config) -> Result<Self> {
        let settings = Settings::parse(current_version.into_version()?, config)?;
        Ok(Self { context: Arc::new(Context::new(settings, Arc::new(OsSystem))?) })
    }

    /// Asks the endpoints in order until one gives a valid answer. `None`: there is nothing newer, or nothing but what an
    /// installer of Windows was just begun with and did not replace the application; the next check offers that.
    ///
    /// Dropping the future ends the check.
    ///
    /// # Errors
    /// With one endpoint, why its answer is not valid; with several, [`Error::NoValidEndpoint`] with the reason of each.
    pub async fn check(&self) -> Result<Option<Update>> {
        let client = Client::shared(self.context.settings.proxy.as_ref())?;
        let context = Arc::clone(&self.context);
        run_blocking(move || {
            context.find_package();
            Ok(())
        })
        .await?;
        let mut errors = Vec::new();
        for endpoint in &self.context.settings.endpoints {
            match self.ask(&client, endpoint).await {
                Ok(release) => return self.decide(release, endpoint).await,
                Err(error) => errors.push(error),
            }
        }
        match errors.pop() {
            Some(only) if errors.is_empty() => Err(only),
            last => {
                errors.extend(last);
                Err(Error::NoValidEndpoint { errors })
            }
        }
    }

    /// What an earlier run staged, verified again, if it is still an update: newer, of this channel, and announced by a
    /// manifest that was signed as it has to be now. Needs no network.
    ///
    /// # Errors
    /// [`Error::Busy`] while another update of this application is under way; [`Error::Io`] and its relatives.
    pub async fn pending(&self) -> Result<Option<StagedUpdate>> {
        let context = Arc::clone(&self.context);
        run_blocking(move || {
            context.find_package();
            StagedUpdate::pending(&context)
        })
        .await
    }

    /// A manifest, or nothing where the server says that there is nothing (204). The whole answer has to arrive within
    /// the time that silence may last: the next endpoint is waiting.
    async fn ask(&self, client: &Client, endpoint: &Endpoint) -> Result<Option<Release>> {
        let timeout = self.context.settings.timeout;
        let answer = tokio::time::timeout(timeout, self.fetch(client, endpoint))
            .await
            .map_err(|_| Error::silence(&display(&endpoint.url), "complete answer", timeout))??;
        let (context, endpoint) = (Arc::clone(&self.context), endpoint.clone());
        run_blocking(move || match answer {
            Some((body, from)) => context.read_manifest(&body, &endpoint, &from).map(Some),
            // Nobody has signed that there is nothing.
            None => context.allow_unsigned(&display(&endpoint.url)).map(|()| None),
        })
        .await
    }

    async fn fetch(&self, client: &Client, endpoint: &Endpoint) -> Result<Option<(Bytes, Url)>> {
        let settings = &self.context.settings;
        let request = Request {
            url: &endpoint.url,
            transport: endpoint.transport,
            headers: &settings.headers,
            accept: "application/json",
            resume: None,
            is_repeated: true,
            redirects_max: settings.config.limits.redirects_max,
            silence_max: settings.timeout,
        };
        let response = client.get(&request).await?;
        let from = response.final_url().clone();
        match response.status() {
            204 => Ok(None),
            200..=299 => {
                let body = response.bytes(settings.config.limits.manifest_max_bytes).await?;
                Ok(Some((body, from)))
            }
            status => Err(Error::HttpStatus { url: display(&from), status }),
        }
    }

    async fn decide(&self, release: Option<Release>, endpoint: &Endpoint) -> Result<Option<Update>> {
        let context = Arc::clone(&self.context);
        let endpoint = endpoint.clone();
        run_blocking(move || {
            let update = release
                .filter(|release| {
                    context.is_wanted(&release.version) && !context.is_installed(&release.signature)
                })
                .map(|release| Update::new(Arc::clone(&context), release, endpoint));
            // An application that installs what it finds when it starts would begin it again for ever: the next check
            // offers it.
            let has_failed = update.as_ref().is_some_and(|update| context.has_just_failed(update.release()));
            context.tidy(update.as_ref().map(Update::release));
            update.iter().try_for_each(|update| context.check_options(update.release()))?;
            Ok(update.filter(|_| !has_failed))
        })
        .await
    }
}

/// Build metadata does not count (Semantic Versioning 2.0.0, item 10).
fn is_wanted(current: &Version, offered: &Version, allow_downgrades: bool) -> bool {
    match offered.cmp_precedence(current) {
        Ordering::Greater => true,
        Ordering::Equal => false,
        Ordering::Less => allow_downgrades,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_that_of_semantic_versioning() {
        let newer = |current: &str, offered: &str| {
            is_wanted(&current.parse().unwrap(), &offered.parse().unwrap(), false)
        };
        let ascending = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ];
        for pair in ascending.windows(2) {
            assert!(newer(pair[0], pair[1]) && !newer(pair[1], pair[0]), "{pair:?}");
        }
        assert!(!newer("1.0.0", "1.0.0"));
        assert!(!newer("1.0.0+5", "1.0.0+6") && !newer("1.0.0+6", "1.0.0+5"));
    }

    #[test]
    fn a_downgrade_is_an_update_only_where_it_is_allowed() {
        let (high, low) = (Version::new(2, 0, 0), Version::new(1, 0, 0));
        assert!(is_wanted(&high, &low, true));
        assert!(!is_wanted(&high, &low, false));
        assert!(!is_wanted(&high, &high, true));
    }
}
