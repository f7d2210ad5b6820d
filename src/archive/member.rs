//! [`Members`]: the entries of a tar archive, each with the extensions that precede it.

use std::{
    io::Read,
    time::{Duration, SystemTime},
};

use tar::{Archive, Entries, Entry, EntryType, Header};

use super::{
    Content, FileAttributes, Limits, invalid,
    name::{Name, parse_text},
    pax::{Pax, decimal},
    refused, unreadable,
};
use crate::{Result, error::clip};

const BLOCK_BYTES: u64 = 512;
/// Extended attributes are among the records.
const EXTENSION_MAX_BYTES: u64 = 1 << 20; // 1 MiB
const SPECIAL_BITS: u32 = 0o7000;
const SET_ID_BITS: u32 = 0o6000;
const PERMISSIONS: u32 = 0o777;

/// A file, directory or link in the archive.
pub(super) struct Member<'a> {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) content: Content<'a>,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Directory { mode: u32 },
    File(FileAttributes),
    Link { target: String },
}

/// Reads one member after the other.
pub(super) struct Members<'a, 'r> {
    entries: Entries<'a, &'r mut dyn Read>,
    current: Option<Entry<'a, &'r mut dyn Read>>,
    extensions: Extensions,
    left: Limits,
}

/// What precedes a member and describes it.
#[derive(Default)]
struct Extensions {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<'a, 'r> Members<'a, 'r> {
    pub(super) fn new(archive: &'a mut Archive<&'r mut dyn Read>, limits: Limits) -> Result<Self> {
        // Raw: extensions come as entries of their own, so that what contradicts them can be seen.
        let entries = archive.entries().map_err(unreadable)?.raw(true);
        Ok(Self { entries, current: None, extensions: Extensions::default(), left: limits })
    }

    pub(super) fn next(&mut self) -> Result<Option<Member<'_>>> {
        while let Some(mut entry) = self.next_entry()? {
            if self.extensions.take(&mut entry)? {
                continue;
            }
            let extensions = std::mem::take(&mut self.extensions);
            if let Some((name, kind)) = describe(&entry, &extensions)? {
                let size = entry.size();
                let entry = self.current.insert(entry);
                return Ok(Some(Member { name, kind, content: Content::new(entry, size) }));
            }
        }
        if self.extensions.is_empty() {
            Ok(None)
        } else {
            Err(invalid("it ends with a description of nothing"))
        }
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'a, &'r mut dyn Read>>> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        let entry = entry.map_err(unreadable)?;
        check_header(entry.header()).map_err(|reason| refused_entry(&entry, reason))?;
        let text = || String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(entries) = self.left.entries.checked_sub(1) else {
            return Err(refused(&text(), "the archive has too many entries"));
        };
        // Everything that is read belongs to an entry, so this is as much as a bomb can unpack to.
        let needed = entry.size().div_ceil(BLOCK_BYTES).saturating_add(1).saturating_mul(BLOCK_BYTES);
        let Some(bytes) = self.left.bytes.checked_sub(needed) else {
            return Err(refused(&text(), "the archive unpacks to far more than its size"));
        };
        self.left = Limits { entries, bytes };
        Ok(Some(entry))
    }
}

/// Programs differ in what they make of other headers, and so in what is content and what the next entry.
fn check_header(header: &Header) -> Result<(), &'static str> {
    let sparse = |header: &tar::GnuHeader| {
        header.sparse.iter().any(|part| part.offset != [0; 12] || part.numbytes != [0; 12])
    };
    match (header.as_ustar(), header.as_gnu()) {
        (None, None) => return Err("it is neither of the format ustar nor GNU tar's"),
        (_, Some(gnu)) if sparse(gnu) => return Err("it is a sparse file"),
        _ => {}
    }
    if octal(&header.as_old().size).is_none() { Err("its size is no octal number") } else { Ok(()) }
}

/// Digits, then zeros or spaces. Some programs take signs and other white space, or numbers in base 256, of which not
/// all read every byte.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    let ends = rest.iter().all(|byte| matches!(byte, 0 | b' '));
    u64::from_str_radix(str::from_utf8(digits).ok()?, 8).ok().filter(|_| ends)
}

impl Extensions {
    const fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }

    /// Takes an entry that describes the next one, or all that follow. `false`: it is none.
    fn take(&mut self, entry: &mut Entry<'_, &mut dyn Read>) -> Result<bool> {
        let twice = match entry.header().entry_type() {
            EntryType::XHeader => self.pax.replace(parse_pax(entry)?).is_some(),
            EntryType::GNULongName => self.long_name.replace(read_long(entry)?).is_some(),
            EntryType::GNULongLink => self.long_link.replace(read_long(entry)?).is_some(),
            EntryType::XGlobalHeader => !parse_pax(entry)?.is_harmless(),
            _ => return Ok(false),
        };
        if twice {
            return Err(refused_entry(
                entry,
                "names or sizes are given for more than one file, or twice for one",
            ));
        }
        Ok(true)
    }
}

fn parse_pax(entry: &mut Entry<'_, &mut dyn Read>) -> Result<Pax> {
    let bytes = read_extension(entry)?;
    Pax::parse(&bytes).map_err(|reason| refused_entry(entry, reason))
}

