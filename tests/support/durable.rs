//! [`Durable`]: what a power loss leaves of some directories.
//!
//! What was flushed is there: the content, mode and time of a file, the entries and the mode of a directory. Of what was
//! not, each file and each change of an entry is by chance there or not, by itself; a file may also be cut off or hold
//! zeros. A rename is one change, and so is an exchange. File systems with a journal do better: they keep an order.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{Call, Does};

/// Identifies a file or a directory for as long as somebody has it open.
type Inode = (u64, u64);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File(Inode),
    Directory(Inode),
    /// A symbolic link is as short as a name, and stored with it.
    Link(PathBuf),
}

impl Entry {
    fn inode(&self) -> Option<Inode> {
        match self {
            Self::File(inode) | Self::Directory(inode) => Some(*inode),
            Self::Link(_) => None,
        }
    }
}

/// What is known of a file or a directory, which has no content of its own.
#[derive(Debug, Clone)]
struct State {
    content: Vec<u8>,
    mode: u32,
    modified: SystemTime,
}

struct Node {
    /// Held, so that no other file gets its number.
    file: File,
    flushed: State,
}

type Entries = BTreeMap<OsString, Entry>;

pub(crate) struct Durable {
    roots: BTreeSet<PathBuf>,
    nodes: BTreeMap<Inode, Node>,
    flushed: BTreeMap<Inode, Entries>,
}

/// What is found after a power loss.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Those above come before those below.
    directories: Vec<(PathBuf, State)>,
    files: BTreeMap<PathBuf, State>,
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Durable {
    /// All that is there now was flushed long ago.
    pub(crate) fn new(roots: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut this =
            Self { roots: roots.into_iter().collect(), nodes: BTreeMap::new(), flushed: BTreeMap::new() };
        this.flush_all();
        this
    }

    /// Sees what there is before a call that may change or flush some of it.
    pub(crate) fn note(&mut self, call: &Call) {
        if matches!(call.does(), Does::Look | Does::Read | Does::Lock | Does::Statfs) {
            return;
        }
        let mut entries = self.entries();
        match call.does() {
            Does::FlushAll => self.flush_all(),
            Does::Flush => {
                let Ok(metadata) = fs::symlink_metadata(&call.path) else { return };
                let inode = inode(&metadata);
                self.flush_node(inode);
                if let Some(now) = entries.remove(&inode) {
                    self.flushed.insert(inode, now);
                }
            }
            _ => {}
        }
    }

    fn flush_all(&mut self) {
        self.flushed = self.entries();
        let all: Vec<Inode> = self.nodes.keys().copied().collect();
        all.into_iter().for_each(|inode| self.flush_node(inode));
    }

    fn flush_node(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.flushed = State::now(&node.file);
        }
    }

    /// The directories as every process sees them.
    fn entries(&mut self) -> BTreeMap<Inode, Entries> {
        let mut all = BTreeMap::new();
        let mut open: Vec<PathBuf> = self.roots.iter().cloned().collect();
        while let Some(directory) = open.pop() {
            let Some(inode) = self.see(&directory) else { continue };
            let mut entries = Entries::new();
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                // Another thread may just have removed it.
                let Some(entry) = self.entry(&path) else { continue };
                entries.insert(path.file_name().unwrap().to_owned(), entry.clone());
                if let Entry::Directory(_) = entry {
                    open.push(path);
                }
            }
            all.insert(inode, entries);
        }
        all
    }

    fn entry(&mut self, path: &Path) -> Option<Entry> {
        let kind = fs::symlink_metadata(path).ok()?.file_type();
        if kind.is_symlink() {
            return fs::read_link(path).ok().map(Entry::Link);
        }
        let inode = self.see(path)?;
        Some(if kind.is_dir() { Entry::Directory(inode) } else { Entry::File(inode) })
    }

    /// At first sight nothing of it is flushed: it is empty.
    fn see(&mut self, path: &Path) -> Option<Inode> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().unwrap();
        let inode = inode(&metadata);
        self.nodes.entry(inode).or_insert_with(|| Node { flushed: State::empty(&metadata), file });
        Some(inode)
    }

    /// The power is lost now.
    pub(crate) fn lose_power(&mut self, chance: &mut impl FnMut(usize) -> usize) -> Found {
        let mut found = Found::default();
        let now = self.entries();
        let groups = Groups::new(&self.flushed, &now);
        let (mut files, mut moves, empty) = (BTreeMap::new(), BTreeMap::new(), Entries::new());
        let root = |path: &PathBuf| (path.clone(), inode(&fs::metadata(path).unwrap()));
        let mut open: Vec<(PathBuf, Inode)> = self.roots.iter().map(root).collect();
        while let Some((directory, inode)) = open.pop() {
            let [before, now] = [&self.flushed, &now].map(|all| all.get(&inode).unwrap_or(&empty));
            for name in names(before, now) {
                let (before, now) = (before.get(name), now.get(name));
                let path = directory.join(name);
                let changed = before != now
                    && match groups.of(before, now) {
                        Some(group) => *moves.entry(group).or_insert_with(|| chance(2) == 1),
                        None => chance(2) == 1,
                    };
                match if changed { now } else { before } {
                    None => {}
                    Some(Entry::Directory(inode)) => open.push((path, *inode)),
                    Some(Entry::Link(target)) => {
                        found.links.insert(path, target.clone());
                    }
                    Some(Entry::File(inode)) => {
                        let node = &self.nodes[inode];
                        let state = files.entry(*inode).or_insert_with(|| node.after_power_loss(chance));
                        found.files.insert(path, state.clone());
                    }
                }
            }
            found.directories.push((directory, self.nodes[&inode].after_power_loss(chance)));
        }
        found
    }

    /// Puts what was found in the place of all that is there.
    pub(crate) fn restart(self, found: &Found) {
        self.roots.iter().for_each(|root| empty(root));
        for (path, _) in &found.directories {
            fs::create_dir_all(path).unwrap();
        }
        for (path, state) in &found.files {
            fs::write(path, &state.content).unwrap();
            set_mode(path, state.mode);
            File::open(path).unwrap().set_modified(state.modified).unwrap();
        }
        for (path, target) in &found.links {
            symlink(target, path).unwrap();
        }
        // What is in a directory is made while it can be written to.
        for (path, state) in found.directories.iter().rev() {
            set_mode(path, state.mode);
        }
    }
}

