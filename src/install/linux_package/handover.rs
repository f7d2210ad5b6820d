//! [`Handover`]: giving the artifact to root, who believes nothing that this user could still change.
//!
//! # Implementation
//! The elevated shell reads the artifact from its standard input, which is the file that was verified, not a path where
//! another program of this user could put another one. It copies it into a directory that only root can write to and
//! compares the copy with the digest of the verified bytes, since even the open file can be written to. Only the copy
//! is installed.
//!
//! The script is a constant; everything else reaches it as an argument. It says how far it came, which tells its
//! failures from those of the program that elevates, and of the package manager.

use std::{ffi::OsString, fs::File, path::Path};

use super::elevation::Elevation;
use crate::{
    Error, Result,
    system::{Finished, Program, System},
};

/// Arguments: the digest, the name of the copy, the command that installs it. What the keys of a terminal send, and the
/// hang-up and the pipe that break when the application is closed meanwhile, must not stop a package manager half-way.
///
/// Copies of a run that was killed are removed by a later one: a directory of root's in `/var/tmp` cannot have been put
/// there, or be exchanged, by anybody else. The process that its name tells may be one that this process does not see,
/// in a container, so it has to be two days old as well.
///
/// `LANGUAGE`, which an administrator may set for everybody, translates even in the `C.UTF-8` locale.
const SCRIPT: &str = r#"trap '' HUP INT QUIT TSTP PIPE
unset LANGUAGE
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
export PATH LC_ALL DEBIAN_FRONTEND
echo updater:started
umask 077
find /var/tmp/ -maxdepth 1 -type d -user "$(id -u)" -mtime +1 -name 'crabnebula-updater.*.??????????' -exec /bin/sh -c '
  pid=${1#*.}
  kill -0 "${pid%.*}" || rm -rf -- "$1"
' updater {} \; > /dev/null 2>&1
directory=$(mktemp -d "/var/tmp/crabnebula-updater.$$.XXXXXXXXXX") || exit
trap 'cd / && rm -rf -- "$directory"' EXIT
trap 'exit 143' TERM
cd -- "$directory" || exit
cat > "$2" || exit
echo updater:copied
printf '%s  %s\n' "$1" "$2" | sha512sum -c > log 2>&1 || exit
echo updater:verified
shift 2
umask 022
"$@" < /dev/null > log 2>&1
status=$?
tail -c 4096 log >&2
exit "$status"
"#;

/// What root is to install.
pub(super) struct Handover<'a> {
    pub(super) artifact: &'a File,
    /// SHA-512 of the artifact, in hexadecimal digits.
    pub(super) digest: &'a str,
    pub(super) file_name: &'a str,
    /// Run in the directory with the copy.
    pub(super) command: Vec<OsString>,
}

impl Handover<'_> {
    /// Runs the command as root.
    ///
    /// # Errors
    /// [`Error::ElevationDenied`] where none of the ways led to the script; [`Error::SignatureMismatch`] where other
    /// bytes arrived. How the command ended is no error here.
    pub(super) fn run(&self, ways: &[Elevation], system: &dyn System) -> Result<Finished> {
        let mut refusals = Vec::new();
        for way in ways {
            let finished = self.start(way, system)?;
            let said = |step: &str| has_line(&finished.stdout, step);
            if said("updater:verified") {
                return Ok(finished);
            }
            if said("updater:copied") {
                let reason = "the bytes were changed while they were handed over".to_owned();
                return Err(Error::SignatureMismatch { reason });
            }
            if said("updater:started") || *way == Elevation::Root {
                return Err(failed("/bin/sh", &finished));
            }
            let words = last_words(&[&finished.stderr]);
            refusals.push(format!("{} {}", way.name(), refusal(finished.exit_code, &words)));
            if !way.cannot_ask(finished.exit_code) {
                break;
            }
        }
        Err(Error::ElevationDenied { reason: refusals.join("; ") })
    }

    fn start(&self, way: &Elevation, system: &dyn System) -> Result<Finished> {
        let mut script: Vec<OsString> = ["/bin/sh", "-c", SCRIPT, "updater"].map(OsString::from).into();
        script.extend([self.digest.into(), self.file_name.into()]);
        script.extend(self.command.iter().cloned());
        let command = way.wrap(script);
        let (program, args) = command
            .split_first()
            .ok_or_else(|| Error::ElevationDenied { reason: "nothing to run".to_owned() })?;
        let program = Program { path: Path::new(program), args, stdin: Some(self.artifact), time_max: None };
        system.run(&program).map_err(|error| Error::io("start", program.path, error))
    }
}

