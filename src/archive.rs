//! A `tar.gz` with one application bundle in it, unpacked under rules: whatever the archive says, nothing is written
//! outside of the place that is meant for it, and what is written means the same on every file system.
//!
//! # Rules
//! - One gzip member (RFC 1952), nothing behind it; one tar archive (POSIX.1-2001, `ustar` and `pax`; GNU long names)
//!   whose rest is zeros.
//! - One top directory, `*.app`. Every other entry lies below it and below directories only, and no two of them are the
//!   same to a file system that ignores case, Unicode normalisation or characters that cannot be seen.
//! - Files, directories and symbolic links. Links are relative, lead nowhere outside the bundle at any step, also
//!   through other links, and are made last, when nothing is written any more that could pass through one.
//! - Where a `pax` record, a header or a number in it could be read in two ways, it is not read: archives that look
//!   different to two programs are how a checked archive becomes another one. Whom this is not enough for gets what
//!   was checked in another archive ([`Repack`]).
//! - Modes are kept. Set-user-id and set-group-id files are refused; on directories these bits and the sticky one say
//!   nothing that a bundle needs, and are dropped.
//! - AppleDouble files (`._name`, RFC 1740), which macOS' own `tar` adds for extended attributes, are left out: they
//!   may carry the quarantine mark of the machine that built the release.
//!
//! # Limits
//! [`Limits::for_archive`]. Memory grows with the number of entries, not with their size.

#[cfg(any(test, fuzzing))]
pub(crate) mod builder;
mod disk;
mod layout;
mod member;
mod name;
mod pax;
mod repack;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

pub(crate) use disk::Disk;
pub(crate) use repack::Repack;

use crate::{Error, Result, error::clip};
use layout::Layout;
use member::{Kind, Member, Members};

/// Archives are padded with zeros to a whole record: mostly 10 KiB.
const PADDING_MAX: u64 = 1 << 20; // 1 MiB

/// Where a bundle is unpacked to. Paths are relative to it, without `.` and `..`; parents come before children.
pub(crate) trait Sink {
    /// Makes a directory that can be written to.
    fn directory(&mut self, path: &str) -> Result<()>;
    /// Makes a file of the bytes that `content` has.
    fn file(&mut self, path: &str, attributes: FileAttributes, content: &mut Content<'_>) -> Result<()>;
    /// Makes a symbolic link; called after all files and directories are there.
    fn link(&mut self, path: &str, target: &str) -> Result<()>;
    /// Gives a directory its mode; called last, children before parents.
    fn seal(&mut self, path: &str, mode: u32) -> Result<()>;
}

/// What a file has besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileAttributes {
    /// Permission bits, at most `0o777`.
    pub(crate) mode: u32,
    pub(crate) modified: std::time::SystemTime,
}

/// Bounds on what an archive can make the disk and the memory hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Entries, those included that only describe the next one.
    pub(crate) entries: usize,
    /// Bytes that are unpacked, headers included.
    pub(crate) bytes: u64,
}

impl Limits {
    /// For an archive of this size. Electron applications have some thousands of entries, and are packed to between a
    /// half and a quarter: more than 64 times is an archive made to fill the disk. 64 MiB more, so that tiny ones,
    /// whose headers pack very well, are not taken for such.
    pub(crate) const fn for_archive(bytes: u64) -> Self {
        Self { entries: 200_000, bytes: bytes.saturating_mul(64).saturating_add(64 << 20) }
    }
}

/// Unpacks the bundle in `archive` into `sink`. What was made so far when it fails is the sink's to remove.
///
/// # Errors
/// [`Error::UnsafeArchive`], [`Error::InvalidArtifact`]; those of the sink.
pub(crate) fn unpack(archive: &mut dyn BufRead, limits: Limits, sink: &mut dyn Sink) -> Result<()> {
    let mut unzipped = GzDecoder::new(archive);
    let layout = unpack_members(&mut unzipped, limits, sink)?;
    check_end(unzipped)?;
    layout.check()?;
    for (path, target) in layout.links() {
        sink.link(path, target)?;
    }
    layout.directories().into_iter().try_for_each(|(path, mode)| sink.seal(path, mode))
}

fn unpack_members(unzipped: &mut dyn Read, limits: Limits, sink: &mut dyn Sink) -> Result<Layout> {
    let mut layout = Layout::default();
    let mut archive = tar::Archive::new(unzipped);
    let mut members = Members::new(&mut archive, limits)?;
    while let Some(Member { name, kind, mut content }) = members.next()? {
        if name.is_apple_double() && content.starts_with(APPLE_DOUBLE)? {
            continue;
        }
        let Some(path) = layout.add(&name, &kind, &mut |implied| sink.directory(implied))? else { continue };
        if let Kind::File(attributes) = kind {
            sink.file(path, attributes, &mut content)?;
        }
    }
    Ok(layout)
}

/// RFC 1740, section 5.
const APPLE_DOUBLE: [u8; 4] = [0, 5, 0x16, 7];

/// What follows the archive would be read by another program, and not by this one.
fn check_end(mut unzipped: GzDecoder<&mut dyn BufRead>) -> Result<()> {
    let mut padding = Vec::new();
    // The decoder checks the sum at the end of the member.
    (&mut unzipped).take(PADDING_MAX + 1).read_to_end(&mut padding).map_err(unreadable)?;
    if padding.len() as u64 > PADDING_MAX || padding.iter().any(|byte| *byte != 0) {
        return Err(invalid("there is something behind the end of the archive"));
    }
    if !unzipped.into_inner().fill_buf().map_err(unreadable)?.is_empty() {
        return Err(invalid("there is something behind the end of the gzip stream"));
    }
    Ok(())
}

/// The bytes of one file in the archive; as many as its header says.
pub(crate) struct Content<'a> {
    reader: &'a mut dyn Read,
    start: io::Cursor<Vec<u8>>,
    remaining: u64,
}

impl<'a> Content<'a> {
    fn new(reader: &'a mut dyn Read, size: u64) -> Self {
        Self { reader, start: io::Cursor::default(), remaining: size }
    }

    /// Fills a part of the buffer; 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let remembered = self.start.read(buffer).map_err(unreadable)?;
            if remembered > 0 {
                return Ok(remembered);
            }
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
                Ok(0) if self.remaining > 0 => return Err(invalid("it ends in the middle of a file")),
                Ok(count) => {
                    self.remaining = self.remaining.saturating_sub(count as u64);
                    return Ok(count);
                }
            }
        }
    }

    /// Bytes that were not given out yet.
    fn left(&self) -> u64 {
        let given = self.start.position();
        self.remaining + (self.start.get_ref().len() as u64).saturating_sub(given)
    }

    fn starts_with<const N: usize>(&mut self, magic: [u8; N]) -> Result<bool> {
        let mut start = Vec::with_capacity(N);
        while start.len() < N {
            let mut piece = [0; N];
            let wanted = piece.get_mut(start.len()..).unwrap_or_default();
            let count = self.read(wanted)?;
            if count == 0 {
                break;
            }
            start.extend(wanted.iter().take(count));
        }
        let found = start == magic;
        self.start = io::Cursor::new(start);
        Ok(found)
    }
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidArtifact { format: "app", reason: reason.into() }
}

fn refused(entry: &str, reason: impl Into<String>) -> Error {
    Error::UnsafeArchive { entry: clip(entry), reason: reason.into() }
}

/// A disk that fails is not the archive's fault.
fn unreadable(error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::io("read", "the archive", error),
        None => invalid(clip(&error.to_string())),
    }
}
