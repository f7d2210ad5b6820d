//! The other user.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use ring::digest::{SHA256, digest};
use rustix::{
    fs::{CWD, FileType, Mode, RenameFlags},
    process::umask,
};

use super::{
    person::{base, signature},
    scene::Places,
};
use crate::support::Random;

/// In a data directory; `{id}` is made from the release's signature.
const DATA_NAMES: [&str; 15] = [
    "",
    "lock",
    "state.json",
    "state.damaged",
    "manifests.json",
    "manifests.lock",
    "staged.json",
    "download",
    "download/0.part",
    "download/{id}.part",
    "download/{id}.json",
    "download/{id}.bin",
    "download/{id}.tmp",
    "install",
    "install/0",
];

#[test]
#[ignore = "the part of another test that runs as another user"]
fn planter() {
    let Some(base) = base() else { return };
    umask(Mode::empty());
    let id = hash(signature().lines().nth(1).unwrap().as_bytes(), 32);
    let (sender, orders) = channel();
    thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    while let Ok(order) = orders.recv() {
        let (seed, applications) = order.split_once(' ').unwrap();
        let mut planter = Planter {
            places: Places::new(&base, applications.as_ref()),
            random: Random::seeded(seed.parse().unwrap()),
            id: id.clone(),
            held: Vec::new(),
        };
        for _ in 0..planter.random.below(12) {
            planter.plant();
        }
        println!("planting");
        while orders.try_recv().is_err() {
            planter.plant();
            thread::sleep(Duration::from_micros(planter.random.next() % 500));
        }
        println!("stopped");
    }
}

struct Planter {
    places: Places,
    random: Random,
    /// What the downloads of the release are called.
    id: String,
    /// Files that are locked.
    held: Vec<File>,
}

impl Planter {
    /// Puts something somewhere, or takes it away. Much of it is not permitted, and so comes to nothing.
    fn plant(&mut self) {
        let path = self.name();
        match self.random.below(8) {
            0 => clear(&path),
            1 => drop(fs::rename(&path, self.aside(&path, "stolen"))),
            2 => self.exchange(&path),
            3 => self.hold(&path),
            _ => {
                if self.random.below(2) == 0 {
                    clear(&path);
                }
                let _ = self.make(&path);
            }
        }
    }

    /// One that the updater may use.
    fn name(&mut self) -> PathBuf {
        match self.random.below(10) {
            0..3 => self.data_name(),
            3 | 4 => self.places.application.clone(),
            5 | 6 => self.name_beside(),
            7 | 8 => self.name_in_use(),
            _ => self.places.temporary.join(self.random.pick(&["crabnebula-updater", "updater", "tmp"])),
        }
    }

    fn data_name(&mut self) -> PathBuf {
        let own = &self.places.own_data;
        match self.random.below(6) {
            0 => self.places.data.clone(),
            1 => own.clone(),
            _ => own.join(self.random.pick(&DATA_NAMES).replace("{id}", &self.id)),
        }
    }

    fn name_beside(&mut self) -> PathBuf {
        let (number, ending) = (self.random.below(3), self.random.pick(&["tmp", "old"]));
        self.places.applications.join(format!("{}{number}.{ending}", self.prefix()))
    }

    fn prefix(&self) -> String {
        format!(".updater-{}-", hash(self.places.application.as_os_str().as_encoded_bytes(), 8))
    }

    /// A name that nobody can guess, but everybody can see.
    fn name_in_use(&mut self) -> PathBuf {
        let names = fs::read_dir(&self.places.applications).into_iter().flatten().flatten();
        let names: Vec<PathBuf> = names.map(|entry| entry.path()).collect();
        if names.is_empty() { self.places.data.clone() } else { self.random.pick(&names).clone() }
    }

    fn make(&mut self, path: &Path) -> io::Result<()> {
        let Places { home, lair, .. } = &self.places;
        let precious = home.join("precious");
        match self.random.below(14) {
            0 => symlink(precious.join("file"), path),
            1 => symlink(precious.join("open"), path),
            2 => symlink(home.join("program"), path),
            3 => symlink(home.join("new"), path),
            4 => symlink(&precious, path),
            5 => symlink(home, path),
            6 => symlink(lair.join("open"), path),
            7 => symlink(lair.join("open/new"), path),
            8 => fs::hard_link(precious.join("open"), path),
            9 => Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from(0o666), 0)?),
            10 => UnixListener::bind(path).map(drop),
            11 => file(path, 0o666),
            12 => file(path, 0o755),
            _ => directory(path).and_then(|()| file(&path.join("file"), 0o666)),
        }
    }

    /// A place to move something to. A directory leaves the one that it lies in only with the right to write to itself
    /// (rename(2), EACCES).
    fn aside(&mut self, path: &Path, name: &str) -> PathBuf {
        if self.random.below(2) == 0 { path.with_file_name(name) } else { self.places.lair.join(name) }
    }

    /// Two things change places in one step.
    fn exchange(&mut self, path: &Path) {
        let other = self.aside(path, "other");
        clear(&other);
        let _ = self.make(&other);
        let _ = rustix::fs::renameat_with(CWD, &other, CWD, path, RenameFlags::EXCHANGE);
    }

    /// Locks what is there, until the end of the round.
    fn hold(&mut self, path: &Path) {
        // A pipe must not hold up its own planter.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        if let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path)
            && file.try_lock().is_ok()
        {
            self.held.push(file);
        }
    }
}

fn file(path: &Path, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(b"planted")
}

fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o777).create(path)
}

fn clear(path: &Path) {
    let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
}

/// The start of the SHA-256, as the updater makes names of it.
pub(super) fn hash(bytes: &[u8], digits: usize) -> String {
    let hash: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hash[..digits].to_owned()
}
