//! [`Workers`]: threads that compress, while what they make is taken in the order in which it was asked for.

use std::{
    collections::VecDeque,
    io,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{Codec, cancel::Cancellable, invalid};
use crate::system::lower_priority;

/// Each holds a stream, what becomes of it, and its encoder's memory: more would be more than a patch may take.
const WORKERS_MAX: usize = 4;
/// The calling thread hardly has anything to do: with one worker on two processors, one of them would have nothing.
const WORKERS_MIN: usize = 2;
/// So often somebody who waits looks whether he still has to.
const PATIENCE: Duration = Duration::from_millis(50);

/// A stream to be compressed.
pub(super) struct Job {
    pub(super) codec: Codec,
    pub(super) expanded: Vec<u8>,
    /// Bytes that must come out.
    pub(super) stored: u64,
}

/// What becomes of a job.
pub(super) type Outcome = io::Result<Vec<u8>>;

/// As many threads as there are processors, less one, and at least two. They have the lowest priority, so that nobody
/// notices an update that is made. The calling thread does none of the jobs, because it could not be called off meanwhile:
/// a stream may take half a second.
pub(super) struct Workers {
    shared: Arc<Shared>,
    pending: VecDeque<Arc<Slot>>,
    pending_max: usize,
    threads: usize,
    threads_max: usize,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Job, Arc<Slot>)>,
    is_closed: bool,
}

/// Where one outcome will be.
#[derive(Default)]
struct Slot(Mutex<Option<Outcome>>);

