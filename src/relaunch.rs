//! Starting the application again once this process is gone.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    config::is_path,
    install::{Installation, own_appimage},
    system::{Command, OsSystem, System},
    target::Target,
};

/// What the runtime of an AppImage sets for the program in it. The next run sets its own.
const APPIMAGE_VARIABLES: [&str; 4] = ["APPIMAGE", "APPDIR", "ARGV0", "OWD"];

const OPEN: &str = "/usr/bin/open";

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct RelaunchOptions {
    /// Arguments for the program. Default: those of this process.
    pub args: Option<Vec<OsString>>,
    /// The program. Default: what an update replaces, else the running executable.
    pub executable_path: Option<PathBuf>,
}

/// Starts the application again as soon as this process has exited, however it ends. Does not exit by itself.
/// Called again, it replaces the earlier request. On Windows, an installer that was begun is not disturbed, and goes first.
///
/// # Errors
/// [`Error::InvalidOption`] where the path is not absolute or an argument holds a zero byte; [`Error::Io`] or
/// [`Error::PermissionDenied`] where the program cannot be started; on Windows also where `relauncher.exe` is missing, which
/// has to lie beside the addon.
pub fn relaunch(options: RelaunchOptions) -> Result<()> {
    let system = OsSystem;
    check(&options)?;
    let os = Target::current()?.os;
    let installation = Installation::locate(options.executable_path.as_deref(), os, &system)?;
    start(installation.launch(), options.args, &system)
}

