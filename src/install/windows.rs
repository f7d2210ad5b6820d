//! Installers of Windows: NSIS programs and MSI packages.

pub(crate) mod arguments;
mod prepared;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

pub(super) use prepared::PreparedInstaller;

use super::{Order, Place, runs_others};
use crate::{
    Error, InstallMode, Result,
    system::{Command, Installers, System},
    target::Format,
};

/// Bytes of a file name, for names that become part of a longer path.
const STEM_MAX_CHARS: usize = 48;
const MZ_MAGIC: &[u8] = b"MZ";
/// Compound File Binary Format ([MS-CFB], section 2.2).
const OLE_MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Running an installer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstallerPlan {
    /// What is updated.
    pub(super) application: PathBuf,
    /// The name that the artifact gets.
    pub(super) file_name: String,
    pub(super) run: Run,
}

/// How it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run {
    /// The artifact is a program that goes on by itself. Another, which waits for it, starts the new version.
    Itself { arguments: String, then: Option<Command> },
    /// By msiexec, `arguments` behind the file's name.
    Msiexec { arguments: String, wait: Wait },
}

/// Who waits for msiexec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wait {
    /// This process, which is started again afterwards where that is asked for.
    Here { relaunch: bool },
    /// A program that outlives it, and then starts the application.
    Outside { then: Option<Command> },
}

/// Finds the program that an installer replaces: `executablePath`, else the running one.
pub(super) fn locate(
    configured: Option<&Path>,
    executable: &Path,
    system: &dyn System,
) -> Result<Place, String> {
    if configured.is_none() && runs_others(executable) {
        return Err(format!("{} is no application of its own: set `executablePath`", executable.display()));
    }
    let path = configured.unwrap_or(executable).to_owned();
    let format = has_uninstaller(&path, system).then_some(Format::Nsis);
    Ok(Place::Program { path, format })
}

/// NSIS installers leave one beside the program: the packager's `uninstall.exe`, others `Uninstall <name>.exe`. Of an MSI
/// nothing is left there.
fn has_uninstaller(program: &Path, system: &dyn System) -> bool {
    let names = ["uninstall.exe".to_owned(), format!("Uninstall {}.exe", stem(program))];
    names.iter().any(|name| system.is_file(&sibling(program, name)).unwrap_or(false))
}

/// Decides how to run the installer. `installed` is what installed the application, where that is known.
///
/// # Errors
/// [`Error::InvalidOption`] for arguments that it cannot be told; [`Error::NotUpdatable`] for another kind of installer.
pub(super) fn plan(
    format: Format,
    installed: Option<Format>,
    application: &Path,
    order: &Order,
) -> Result<InstallerPlan> {
    refuse_another(format, installed, application)?;
    let (run, extension) = if format == Format::Nsis {
        (plan_nsis(application, order)?, "exe")
    } else {
        (plan_msi(application, order)?, "msi")
    };
    let stem = sanitised(&stem(application));
    let file_name = format!("{stem}-{}-installer.{extension}", sanitised(&order.version.to_string()));
    Ok(InstallerPlan { application: application.to_owned(), file_name, run })
}

/// It would put a second copy beside the first, which would be offered the same release for ever.
fn refuse_another(format: Format, installed: Option<Format>, application: &Path) -> Result<()> {
    match installed {
        Some(installed) if installed != format => {
            let application = application.display();
            let reason =
                format!("{application} was installed by {installed}, which {format} does not replace");
            Err(Error::NotUpdatable { reason })
        }
        _ => Ok(()),
    }
}

/// `/P`, passive, is a switch of the packager's installers; `/S`, silent, is known to every NSIS installer (users manual,
/// 3.2.1). The packager's `/R`, start the application afterwards, is not used: an installer with the rights of an
/// administrator would start it with these.
fn plan_nsis(application: &Path, order: &Order) -> Result<Run> {
    let mode = match order.windows.install_mode {
        InstallMode::Passive => " /P",
        InstallMode::Quiet => " /S",
        InstallMode::BasicUi => "",
    };
    let args = arguments::nsis(&order.windows.installer_args)?;
    Ok(Run::Itself { arguments: format!("{mode}{args}"), then: relaunched(application, order) })
}

