//! Keys change by overlap: the recipe of the README over five releases, for applications of every age.

use cargo_packager_updater::{Config, Error, ErrorCode, Pubkeys, Target, Updater};
use serde_json::{Value, json};

use crate::support::{App, Draft, Reply, Server, Signer, appimage};

/// A release of the recipe: who signs it, and whom the application in it trusts.
#[derive(Clone, Copy)]
struct Release {
    version: &'static str,
    signer: fn() -> &'static Signer,
    trusts: &'static [fn() -> &'static Signer],
}

const OLD: fn() -> &'static Signer = Signer::author;
const NEW: fn() -> &'static Signer = Signer::stranger;

const RECIPE: [Release; 5] = [
    Release { version: "1.0.0", signer: OLD, trusts: &[OLD] },
    Release { version: "2.0.0", signer: OLD, trusts: &[OLD, NEW] },
    Release { version: "3.0.0", signer: OLD, trusts: &[OLD, NEW] },
    Release { version: "4.0.0", signer: NEW, trusts: &[OLD, NEW] },
    Release { version: "5.0.0", signer: NEW, trusts: &[NEW] },
];

impl Release {
    fn artifact(&self) -> Vec<u8> {
        appimage(50_000, u64::from(self.version.as_bytes()[0]))
    }

    /// The server while this is the newest release; its manifest is signed with the same key.
    fn publish(self) -> Server {
        let artifact = self.artifact();
        let signature = (self.signer)().sign(&artifact, &format!("version:{}", self.version));
        Server::start(move |request| match request.path.as_str() {
            "/latest.json" => Reply::ok(self.manifest(&request.url("/artifact"), &signature).to_string()),
            _ => Reply::ok(artifact.clone()),
        })
    }

    fn manifest(self, url: &str, signature: &str) -> Value {
        let entry = json!({"url": url, "signature": signature, "format": "appimage"});
        let platforms = json!({Target::current().unwrap().to_string(): entry});
        Draft::new(u64::from(self.version.as_bytes()[0]))
            .with("version", self.version)
            .with("platforms", platforms.clone())
            .announcing("version", self.version)
            .announcing("platforms", platforms)
            .signed_by(&[(self.signer)()])
            .manifest()
    }

    /// The application of this release, run from `app`, updates itself to what the server has.
    async fn update(self, app: &App, server: &Server) -> Result<(), Error> {
        let keys = self.trusts.iter().map(|signer| signer().pubkey()).collect();
        let config = Config { pubkey: Pubkeys(keys), ..app.config(server.url("/latest.json")) };
        let update = Updater::new(self.version, config)?.check().await?.expect("an update is offered");
        update.download_and_install(Default::default(), Default::default()).await
    }
}

#[tokio::test]
async fn whoever_takes_every_release_follows_to_the_new_key() {
    let app = App::new();
    for pair in RECIPE.windows(2) {
        pair[0].update(&app, &pair[1].publish()).await.unwrap();
        app.assert_is(&pair[1].artifact());
    }
}

#[tokio::test]
async fn only_who_missed_the_whole_overlap_is_left_behind_and_with_words() {
    for (age, installed) in RECIPE.iter().enumerate() {
        for newest in &RECIPE[age + 1..] {
            let app = App::new();
            let outcome = installed.update(&app, &newest.publish()).await;
            let versions = (installed.version, newest.version);
            if installed.version == "1.0.0" && newest.version >= "4.0.0" {
                assert_eq!(outcome.unwrap_err().code(), ErrorCode::SignatureMismatch, "{versions:?}");
                app.assert_untouched();
            } else {
                outcome.unwrap_or_else(|error| panic!("{versions:?}: {error}"));
                app.assert_is(&newest.artifact());
            }
        }
    }
}

#[tokio::test]
async fn the_old_key_is_worth_nothing_at_the_end() {
    let app = App::new();
    let thief = Release { version: "9.0.0", signer: OLD, trusts: &[] };
    let error = RECIPE[4].update(&app, &thief.publish()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::SignatureMismatch);
    app.assert_untouched();
}