fn refusal(exit_code: Option<i32>, words: &str) -> String {
    let code = exit_code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    if words.is_empty() { format!("ended with {code}") } else { format!("ended with {code}: {words}") }
}

fn has_line(output: &[u8], line: &str) -> bool {
    output.split(|byte| *byte == b'\n').any(|found| found == line.as_bytes())
}

/// What a program that failed has said.
pub(super) fn failed(installer: &str, finished: &Finished) -> Error {
    let reason = last_words(&[&finished.stdout, &finished.stderr]);
    Error::InstallerFailed { installer: installer.to_owned(), exit_code: finished.exit_code, reason }
}

/// The last lines, in one line and fit to be shown: package managers say at the end why they gave up.
pub(super) fn last_words(outputs: &[&[u8]]) -> String {
    const SHOWN_CHARS: usize = 500;
    let text: String = outputs.iter().map(|output| String::from_utf8_lossy(output) + "\n").collect();
    let mut words = String::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("updater:"));
    for line in lines.rev() {
        let line: String =
            line.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let longer = if words.is_empty() { line } else { format!("{line}; {words}") };
        if longer.chars().count() > SHOWN_CHARS {
            break;
        }
        words = longer;
    }
    words
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        fs,
        io::Write,
        os::unix::fs::{chown, symlink},
        time::{Duration, SystemTime},
    };

    use ring::digest;
    #[cfg(target_os = "linux")]
    use rustix::process::Signal;
    use tempfile::{NamedTempFile, TempDir};

    use super::*;
    use crate::{ErrorCode, system::testing::FakeSystem};

    const ARTIFACT: &[u8] = b"the package";
    const AS_IS: &str = "exec \"$@\"";

    fn artifact() -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(ARTIFACT).unwrap();
        file
    }

    fn hand_over(
        artifact: &NamedTempFile,
        command: &[&str],
        ways: &[Elevation],
        system: &FakeSystem,
    ) -> Result<Finished> {
        let digest = crate::hex::hex(digest::digest(&digest::SHA512, ARTIFACT));
        let command = command.iter().map(OsString::from).collect();
        Handover { artifact: artifact.as_file(), digest: &digest, file_name: "update.deb", command }
            .run(ways, system)
    }

    fn as_root(artifact: &NamedTempFile, command: &[&str]) -> Result<Finished> {
        let system = FakeSystem::default().with_program("/bin/sh", "exec /bin/sh \"$@\"");
        hand_over(artifact, command, &[Elevation::Root], &system)
    }

    fn pkexec() -> Elevation {
        Elevation::Pkexec("/usr/bin/pkexec".into())
    }

    fn sudo() -> Elevation {
        Elevation::Sudo("/usr/bin/sudo".into())
    }

    fn elevated(pkexec_does: &str, sudo_does: &str, command: &[&str]) -> (Result<Finished>, FakeSystem) {
        let system = FakeSystem::default()
            .with_program("/usr/bin/pkexec", pkexec_does)
            .with_program("/usr/bin/sudo", sudo_does);
        (hand_over(&artifact(), command, &[pkexec(), sudo()], &system), system)
    }

    fn said(finished: &Finished) -> &str {
        std::str::from_utf8(&finished.stderr).unwrap()
    }

    fn denied(outcome: Result<Finished>) -> String {
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ElevationDenied, "{error}");
        error.to_string()
    }

    #[test]
    fn the_command_runs_beside_a_copy_in_a_directory_that_nobody_else_can_enter() {
        let script = "pwd; stat -c %a . update.deb; cat update.deb; cat; umask";
        let finished = as_root(&artifact(), &["/bin/sh", "-c", script]).unwrap();
        let lines: Vec<&str> = said(&finished).lines().collect();
        assert_eq!(lines[1..], ["700", "600", "the package0022"]);
        assert!(lines[0].starts_with("/var/tmp/crabnebula-updater."), "{lines:?}");
        assert!(!Path::new(lines[0]).exists(), "it is removed afterwards");
        assert_eq!(finished.exit_code, Some(0));
    }

    #[test]
    fn every_argument_arrives_as_one_whatever_it_holds() {
        let hostile =
            ["", "-rf", "a b", "$(touch x)", "`touch x`", "'\"\\", "a\nb", ";exit 9", "*", "--", "é"];
        let print = ["/bin/sh", "-c", "printf '<%s>' \"$0\" \"$@\"; ls", "0"];
        let finished = as_root(&artifact(), &[&print[..], &hostile].concat()).unwrap();
        let expected: String = ["0"].iter().chain(&hostile).map(|arg| format!("<{arg}>")).collect();
        assert_eq!(said(&finished), format!("{expected}log\nupdate.deb\n"));
    }

    #[test]
    fn a_file_put_in_the_place_of_the_verified_one_is_not_installed() {
        let artifact = artifact();
        let other = NamedTempFile::new_in(artifact.path().parent().unwrap()).unwrap();
        fs::write(other.path(), "evil").unwrap();
        fs::rename(other.path(), artifact.path()).unwrap();
        let finished = as_root(&artifact, &["/bin/cat", "update.deb"]).unwrap();
        assert_eq!(said(&finished), "the package");
    }

    #[test]
    fn bytes_changed_after_they_were_verified_are_not_installed() {
        for change in ["the PACKAGE", "the package and more", "the", ""] {
            let artifact = artifact();
            fs::write(artifact.path(), change).unwrap();
            let error = as_root(&artifact, &["/bin/false"]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::SignatureMismatch, "{error}");
        }
    }

    #[test]
    fn bytes_changed_while_the_user_is_asked_are_not_installed() {
        let artifact = artifact();
        let asking = format!("echo evil > '{}'; exec \"$@\"", artifact.path().display());
        let system = FakeSystem::default().with_program("/usr/bin/pkexec", &asking);
        let error = hand_over(&artifact, &["/bin/false"], &[pkexec()], &system).unwrap_err();
        assert_eq!(error.code(), ErrorCode::SignatureMismatch, "{error}");
    }

    #[test]
    fn a_terminal_that_is_closed_meanwhile_stops_nothing() {
        let script =
            "for signal in HUP INT QUIT PIPE; do kill -$signal $PPID; kill -$signal $$; done; echo done";
        let finished = as_root(&artifact(), &["/bin/sh", "-c", script]).unwrap();
        assert_eq!((finished.exit_code, said(&finished)), (Some(0), "done\n"));
    }

    /// The kernel's own list, because one that is stopped could not say so.
    #[test]
    #[cfg(target_os = "linux")]
    fn no_key_of_the_terminal_stops_it_while_it_holds_the_lock() {
        let script = "for pid in $PPID $$; do sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/$pid/status; done";
        let finished = as_root(&artifact(), &["/bin/sh", "-c", script]).unwrap();
        let masks = said(&finished).lines().map(|mask| u64::from_str_radix(mask, 16).unwrap());
        let masks: Vec<u64> = masks.collect();
        assert_eq!(masks.len(), 2, "{}", said(&finished));
        for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TSTP, Signal::PIPE] {
            let bit = 1 << (signal.as_raw() - 1);
            assert!(masks.iter().all(|mask| mask & bit != 0), "{signal:?} {masks:x?}");
        }
    }

    #[test]
    fn one_that_is_ended_leaves_no_copy() {
        let note = NamedTempFile::new().unwrap();
        let script = format!("pwd > '{}'; kill -TERM $PPID", note.path().display());
        let finished = as_root(&artifact(), &["/bin/sh", "-c", &script]).unwrap();
        assert_eq!(finished.exit_code, Some(143));
        let directory = fs::read_to_string(note.path()).unwrap();
        assert!(directory.starts_with("/var/tmp/crabnebula-updater."), "{directory}");
        assert!(!Path::new(directory.trim()).exists());
    }

    /// The number of no process.
    const NOBODY: u32 = i32::MAX.unsigned_abs();

    /// A directory as a run leaves it that is killed, so many days ago.
    fn left_behind(pid: u32, days: u64) -> TempDir {
        let prefix = format!("crabnebula-updater.{pid}.");
        let directory =
            tempfile::Builder::new().prefix(&prefix).rand_bytes(10).tempdir_in("/var/tmp").unwrap();
        fs::write(directory.path().join("update.deb"), ARTIFACT).unwrap();
        make_old(directory.path(), days);
        directory
    }

    fn make_old(directory: &Path, days: u64) {
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        File::open(directory).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_removed_by_a_later_one() {
        let old = left_behind(NOBODY, 3);
        let (young, running) = (left_behind(NOBODY, 1), left_behind(std::process::id(), 3));
        as_root(&artifact(), &["/bin/true"]).unwrap();
        assert!(!old.path().exists());
        assert!(young.path().exists(), "it may be one that is being made");
        assert!(running.path().exists(), "its installation may take long");
    }

    #[test]
    fn nothing_that_others_put_there_is_removed() {
        // Other tests tidy up here at the same time: each thing is what it is to be before it is old enough.
        let (other, link) = (left_behind(std::process::id(), 3), left_behind(NOBODY, 0));
        fs::remove_dir_all(link.path()).unwrap();
        symlink(other.path(), link.path()).unwrap();
        let foreign = left_behind(NOBODY, 0);
        let is_foreign = chown(foreign.path(), Some(65534), None).is_ok();
        make_old(foreign.path(), 3);
        as_root(&artifact(), &["/bin/true"]).unwrap();
        assert!(link.path().is_symlink() && other.path().join("update.deb").exists());
        assert!(foreign.path().exists() || !is_foreign, "only root can give it away");
        fs::remove_file(link.path()).unwrap();
    }

    #[test]
    fn what_is_said_is_english_and_file_names_are_unicode_whatever_the_administrator_speaks() {
        let system = FakeSystem::default()
            .with_program("/usr/bin/pkexec", "LANGUAGE=de LANG=de_DE LC_ALL=de_DE exec env \"$@\"");
        let show = ["/bin/sh", "-c", "echo $LC_ALL ${LANGUAGE-none}"];
        let finished = hand_over(&artifact(), &show, &[pkexec()], &system).unwrap();
        assert_eq!(said(&finished), "C.UTF-8 none\n");
    }

    #[test]
    fn the_way_of_the_desktop_is_taken_before_the_terminal() {
        let (outcome, system) = elevated(AS_IS, AS_IS, &["/bin/true"]);
        assert_eq!(outcome.unwrap().exit_code, Some(0));
        let runs = system.runs();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0][..3], ["/usr/bin/pkexec", "/bin/sh", "-c"]);
        assert_eq!(runs[0][3], SCRIPT, "the script is a constant");
        assert_eq!(runs[0][6..], ["update.deb", "/bin/true"]);
    }

    #[test]
    fn a_dismissed_question_is_an_answer() {
        let (outcome, system) = elevated("echo Request dismissed >&2; exit 126", AS_IS, &["/bin/true"]);
        assert_eq!(denied(outcome), "elevation denied: pkexec ended with exit code 126: Request dismissed");
        assert_eq!(system.runs().len(), 1, "nobody is asked twice");
    }

    #[test]
    fn where_pkexec_cannot_ask_sudo_does() {
        let (outcome, system) = elevated("echo no agent >&2; exit 127", "shift; exec \"$@\"", &["/bin/true"]);
        assert_eq!(outcome.unwrap().exit_code, Some(0));
        assert_eq!(system.runs()[1][..4], ["/usr/bin/sudo", "--", "/bin/sh", "-c"]);
        let wrong = "echo sudo: 3 incorrect password attempts >&2; exit 1";
        let message = denied(elevated("exit 127", wrong, &["/bin/true"]).0);
        assert!(
            message.contains("pkexec ended with exit code 127; sudo ended with exit code 1"),
            "{message}"
        );
        assert!(message.contains("3 incorrect password attempts"), "{message}");
    }

    #[test]
    fn what_the_command_ends_with_is_no_refusal_of_pkexec() {
        for code in [1, 100, 126, 127] {
            let exit = format!("echo sorry; exit {code}");
            let finished = elevated(AS_IS, "", &["/bin/sh", "-c", &exit]).0.unwrap();
            assert_eq!((finished.exit_code, said(&finished)), (Some(code), "sorry\n"));
        }
        let missing = elevated(AS_IS, "", &["/nonexistent/apt-get"]).0.unwrap();
        assert_eq!(missing.exit_code, Some(127));
        assert!(said(&missing).contains("not found"), "{}", said(&missing));
    }

    #[test]
    fn what_keeps_root_from_copying_is_a_failure_and_no_refusal() {
        let no_space = "exec /bin/sh -c 'ulimit -f 0; exec \"$@\"' sh \"$@\"";
        let error = elevated(no_space, "", &["/bin/true"]).0.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InstallerFailed, "{error}");
    }

    #[test]
    fn the_last_lines_are_what_is_shown() {
        let flood = format!("first\n{}\n\nE: the reason\n", "x".repeat(600));
        assert_eq!(last_words(&[flood.as_bytes()]), "E: the reason");
        assert_eq!(last_words(&[b"one\n", b"two\x1b[2J\n"]), "one; two\u{fffd}[2J");
        assert_eq!(last_words(&[b"", b""]), "");
        let long = "y".repeat(1_000);
        assert!(last_words(&[long.as_bytes()]).chars().count() == 500);
    }
}