/// Windows Installer, "Command-Line Options": `/passive`, `/quiet`, `/qb+` a basic interface with a last dialog.
fn plan_msi(application: &Path, order: &Order) -> Result<Run> {
    let mode = match order.windows.install_mode {
        InstallMode::Passive => "/passive",
        InstallMode::Quiet => "/quiet",
        InstallMode::BasicUi => "/qb+",
    };
    let args = arguments::msi(&order.windows.installer_args)?;
    let wait = if order.will_exit {
        Wait::Outside { then: relaunched(application, order) }
    } else {
        Wait::Here { relaunch: order.relaunch }
    };
    Ok(Run::Msiexec { arguments: format!(" {mode} /promptrestart{args}"), wait })
}

/// What the program that outlives this one starts.
fn relaunched(application: &Path, order: &Order) -> Option<Command> {
    order.relaunch.then(|| Command {
        program: application.to_owned(),
        args: order.args.clone(),
        env: Vec::new(),
        directory: order.directory.clone(),
    })
}

impl InstallerPlan {
    const fn format(&self) -> Format {
        match self.run {
            Run::Itself { .. } => Format::Nsis,
            Run::Msiexec { .. } => Format::Wix,
        }
    }

    /// Finds out whether it can be carried out.
    pub(super) fn check(&self, system: &dyn System) -> Result<()> {
        if !system.is_file(&self.application).unwrap_or(false) {
            let reason = format!("{} does not exist or is not a file", self.application.display());
            return Err(Error::NotUpdatable { reason });
        }
        let installers = self.installers(system)?;
        if self.needs_relauncher() { self.relauncher(installers, system).map(drop) } else { Ok(()) }
    }

    const fn needs_relauncher(&self) -> bool {
        !matches!(
            self.run,
            Run::Itself { then: None, .. } | Run::Msiexec { wait: Wait::Here { relaunch: false }, .. }
        )
    }

    /// The program that outlives this one, which is shipped with it.
    fn relauncher(&self, installers: &dyn Installers, system: &dyn System) -> Result<PathBuf> {
        let path = installers.relauncher().map_err(|error| Error::io("find", "relauncher.exe", error))?;
        if system.is_file(&path).unwrap_or(false) {
            return Ok(path);
        }
        let alternative = match self.run {
            Run::Itself { .. } => "`relaunch: false`",
            Run::Msiexec { .. } => "`exit: false` and `relaunch: false`",
        };
        let path = path.display();
        let reason = format!(
            "{path} is missing: ship it beside the addon, as its package does, or install with {alternative}"
        );
        Err(Error::NotUpdatable { reason })
    }

    fn installers<'a>(&self, system: &'a dyn System) -> Result<&'a dyn Installers> {
        system.installers().ok_or_else(|| Error::UnsupportedFormat {
            format: self.format().to_string(),
            reason: "it can only be installed on Windows".to_owned(),
        })
    }

    fn check_magic(&self, artifact: &Path, system: &dyn System) -> Result<()> {
        let (magic, reason) = match self.format() {
            Format::Nsis => (MZ_MAGIC, "it does not begin like a program (MZ)"),
            _ => (OLE_MAGIC, "it does not begin like an installer package (d0cf11e0a1b11ae1)"),
        };
        let start =
            system.read_start(artifact, magic.len()).map_err(|error| Error::io("read", artifact, error))?;
        if start == magic {
            return Ok(());
        }
        Err(Error::InvalidArtifact { format: self.format().as_str(), reason: reason.to_owned() })
    }
}

/// Everything behind `msiexec`. A path holds no quotation mark on Windows.
fn msiexec_line(package: &Path, arguments: &str) -> OsString {
    let mut line = OsString::from("/i \"");
    line.push(package);
    line.push("\"");
    line.push(arguments);
    line
}

