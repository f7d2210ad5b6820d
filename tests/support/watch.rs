//! [`watch`]: work of which every system call on certain files is decided upon before it happens
//! (seccomp_unotify(2)).

#![allow(unsafe_code, reason = "nothing safe speaks to seccomp; each call is proved beside it")]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    thread::set_no_new_privs,
};

use super::{call::Call, skip};

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Happens,
    Fails(Errno),
    /// It was done already, and gives this number.
    Gave(usize),
}

/// Of the calls that can fail in one way, the chosen one does, counted from 0.
pub(crate) struct OneFails {
    error: Errno,
    left: usize,
    /// That call, once it was made.
    pub(crate) failed: String,
}

impl OneFails {
    pub(crate) fn new(error: Errno, chosen: usize) -> Self {
        Self { error, left: chosen + 1, failed: String::new() }
    }

    pub(crate) fn decide(&mut self, call: &Call) -> Verdict {
        if self.left == 0 || !call.can_give(self.error) {
            return Verdict::Happens;
        }
        self.left -= 1;
        if self.left > 0 {
            return Verdict::Happens;
        }
        self.failed = call.to_string();
        Verdict::Fails(self.error)
    }
}

/// What came of calls that were to fail: where none did, nothing was tried.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    failed: usize,
    /// How many had when that was last asserted.
    asserted: usize,
    refused: usize,
}

impl Tally {
    /// `failed` is the call, if one did; `refused`: that was an error of the whole.
    pub(crate) fn add(&mut self, failed: &str, refused: bool) {
        self.failed += usize::from(!failed.is_empty());
        self.refused += usize::from(refused);
    }

    #[track_caller]
    pub(crate) fn assert_more(&mut self, case: &str) {
        assert!(self.failed > self.asserted, "{case}: no call failed");
        self.asserted = self.failed;
    }

    #[track_caller]
    pub(crate) fn assert_some_refused(&self) {
        println!("{} calls failed, of which {} ended what they were made for", self.failed, self.refused);
        assert!(self.refused > 0, "no failure of a call was an error");
    }
}

/// Works on a thread of its own. Its calls, and those of the threads and programs that it starts, wait for the decision
/// where they are about what lies in one of the directories; one after the other.
pub(crate) fn watch<T: Send>(
    directories: &[&Path],
    work: impl FnOnce() -> T + Send,
    mut decide: impl FnMut(&Call) -> Verdict,
) -> T {
    let directories: Vec<PathBuf> = directories.iter().map(|path| real(path)).collect();
    thread::scope(|scope| {
        let (to_watcher, listener) = mpsc::channel();
        let worker = scope.spawn(move || {
            to_watcher.send(report_calls()).unwrap();
            work()
        });
        let listener = listener.recv().unwrap().expect("`can_watch` was asked");
        while let Some(notice) = next(&listener) {
            let call = Call::read(notice.pid, &notice.data);
            let call =
                call.filter(|call| directories.iter().any(|directory| call.path.starts_with(directory)));
            let verdict = call.map_or(Verdict::Happens, |call| decide(&call));
            answer(&listener, notice.id, verdict);
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether there is a kernel that lets calls be decided upon (Linux 5.9); else says what is skipped.
pub(crate) fn can_watch() -> bool {
    let outcome = thread::spawn(report_calls).join().unwrap();
    if let Err(error) = &outcome {
        skip(format_args!("seccomp with notifications: {error}"));
    }
    outcome.is_ok()
}

/// The directory may still be missing.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// From now on, this thread and those it starts report their calls on files.
fn report_calls() -> io::Result<OwnedFd> {
    // Without it only root may filter. Of this thread alone.
    set_no_new_privs(true)?;
    let mut filter = filter();
    let program = libc::sock_fprog { len: u16::try_from(filter.len()).unwrap(), filter: filter.as_mut_ptr() };
    // SAFETY: `program` points to that many instructions, which outlive the call; the kernel copies and checks them.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    match i32::try_from(listener) {
        // SAFETY: the kernel has just made it, for nobody else.
        Ok(listener @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reports the calls of [`Call::numbers`], and allows all others.
fn filter() -> Vec<libc::sock_filter> {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step =
        |code, jt, k| libc::sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf: 0, k };
    let numbers: Vec<_> = Call::numbers().collect();
    let mut filter = vec![step(LOAD, 0, 0)];
    for (position, number) in numbers.iter().enumerate() {
        let to_the_last = u8::try_from(numbers.len() - position).unwrap();
        filter.push(step(JUMP_IF, to_the_last, u32::try_from(*number).unwrap()));
    }
    filter.extend([step(RETURN, 0, libc::SECCOMP_RET_ALLOW), step(RETURN, 0, libc::SECCOMP_RET_USER_NOTIF)]);
    filter
}

/// `None`: nobody is left who could report anything.
fn next(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    loop {
        let mut ready = [PollFd::new(listener, PollFlags::IN)];
        poll(&mut ready, None).ok();
        if !ready[0].revents().contains(PollFlags::IN) {
            if ready[0].revents().contains(PollFlags::HUP) {
                return None;
            }
            continue;
        }
        // SAFETY: it is numbers only, for which zero is a value; the kernel wants it zeroed.
        let mut notice: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes a `seccomp_notif` there, as this request says.
        let received =
            unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notice) };
        if received == 0 {
            return Some(notice);
        }
    }
}

fn answer(listener: &OwnedFd, id: u64, verdict: Verdict) {
    let (val, error, flags) = match verdict {
        Verdict::Happens => (0, 0, u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap()),
        Verdict::Fails(error) => (0, -error.raw_os_error(), 0),
        Verdict::Gave(number) => (i64::try_from(number).unwrap(), 0, 0),
    };
    let mut response = libc::seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the kernel reads a `seccomp_notif_resp` there, as this request says. Where the caller is gone, the answer
    // is refused, and nobody misses it.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
}
