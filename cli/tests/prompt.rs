//! The password prompt, on a real terminal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use common::{Cli, PASSWORD_VARIABLE, PRIVATE_KEY_VARIABLE, program};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

const HANG: Duration = Duration::from_secs(60);
const FIRST: &str = "Password for the new private key: ";
const SECOND: &str = "The same password again: ";

/// A program whose controlling terminal is ours.
struct Terminal {
    child: Child,
    keyboard: File,
    shown: mpsc::Receiver<Vec<u8>>,
    screen: String,
}

impl Terminal {
    fn start(cli: &Cli, args: &[&str]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let device = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .arg(program())
            .args(args)
            .current_dir(cli.path("."))
            .env_remove(PASSWORD_VARIABLE)
            .env_remove(PRIVATE_KEY_VARIABLE)
            .stdin(device())
            .stdout(device())
            .stderr(device())
            .spawn()
            .unwrap();
        let keyboard = File::from(controller);
        let shown = read_in_background(keyboard.try_clone().unwrap());
        Self { child, keyboard, shown, screen: String::new() }
    }

    /// Types only once the question is there and the terminal has stopped showing what is typed.
    fn answer(&mut self, question: &str, password: &str) {
        self.wait_for("the question", |terminal| terminal.screen.ends_with(question));
        self.wait_for("the echo to be off", |terminal| {
            !tcgetattr(&terminal.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
        });
        writeln!(self.keyboard, "{password}").unwrap();
    }

    fn wait_for(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < HANG, "no {what}: {:?}", self.screen);
            if let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(10)) {
                self.screen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.shown.recv_timeout(HANG) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status, self.screen)
    }
}

/// Reading a terminal fails once nobody has its other side open any more; that is its end.
fn read_in_background(mut terminal: File) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = terminal.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

#[test]
fn a_new_password_is_asked_for_twice_and_hidden() {
    let cli = Cli::new();
    let mut terminal = Terminal::start(&cli, &["signer", "generate", "--path", "up.key"]);
    terminal.answer(FIRST, "hunter2");
    terminal.answer(SECOND, "hunter2");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
    assert!(!screen.contains("hunter2"), "{screen}");

    cli.write("a", "content");
    let mut terminal =
        Terminal::start(&cli, &["signer", "sign", "--private-key", "up.key", "--version", "1.0.0", "a"]);
    terminal.answer("Password of the private key: ", "hunter2");
    let (status, screen) = terminal.end();
    assert!(status.success(), "{screen}");
    assert!(!screen.contains("hunter2"), "{screen}");
    cli.succeed(&["signer", "verify", "a", "--pubkey", "up.key.pub"]);
}

#[test]
fn two_different_passwords_make_no_key() {
    let cli = Cli::new();
    let mut terminal = Terminal::start(&cli, &["signer", "generate", "--path", "up.key"]);
    terminal.answer(FIRST, "hunter2");
    terminal.answer(SECOND, "hunter3");
    let (status, screen) = terminal.end();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(screen.contains("not the same") && !screen.contains("hunter"), "{screen}");
    assert!(cli.names(".").is_empty());
}

#[test]
fn a_terminal_shows_progress() {
    let cli = Cli::new();
    cli.write("key", common::KEY);
    let large = File::create(cli.path("large")).unwrap();
    large.set_len(64 << 20).unwrap();
    let args = ["signer", "sign", "--private-key", "key", "--version", "1.0.0", "large"];
    let (status, screen) = Terminal::start(&cli, &args).end();
    assert!(status.success(), "{screen}");
    assert!(screen.contains("Signing large ["), "{screen}");
}