/// GNU tar ends long names with a zero byte.
fn read_long(entry: &mut Entry<'_, &mut dyn Read>) -> Result<Vec<u8>> {
    let mut bytes = read_extension(entry)?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

fn read_extension(entry: &mut Entry<'_, &mut dyn Read>) -> Result<Vec<u8>> {
    let size = entry.size();
    if size > EXTENSION_MAX_BYTES {
        return Err(refused_entry(entry, "its description is too long"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(invalid("it ends in the middle of a description"))
    }
}

/// `None`: the directory that everything lies in.
fn describe(entry: &Entry<'_, &mut dyn Read>, extensions: &Extensions) -> Result<Option<(Name, Kind)>> {
    let header = entry.header();
    let pax = extensions.pax.as_ref();
    let path = one_of(pax.and_then(|pax| pax.path.as_deref()), extensions.long_name.as_deref());
    let path = path.map_err(|reason| refused_entry(entry, reason))?;
    let path = path.map_or_else(|| header.path_bytes().into_owned(), <[u8]>::to_owned);
    let text = String::from_utf8_lossy(&path);
    let refuse = |reason: &str| refused(&text, reason);
    let mode = octal(&header.as_old().mode).and_then(|mode| u32::try_from(mode).ok());
    let mode = mode.ok_or_else(|| refuse("its mode is no octal number"))?;
    check_size(entry.size(), pax, header.entry_type()).map_err(refuse)?;
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory { mode: mode & PERMISSIONS },
        EntryType::Regular if mode & SET_ID_BITS != 0 => {
            return Err(refuse("it is set-user-id or set-group-id"));
        }
        EntryType::Regular => {
            let modified = modified(pax, octal(&header.as_old().mtime)).map_err(refuse)?;
            Kind::File(FileAttributes { mode: mode & !SPECIAL_BITS & PERMISSIONS, modified })
        }
        EntryType::Symlink => {
            let long = one_of(pax.and_then(|pax| pax.link.as_deref()), extensions.long_link.as_deref());
            let short = header.link_name_bytes().unwrap_or_default();
            let target = parse_text(long.map_err(refuse)?.unwrap_or(&short)).map_err(refuse)?;
            Kind::Link { target: target.to_owned() }
        }
        other => return Err(refuse(&format!("it is {}", kind_text(other)))),
    };
    match Name::parse(&path).map_err(refuse)? {
        Some(name) if name.ends_with_slash && !matches!(kind, Kind::Directory { .. }) => {
            Err(refuse("its name is a directory's, and it is none"))
        }
        None if !matches!(kind, Kind::Directory { .. }) => {
            Err(refuse("its name is a directory's, and it is none"))
        }
        name => Ok(name.map(|name| (name, kind))),
    }
}

fn one_of<'a>(pax: Option<&'a [u8]>, gnu: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, &'static str> {
    match (pax, gnu) {
        (Some(_), Some(_)) => Err("it has two long names"),
        (pax, gnu) => Ok(pax.or(gnu)),
    }
}

/// Programs differ in which of two sizes they believe, and in whether bytes follow a link: what is a file's content to
/// one is the next entry to the other.
fn check_size(size: u64, pax: Option<&Pax>, entry_type: EntryType) -> Result<(), &'static str> {
    if pax.and_then(|pax| pax.size.as_deref()).is_some_and(|text| decimal(text) != Some(size)) {
        return Err("its size in the pax record is not the one in the header");
    }
    if size > 0 && !entry_type.is_file() { Err("it has content, and is no file") } else { Ok(()) }
}

/// Seconds since 1970, in a `pax` record with a fraction.
fn modified(pax: Option<&Pax>, header: Option<u64>) -> Result<SystemTime, &'static str> {
    const MALFORMED: &str = "its time of modification is malformed";
    let since = match pax.and_then(|pax| pax.modified.as_deref()) {
        None => header.map(Duration::from_secs),
        Some(text) => parse_seconds(text),
    };
    let since = since.ok_or(MALFORMED)?;
    // What the operating system takes: signed seconds.
    let fits = i64::try_from(since.as_secs()).is_ok();
    SystemTime::UNIX_EPOCH.checked_add(since).filter(|_| fits).ok_or(MALFORMED)
}

fn parse_seconds(text: &[u8]) -> Option<Duration> {
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (seconds, fraction) = text.split_at(point);
    let mut nanos: Vec<u8> = fraction.iter().skip(1).copied().take(9).collect();
    nanos.resize(9, b'0');
    Some(Duration::new(decimal(seconds)?, u32::try_from(decimal(&nanos)?).ok()?))
}

fn kind_text(entry_type: EntryType) -> String {
    match entry_type {
        EntryType::Link => "a hard link".to_owned(),
        EntryType::Char | EntryType::Block => "a device".to_owned(),
        EntryType::Fifo => "a named pipe".to_owned(),
        EntryType::GNUSparse => "a sparse file".to_owned(),
        other => format!("of the unknown type {:?}", clip(&char::from(other.as_byte()).to_string())),
    }
}

fn refused_entry(entry: &Entry<'_, &mut dyn Read>, reason: &str) -> crate::Error {
    refused(&String::from_utf8_lossy(&entry.path_bytes()), reason)
}
