//! [`Scene`]: a machine with two users, and directories that both may write to.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{PLANTER, VICTIM, planter::hash};
use crate::support::{Random, Release, Signer, appimage, skip};

pub(super) const APP_ID: &str = "com.example.planted";
/// In the directory that everybody may write to.
const APPLICATION: &str = "App.AppImage";

/// How the shared directories are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    /// Who has no part in a file there may not rename it, as in `/tmp`.
    Sticky,
    /// The same; the application lies on another file system than the data.
    StickyAcross,
    /// Anybody may rename what is beside the application.
    OpenApplications,
    /// The same, on another file system.
    OpenAcross,
    /// Anybody may rename the data directory.
    OpenData,
    /// A group may, which the planter is in.
    GroupData,
    /// A group may, which nobody but the victim is in.
    PrivateGroupData,
    /// Anybody may write to what is in the data directory, until it is used.
    LaxData,
}

pub(super) const LAYOUTS: [Layout; 9] = [
    Layout::Sticky,
    Layout::StickyAcross,
    Layout::OpenApplications,
    Layout::OpenAcross,
    Layout::OpenData,
    Layout::GroupData,
    Layout::PrivateGroupData,
    // Twice as often: it has the most names.
    Layout::LaxData,
    Layout::LaxData,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Updated,
    Refused,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    Always(Outcome),
    /// It depends on what is planted, and when.
    AtTimes(Outcome),
}

impl Layout {
    pub(super) const fn expected(self) -> Expected {
        match self {
            // The planter may have been the first to make the data directory, or to put something beside the application.
            Self::Sticky | Self::StickyAcross => Expected::AtTimes(Outcome::Updated),
            // What is renamed meanwhile is noticed, unless it comes too late.
            Self::OpenApplications | Self::OpenAcross => Expected::AtTimes(Outcome::Refused),
            Self::OpenData | Self::GroupData => Expected::Always(Outcome::Refused),
            // The planter has no way in, or none any more.
            Self::PrivateGroupData | Self::LaxData => Expected::Always(Outcome::Updated),
        }
    }

    pub(super) fn draw(random: &mut Random) -> Self {
        *random.pick(&LAYOUTS)
    }

    const fn is_across(self) -> bool {
        matches!(self, Self::StickyAcross | Self::OpenAcross)
    }

    const fn applications_mode(self) -> u32 {
        match self {
            Self::OpenApplications | Self::OpenAcross => 0o777,
            _ => 0o1777,
        }
    }

    /// Owner, group and mode of what the data directory lies in.
    const fn shared(self) -> (u32, u32, u32) {
        match self {
            Self::OpenData => (0, 0, 0o777),
            Self::GroupData => (VICTIM, PLANTER, 0o775),
            Self::PrivateGroupData => (VICTIM, VICTIM, 0o775),
            _ => (0, 0, 0o1777),
        }
    }
}

/// Where things lie.
pub(super) struct Places {
    /// The victim's own: what nothing may be written to.
    pub(super) home: PathBuf,
    /// The planter's own, with a directory that anybody may write to.
    pub(super) lair: PathBuf,
    /// The parent of the data directory.
    pub(super) shared: PathBuf,
    pub(super) data: PathBuf,
    /// Where in it what is the application's lies.
    pub(super) own_data: PathBuf,
    pub(super) applications: PathBuf,
    pub(super) application: PathBuf,
    /// `TMPDIR`.
    pub(super) temporary: PathBuf,
}

impl Places {
    pub(super) fn new(base: &Path, applications: &Path) -> Self {
        let shared = base.join("shared");
        let data = shared.join("data");
        Self {
            home: base.join("home"),
            lair: base.join("lair"),
            own_data: data.join(hash(format!("app:{APP_ID}").as_bytes(), 32)),
            data,
            shared,
            application: applications.join(APPLICATION),
            applications: applications.to_owned(),
            temporary: base.join("tmp"),
        }
    }
}

/// Version 2.0.0: small, so that there is time for many updates.
pub(super) fn release() -> Release {
    let artifact = new();
    let signature = Signer::author().sign(&artifact, "version:2.0.0");
    Release { artifact, signature, ..Release::new() }
}

fn old() -> Vec<u8> {
    appimage(3000, 1)
}

fn new() -> Vec<u8> {
    appimage(3000, 2)
}