impl Workers {
    /// None before there is a job: most patches have few.
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let threads_max = (processors - 1).clamp(WORKERS_MIN, WORKERS_MAX);
        Self {
            shared: Arc::default(),
            pending: VecDeque::new(),
            pending_max: 2 * threads_max,
            threads: 0,
            threads_max,
        }
    }

    /// How many jobs there should be at once: each thread finds its next one waiting.
    pub(super) const fn pending_max(&self) -> usize {
        self.pending_max
    }

    /// `is_cancelled` is asked where the calling thread has to do the job.
    pub(super) fn add(&mut self, job: Job, is_cancelled: &dyn Fn() -> bool) {
        let slot = Arc::<Slot>::default();
        self.pending.push_back(Arc::clone(&slot));
        if self.threads < self.threads_max {
            self.start_thread();
        }
        if self.threads == 0 {
            return slot.fill(job.outcome(is_cancelled));
        }
        self.shared.lock().jobs.push_back((job, slot));
        self.shared.changed.notify_all();
    }

    fn start_thread(&mut self) {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            lower_priority();
            shared.work();
        };
        match thread::Builder::new().name("updater-patch".to_owned()).spawn(work) {
            Ok(_) => self.threads += 1,
            // Where one cannot be had, there are fewer, and without any the calling thread has to do.
            Err(_) => self.threads_max = self.threads,
        }
    }

    /// The outcome of the job that was added first, of those not taken yet.
    pub(super) fn take(&mut self, is_cancelled: &dyn Fn() -> bool) -> Option<Outcome> {
        let slot = self.pending.pop_front()?;
        let mut queue = self.shared.lock();
        loop {
            if let Err(cancelled) = Cancellable::new((), is_cancelled).check() {
                return Some(Err(cancelled));
            }
            if let Some(outcome) = slot.lock().take() {
                return Some(outcome);
            }
            let waited = self.shared.changed.wait_timeout(queue, PATIENCE);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Workers {
    /// They end soon, at the latest with the stream that they are at. They have nothing but memory, so that nobody need wait for them.
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.jobs.clear();
        queue.is_closed = true;
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        while !queue.is_closed {
            queue = match queue.jobs.pop_front() {
                Some((job, slot)) => {
                    drop(queue);
                    slot.fill(job.outcome(&|| self.lock().is_closed));
                    // Who waits for the outcome looks at it with the queue locked: it cannot be missed.
                    let queue = self.lock();
                    self.changed.notify_all();
                    queue
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, outcome: Outcome) {
        *self.lock() = Some(outcome);
    }
}

impl Job {
    /// Whatever happens: who waits for an outcome that never comes would do so for ever. Encoders panic without memory.
    fn outcome(self, is_cancelled: &dyn Fn() -> bool) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run(is_cancelled)));
        outcome.unwrap_or_else(|_| Err(io::Error::other("an encoder failed")))
    }

    fn run(self, is_cancelled: &dyn Fn() -> bool) -> Outcome {
        let mut stored = Vec::new();
        self.codec.encode(&mut Cancellable::new(&self.expanded[..], is_cancelled), &mut stored)?;
        if stored.len() as u64 == self.stored {
            return Ok(stored);
        }
        Err(invalid(&format!("a stream has {} bytes, {} are declared", stored.len(), self.stored)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &[u8]) -> Job {
        let codec = Codec::Deflate { level: 6, window_bits: 15, is_wrapped: true };
        let mut stored = Vec::new();
        codec.encode(&mut &text[..], &mut stored).unwrap();
        Job { codec, expanded: text.to_vec(), stored: stored.len() as u64 }
    }

    #[test]
    fn outcomes_come_in_the_order_of_the_jobs() {
        let mut workers = Workers::new();
        let texts: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n) * 700]).collect();
        let mut next = texts.iter();
        let mut taken = 0;
        for text in &texts {
            if workers.pending.len() == workers.pending_max() {
                check(workers.take(&|| false), next.next());
                taken += 1;
            }
            workers.add(job(text), &|| false);
        }
        while let Some(outcome) = workers.take(&|| false) {
            check(Some(outcome), next.next());
            taken += 1;
        }
        assert_eq!(taken, texts.len());
    }

    fn check(outcome: Option<Outcome>, text: Option<&Vec<u8>>) {
        let (stored, text) = (outcome.unwrap().unwrap(), text.unwrap());
        let codec = job(b"").codec;
        let mut expanded = Vec::new();
        codec.decode(&mut &stored[..], &mut expanded, text.len() as u64).unwrap();
        assert_eq!(&expanded, text);
    }

    #[test]
    fn another_length_than_declared_is_an_error() {
        let mut workers = Workers::new();
        workers.add(Job { stored: 1, ..job(b"text") }, &|| false);
        assert!(workers.take(&|| false).unwrap().unwrap_err().to_string().contains("1 are declared"));
        assert!(workers.take(&|| false).is_none());
    }

    #[test]
    fn a_panic_of_an_encoder_is_an_error_for_whoever_waits_for_it_and_other_jobs_are_done() {
        let mut workers = Workers::new();
        for _ in 0..20 {
            // No encoder has it, and no table can name it.
            let codec = Codec::Deflate { level: 6, window_bits: 8, is_wrapped: true };
            workers.add(Job { codec, ..job(b"text") }, &|| false);
            workers.add(job(b"text"), &|| false);
            assert!(workers.take(&|| false).unwrap().is_err());
            check(workers.take(&|| false), Some(&b"text".to_vec()));
        }
    }

    #[test]
    fn nobody_waits_for_a_stream_that_cannot_be_left() {
        let text: Vec<u8> =
            (0..1_u32 << 18).flat_map(|number| number.wrapping_mul(number).to_le_bytes()).collect();
        let mut workers = Workers::new();
        workers.add(Job { codec: Codec::Zstd { level: 22 }, expanded: text, stored: 0 }, &|| false);
        let slot = Arc::clone(workers.pending.front().unwrap());
        let calls = std::cell::Cell::new(0);
        let soon = || calls.replace(calls.get() + 1) > 0;
        assert!(workers.take(&soon).unwrap().is_err());
        assert!(slot.lock().is_none(), "it was waited for");
    }

    #[test]
    fn nobody_works_or_waits_for_what_is_cancelled() {
        let mut workers = Workers::new();
        workers.add(job(b"text"), &|| false);
        let cancelled = workers.take(&|| true).unwrap().unwrap_err();
        assert!(cancelled.get_ref().unwrap().is::<super::super::Cancelled>());
        let calls = std::cell::Cell::new(0);
        let later = || calls.replace(calls.get() + 1) > 1;
        let text = vec![0; 1 << 20];
        let cancelled = job(&text).outcome(&later).unwrap_err();
        assert!(cancelled.get_ref().unwrap().is::<super::super::Cancelled>());
        assert_eq!(calls.get(), 3);
    }
}