/// For a file name that any file system and installer can do with.
fn sanitised(text: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().take(STEM_MAX_CHARS).map(|c| if is_kept(c) { c } else { '-' }).collect()
}

/// Paths of Windows, also where another system plans with them.
fn file_name(path: &Path) -> String {
    let text = path.as_os_str().to_string_lossy();
    text.rsplit(['\\', '/']).next().unwrap_or_default().to_owned()
}

pub(super) fn stem(path: &Path) -> String {
    let name = file_name(path);
    name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
}

fn sibling(path: &Path, name: &str) -> PathBuf {
    let text = path.as_os_str().as_encoded_bytes();
    let own = file_name(path).len();
    // A name that is not Unicode is longer in text than in bytes; there is no sibling to be found then.
    let directory = text.len().checked_sub(own).and_then(|end| text.get(..end)).unwrap_or_default();
    let mut sibling = OsString::from(String::from_utf8_lossy(directory).into_owned());
    sibling.push(OsStr::new(name));
    sibling.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorCode, WindowsConfig, system::testing::FakeSystem};

    const APPLICATION: &str = r"C:\Program Files\My App\My App.exe";

    fn order(install_mode: InstallMode, installer_args: &[&str]) -> Order {
        Order {
            target: "windows-x86_64".parse().unwrap(),
            version: "2.0.0-rc.1+5".parse().unwrap(),
            windows: WindowsConfig {
                installer_args: installer_args.iter().map(|&arg| arg.to_owned()).collect(),
                install_mode,
            },
            relaunch: true,
            will_exit: true,
            downgrade: false,
            args: vec!["--hidden".into()],
            directory: Some(r"C:\Users\me".into()),
        }
    }

    fn planned(format: Format, order: &Order) -> InstallerPlan {
        plan(format, None, Path::new(APPLICATION), order).unwrap()
    }

    #[test]
    fn an_nsis_installer_is_told_how_much_to_show_and_what_the_author_adds() {
        for (mode, expected) in [
            (InstallMode::Passive, " /P \"a b\" /D=C:\\x y"),
            (InstallMode::Quiet, " /S \"a b\" /D=C:\\x y"),
            (InstallMode::BasicUi, " \"a b\" /D=C:\\x y"),
        ] {
            let plan = planned(Format::Nsis, &order(mode, &["/D=C:\\x y", "a b"]));
            let Run::Itself { arguments, then: Some(then) } = plan.run else { panic!("not started again") };
            assert_eq!(arguments, expected);
            assert_eq!((then.program, then.args), (APPLICATION.into(), vec!["--hidden".into()]));
            assert_eq!(plan.file_name, "My-App-2.0.0-rc.1-5-installer.exe");
        }
    }

    #[test]
    fn before_a_download_it_is_known_whether_the_installer_could_run() {
        let plan = planned(Format::Nsis, &order(InstallMode::Quiet, &[]));
        let code = |system: &FakeSystem| plan.check(system).unwrap_err().code();
        assert_eq!(code(&FakeSystem::default()), ErrorCode::NotUpdatable);
        let elsewhere = FakeSystem::default().with_file(APPLICATION, b"MZ");
        assert_eq!(code(&elsewhere), ErrorCode::UnsupportedFormat);
    }

    #[test]
    fn without_relaunch_nobody_starts_the_application() {
        let order = Order { relaunch: false, ..order(InstallMode::Quiet, &[]) };
        let silent = Run::Itself { arguments: " /S".to_owned(), then: None };
        assert_eq!(planned(Format::Nsis, &order).run, silent);
        let Run::Msiexec { wait, .. } = planned(Format::Wix, &order).run else { panic!("no MSI") };
        assert_eq!(wait, Wait::Outside { then: None });
    }

    #[test]
    fn msiexec_is_told_how_much_to_show_and_what_the_author_adds() {
        for (mode, switch) in [
            (InstallMode::Passive, "/passive"),
            (InstallMode::Quiet, "/quiet"),
            (InstallMode::BasicUi, "/qb+"),
        ] {
            let plan = planned(Format::Wix, &order(mode, &["P=va\"lue", "/norestart"]));
            let Run::Msiexec { arguments, wait: Wait::Outside { then: Some(then) } } = plan.run else {
                panic!("not awaited outside")
            };
            assert_eq!(arguments, format!(" {switch} /promptrestart P=\"va\"\"lue\" /norestart"));
            assert_eq!(plan.file_name, "My-App-2.0.0-rc.1-5-installer.msi");
            assert_eq!((then.program, then.args), (APPLICATION.into(), vec!["--hidden".into()]));
            let line = msiexec_line(Path::new(r"C:\d a\x.msi"), " /quiet");
            assert_eq!(line, r#"/i "C:\d a\x.msi" /quiet"#);
        }
        let stays = Order { will_exit: false, ..order(InstallMode::Quiet, &[]) };
        let Run::Msiexec { wait, .. } = planned(Format::Wix, &stays).run else { panic!("no MSI") };
        assert_eq!(wait, Wait::Here { relaunch: true });
    }

    #[test]
    fn what_runs_other_peoples_programs_is_not_updatable() {
        let system = FakeSystem::default();
        for name in [r"C:\nodejs\node.exe", r"C:\app\node_modules\electron\dist\Electron.EXE"] {
            assert!(locate(None, Path::new(name), &system).unwrap_err().contains("executablePath"));
            assert!(locate(Some(Path::new(APPLICATION)), Path::new(name), &system).is_ok());
        }
        assert!(locate(None, Path::new(APPLICATION), &system).is_ok());
    }

    #[test]
    fn an_uninstaller_beside_the_program_tells_its_format() {
        for (name, format) in [
            (r"C:\Program Files\My App\uninstall.exe", Some(Format::Nsis)),
            (r"C:\Program Files\My App\Uninstall My App.exe", Some(Format::Nsis)),
            (r"C:\Program Files\My App\unins000.exe", None),
        ] {
            let system = FakeSystem::default().with_file(name, b"MZ");
            assert_eq!(locate(None, Path::new(APPLICATION), &system).unwrap().format(), format, "{name}");
        }
    }

    #[test]
    fn another_kind_of_installer_does_not_put_a_second_copy_beside_the_first() {
        let order = order(InstallMode::Quiet, &[]);
        for (format, installed, is_refused) in [
            (Format::Nsis, Some(Format::Nsis), false),
            (Format::Wix, Some(Format::Nsis), true),
            (Format::Nsis, Some(Format::Wix), true),
            (Format::Wix, None, false),
        ] {
            let outcome = plan(format, installed, Path::new(APPLICATION), &order).map(drop);
            let expected = if is_refused { Err(ErrorCode::NotUpdatable) } else { Ok(()) };
            assert_eq!(outcome.map_err(|error| error.code()), expected, "{format} over {installed:?}");
        }
    }

    #[test]
    fn what_is_no_installer_is_refused() {
        let nsis = planned(Format::Nsis, &order(InstallMode::Quiet, &[]));
        let msi = planned(Format::Wix, &order(InstallMode::Quiet, &[]));
        for (content, fits_nsis, fits_msi) in [
            (b"MZ\x90\0".as_slice(), true, false),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", false, true),
            (b"\xd0\xcf\x11\xe0", false, false),
            (b"M", false, false),
            (b"", false, false),
        ] {
            let system = FakeSystem::default().with_file("/x", content);
            for (plan, fits) in [(&nsis, fits_nsis), (&msi, fits_msi)] {
                let outcome = plan.check_magic(Path::new("/x"), &system);
                assert_eq!(
                    outcome.map_err(|error| error.code()),
                    if fits { Ok(()) } else { Err(ErrorCode::InvalidArtifact) }
                );
            }
        }
    }
}
