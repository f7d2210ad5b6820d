//! [`Owner`]: the package that a file belongs to.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::programs::find;
use crate::{
    system::{Finished, Program, System},
    target::Format,
};

/// Where package managers put programs. Elsewhere nobody is asked.
const SYSTEM_DIRECTORIES: [&str; 8] =
    ["/usr", "/opt", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// Where the directory on the left has become a link to the one on the right, packages may still name the former
/// (Filesystem Hierarchy Standard; Debian's usrmerge).
const MERGED: [(&str, &str); 6] = [
    ("/bin", "/usr/bin"),
    ("/sbin", "/usr/sbin"),
    ("/lib", "/usr/lib"),
    ("/lib32", "/usr/lib32"),
    ("/lib64", "/usr/lib64"),
    ("/libx32", "/usr/libx32"),
];
/// A cold disk with a large database takes a few seconds.
const TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) format: Format,
    /// The package's name.
    pub(super) name: String,
}

/// What was found out in this process. Starting processes for every check would be a waste.
static KNOWN: Mutex<Vec<(PathBuf, Option<Owner>)>> = Mutex::new(Vec::new());

impl Owner {
    /// The package that `file` belongs to, where a package manager names exactly one.
    ///
    /// # Errors
    /// One of them gave no answer.
    pub(super) fn of(file: &Path, system: &dyn System) -> io::Result<Option<Self>> {
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, owner)) = known().iter().find(|(path, _)| path == file) {
            return Ok(owner.clone());
        }
        let owner = Self::ask(file, system)?;
        known().push((file.to_owned(), owner.clone()));
        Ok(owner)
    }

    fn ask(file: &Path, system: &dyn System) -> io::Result<Option<Self>> {
        let paths = spellings(file, system);
        if paths.is_empty() {
            return Ok(None);
        }
        let known: [(Format, Question); 3] =
            [(Format::Deb, ask_dpkg), (Format::Pacman, ask_pacman), (Format::Rpm, ask_rpm)];
        for (format, ask) in known {
            if let Some(name) = ask(&paths, system)? {
                return Ok(Some(Self { format, name }));
            }
        }
        Ok(None)
    }
}

type Question = fn(&[String], &dyn System) -> io::Result<Option<String>>;

/// The paths under which a package may know the file; none where no package put it there. A package database holds
/// the paths that packages were made with.
fn spellings(file: &Path, system: &dyn System) -> Vec<String> {
    let Ok(real) = system.canonicalize(file) else { return Vec::new() };
    if !system.belongs_to_root(&real).unwrap_or(false) {
        return Vec::new();
    }
    let mut paths: Vec<PathBuf> = vec![real.clone()];
    paths.extend(MERGED.iter().filter_map(|(alias, directory)| {
        let rest = real.strip_prefix(directory).ok()?;
        let merged = system.canonicalize(Path::new(alias)).is_ok_and(|target| target == Path::new(directory));
        merged.then(|| Path::new(alias).join(rest))
    }));
    paths.push(file.to_owned());
    paths.dedup();
    paths.retain(|path| SYSTEM_DIRECTORIES.iter().any(|directory| path.starts_with(directory)));
    paths.iter().filter_map(|path| path.to_str()).filter(|path| is_plain(path)).map(str::to_owned).collect()
}

/// One line of an answer is one path.
fn is_plain(path: &str) -> bool {
    !path.chars().any(char::is_control)
}

