//! macOS application bundles: which directory is the application.
//!
//! # Limitations
//! Extended attributes and access control lists are neither taken from the archive nor kept from the old bundle; no
//! file that the updater writes carries the quarantine mark. The bundle's code signature is not looked at: the minisign
//! signature says who made it, and macOS checks its own when the application starts.

#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
mod replace;
#[cfg(not(any(target_os = "macos", all(any(test, fuzzing), unix))))]
#[path = "app_bundle/elsewhere.rs"]
mod replace;

use std::path::{Component, Path};

pub(super) use replace::{PreparedBundle, check, copy_directory, needs_administrator, sweep};

use super::Place;
use crate::{Error, Result, system::System};

/// What tells an application bundle from other directories, and one version of it from another.
pub(super) const INFO_PLIST: &str = "Contents/Info.plist";

/// Finds the bundle that is running: the outermost one, because the helper applications of frameworks are bundles
/// within a bundle, and belong to its signature.
pub(super) fn locate(
    configured: Option<&Path>,
    executable: &Path,
    system: &dyn System,
) -> Result<Place, String> {
    if let Some(path) = configured {
        let bundle = if is_bundle_name(path) { Some(path) } else { outermost_bundle(path) };
        let path =
            bundle.ok_or_else(|| format!("{} is no bundle (*.app) and lies in none", path.display()))?;
        return Ok(Place::Bundle { path: path.to_owned() });
    }
    let real = system.canonicalize(executable).unwrap_or_else(|_| executable.to_owned());
    let bundle =
        outermost_bundle(&real).filter(|bundle| system.is_file(&bundle.join(INFO_PLIST)).unwrap_or(false));
    let bundle =
        bundle.ok_or_else(|| format!("{} does not run from a bundle (*.app)", executable.display()))?;
    // What a package manager of JavaScript put there belongs to it: Electron while an application is being developed.
    if bundle.components().any(|component| component.as_os_str() == "node_modules") {
        return Err(format!("{} is a dependency, not an installed application", bundle.display()));
    }
    Ok(Place::Bundle { path: bundle.to_owned() })
}

/// A directory that is merely called `*.app` is no bundle: what lies in one lies in its `Contents`.
fn outermost_bundle(path: &Path) -> Option<&Path> {
    let is_bundle = |above: &&Path| {
        let below = path.strip_prefix(above).ok().and_then(|below| below.components().next());
        is_bundle_name(above) && below == Some(Component::Normal("Contents".as_ref()))
    };
    path.ancestors().filter(is_bundle).last()
}

pub(crate) fn is_bundle_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("app"))
}

/// Gatekeeper runs a quarantined application that was not moved by the Finder from a random read-only mount, so that it
/// finds nothing that was put beside it. Its path gives that away; the call that would tell for sure is not public.
pub(super) fn refuse_translocated(bundle: &Path) -> Result<()> {
    if bundle.components().any(|component| component.as_os_str() == "AppTranslocation") {
        return Err(Error::Translocated { path: bundle.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{
        ErrorCode,
        install::{InstallPlan, Installation, Order, plan},
        system::testing::FakeSystem,
        target::{Format, Os},
    };

    fn located(configured: Option<&str>, executable: &str, bundles: &[&str]) -> Result<PathBuf, String> {
        let system = bundles.iter().fold(FakeSystem::default(), |system, bundle| {
            system.with_file(&format!("{bundle}/Contents/Info.plist"), b"")
        });
        locate(configured.map(Path::new), Path::new(executable), &system).map(|place| place.path().to_owned())
    }

    #[test]
    fn a_program_in_a_bundle_updates_the_outermost_one() {
        let app = "/Applications/My App.app";
        let found = |executable: &str| located(None, &format!("{app}/{executable}"), &[app]).unwrap();
        assert_eq!(found("Contents/MacOS/My App"), Path::new(app));
        assert_eq!(
            found("Contents/Frameworks/My App Helper.app/Contents/MacOS/My App Helper"),
            Path::new(app)
        );
    }

    #[test]
    fn what_runs_from_no_installed_bundle_is_not_updatable() {
        let electron = "/src/app/node_modules/electron/dist/Electron.app";
        for (executable, bundles) in [
            ("/usr/local/bin/node".to_owned(), vec![]),
            ("/src/web.app/node_modules/.bin/node".to_owned(), vec!["/src/web.app"]),
            ("/Applications/X.app/Contents/MacOS/X".to_owned(), vec![]),
            ("/Applications/X.app".to_owned(), vec!["/Applications/X.app"]),
            (format!("{electron}/Contents/MacOS/Electron"), vec![electron]),
        ] {
            let reason = located(None, &executable, &bundles).unwrap_err();
            assert!(reason.contains("X.app") || reason.contains("node"), "{reason}");
        }
    }

    #[test]
    fn a_directory_that_is_only_called_like_a_bundle_is_none() {
        let real = "/src/web.app/dist/X.app";
        let found = located(None, &format!("{real}/Contents/MacOS/X"), &["/src/web.app", real]);
        assert_eq!(found.unwrap(), Path::new(real));
    }

    #[test]
    fn a_configured_path_is_the_bundle_or_lies_in_it() {
        let configured = |path: &str| located(Some(path), "/usr/local/bin/node", &[]);
        let app = Path::new("/opt/X.app");
        assert_eq!(configured("/opt/X.app").unwrap(), app);
        assert_eq!(configured("/opt/X.app/Contents/MacOS/X").unwrap(), app);
        assert_eq!(configured("/opt/X.APP").unwrap(), Path::new("/opt/X.APP"));
        assert!(configured("/usr/local/bin/node").unwrap_err().contains("/usr/local/bin/node"));
        assert!(configured("/opt/X.app/X").is_err());
    }

    #[test]
    fn a_translocated_application_is_told_apart() {
        let random = "/private/var/folders/zz/x/T/AppTranslocation/0A1B/d/X.app";
        assert_eq!(refuse_translocated(Path::new(random)).unwrap_err().code(), ErrorCode::Translocated);
        refuse_translocated(Path::new("/Applications/AppTranslocation.app")).unwrap();
    }

    #[test]
    fn no_installation_of_a_translocated_application_is_planned() {
        let planned = |path: &str| {
            let system = FakeSystem::default();
            let installation = Installation::locate(Some(Path::new(path)), Os::MacOs, &system).unwrap();
            let order = Order::plain("macos-aarch64");
            plan(Format::App, &installation, &order).map_err(|error| error.code())
        };
        let random = "/private/var/folders/zz/x/T/AppTranslocation/0A1B/d/X.app";
        assert_eq!(planned(random), Err(ErrorCode::Translocated));
        let app = "/Applications/X.app";
        assert_eq!(planned(app), Ok(InstallPlan::ReplaceBundle(app.into())));
    }
}
