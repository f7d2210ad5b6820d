//! [`Panics`]: those of this process that nobody would see otherwise.

use std::{
    panic,
    sync::{Mutex, Once},
    thread,
};

/// The threads of tokio, whose panics become errors.
const WORKER: &str = "tokio-rt-worker";
static SEEN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

pub(crate) struct Panics(());

impl Panics {
    /// Notes all from now on.
    pub(crate) fn watch() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                SEEN.lock().unwrap().push((current(), panic.to_string()));
                usual(panic);
            }));
        });
        Self(())
    }

    /// None on a thread that works for this test. Other tests may fail meanwhile.
    #[allow(clippy::unused_self, reason = "who has not watched has seen none")]
    pub(crate) fn assert_none(&self) {
        let own = current();
        let seen = SEEN.lock().unwrap().clone();
        let found = seen.iter().find(|(thread, _)| *thread == WORKER || *thread == own);
        assert!(found.is_none(), "{}", found.unwrap().1);
    }
}

fn current() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}
