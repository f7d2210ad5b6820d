//! Many processes of one application that find an update at the same moment.

use std::{
    fs, iter,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, TryRecvError},
    },
    thread,
};

use crate::support::{App, Child, HANG, Release, Site, rounds};

const PROCESSES: usize = 8;

/// Holds up whoever passes while it is closed.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn set(&self, open: bool) {
        *self.0.lock().unwrap() = open;
        self.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.lock().unwrap();
        drop(self.1.wait_timeout_while(open, HANG, |open| !*open).unwrap());
    }
}

struct Crowd {
    app: App,
    gate: Arc<Gate>,
    sites: [Site; 2],
    children: Vec<Child>,
}

impl Crowd {
    fn new() -> Self {
        let (app, gate) = (App::new(), Arc::<Gate>::default());
        let sites = ["2.0.0", "3.0.0"].map(|version| {
            let gate = Arc::clone(&gate);
            Site::new(Release::version(version), move |release, request| {
                gate.pass();
                release.answer(request)
            })
        });
        let endpoints = sites.each_ref().map(|site| site.endpoint());
        let children = iter::repeat_with(|| Child::start("update when told", &app, &endpoints));
        let children = children.take(PROCESSES).collect();
        Self { app, gate, sites, children }
    }

    /// Each says whether it found this version.
    fn check(&mut self, version: usize) {
        for child in &mut self.children {
            child.tell(&version.to_string());
        }
        for child in &mut self.children {
            assert_eq!(child.next_after("found: "), "true");
        }
    }

    /// All install at once; their answers, as they come.
    fn install(&mut self, mut seen: impl FnMut(usize)) -> Vec<String> {
        for child in &mut self.children {
            child.tell("install");
        }
        thread::scope(|scope| {
            let (to_test, answers) = mpsc::channel();
            for child in &mut self.children {
                let to_test = to_test.clone();
                scope.spawn(move || to_test.send(child.next_after("outcome: ")).unwrap());
            }
            drop(to_test);
            let count_up = |(number, answer)| {
                seen(number + 1);
                answer
            };
            answers.into_iter().enumerate().map(count_up).collect()
        })
    }

    /// Does something, during which the application is looked at again and again.
    fn watched(&mut self, work: impl FnOnce(&mut Self)) {
        let path = self.app.path.clone();
        let releases = self.sites.each_ref().map(|site| site.release.artifact.clone());
        let complete: Vec<_> = releases.into_iter().chain([self.app.content()]).collect();
        // Closed when the work is done, or has failed.
        let (working, is_working) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while is_working.try_recv() == Err(TryRecvError::Empty) {
                    assert!(complete.contains(&fs::read(&path).unwrap()), "half an application");
                }
            });
            let _working = working;
            work(self);
        });
    }
}

#[test]
fn of_many_processes_that_update_at_once_one_does_and_the_others_are_turned_away() {
    let mut crowd = Crowd::new();
    crowd.watched(|crowd| {
        for round in 0..rounds(3, 20, 100) {
            let version = usize::from(round % 2 == 1);
            crowd.gate.set(false);
            crowd.check(version);
            // Whoever is first downloads until all others have been turned away.
            let gate = Arc::clone(&crowd.gate);
            let mut outcomes = crowd.install(|answered| gate.set(answered == PROCESSES - 1));
            assert_eq!(outcomes.pop().unwrap(), "installed", "round {round}");
            assert!(outcomes.iter().all(|outcome| outcome == "ERR_UPDATER_BUSY"), "{outcomes:?}");
            crowd.app.assert_is(&crowd.sites[version].release.artifact);
            crowd.app.assert_nothing_left();
        }
    });
}

#[test]
fn updates_by_many_processes_as_they_come_leave_a_complete_application() {
    let mut crowd = Crowd::new();
    crowd.gate.set(true);
    crowd.watched(|crowd| {
        for round in 0..rounds(3, 20, 100) {
            let version = usize::from(round % 2 == 1);
            crowd.check(version);
            let outcomes = crowd.install(|_| {});
            let known = |outcome: &String| ["installed", "ERR_UPDATER_BUSY"].contains(&outcome.as_str());
            assert!(outcomes.iter().all(known), "round {round}: {outcomes:?}");
            assert!(outcomes.iter().any(|outcome| outcome == "installed"), "round {round}: {outcomes:?}");
            crowd.app.assert_is(&crowd.sites[version].release.artifact);
        }
    });
    crowd.app.assert_nothing_left();
}