/// Files and directories that were renamed, and are still there. Those that took one another's names, at once or one
/// after the other, did so together.
struct Groups {
    moved: BTreeSet<Inode>,
    leaders: BTreeMap<Inode, Inode>,
}

impl Groups {
    fn new(before: &BTreeMap<Inode, Entries>, now: &BTreeMap<Inode, Entries>) -> Self {
        let moved = inodes(before).intersection(&inodes(now)).copied().collect();
        let mut this = Self { moved, leaders: BTreeMap::new() };
        for (directory, entries) in before {
            let Some(now) = now.get(directory) else { continue };
            for (name, entry) in entries {
                if let [Some(one), Some(other)] = [Some(entry), now.get(name)].map(|entry| this.leader(entry))
                    && one != other
                {
                    this.leaders.insert(one, other);
                }
            }
        }
        this
    }

    fn leader(&self, entry: Option<&Entry>) -> Option<Inode> {
        let mut inode = entry?.inode().filter(|inode| self.moved.contains(inode))?;
        while let Some(leader) = self.leaders.get(&inode) {
            inode = *leader;
        }
        Some(inode)
    }

    /// The group of what was or is under a name that changed.
    fn of(&self, before: Option<&Entry>, now: Option<&Entry>) -> Option<Inode> {
        self.leader(now).or_else(|| self.leader(before))
    }
}

fn names<'a>(before: &'a Entries, now: &'a Entries) -> BTreeSet<&'a OsString> {
    before.keys().chain(now.keys()).collect()
}

fn inodes(all: &BTreeMap<Inode, Entries>) -> BTreeSet<Inode> {
    all.values().flat_map(BTreeMap::values).filter_map(Entry::inode).collect()
}

fn inode(metadata: &fs::Metadata) -> Inode {
    (metadata.dev(), metadata.ino())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Removes all that is in a directory, also from directories that cannot be written to.
fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            set_mode(&entry.path(), 0o700);
            empty(&entry.path());
            fs::remove_dir(entry.path()).unwrap();
        } else {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

impl Found {
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn content(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(|state| state.content.as_slice())
    }
}

impl State {
    fn empty(metadata: &fs::Metadata) -> Self {
        let modified = metadata.modified().unwrap();
        Self { content: Vec::new(), mode: metadata.mode() & 0o7777, modified }
    }

    fn now(file: &File) -> Self {
        let metadata = file.metadata().unwrap();
        let mut now = Self::empty(&metadata);
        if metadata.is_file() {
            now.content = vec![0; usize::try_from(metadata.len()).unwrap()];
            let count = file.read_at(&mut now.content, 0).unwrap();
            now.content.truncate(count);
        }
        now
    }
}

impl Node {
    fn after_power_loss(&self, chance: &mut impl FnMut(usize) -> usize) -> State {
        let (flushed, now) = (self.flushed.clone(), State::now(&self.file));
        let mode = if chance(2) == 0 { flushed.mode } else { now.mode };
        let modified = if chance(2) == 0 { flushed.modified } else { now.modified };
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
        State { content, mode, modified }
    }
}
