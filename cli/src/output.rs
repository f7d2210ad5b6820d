//! [`Output`]: results to standard output, everything else to standard error; text for people or JSON for programs.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::failure::Failure;

/// So often something turns or a time goes on.
const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// The result of a command: one of the two.
    pub(crate) fn result(&self, text: &str, value: &Value) -> Result<(), Failure> {
        let line = if self.json { value.to_string() } else { text.to_owned() };
        let mut stdout = io::stdout().lock();
        // `println!` would panic where the reader has gone, as in `… | head -1`.
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::other(format!("cannot write to standard output: {error}")))
    }

    /// The end of a command that failed.
    pub(crate) fn failure(&self, text: &str, value: &Value) {
        if self.json {
            // Where even that cannot be written, the exit code has to do.
            let _ = self.result(text, value);
        } else {
            self.note(&format!("error: {text}"));
        }
    }

    pub(crate) fn warn(&self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    /// A line beside the result. Nobody may be there to read it.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Something that turns, on a terminal only.
    pub(crate) fn spinner(&self) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        spinner.enable_steady_tick(TICK);
        spinner
    }

    /// A bar over `steps`, which take their time, on a terminal only.
    pub(crate) fn steps(&self, steps: u64) -> ProgressBar {
        let bar = self.bar_of(steps, "[{bar:30}] {pos}/{len} steps, {elapsed}: {msg}");
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        bar
    }

    /// A bar over `bytes`, on a terminal only.
    pub(crate) fn bar(&self, bytes: u64, message: String) -> ProgressBar {
        self.bar_of(bytes, "{msg} [{bar:30}] {bytes}/{total_bytes}").with_message(message)
    }

    fn bar_of(&self, len: u64, template: &str) -> ProgressBar {
        if len == 0 || self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr()).with_style(style)
    }
}