/// What is started, and so how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Launch<'a> {
    /// An executable file.
    Program(&'a Path),
    /// A macOS bundle. LaunchServices starts it, so that it becomes an application with a Dock icon of its own.
    Bundle(&'a Path),
}

/// A relative path would be looked up by two rules: this process's directory, and the `PATH` of the shell.
fn check(options: &RelaunchOptions) -> Result<()> {
    if let Some(path) = options.executable_path.as_ref().filter(|path| !is_path(path)) {
        return Err(Error::option_invalid("executablePath", format!("{path:?}"), "must be an absolute path"));
    }
    for (index, arg) in options.args.iter().flatten().enumerate() {
        if arg.as_encoded_bytes().contains(&0) {
            return Err(Error::option_invalid(
                format!("args[{index}]"),
                format!("{arg:?}"),
                "holds a zero byte",
            ));
        }
    }
    Ok(())
}

pub(crate) fn start(launch: Launch<'_>, args: Option<Vec<OsString>>, system: &dyn System) -> Result<()> {
    let args = args.unwrap_or_else(|| system.args());
    match launch {
        Launch::Program(program) => start_program(program, args, system),
        Launch::Bundle(bundle) => start_bundle(bundle, args, system),
    }
}

fn start_bundle(bundle: &Path, args: Vec<OsString>, system: &dyn System) -> Result<()> {
    let command = open(bundle, args);
    let started = system.check_executable(&command.program).and_then(|()| system.spawn_after_exit(&command));
    started.map_err(|error| Error::io("start", bundle, error))
}

/// open(1): `-n`, a new instance although this one may not be quite gone; `--args`, what follows is the application's.
fn open(bundle: &Path, args: Vec<OsString>) -> Command {
    let mut all: Vec<OsString> = vec!["-n".into(), bundle.into()];
    if !args.is_empty() {
        all.push("--args".into());
        all.extend(args);
    }
    Command { program: OPEN.into(), args: all, env: Vec::new(), directory: None }
}

fn start_program(program: &Path, args: Vec<OsString>, system: &dyn System) -> Result<()> {
    let fail = |error| Error::io("start", program, error);
    system.check_executable(program).map_err(fail)?;
    let executable = system.current_exe().map_err(fail)?;
    let appdir = own_appimage(&executable, system).and_then(|_| system.env("APPDIR")).map(PathBuf::from);
    let command = plan(
        program,
        args,
        own_appimage(&executable, system).is_some(),
        appdir.as_deref(),
        &system.envs(),
        system.current_dir().ok().as_deref(),
    );
    system.spawn_after_exit(&command).map_err(fail)
}

/// The mounted image goes away with this process; so nothing that points into it may reach the next one.
fn plan(
    program: &Path,
    args: Vec<OsString>,
    from_appimage: bool,
    appdir: Option<&Path>,
    env: &[(OsString, OsString)],
    current_dir: Option<&Path>,
) -> Command {
    let mut changes = Vec::new();
    if from_appimage {
        changes.extend(APPIMAGE_VARIABLES.map(|name| (OsString::from(name), None)));
    }
    let mut directory = None;
    if let Some(appdir) = appdir {
        changes.extend(env.iter().filter_map(|(name, value)| without_entries(name, value, appdir)));
        if current_dir.is_some_and(|current| current.starts_with(appdir)) {
            let original = env.iter().find(|(name, _)| name == "OWD").map(|(_, value)| PathBuf::from(value));
            directory = Some(original.filter(|path| path.is_absolute()).unwrap_or_else(|| "/".into()));
        }
    }
    Command { program: program.to_owned(), args, env: changes, directory }
}

/// The change that takes entries below `appdir` out of a list such as `PATH`, if it has any.
fn without_entries(name: &OsStr, value: &OsStr, appdir: &Path) -> Option<(OsString, Option<OsString>)> {
    if APPIMAGE_VARIABLES.iter().any(|known| name == *known) {
        return None;
    }
    let entries: Vec<PathBuf> = std::env::split_paths(value).collect();
    let kept: Vec<&PathBuf> = entries.iter().filter(|entry| !entry.starts_with(appdir)).collect();
    if kept.len() == entries.len() {
        return None;
    }
    let value = if kept.is_empty() { None } else { std::env::join_paths(kept).ok() };
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn nothing_of_the_old_image_reaches_the_new_process() {
        let appdir = Path::new("/tmp/.mount_App");
        let env = env(&[
            ("APPDIR", "/tmp/.mount_App"),
            ("OWD", "/home/me"),
            ("PATH", "/tmp/.mount_App/usr/bin:/usr/bin:/bin"),
            ("LD_LIBRARY_PATH", "/tmp/.mount_App/usr/lib"),
            ("GSETTINGS_SCHEMA_DIR", "/tmp/.mount_Apple"),
            ("HOME", "/home/me"),
        ]);
        let command = plan(
            Path::new("/opt/App"),
            vec!["--x".into()],
            true,
            Some(appdir),
            &env,
            Some(&appdir.join("usr")),
        );
        let change =
            |name: &str| command.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(change("APPIMAGE"), Some(None));
        assert_eq!(change("APPDIR"), Some(None));
        assert_eq!(change("PATH"), Some(Some("/usr/bin:/bin".into())));
        assert_eq!(change("LD_LIBRARY_PATH"), Some(None));
        assert_eq!(change("GSETTINGS_SCHEMA_DIR"), None);
        assert_eq!(change("HOME"), None);
        assert_eq!(command.directory, Some("/home/me".into()));
        assert_eq!(command.args, ["--x"]);
    }

    #[test]
    fn outside_an_image_nothing_is_changed() {
        let env = env(&[("PATH", "/usr/bin"), ("APPDIR", "/tmp/.mount_Terminal")]);
        let command = plan(Path::new("/opt/app"), Vec::new(), false, None, &env, Some(Path::new("/work")));
        assert_eq!((command.env, command.directory), (Vec::new(), None));
    }
    #[test]
    fn a_bundle_is_opened_with_its_arguments_behind_those_of_open() {
        let bundle = Path::new("/Applications/My App.app");
        let command = open(bundle, vec!["-n".into(), "a b".into(), "--args".into()]);
        assert_eq!(command.program, Path::new("/usr/bin/open"));
        assert_eq!(command.args, ["-n", "/Applications/My App.app", "--args", "-n", "a b", "--args"]);
        assert_eq!(open(bundle, Vec::new()).args, ["-n", "/Applications/My App.app"]);
    }
}
