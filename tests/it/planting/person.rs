//! [`Person`]: this test program once more, as another user.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use super::Scene;
use crate::support::{HANG, Signer, Site};

const BASE: &str = "UPDATER_TEST_PLANTING";
const ENDPOINT: &str = "UPDATER_TEST_ENDPOINT";
const KEY: &str = "UPDATER_TEST_KEY";
const SIGNATURE: &str = "UPDATER_TEST_SIGNATURE";

/// A process that does what it is told. Ended at the latest when the test ends.
pub(super) struct Person {
    process: std::process::Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Person {
    pub(super) fn start(role: &str, user: u32, scene: &Scene, site: &Site) -> Self {
        // By this name it is found also where the user may not enter the directories above it.
        let mut process = Command::new("/proc/self/exe")
            .args(["--exact", &format!("planting::{role}::{role}"), "--ignored", "--nocapture"])
            .uid(user)
            .gid(user)
            .current_dir("/")
            .env(BASE, scene.base())
            .env(ENDPOINT, site.endpoint())
            .env(KEY, Signer::author().pubkey())
            .env(SIGNATURE, &site.release.signature)
            .env("HOME", scene.base().join("home"))
            .env("TMPDIR", scene.base().join("tmp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, orders, answers }
    }

    pub(super) fn say(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// What follows this in the first line that has it.
    pub(super) fn hear(&self, start: &str) -> String {
        loop {
            let line = self.answers.recv_timeout(HANG).unwrap_or_else(|_| panic!("nobody says {start:?}"));
            if let Some((_, rest)) = line.split_once(start) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In such a process: where everything is. `None` where nobody started it for this.
pub(super) fn base() -> Option<std::path::PathBuf> {
    env::var_os(BASE).map(Into::into)
}

/// The endpoint and the author's key.
pub(super) fn endpoint_and_key() -> (String, String) {
    (env::var(ENDPOINT).unwrap(), env::var(KEY).unwrap())
}

/// The release's, which is in the manifest for everybody to read.
pub(super) fn signature() -> String {
    env::var(SIGNATURE).unwrap()
}
