//! [`Disk`]: a directory that a bundle is unpacked to.

use std::{fs::File, io, path::Path};

use super::{Content, FileAttributes, Sink, refused};
use crate::{
    Error, Result,
    system::{Owner, Tree},
};

const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

/// A new directory, held open, so that nobody can put another one in its place.
pub(crate) struct Disk<'a> {
    path: &'a Path,
    root: &'a File,
    /// Who is to own everything, if it is not who makes it.
    owner: Option<Owner>,
    system: &'a dyn Tree,
    buffer: Vec<u8>,
}

impl<'a> Disk<'a> {
    /// `root` is the open directory at `path`.
    pub(crate) fn new(path: &'a Path, root: &'a File, owner: Option<Owner>, system: &'a dyn Tree) -> Self {
        Self { path, root, owner, system, buffer: vec![0; BUFFER_BYTES] }
    }

    fn fail(&self, operation: &'static str, path: &str, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::AlreadyExists {
            // The file system has rules of its own for when names are the same.
            return refused(path, "the disk takes it for the same as another entry");
        }
        Error::io(operation, self.path.join(path), error)
    }
}

impl Sink for Disk<'_> {
    fn directory(&mut self, path: &str) -> Result<()> {
        self.system
            .create_dir_in(self.root, Path::new(path))
            .map_err(|error| self.fail("create", path, error))
    }

    fn file(&mut self, path: &str, attributes: FileAttributes, content: &mut Content<'_>) -> Result<()> {
        let file = self
            .system
            .create_file_in(self.root, Path::new(path))
            .map_err(|error| self.fail("create", path, error))?;
        loop {
            let count = content.read(&mut self.buffer)?;
            match self.buffer.get(..count) {
                Some(piece) if !piece.is_empty() => {
                    self.system.write(&file, piece).map_err(|error| self.fail("write", path, error))?;
                }
                _ => break,
            }
        }
        self.system
            .finish_file(&file, attributes.mode, attributes.modified, self.owner)
            .map_err(|error| self.fail("write", path, error))
    }

    fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.system
            .create_link_in(self.root, Path::new(target), Path::new(path), self.owner)
            .map_err(|error| self.fail("create", path, error))
    }

    fn seal(&mut self, path: &str, mode: u32) -> Result<()> {
        self.system
            .finish_dir_in(self.root, Path::new(path), mode, self.owner)
            .map_err(|error| self.fail("write", path, error))
    }
}
