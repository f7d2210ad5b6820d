//! [`Builder`]: archives of what is asked for, allowed or not.

use tar::{EntryType, Header};

/// Writes archives entry by entry, also such as no program would.
#[derive(Debug, Clone, Default)]
pub(crate) struct Builder {
    tar: Vec<u8>,
}

impl Builder {
    /// Names of more than 100 bytes are written as GNU tar does.
    pub(crate) fn entry(
        self,
        path: &[u8],
        kind: EntryType,
        mode: u32,
        target: &[u8],
        content: &[u8],
    ) -> Self {
        let mut this = self;
        for (kind, long) in [(EntryType::GNULongName, path), (EntryType::GNULongLink, target)] {
            if long.len() > 100 {
                this = this
                    .raw(&header(b"././@LongLink", kind, 0, b"", long.len() + 1), &[long, b"\0"].concat());
            }
        }
        this.raw(&header(path, kind, mode, target, content.len()), content)
    }

    /// An extended header for the next entry, or a global one.
    pub(crate) fn pax(self, kind: EntryType, records: &[(&str, &[u8])]) -> Self {
        let bytes: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value)).collect();
        self.raw(&header(b"pax", kind, 0o644, b"", bytes.len()), &bytes)
    }

    pub(crate) fn raw(mut self, header: &Header, content: &[u8]) -> Self {
        self.tar.extend(header.as_bytes());
        self.tar.extend(content);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        [self.tar.as_slice(), &[0; 1024]].concat()
    }
}

pub(crate) fn header(path: &[u8], kind: EntryType, mode: u32, target: &[u8], size: usize) -> Header {
    let mut header = Header::new_gnu();
    let fields = header.as_old_mut();
    for (field, value) in [(&mut fields.name, path), (&mut fields.linkname, target)] {
        field.iter_mut().zip(value).for_each(|(byte, value)| *byte = *value);
    }
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(1_700_000_000);
    header.set_cksum();
    header
}

pub(crate) fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}
