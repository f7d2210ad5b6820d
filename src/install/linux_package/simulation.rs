//! [`simulate`]: what can be found out, without rights, about whether an installation would succeed.

use std::{ffi::OsString, fs::File, path::Path, time::Duration};

use super::{
    handover::{failed, last_words},
    identity::Identity,
    manager::{INPUT, Manager},
    programs::{INSPECTION_TIME_MAX, ask},
};
use crate::{
    Error, Result,
    signature::VerifiedArtifact,
    system::{Program, System},
};

/// apt-get reads the index of every package there is.
const TIME_MAX: Duration = Duration::from_secs(120);
/// apt-get takes a path only where it ends in `.deb`; this one leads to the open file, whatever its path leads to.
const WITH_DEB_NAME: &str = r#"directory=$(mktemp -d) || exit
trap 'rm -rf -- "$directory"' EXIT
trap 'exit 143' TERM
ln -s /proc/self/fd/0 "$directory/update.deb" || exit
"$@" "$directory/update.deb"
"#;

/// What would be refused is refused before anybody is asked for a password, and before anything is unpacked.
pub(super) fn simulate(
    manager: &Manager,
    identity: &Identity,
    downgrade: bool,
    artifact: &VerifiedArtifact,
    system: &dyn System,
) -> Result<()> {
    match manager {
        Manager::Dpkg(_) => refuse_other_dependencies(identity, artifact, system)?,
        Manager::Pacman(_) if !downgrade => refuse_downgrade(identity, system)?,
        Manager::Apt(_) | Manager::Rpm(_) | Manager::Pacman(_) => {}
    }
    let mut command = manager.simulate(downgrade);
    if matches!(manager, Manager::Apt(_)) {
        command.splice(0..0, ["/bin/sh", "-c", WITH_DEB_NAME, "updater"].map(OsString::from));
    }
    let Some((path, args)) = command.split_first() else { return Ok(()) };
    let program =
        Program { path: Path::new(path), args, stdin: Some(artifact.file()), time_max: Some(TIME_MAX) };
    let finished = system.run(&program).map_err(|error| Error::io("run", path, error))?;
    let said = [finished.stdout.as_slice(), finished.stderr.as_slice()].concat();
    if manager.is_refusal(finished.exit_code, &String::from_utf8_lossy(&said)) {
        return Err(failed(manager.name(), &finished));
    }
    Ok(())
}

/// dpkg notices a missing dependency only once the old version is gone. What the installed version depends on is there.
fn refuse_other_dependencies(
    identity: &Identity,
    artifact: &VerifiedArtifact,
    system: &dyn System,
) -> Result<()> {
    let new = dependencies("dpkg-deb", INPUT, Some(artifact.file()), system)?;
    let old = dependencies("dpkg-query", &identity.name, None, system)?;
    if new == old {
        return Ok(());
    }
    let reason = format!(
        "there is no apt-get, and dpkg cannot tell beforehand whether all is there that {} {} depends on ({}), which is \
         something else than before ({})",
        identity.name,
        identity.version,
        last_words(&[&new]),
        last_words(&[&old])
    );
    Err(Error::UnsupportedFormat { format: "deb".to_owned(), reason })
}

fn dependencies(
    program: &'static str,
    package: &str,
    input: Option<&File>,
    system: &dyn System,
) -> Result<Vec<u8>> {
    let question = Manager::dependencies(program, package);
    let finished = ask(&question, input, INSPECTION_TIME_MAX, system)
        .map_err(|error| Error::io("run", program, error))?;
    if finished.exit_code == Some(0) { Ok(finished.stdout) } else { Err(failed(program, &finished)) }
}

