//! [`run`]: one program from start to end, without a way for it to hold this process up or to flood it.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Finished, Program};

/// The directories of the system alone: what a user puts before them in `PATH` must not be run as root. Answers in
/// English, as in the `C` locale, in which pacman could read no package with a file name that is not ASCII; where a
/// system does not have this one, its programs fall back to that.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C.UTF-8"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];
const OUTPUT_MAX_BYTES: usize = 64 << 10; // 64 KiB
const POLL: Duration = Duration::from_millis(5);
/// What a program gets to end by itself after SIGTERM, and its output to arrive after its end: a service that it has
/// started may hold the stream open for ever.
const GRACE: Duration = Duration::from_secs(1);

pub(super) fn run(program: &Program<'_>) -> io::Result<Finished> {
    let stdin = program.stdin.map(|file| {
        io::Seek::rewind(&mut &*file)?;
        file.try_clone()
    });
    let mut command = Command::new(program.path);
    command
        .args(program.args)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(stdin.transpose()?.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if program.time_max.is_some() {
        // It is ended with all that it has started. One that may ask at the terminal has to stay in the group that
        // the terminal listens to.
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let (stdout, stderr) = (Tail::of(child.stdout.take()), Tail::of(child.stderr.take()));
    let status = match program.time_max {
        Some(limit) => wait(&mut child, limit)?,
        None => child.wait()?,
    };
    Ok(Finished { exit_code: status.code(), stdout: stdout.finish(), stderr: stderr.finish() })
}

fn wait(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    if let Some(status) = wait_until(child, Instant::now() + limit)? {
        return Ok(status);
    }
    let group = Pid::from_child(child);
    // It may have ended in this moment; either way it is collected below.
    let _ = kill_process_group(group, Signal::TERM);
    if wait_until(child, Instant::now() + GRACE)?.is_none() {
        let _ = kill_process_group(group, Signal::KILL);
        child.wait()?;
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end within {} s", limit.as_secs_f32())))
}

fn wait_until(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
}

/// The end of a stream, read on a thread of its own so that a full pipe stops nobody.
struct Tail {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Tail {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let (sender, ended) = channel();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        thread::spawn(move || {
            if let Some(stream) = stream {
                read(stream, &kept);
            }
            // Nobody waits any more where this fails.
            let _ = sender.send(());
        });
        Self { bytes, ended }
    }

    fn finish(self) -> Vec<u8> {
        let _ = self.ended.recv_timeout(GRACE);
        std::mem::take(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(mut stream: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 4096];
    loop {
        let count = match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(buffer.iter().take(count));
        let surplus = kept.len().saturating_sub(OUTPUT_MAX_BYTES);
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs::File, io::Write, path::Path};

    use super::*;

    fn shell(script: &str, stdin: Option<&File>, time_max: Option<Duration>) -> io::Result<Finished> {
        let args = ["-c", script].map(OsString::from);
        run(&Program { path: Path::new("/bin/sh"), args: &args, stdin, time_max })
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn both_streams_and_the_exit_code_are_told() {
        let finished = shell("echo out; echo err >&2; exit 3", None, None).unwrap();
        assert_eq!((text(&finished.stdout), text(&finished.stderr)), ("out\n", "err\n"));
        assert_eq!(finished.exit_code, Some(3));
        assert_eq!(shell("kill -9 $$", None, None).unwrap().exit_code, None);
    }

    #[test]
    fn nothing_of_the_environment_reaches_it() {
        let finished = shell("env; pwd", None, None).unwrap();
        let mut lines: Vec<&str> = text(&finished.stdout).lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["/", "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/"]);
    }

    #[test]
    fn a_file_is_read_from_its_start_wherever_it_was_left() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"all of it").unwrap();
        for _ in 0..2 {
            assert_eq!(text(&shell("cat", Some(&file), None).unwrap().stdout), "all of it");
        }
        assert!(shell("cat", None, None).unwrap().stdout.is_empty());
    }

    #[test]
    fn a_flood_is_cut_to_its_end() {
        let finished = shell("yes flood | head -c 5000000; echo; echo end", None, None).unwrap();
        assert_eq!(finished.stdout.len(), OUTPUT_MAX_BYTES);
        assert!(text(&finished.stdout).ends_with("\nend\n"));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pids");
        for ignoring in ["", "trap '' TERM;"] {
            let script = format!("{ignoring} sleep 1000 & echo $! > {}; wait; sleep 1000", path.display());
            let error = shell(&script, None, Some(Duration::from_millis(300))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let pid: i32 = std::fs::read_to_string(&path).unwrap().trim().parse().unwrap();
            let gone =
                || rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_err() || is_zombie(pid);
            assert!((0..400).any(|_| gone() || (thread::sleep(POLL), false).1), "{pid} still runs");
        }
    }

    fn is_zombie(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains(") Z ")
    }

    #[test]
    fn a_service_that_it_leaves_behind_holds_nobody_up() {
        let finished = shell("sleep 30 & echo $!", None, Some(Duration::from_secs(20))).unwrap();
        let pid: i32 = text(&finished.stdout).trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
}