/// What the program says, if it is there. An exit code from `trouble` on means that it could not look; others, that one
/// of several paths is unknown.
fn answer(
    name: &str,
    args: &[&str],
    paths: impl Iterator<Item = String>,
    trouble: i32,
    system: &dyn System,
) -> io::Result<String> {
    let Some(program) = find(name, system) else { return Ok(String::new()) };
    let args: Vec<OsString> = args.iter().map(OsString::from).chain(paths.map(OsString::from)).collect();
    let run = Program { path: &program, args: &args, stdin: None, time_max: Some(TIME_MAX) };
    let Finished { exit_code, stdout, .. } = system.run(&run)?;
    if exit_code.is_none_or(|code| code >= trouble) {
        return Err(io::Error::other(format!("{name} gave no answer")));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// dpkg-query(1), exit status: 1 where a path is unknown, 2 for whatever keeps it from answering.
const DPKG_TROUBLE: i32 = 2;
/// pacman(8) and rpm(8) end with the same code, or with how many paths are unknown.
const UNTOLD: i32 = i32::MAX;

/// dpkg-query(1), `--search`.
fn ask_dpkg(paths: &[String], system: &dyn System) -> io::Result<Option<String>> {
    let search = |paths: &[String]| {
        let patterns = paths.iter().map(|path| without_wildcards(path));
        answer("dpkg-query", &["--search", "--"], patterns, DPKG_TROUBLE, system)
    };
    let found = search(paths)?;
    let diversions = diversions(&found);
    for path in paths {
        let owners = match diversions.iter().find(|one| one.to == path) {
            // What lies here is what others have put at the place that was diverted.
            Some(Diversion { by, from, .. }) => {
                let mut owners = owners(&search(&[(*from).to_owned()])?, from);
                owners.retain(|owner| Some(owner.as_str()) != *by);
                owners
            }
            None => {
                let mut owners = owners(&found, path);
                if let Some(Diversion { by, .. }) = diversions.iter().find(|one| one.from == path) {
                    owners.retain(|owner| Some(owner.as_str()) == *by);
                }
                owners
            }
        };
        if let Some(name) = only(owners) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The argument is a pattern.
fn without_wildcards(path: &str) -> String {
    path.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!r"*?[\".contains(c)))).collect()
}

/// From `nodejs:amd64, other: /usr/bin/node`.
fn owners(found: &str, path: &str) -> Vec<String> {
    let mut owners: Vec<&str> = found
        .lines()
        .filter_map(|line| line.strip_suffix(path)?.strip_suffix(": "))
        .flat_map(|names| names.split(", "))
        .filter(|name| !name.contains(' '))
        .map(|name| name.split(':').next().unwrap_or(name))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    owners.into_iter().map(str::to_owned).collect()
}

fn only(mut names: Vec<String>) -> Option<String> {
    let name = names.pop();
    name.filter(|_| names.is_empty())
}

/// dpkg-divert(1): files of other packages are put at `to` instead of `from`.
struct Diversion<'a> {
    /// The package; none where the administrator did it.
    by: Option<&'a str>,
    from: &'a str,
    to: &'a str,
}

fn diversions(found: &str) -> Vec<Diversion<'_>> {
    let lines: Vec<&str> = found.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| match pair {
        [first, second] => {
            let (who, from) = first.split_once(" from: ")?;
            let to = second.strip_prefix(who)?.strip_prefix(" to: ")?;
            let by = who.strip_prefix("diversion by ").map(|by| by.split(':').next().unwrap_or(by));
            (by.is_some() || who == "local diversion").then_some(Diversion { by, from, to })
        }
        _ => None,
    });
    pairs.collect()
}

/// pacman(8), `--query --owns`.
fn ask_pacman(paths: &[String], system: &dyn System) -> io::Result<Option<String>> {
    let args = ["--query", "--quiet", "--owns", "--"];
    let found = answer("pacman", &args, paths.iter().cloned(), UNTOLD, system)?;
    let mut names: Vec<String> = found.lines().map(str::to_owned).collect();
    names.dedup();
    Ok(only(names))
}

/// rpm(8), `--query --file`. That a file belongs to no package is said on the same stream.
fn ask_rpm(paths: &[String], system: &dyn System) -> io::Result<Option<String>> {
    let args = ["--query", "--file", "--queryformat", "package %{NAME}\\n", "--"];
    let found = answer("rpm", &args, paths.iter().cloned(), UNTOLD, system)?;
    let mut names: Vec<String> =
        found.lines().filter_map(|line| line.strip_prefix("package ")).map(str::to_owned).collect();
    names.dedup();
    Ok(only(names))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::system::testing::FakeSystem;

    /// A dpkg-query that answers with a line for each path that it is asked for.
    fn dpkg(answers: &[(&str, &str)]) -> FakeSystem {
        let cases: String =
            answers.iter().map(|(path, lines)| format!("{path}) echo '{lines}' ;;\n")).collect();
        let script = format!("shift 2; for path; do case \"$path\" in\n{cases}*) false ;;\nesac; done");
        FakeSystem::default().with_program("/usr/bin/dpkg-query", &script)
    }

    fn name(file: &str, system: &FakeSystem) -> Option<String> {
        Owner::ask(Path::new(file), system).unwrap().map(|owner| owner.name)
    }

    #[test]
    fn the_package_of_a_file_is_found() {
        for (lines, owner) in [
            ("app: /opt/app/app", Some("app")),
            ("app:amd64: /opt/app/app", Some("app")),
            ("app:amd64, app:i386: /opt/app/app", Some("app")),
            ("app, other: /opt/app/app", None),
            ("app: /opt/app/app2", None),
            ("app: /opt/app/app.d: /opt/app/app", None),
            ("", None),
        ] {
            assert_eq!(name("/opt/app/app", &dpkg(&[("/opt/app/app", lines)])).as_deref(), owner, "{lines}");
        }
    }

    #[test]
    fn a_package_may_know_a_merged_directory_by_its_old_name() {
        let merged = || dpkg(&[("/bin/app", "app: /bin/app")]).with_link("/bin", "/usr/bin");
        assert_eq!(name("/usr/bin/app", &merged()).as_deref(), Some("app"));
        assert_eq!(name("/usr/bin/app", &dpkg(&[("/bin/app", "app: /bin/app")])), None, "two directories");
    }

    #[test]
    fn a_link_of_a_package_leads_to_the_package_of_the_file() {
        let system = dpkg(&[("/opt/app/app", "app: /opt/app/app"), ("/usr/bin/app", "links: /usr/bin/app")])
            .with_link("/usr/bin/app", "/opt/app/app");
        assert_eq!(name("/usr/bin/app", &system).as_deref(), Some("app"));
    }

    #[test]
    fn diverted_files_belong_to_whoever_put_them_there() {
        let lines = |owners: &str| {
            format!("diversion by new from: /usr/bin/app\ndiversion by new to: /usr/bin/app.old\n{owners}")
        };
        let both = lines("new, app: /usr/bin/app");
        let system = dpkg(&[("/usr/bin/app", &both), ("/usr/bin/app.old", &lines(""))]);
        assert_eq!(name("/usr/bin/app", &system).as_deref(), Some("new"));
        assert_eq!(name("/usr/bin/app.old", &system).as_deref(), Some("app"));
        let local = both.replace("diversion by new", "local diversion");
        assert_eq!(name("/usr/bin/app", &dpkg(&[("/usr/bin/app", &local)])), None, "the administrator's own");
        let put_aside = lines("app: /usr/bin/app").replace("diversion by new", "local diversion");
        let system = dpkg(&[("/usr/bin/app", &put_aside), ("/usr/bin/app.old", &put_aside)]);
        assert_eq!(name("/usr/bin/app.old", &system).as_deref(), Some("app"));
    }

    #[test]
    fn nobody_is_asked_for_files_that_no_package_put_there() {
        for file in ["/home/me/app", "/tmp/.mount_App/usr/bin/app", "/optional/app", "/usr/a\nb"] {
            let system = dpkg(&[("*", "app: $path")]);
            assert_eq!(name(file, &system), None);
            assert!(system.runs().is_empty(), "{:?}", system.runs());
        }
        let own = dpkg(&[("*", "x")]).with_link("/usr/bin/app", "/home/me/app");
        assert_eq!(name("/usr/bin/app", &own), None);
        assert!(own.runs().is_empty());
    }

    #[test]
    fn a_path_is_one_argument_and_no_pattern() {
        let path = "/opt/-a b/$(id) `id`;'\"*?[x]\\y";
        let system = dpkg(&[]);
        assert_eq!(name(path, &system), None);
        let pattern = "/opt/-a b/$(id) `id`;'\"\\*\\?\\[x]\\\\y";
        assert_eq!(system.runs(), [["/usr/bin/dpkg-query", "--search", "--", pattern]]);
    }

    #[test]
    fn every_package_manager_of_the_machine_is_asked_until_one_knows() {
        let rpm = "for path; do :; done; case $path in /opt/app) echo package app ;; *) echo file $path is not owned by any package; exit 1 ;; esac";
        let system = dpkg(&[])
            .with_program("/usr/bin/pacman", "echo error: No package owns $4 >&2; exit 1")
            .with_program("/usr/bin/rpm", rpm);
        let owner = Owner::ask(Path::new("/opt/app"), &system).unwrap().unwrap();
        assert_eq!((owner.format, owner.name.as_str()), (Format::Rpm, "app"));
        assert_eq!(name("/opt/other", &system), None);
        let programs: Vec<_> = system.runs().iter().take(3).map(|run| run[0].clone()).collect();
        assert_eq!(programs, ["/usr/bin/dpkg-query", "/usr/bin/pacman", "/usr/bin/rpm"]);
        let arch = FakeSystem::default().with_program("/usr/bin/pacman", "echo app");
        assert_eq!(Owner::ask(Path::new("/opt/app"), &arch).unwrap().unwrap().format, Format::Pacman);
    }

    #[test]
    fn the_answer_is_kept_but_not_that_there_was_none() {
        let file = Path::new("/opt/the answer is kept");
        let silent = FakeSystem::default().with_broken_program("/usr/bin/dpkg-query");
        assert!(Owner::of(file, &silent).is_err());
        let system = FakeSystem::default().with_program("/usr/bin/dpkg-query", r#"echo "app: $3""#);
        for _ in 0..3 {
            assert_eq!(Owner::of(file, &system).unwrap().unwrap().name, "app");
        }
        assert_eq!(system.runs().len(), 1);
    }

    #[test]
    fn who_died_or_could_not_look_has_not_said_that_there_is_no_package() {
        for (program, ending, answered) in [
            ("dpkg-query", "exit 1", true),
            ("dpkg-query", "exit 2", false),
            ("dpkg-query", "kill -9 $$", false),
            ("pacman", "exit 1", true),
            ("pacman", "kill -9 $$", false),
            ("rpm", "exit 2", true),
            ("rpm", "kill -9 $$", false),
        ] {
            let system = FakeSystem::default().with_program(&format!("/usr/bin/{program}"), ending);
            let outcome = Owner::ask(Path::new("/opt/app"), &system);
            assert_eq!(outcome.ok(), answered.then_some(None), "{program}: {ending}");
        }
    }
}
