//! [`Layout`]: what a bundle has so far, and whether another entry has a place in it.

use std::collections::{HashMap, VecDeque};

use super::{
    invalid,
    member::Kind,
    name::{Name, folded},
    refused,
};
use crate::Result;

/// Of a directory that the archive does not mention.
const IMPLIED_MODE: u32 = 0o755;
const OWNER_EXECUTE: u32 = 0o100;
/// As many as Linux follows (path_resolution(7)); macOS follows 32.
const LINKS_FOLLOWED_MAX: usize = 32;

/// The entries of a bundle. Paths are relative to its top directory, which is the empty path.
#[derive(Debug, Default)]
pub(super) struct Layout {
    top: Option<String>,
    /// By folded path.
    entries: HashMap<String, Entry>,
    /// In the order of the archive: paths and targets.
    links: Vec<(String, String)>,
}

#[derive(Debug)]
struct Entry {
    /// As it is spelled.
    path: String,
    node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// Without a mode as long as only its content was seen.
    Directory(Option<u32>),
    File {
        executable: bool,
    },
    Link(String),
}

impl Layout {
    /// Finds a place for an entry; `make` makes directories. Gives the path where it is a new one.
    pub(super) fn add<'a>(
        &mut self,
        name: &'a Name,
        kind: &Kind,
        make: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<Option<&'a str>> {
        let (top, path) = name.split_top();
        self.check_top(name, top)?;
        let node = match kind {
            Kind::Directory { mode } => Node::Directory(Some(*mode)),
            Kind::File(attributes) => Node::File { executable: attributes.mode & OWNER_EXECUTE != 0 },
            Kind::Link { target } => Node::Link(target.clone()),
        };
        if path.is_empty() {
            let is_directory = matches!(node, Node::Directory(_));
            return if is_directory { Ok(None) } else { Err(refused(top, "the top is no directory")) };
        }
        let key = folded(path);
        // Folding makes and removes no slash, and looks at no character across one.
        for ((slash, _), (slash_of_key, _)) in path.match_indices('/').zip(key.match_indices('/')) {
            let directory = path.get(..slash).unwrap_or_default();
            self.add_directory(directory, key.get(..slash_of_key).unwrap_or_default(), None, name, make)?;
        }
        if let Node::Directory(mode) = node {
            self.add_directory(path, &key, mode, name, make)?;
            return Ok(None);
        }
        if let Node::Link(target) = &node {
            self.links.push((path.to_owned(), target.clone()));
        }
        self.insert(path, key, node, name)?;
        Ok(Some(path))
    }

    fn check_top(&mut self, name: &Name, top: &str) -> Result<()> {
        let is_bundle =
            top.len() > 4 && top.get(top.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".app"));
        if !is_bundle {
            return Err(refused(name.as_str(), "it is not in a directory *.app"));
        }
        match &self.top {
            Some(known) if known != top => {
                Err(refused(name.as_str(), format!("it is not in {known}, like the rest")))
            }
            Some(_) => Ok(()),
            None => {
                self.top = Some(top.to_owned());
                Ok(())
            }
        }
    }

    fn add_directory(
        &mut self,
        path: &str,
        key: &str,
        mode: Option<u32>,
        name: &Name,
        make: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let Some(known) = self.entries.get_mut(key) else {
            self.insert(path, key.to_owned(), Node::Directory(mode), name)?;
            return make(path);
        };
        let Node::Directory(known_mode) = &mut known.node else {
            return Err(refused(name.as_str(), format!("{} is no directory", known.path)));
        };
        if known.path != path {
            return Err(refused(name.as_str(), format!("{} is the same on many disks", known.path)));
        }
        match (&known_mode, mode) {
            (_, None) => Ok(()),
            (None, mode) => {
                *known_mode = mode;
                Ok(())
            }
            (known, mode) if **known == mode => Ok(()),
            _ => Err(refused(name.as_str(), "it is there twice, with different modes")),
        }
    }

    fn insert(&mut self, path: &str, key: String, node: Node, name: &Name) -> Result<()> {
        match self.entries.insert(key, Entry { path: path.to_owned(), node }) {
            None => Ok(()),
            Some(known) if known.path == path => Err(refused(name.as_str(), "it is there twice")),
            Some(known) => Err(refused(name.as_str(), format!("{} is the same on many disks", known.path))),
        }
    }

    /// Once everything is known: it is an application, and its links stay in it.
    pub(super) fn check(&self) -> Result<()> {
        let is_file = |node: Option<&Node>| matches!(node, Some(Node::File { .. }));
        if !is_file(self.node("Contents/Info.plist")) {
            return Err(invalid("it has no Contents/Info.plist"));
        }
        let runs = |(path, entry): (&String, &Entry)| {
            let in_directory = path.strip_prefix("contents/macos/").is_some_and(|base| !base.contains('/'));
            in_directory && entry.node == (Node::File { executable: true })
        };
        if !self.entries.iter().any(runs) {
            return Err(invalid("it has no executable in Contents/MacOS"));
        }
        self.links.iter().try_for_each(|(path, target)| {
            self.follow(path, target)
                .map_err(|reason| refused(path, format!("a link to {target:?}: {reason}")))
        })
    }

    /// Walks the way that a link leads as the kernel does, and sees that it stays inside.
    fn follow(&self, path: &str, target: &str) -> Result<(), &'static str> {
        let mut place: Vec<String> = path.split('/').map(str::to_owned).collect();
        place.pop();
        let mut way = VecDeque::new();
        let mut followed = 0;
        enter(&mut way, target)?;
        while let Some(step) = way.pop_front() {
            if step == ".." {
                place.pop().ok_or("it leads out of the bundle")?;
                continue;
            }
            place.push(step);
            if let Some(Node::Link(target)) = self.node(&place.join("/")) {
                followed += 1;
                if followed > LINKS_FOLLOWED_MAX {
                    return Err("it leads through too many links");
                }
                place.pop();
                enter(&mut way, target)?;
            }
        }
        Ok(())
    }

    fn node(&self, path: &str) -> Option<&Node> {
        self.entries.get(&folded(path)).map(|entry| &entry.node)
    }

    pub(super) fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter().map(|(path, target)| (path.as_str(), target.as_str()))
    }

    /// With their modes, children before parents.
    pub(super) fn directories(&self) -> Vec<(&str, u32)> {
        let mut directories: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| match entry.node {
                Node::Directory(mode) => Some((entry.path.as_str(), mode.unwrap_or(IMPLIED_MODE))),
                _ => None,
            })
            .collect();
        directories.sort_unstable_by(|one, other| other.cmp(one));
        directories
    }
}

/// Puts the steps of a link before those that are left.
fn enter(way: &mut VecDeque<String>, target: &str) -> Result<(), &'static str> {
    if target.starts_with('/') {
        return Err("it is absolute");
    }
    for step in target.split('/').rev().filter(|step| !matches!(*step, "" | ".")) {
        way.push_front(step.to_owned());
    }
    Ok(())
}
