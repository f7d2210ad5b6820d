//! [`Repack`]: a sink that packs what was checked once more, for another program to unpack.
//!
//! Programs differ in how they read archives, in more ways than anybody has counted: what one takes for the content of
//! a file is the next entry to another. What is written here has one form, whatever form it came in: headers of the
//! format `ustar` (POSIX.1-1988), octal numbers, GNU tar's long names, which are plain bytes in every locale, and no
//! records, attributes, owners or special bits at all.

use std::{
    io::Write,
    path::Path,
    time::{Duration, SystemTime},
};

use tar::{EntryType, Header};

use super::{Content, FileAttributes, Sink};
use crate::{Error, Result};

const BLOCK_BYTES: u64 = 512;
const BLOCK: [u8; 512] = [0; 512];
const BUFFER_BYTES: usize = 256 << 10; // 256 KiB
/// Of a name or a link's target in a header; there is no zero at its end then.
const SHORT_MAX_BYTES: usize = 100;
/// The name that GNU tar gives to an entry that holds a long one.
const LONG: &str = "././@LongLink";
/// As many seconds as eleven octal digits hold: until the year 2242.
const MODIFIED_MAX: u64 = 0o777_7777_7777;

/// Writes an archive with everything in one directory.
pub(crate) struct Repack<'a> {
    archive: &'a mut dyn Write,
    /// For messages.
    path: &'a Path,
    top: &'a str,
    buffer: Vec<u8>,
}

/// What goes into a header.
struct Entry<'a> {
    kind: EntryType,
    name: &'a str,
    target: &'a str,
    mode: u32,
    modified: u64,
    size: u64,
}

impl<'a> Repack<'a> {
    /// `top` is the directory, and the archive's first bytes: programs look there for what kind of file it is, so they
    /// must not be the author's.
    pub(crate) fn new(archive: &'a mut dyn Write, path: &'a Path, top: &'a str) -> Self {
        Self { archive, path, top, buffer: vec![0; BUFFER_BYTES] }
    }

    /// Marks the archive's end.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.write(&[BLOCK, BLOCK].concat())?;
        self.archive.flush().map_err(|error| Error::io("write", self.path, error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.archive.write_all(bytes).map_err(|error| Error::io("write", self.path, error))
    }

    /// Fills the last block of so many bytes.
    fn pad(&mut self, size: u64) -> Result<()> {
        let missing = usize::try_from(size.next_multiple_of(BLOCK_BYTES) - size).unwrap_or_default();
        self.write(BLOCK.get(..missing).unwrap_or_default())
    }

    fn begin(&mut self, entry: &Entry<'_>) -> Result<()> {
        let name = format!("{}/{}", self.top, entry.name);
        self.long(EntryType::GNULongName, &name)?;
        self.long(EntryType::GNULongLink, entry.target)?;
        self.write(header(&Entry { name: &name, ..*entry }).as_bytes())
    }

    fn long(&mut self, kind: EntryType, text: &str) -> Result<()> {
        if text.len() <= SHORT_MAX_BYTES {
            return Ok(());
        }
        let size = text.len() as u64 + 1;
        self.write(header(&Entry { kind, name: LONG, target: "", mode: 0, modified: 0, size }).as_bytes())?;
        self.write(text.as_bytes())?;
        self.write(&[0])?;
        self.pad(size)
    }
}

fn header(entry: &Entry<'_>) -> Header {
    let mut header = Header::new_ustar();
    let fields = header.as_old_mut();
    for (field, text) in [(&mut fields.name, entry.name), (&mut fields.linkname, entry.target)] {
        field.iter_mut().zip(text.bytes()).for_each(|(byte, value)| *byte = value);
    }
    header.set_entry_type(entry.kind);
    header.set_mode(entry.mode);
    header.set_mtime(entry.modified);
    header.set_size(entry.size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header
}

impl Sink for Repack<'_> {
    /// Its mode is known only when everything was read: until then, whoever unpacks this makes it by themselves.
    fn directory(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn file(&mut self, path: &str, attributes: FileAttributes, content: &mut Content<'_>) -> Result<()> {
        let FileAttributes { mode, modified } = attributes;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let modified = since.as_secs().min(MODIFIED_MAX);
        let size = content.left();
        self.begin(&Entry { kind: EntryType::Regular, name: path, target: "", mode, modified, size })?;
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let count = content.read(&mut buffer)?;
            match buffer.get(..count) {
                Some(piece) if !piece.is_empty() => self.write(piece)?,
                _ => break,
            }
        }
        self.buffer = buffer;
        self.pad(size)
    }

    fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let entry = Entry { kind: EntryType::Symlink, name: path, target, mode: 0o777, modified: 0, size: 0 };
        self.begin(&entry)
    }

    fn seal(&mut self, path: &str, mode: u32) -> Result<()> {
        let name = &format!("{path}/");
        self.begin(&Entry { kind: EntryType::Directory, name, target: "", mode, modified: 0, size: 0 })
    }
}