pub(super) struct Scene {
    base: TempDir,
    elsewhere: TempDir,
    /// The victim's home, which is to stay as it is.
    home: BTreeMap<PathBuf, String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        // In memory where that is possible: flushing takes most of the time.
        let base = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let elsewhere = TempDir::new().unwrap();
        let [here, there] = [&base, &elsewhere].map(|directory| fs::metadata(directory).unwrap().dev());
        if here == there {
            skip("a second file system, at /dev/shm");
        }
        for directory in [base.path(), elsewhere.path()] {
            set_mode(directory, 0o755);
        }
        let home = base.path().join("home");
        for (path, mode) in [("precious/file", 0o644), ("precious/open", 0o666), ("program", 0o755)] {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "precious").unwrap();
            give(&path, VICTIM, mode);
        }
        give(&home.join("precious"), VICTIM, 0o755);
        give(&home, VICTIM, 0o755);
        let home = contents(&home);
        Self { base, elsewhere, home }
    }

    pub(super) fn base(&self) -> &Path {
        self.base.path()
    }

    /// The directory of the application.
    pub(super) fn applications(&self, layout: Layout) -> PathBuf {
        let directory = if layout.is_across() { &self.elsewhere } else { &self.base };
        fs::canonicalize(directory.path()).unwrap().join("apps")
    }

    fn places(&self, layout: Layout) -> Places {
        Places::new(self.base(), &self.applications(layout))
    }

    /// As before the first round.
    pub(super) fn reset(&self, layout: Layout) {
        let Places { lair, shared, data, own_data, applications, application, temporary, .. } =
            self.places(layout);
        for (path, owner, mode) in [
            (&lair, PLANTER, 0o755),
            (&lair.join("open"), PLANTER, 0o777),
            (&shared, 0, 0o755),
            (&applications, 0, layout.applications_mode()),
            (&temporary, 0, 0o1777),
        ] {
            let _ = fs::remove_dir_all(path);
            fs::create_dir(path).unwrap();
            give(path, owner, mode);
        }
        let (owner, group, mode) = layout.shared();
        chown(&shared, Some(owner), Some(group)).unwrap();
        set_mode(&shared, mode);
        if layout == Layout::LaxData {
            let directories = [(&data, 0o755), (&own_data, 0o777), (&own_data.join("download"), 0o777)];
            for (path, mode) in directories {
                fs::create_dir(path).unwrap();
                give(path, VICTIM, mode);
            }
        }
        fs::write(&application, old()).unwrap();
        give(&application, VICTIM, 0o755);
    }

    /// What is not as it should be.
    pub(super) fn check(&self, layout: Layout, outcome: Outcome) -> Option<String> {
        let places = self.places(layout);
        let home = contents(&places.home);
        let changed = |path: &&PathBuf| home.get(*path) != self.home.get(*path);
        if let Some(path) = home.keys().chain(self.home.keys()).find(changed) {
            return Some(format!("{} was changed", path.display()));
        }
        // What was put there is in the hands of another user.
        for foreign in [&places.lair.join("open"), &places.shared, &places.temporary] {
            if let Some(path) = handed_over(foreign) {
                return Some(format!("{} was handed over", path.display()));
            }
        }
        check_application(&places, layout, outcome == Outcome::Updated)
    }
}

fn check_application(places: &Places, layout: Layout, updated: bool) -> Option<String> {
    let is_sticky = layout.applications_mode() & 0o1000 != 0;
    let metadata = match fs::symlink_metadata(&places.application) {
        Ok(metadata) if metadata.is_file() && metadata.uid() == VICTIM && metadata.nlink() == 1 => metadata,
        // Who may rename the application may take it away.
        _ => return is_sticky.then(|| "the application is gone".to_owned()),
    };
    let content = fs::read(&places.application).unwrap();
    if content != new() && (content != old() || updated && is_sticky) {
        return Some(format!("the application has {} bytes of something else", content.len()));
    }
    if is_sticky && metadata.mode() & 0o7777 != 0o755 {
        return Some(format!("the application has the mode {:o}", metadata.mode()));
    }
    let left = contents(&places.applications);
    let left = left.iter().find(|(path, text)| is_sticky && is_left_over(path, text));
    left.map(|(path, _)| format!("{} was left behind", path.display()))
}

fn is_left_over(path: &Path, text: &str) -> bool {
    // The planter may have linked to a file that it may write to.
    !path.ends_with(APPLICATION) && text.starts_with(&format!("{VICTIM} ")) && !text.ends_with("precious")
}

/// Something of the victim's below what is the planter's.
fn handed_over(directory: &Path) -> Option<PathBuf> {
    let owner = fs::symlink_metadata(directory).ok()?.uid();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        // Hard links are the planter's work.
        if owner == PLANTER && metadata.uid() == VICTIM && (metadata.is_dir() || metadata.nlink() == 1) {
            return Some(path);
        }
        if metadata.is_dir()
            && let Some(found) = handed_over(&path)
        {
            return Some(found);
        }
    }
    None
}

/// Owner, mode, time and content of everything below.
fn contents(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(contents(&path));
        }
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let (owner, mode, modified) = (metadata.uid(), metadata.mode(), metadata.mtime_nsec());
        found.insert(path, format!("{owner} {mode:o} {modified} {}", content.escape_ascii()));
    }
    found
}

fn give(path: &Path, owner: u32, mode: u32) {
    chown(path, Some(owner), Some(owner)).unwrap();
    set_mode(path, mode);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
