//! [`Durable`]: what a power loss leaves of some directories.
//!
//! What was flushed is there: the content and mode of a file, the entries of a directory. Of what was not, each file and
//! each change of an entry is by chance there or not, by itself; a file may also be cut off or hold zeros. A rename is
//! one change. File systems with a journal do better: they keep an order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Call, Does};

/// Identifies a file for as long as somebody has it open.
type Inode = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(Inode),
    Directory,
}

/// The content and the mode of a file.
#[derive(Debug, Clone, Default)]
struct State {
    content: Vec<u8>,
    mode: u32,
}

struct Node {
    /// Held, so that no other file gets its number.
    file: File,
    flushed: Option<State>,
}

type Entries = BTreeMap<OsString, Entry>;

pub(crate) struct Durable {
    roots: BTreeSet<PathBuf>,
    nodes: BTreeMap<Inode, Node>,
    flushed: BTreeMap<PathBuf, Entries>,
}

/// What is found after a power loss.
#[derive(Debug, Default)]
pub(crate) struct Found {
    directories: Vec<PathBuf>,
    files: BTreeMap<PathBuf, State>,
}

impl Durable {
    /// All that is there now was flushed long ago.
    pub(crate) fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut this =
            Self { roots: roots.into_iter().collect(), nodes: BTreeMap::new(), flushed: BTreeMap::new() };
        this.flush_all();
        this
    }

    /// Sees what there is before a call that may flush some of it.
    pub(crate) fn note(&mut self, call: &Call) {
        let entries = self.entries();
        match call.does() {
            Does::FlushAll => self.flush_all(),
            Does::Flush => match fs::symlink_metadata(&call.path) {
                Ok(metadata) if metadata.is_dir() => {
                    let now = entries.get(&call.path).cloned().unwrap_or_default();
                    self.flushed.insert(call.path.clone(), now);
                }
                Ok(metadata) => self.flush_file((metadata.dev(), metadata.ino())),
                Err(_) => {}
            },
            _ => {}
        }
    }

    fn flush_all(&mut self) {
        self.flushed = self.entries();
        let all: Vec<Inode> = self.nodes.keys().copied().collect();
        all.into_iter().for_each(|inode| self.flush_file(inode));
    }

    fn flush_file(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.flushed = Some(node.now());
        }
    }

    /// The directories as every process sees them.
    fn entries(&mut self) -> BTreeMap<PathBuf, Entries> {
        let mut all = BTreeMap::new();
        let mut open: Vec<PathBuf> = self.roots.iter().cloned().collect();
        while let Some(directory) = open.pop() {
            let mut entries = Entries::new();
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                // Another thread may just have removed it.
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                let name = path.file_name().unwrap().to_owned();
                if metadata.is_dir() {
                    entries.insert(name, Entry::Directory);
                    open.push(path);
                } else if let Some(inode) = self.see(&path) {
                    entries.insert(name, Entry::File(inode));
                }
            }
            all.insert(directory, entries);
        }
        all
    }

    fn see(&mut self, path: &Path) -> Option<Inode> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().unwrap();
        let inode = (metadata.dev(), metadata.ino());
        self.nodes.entry(inode).or_insert(Node { file, flushed: None });
        Some(inode)
    }

    /// The power is lost now.
    pub(crate) fn lose_power(&mut self, chance: &mut impl FnMut(usize) -> usize) -> Found {
        let mut found = Found::default();
        let now = self.entries();
        let moved: BTreeSet<Inode> = inodes(&self.flushed).intersection(&inodes(&now)).copied().collect();
        let (mut files, mut moves, empty) = (BTreeMap::new(), BTreeMap::new(), Entries::new());
        let mut open: Vec<PathBuf> = self.roots.iter().cloned().collect();
        while let Some(directory) = open.pop() {
            let [before, now] = [&self.flushed, &now].map(|all| all.get(&directory).unwrap_or(&empty));
            for name in before.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
                let (before, now) = (before.get(name), now.get(name));
                let path = directory.join(name);
                let renamed = [now, before].into_iter().find_map(|entry| match entry {
                    Some(Entry::File(inode)) if before != now => moved.get(inode),
                    _ => None,
                });
                let changed = match renamed {
                    Some(inode) => *moves.entry(*inode).or_insert_with(|| chance(2) == 1),
                    None => before != now && chance(2) == 1,
                };
                match if changed { now } else { before } {
                    None => {}
                    Some(Entry::Directory) => open.push(path),
                    Some(Entry::File(inode)) => {
                        let node = &self.nodes[inode];
                        let state = files.entry(inode).or_insert_with(|| node.after_power_loss(chance));
                        found.files.insert(path, state.clone());
                    }
                }
            }
            found.directories.push(directory);
        }
        found
    }

    /// Puts what was found in the place of all that is there.
    pub(crate) fn restart(self, found: &Found) {
        for root in &self.roots {
            for entry in fs::read_dir(root).unwrap() {
                fs::remove_dir_all(entry.unwrap().path()).unwrap();
            }
        }
        for directory in &found.directories {
            fs::create_dir_all(directory).unwrap();
        }
        for (path, state) in &found.files {
            fs::write(path, &state.content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(state.mode)).unwrap();
        }
    }
}

fn inodes(all: &BTreeMap<PathBuf, Entries>) -> BTreeSet<Inode> {
    let entries = all.values().flat_map(BTreeMap::values);
    let inode = |entry: &Entry| match entry {
        Entry::File(inode) => Some(*inode),
        Entry::Directory => None,
    };
    entries.filter_map(inode).collect()
}

impl Found {
    pub(crate) fn content(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(|state| state.content.as_slice())
    }
}

impl Node {
    fn now(&self) -> State {
        let metadata = self.file.metadata().unwrap();
        let mut content = vec![0; usize::try_from(metadata.len()).unwrap()];
        let count = self.file.read_at(&mut content, 0).unwrap();
        content.truncate(count);
        State { content, mode: metadata.mode() & 0o7777 }
    }

    fn after_power_loss(&self, chance: &mut impl FnMut(usize) -> usize) -> State {
        let now = self.now();
        // A file is made with the mode that it is to have.
        let flushed = self.flushed.clone().unwrap_or(State { content: Vec::new(), mode: now.mode });
        let mode = if chance(2) == 0 { flushed.mode } else { now.mode };
        let content = if flushed.content == now.content {
            now.content
        } else {
            let cut = chance(now.content.len() + 1);
            match chance(4) {
                0 => flushed.content,
                1 => now.content[..cut].to_owned(),
                2 => [&now.content[..cut], &vec![0; now.content.len() - cut]].concat(),
                _ => now.content,
            }
        };
        State { content, mode }
    }
}
