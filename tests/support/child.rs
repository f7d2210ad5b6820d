//! [`Child`]: this test program once more, in a process of its own that can be killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use rustix::process::Signal;

use super::App;

const TASK: &str = "UPDATER_TEST_TASK";

/// Killed at the latest when the test ends.
pub(crate) struct Child {
    process: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Child {
    /// Runs the test `child::task`, which does nothing but what it finds here.
    pub(crate) fn start(task: &str, app: &App, endpoints: &[String]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::task", "--ignored", "--nocapture"])
            .env(TASK, task)
            .env("UPDATER_TEST_APP", &app.path)
            .env("UPDATER_TEST_DATA", &app.data)
            .env("UPDATER_TEST_KEY", super::Signer::author().pubkey())
            .env("UPDATER_TEST_ENDPOINTS", endpoints.join(" "))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// Waits for this line of its output.
    pub(crate) fn wait_for(&mut self, expected: &str) {
        let found = self.output.by_ref().lines().any(|line| line.unwrap().ends_with(expected));
        assert!(found, "the child ended before it said {expected:?}");
    }

    /// Says something that it waits for.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// The rest of the next line of its output with this in it.
    pub(crate) fn next_after(&mut self, mark: &str) -> String {
        let mut lines = self.output.by_ref().lines().map(Result::unwrap);
        let found = lines.find_map(|line| line.split_once(mark).map(|(_, rest)| rest.to_owned()));
        found.unwrap_or_else(|| panic!("the child ended before it said {mark:?}"))
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
pub(crate) fn child_task() -> Option<(String, Vec<cargo_packager_updater::Config>)> {
    let task = std::env::var(TASK).ok()?;
    let config = |endpoint: &str| cargo_packager_updater::Config {
        endpoints: vec![endpoint.to_owned()],
        pubkey: std::env::var("UPDATER_TEST_KEY").unwrap().into(),
        executable_path: Some(std::env::var_os("UPDATER_TEST_APP").unwrap().into()),
        data_dir: Some(std::env::var_os("UPDATER_TEST_DATA").unwrap().into()),
        ..Default::default()
    };
    let endpoints = std::env::var("UPDATER_TEST_ENDPOINTS").unwrap();
    Some((task, endpoints.split_whitespace().map(config).collect()))
}
