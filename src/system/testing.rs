//! [`FakeSystem`]: files and an environment that exist only in memory, for decisions that depend on them; and programs
//! with stand-ins.
#![cfg_attr(windows, allow(dead_code, reason = "only tests of Unix use some of it"))]

use std::{collections::BTreeMap, io::ErrorKind, sync::Mutex};

use super::*;

/// Tries for some seconds: a program that another test starts at this moment has a copy of every lock until it runs.
pub(crate) fn eventually(mut succeeds: impl FnMut() -> bool) -> bool {
    (0..200).any(|_| {
        let done = succeeds();
        if !done {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        done
    })
}

/// In place of a script.
const BROKEN: &str = "# it does not answer";

#[derive(Debug, Default)]
pub(crate) struct FakeSystem {
    files: BTreeMap<PathBuf, Vec<u8>>,
    env: BTreeMap<String, OsString>,
    links: Vec<(PathBuf, PathBuf)>,
    installers: Option<std::sync::Arc<dyn Installers>>,
    /// The shell script that stands in for each program.
    programs: BTreeMap<PathBuf, String>,
    runs: Mutex<Vec<Vec<String>>>,
    terminal: bool,
    root: bool,
    disk: bool,
    space: Option<u64>,
    writing_fails: Option<ErrorKind>,
    executable: Option<PathBuf>,
}

impl FakeSystem {
    pub(crate) fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.into(), content.to_owned());
        self
    }

    pub(crate) fn with_installers(mut self, installers: std::sync::Arc<dyn Installers>) -> Self {
        self.installers = Some(installers);
        self
    }

    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// `path`, or what lies in it, leads to `target`.
    pub(crate) fn with_link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.into(), target.into()));
        self
    }

    /// Runs this script in place of a program; the program's arguments are the script's.
    pub(crate) fn with_program(mut self, path: &str, script: &str) -> Self {
        self.programs.insert(path.into(), script.to_owned());
        self
    }

    /// Why no directory can be written to.
    pub(crate) fn with_refusal(mut self, kind: ErrorKind) -> Self {
        self.writing_fails = Some(kind);
        self
    }

    /// What runs; else `/usr/bin/node` does.
    pub(crate) fn with_executable(mut self, path: &str) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// A program that is there and cannot be run.
    pub(crate) fn with_broken_program(self, path: &str) -> Self {
        self.with_program(path, BROKEN)
    }

    pub(crate) fn with_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    pub(crate) fn with_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// Files that are made, measured and removed are those on disk.
    pub(crate) fn with_disk(mut self) -> Self {
        self.disk = true;
        self
    }

    /// So many bytes are free.
    pub(crate) fn with_space(mut self, bytes: u64) -> Self {
        self.space = Some(bytes);
        self
    }

    fn disk(&self) -> io::Result<OsSystem> {
        if self.disk { Ok(OsSystem) } else { unsupported() }
    }

    /// The programs that were run, with their arguments.
    pub(crate) fn runs(&self) -> Vec<Vec<String>> {
        self.runs.lock().unwrap().clone()
    }

    fn file(&self, path: &Path) -> io::Result<&Vec<u8>> {
        self.files.get(path).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn unsupported<T>() -> io::Result<T> {
    Err(ErrorKind::Unsupported.into())
}

impl System for FakeSystem {
    fn installers(&self) -> Option<&dyn Installers> {
        self.installers.as_deref()
    }

    fn env(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }

    fn envs(&self) -> Vec<(OsString, OsString)> {
        self.env.iter().map(|(name, value)| (name.into(), value.clone())).collect()
    }

    fn args(&self) -> Vec<OsString> {
        Vec::new()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        unsupported()
    }

    fn current_exe(&self) -> io::Result<PathBuf> {
        Ok(self.executable.clone().unwrap_or_else(|| "/usr/bin/node".into()))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.links.iter().find_map(|(link, target)| {
            let rest = path.strip_prefix(link).ok()?;
            Some(if rest.as_os_str().is_empty() { target.clone() } else { target.join(rest) })
        });
        Ok(real.unwrap_or_else(|| path.to_owned()))
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        self.file(path).map(|content| content.iter().take(length).copied().collect())
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.file(path).map(|_| true)
    }

    fn check_executable(&self, program: &Path) -> io::Result<()> {
        if self.programs.contains_key(program) { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn check_writable(&self, _: &Path) -> io::Result<()> {
        self.writing_fails.map_or_else(unsupported, |kind| Err(kind.into()))
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        self.space.map_or_else(|| self.disk()?.available_space(path), Ok)
    }

    fn same_file_system(&self, _: &Path, _: &Path) -> io::Result<bool> {
        unsupported()
    }

    fn create_private(&self, path: &Path) -> io::Result<File> {
        self.disk()?.create_private(path)
    }

    fn open_private(&self, _: &Path) -> io::Result<File> {
        unsupported()
    }

    fn adopt_attributes(&self, _: &File, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        unsupported()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn rename(&self, _: &File, _: &Path, _: &Path) -> io::Result<()> {
        unsupported()
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk()?.remove_file(path)
    }

    fn fingerprint(&self, path: &Path) -> io::Result<Fingerprint> {
        self.disk()?.fingerprint(path)
    }

    fn fingerprint_of(&self, file: &File) -> io::Result<Fingerprint> {
        self.disk()?.fingerprint_of(file)
    }

    fn spawn_after_exit(&self, _: &Command) -> io::Result<()> {
        unsupported()
    }

    #[cfg(unix)]
    fn tree(&self) -> &dyn Tree {
        &OsSystem
    }

    fn run(&self, program: &Program<'_>) -> io::Result<Finished> {
        let shown = [program.path.as_os_str()].into_iter().chain(program.args.iter().map(AsRef::as_ref));
        self.runs.lock().unwrap().push(shown.map(|arg| arg.to_string_lossy().into_owned()).collect());
        let script = self.programs.get(program.path).ok_or(ErrorKind::NotFound)?;
        if script == BROKEN {
            return Err(ErrorKind::TimedOut.into());
        }
        let mut args = vec!["-c".into(), script.into(), program.path.into()];
        args.extend_from_slice(program.args);
        System::run(&OsSystem, &Program { path: Path::new("/bin/sh"), args: &args, ..*program })
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn has_terminal(&self) -> bool {
        self.terminal
    }

    fn belongs_to_root(&self, path: &Path) -> io::Result<bool> {
        Ok(!path.starts_with("/home"))
    }
}
