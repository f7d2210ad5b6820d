//! What only dpkg and apt-get have: configuration files and maintainer scripts.

use std::fs;

use cargo_packager_updater::{ErrorCode, Format};

use super::kit::Installed;

fn installed(name: &str) -> Installed {
    Installed::with(Format::Deb, name, |content| content.configuration = Some("shipped 1\n"))
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_the_administrator_configured_is_kept() {
    for (own, expected) in [(Some("mine\n"), "mine\n"), (None, "shipped 2\n")] {
        let app = installed("configuration");
        if let Some(own) = own {
            fs::write(app.configuration(), own).unwrap();
        }
        let package = app.package("2.0.0", |content| content.configuration = Some("shipped 2\n"));
        app.update(&app.offer("2.0.0", &package)).await.unwrap();
        app.assert_version("2.0.0");
        assert_eq!(fs::read_to_string(app.configuration()).unwrap(), expected);
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_maintainer_script_that_fails_is_told_with_the_state_that_it_leaves() {
    for (script, state) in [("preinst", "1.0.0 installed"), ("postinst", "2.0.0 half-configured")] {
        let app = installed("script");
        let failing = Some((script, "echo the disk is on fire >&2; exit 3"));
        let package = app.package("2.0.0", |content| content.script = failing);
        let server = app.offer("2.0.0", &package);
        let error = app.update(&server).await.unwrap_err();
        assert_eq!((error.code(), error.exit_code()), (ErrorCode::InstallerFailed, Some(100)), "{error}");
        let message = error.to_string();
        assert!(message.contains("apt-get failed") && message.contains("exit status 3"), "{message}");
        assert!(message.ends_with(&format!("installed now: {} {state}", app.name)), "{message}");
        assert!(app.check("1.0.0", &server).await.is_some(), "{script}: what failed counts as installed");
        app.assert_nothing_left();
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn maintainer_scripts_find_a_clean_environment_and_no_input() {
    let app = installed("environment");
    let check = "[ -z \"$LD_PRELOAD$UPDATER_TEST\" ] && [ \"$DEBIAN_FRONTEND\" = noninteractive ] \
                 && [ \"$(umask)\" = 0022 ] && ! read line";
    let package = app.package("2.0.0", |content| content.script = Some(("postinst", check)));
    app.update(&app.offer("2.0.0", &package)).await.unwrap();
    app.assert_version("2.0.0");
}