/// pacman would do it, and warns only while it does.
fn refuse_downgrade(identity: &Identity, system: &dyn System) -> Result<()> {
    let question = Manager::is_no_downgrade(identity);
    let finished = ask(&question, None, INSPECTION_TIME_MAX, system)
        .map_err(|error| Error::io("run", question.0, error))?;
    if finished.exit_code == Some(0) {
        return Ok(());
    }
    let reason = format!(
        "the artifact is {} {}, which is older than what is installed",
        identity.name, identity.version
    );
    Err(Error::NotUpdatable { reason })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;
    use crate::{ErrorCode, signature::testing::verified, system::testing::FakeSystem};

    fn simulated(manager: &Manager, downgrade: bool, system: &FakeSystem) -> Result<()> {
        let identity = Identity::from_line("app 2.0.0 all").unwrap();
        let file = NamedTempFile::new().unwrap();
        simulate(manager, &identity, downgrade, &verified(file.path()), system)
    }

    #[test]
    fn dpkg_alone_installs_nothing_that_depends_on_something_else_than_before() {
        let system = |new: &str, old: &str| {
            FakeSystem::default()
                .with_program("/usr/bin/dpkg", "")
                .with_program("/usr/bin/dpkg-deb", new)
                .with_program("/usr/bin/dpkg-query", old)
        };
        let dpkg = Manager::Dpkg("/usr/bin/dpkg".into());
        let same = "echo; echo 'libc6 (>= 2.36), libgtk-3-0'";
        simulated(&dpkg, false, &system(same, same)).unwrap();
        // Of a long list only the end is shown.
        let long = format!("{same}; head -c 1000 /dev/zero | tr '\\0' x");
        for (new, old) in [
            ("echo; echo 'libc6 (>= 2.38), libgtk-3-0'", same),
            ("echo libc6; echo libgtk-3-0", "echo; echo libc6; echo libgtk-3-0"),
            (&format!("echo new; {long}"), &long),
        ] {
            let error = simulated(&dpkg, false, &system(new, old)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::UnsupportedFormat, "{error}");
        }
        let message = simulated(&dpkg, false, &system("echo newlib", "echo oldlib")).unwrap_err().to_string();
        assert!(message.contains("(newlib)") && message.contains("(oldlib)"), "{message}");
        let failed = simulated(&dpkg, false, &system("exit 2", "exit 2")).unwrap_err();
        assert_eq!(failed.code(), ErrorCode::InstallerFailed, "no answer is no dependency");
    }

    #[test]
    fn what_dpkg_passes_over_is_no_success() {
        let system = |said: &str| {
            FakeSystem::default()
                .with_program("/usr/bin/dpkg", &format!("echo '{said}' >&2"))
                .with_program("/usr/bin/dpkg-deb", "")
                .with_program("/usr/bin/dpkg-query", "")
        };
        let dpkg = Manager::Dpkg("/usr/bin/dpkg".into());
        let older = "dpkg: will not downgrade app from 2.1.0 to 2.0.0, skipping";
        let error = simulated(&dpkg, false, &system(older)).unwrap_err();
        assert!(error.to_string().contains(older), "{error}");
        simulated(&dpkg, false, &system("dpkg: could not open log: Permission denied")).unwrap();
    }

    #[test]
    fn pacman_installs_no_older_version_unless_that_is_wanted() {
        // 127 is what it ends with where the version that is installed does not fit.
        let pacman = r#"[ "$1" != --deptest ] || { echo "$3"; [ "$3" = "app<=2.0.0" ] && exit 127; }"#;
        let system = || FakeSystem::default().with_program("/usr/bin/pacman", pacman);
        let manager = Manager::Pacman("/usr/bin/pacman".into());
        let error = simulated(&manager, false, &system()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotUpdatable);
        assert!(error.to_string().contains("app 2.0.0, which is older"), "{error}");
        simulated(&manager, true, &system()).unwrap();
        let newer = FakeSystem::default().with_program("/usr/bin/pacman", "");
        simulated(&manager, false, &newer).unwrap();
        assert_eq!(newer.runs()[1][1], "--upgrade", "what else there is to refuse is found out, too");
    }

    #[test]
    fn a_database_that_an_ordinary_user_may_not_read_keeps_nobody_from_asking_root() {
        let manager = Manager::Rpm("/usr/bin/rpm".into());
        let saying = |reason: &str| {
            FakeSystem::default().with_program("/usr/bin/rpm", &format!("echo \"{reason}\" >&2; exit 1"))
        };
        let refused = saying("package app-2.0.0-1.x86_64 does not verify: no signature");
        let error = simulated(&manager, false, &refused).unwrap_err();
        assert_eq!((error.code(), error.exit_code()), (ErrorCode::InstallerFailed, Some(1)));
        assert!(error.to_string().contains("no signature"), "{error}");
        simulated(&manager, false, &saying("error: cannot open Packages database in /var/lib/rpm")).unwrap();
    }
}
