//! [`Child`]: this test program once more, in a process of its own: it can be killed, and has its own environment.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use cargo_packager_updater::{Config, Limits};
use rustix::process::Signal;

use super::App;

const TASK: &str = "UPDATER_TEST_TASK";
const SIZE_MAX: &str = "UPDATER_TEST_SIZE_MAX";
/// A child that says nothing for so long has failed; each of its tasks is bounded by itself.
const PATIENCE: Duration = Duration::from_secs(600);

/// Killed at the latest when the test ends.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Runs the test `child::task`, which does nothing but what it finds here.
    pub(crate) fn start(task: &str, app: &App, endpoints: &[String]) -> Self {
        Self::start_in(&[], task, app, endpoints)
    }

    /// The same with this in its environment as well.
    pub(crate) fn start_in(
        environment: &[(&str, OsString)],
        task: &str,
        app: &App,
        endpoints: &[String],
    ) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::task", "--ignored", "--nocapture"])
            .env(TASK, task)
            .env("UPDATER_TEST_APP", &app.path)
            .env("UPDATER_TEST_DATA", &app.data)
            .env("UPDATER_TEST_KEY", super::Signer::author().pubkey())
            .env("UPDATER_TEST_ENDPOINTS", endpoints.join(" "))
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (said, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { process, lines }
    }

    /// The largest artifact that a child accepts.
    pub(crate) fn size_max(bytes: u64) -> (&'static str, OsString) {
        (SIZE_MAX, bytes.to_string().into())
    }

    /// Waits for this line of its output.
    pub(crate) fn wait_for(&mut self, expected: &str) {
        self.next_after(expected);
    }

    /// Waits for a line of its output with this in it, and gives what stands behind.
    pub(crate) fn next_after(&mut self, mark: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("the child ended or hung before it said {mark:?}"));
            if let Some((_, rest)) = line.split_once(mark) {
                return rest.to_owned();
            }
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn finish(mut self) {
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        assert!(self.process.wait().unwrap().success(), "the child failed at its end");
    }

    /// Says something that it waits for.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Waits for its end; whether SIGKILL ended it.
    pub(crate) fn was_killed(&mut self) -> bool {
        let status = self.process.wait().unwrap();
        assert!(status.success() || status.signal() == Some(Signal::KILL.as_raw()), "{status}");
        !status.success()
    }

    /// SIGKILL: nothing in it runs any more.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a child: what to do, and the configurations to do it with.
pub(crate) fn child_task() -> Option<(String, Vec<Config>)> {
    let task = std::env::var(TASK).ok()?;
    let config = |endpoint: &str| Config {
        endpoints: vec![endpoint.to_owned()],
        pubkey: std::env::var("UPDATER_TEST_KEY").unwrap().into(),
        executable_path: Some(std::env::var_os("UPDATER_TEST_APP").unwrap().into()),
        data_dir: Some(std::env::var_os("UPDATER_TEST_DATA").unwrap().into()),
        max_download_size: std::env::var(SIZE_MAX).ok().map(|bytes| bytes.parse().unwrap()),
        limits: Limits { retry_wait: Duration::from_millis(1), ..Limits::default() },
        ..Config::default()
    };
    let endpoints = std::env::var("UPDATER_TEST_ENDPOINTS").unwrap();
    Some((task, endpoints.split_whitespace().map(config).collect()))
}
