//! [`VerifiedArtifact`]: a file whose bytes went through the verifier, and the only thing that can be installed.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use minisign_verify::StreamVerifier;
use ring::digest;

use super::{Announced, PublicKey, Signature, SignedMetadata};
use crate::{Error, Result, hex::hex, system::sync_file};

const BUFFER_BYTES: usize = 256 << 10; // 256 KiB

/// What an artifact must satisfy: who may have signed it, with which signature, as what.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) signature: Signature,
    pub(crate) announced: Announced,
}

impl Trust {
    /// Checks bytes in memory.
    pub(crate) fn verify_bytes(&self, bytes: &[u8]) -> Result<SignedMetadata> {
        let mut hasher = Hasher::new(&self.signature, &self.keys);
        hasher.update(bytes);
        self.accept(hasher)
    }

    fn accept(&self, hasher: Hasher<'_>) -> Result<SignedMetadata> {
        let metadata = hasher.finish()?;
        metadata.check(&self.announced)?;
        Ok(metadata)
    }
}

pub(super) fn verify_reader(
    reader: &mut dyn Read,
    signature: &Signature,
    keys: &[PublicKey],
) -> Result<SignedMetadata> {
    let mut hasher = Hasher::new(signature, keys);
    feed(reader, |chunk| hasher.update(chunk))
        .map_err(|source| Error::io("read", "the signed data", source))?;
    hasher.finish()
}

/// Hashes a stream once for each key that has the signature's key id: almost always one.
struct Hasher<'a> {
    candidates: Vec<StreamVerifier<'a>>,
    signature: &'a Signature,
}

impl<'a> Hasher<'a> {
    fn new(signature: &'a Signature, keys: &'a [PublicKey]) -> Self {
        let candidates =
            keys.iter().filter_map(|key| key.inner().verify_stream(&signature.parsed).ok()).collect();
        Self { candidates, signature }
    }

    fn update(&mut self, chunk: &[u8]) {
        for candidate in &mut self.candidates {
            candidate.update(chunk);
        }
    }

    /// The metadata is read last, because until here anybody could have written it.
    fn finish(mut self) -> Result<SignedMetadata> {
        if self.candidates.is_empty() {
            return Err(Error::SignatureMismatch {
                reason: "it was made with a key that is not among the public keys".to_owned(),
            });
        }
        if !self.candidates.iter_mut().any(|candidate| candidate.finalize().is_ok()) {
            return Err(Error::SignatureMismatch {
                reason: "the bytes or the trusted comment are not what was signed".to_owned(),
            });
        }
        SignedMetadata::parse(self.signature.parsed.trusted_comment())
    }
}

/// A file that is hashed while it is written, so that verifying costs no second read.
pub(crate) struct VerifyingFile<'a> {
    file: File,
    path: PathBuf,
    trust: &'a Arc<Trust>,
    hasher: Hasher<'a>,
    len: u64,
}

impl<'a> VerifyingFile<'a> {
    /// Takes an open file and hashes what it already holds, from byte 0: what an earlier run left is not trusted.
    pub(crate) fn open(file: File, path: PathBuf, trust: &'a Arc<Trust>) -> Result<Self> {
        let hasher = Hasher::new(&trust.signature, &trust.keys);
        let mut this = Self { file, path, trust, hasher, len: 0 };
        this.file.rewind().map_err(|source| Error::io("read", &this.path, source))?;
        let (hasher, len) = (&mut this.hasher, &mut this.len);
        feed(&mut this.file, |chunk| {
            hasher.update(chunk);
            *len += chunk.len() as u64;
        })
        .map_err(|source| Error::io("read", &this.path, source))?;
        Ok(this)
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<()> {
        self.file.write_all(chunk).map_err(|source| Error::io("write", &self.path, source))?;
        self.hasher.update(chunk);
        self.len += chunk.len() as u64;
        Ok(())
    }

    /// Forgets everything written so far.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|source| Error::io("truncate", &self.path, source))?;
        self.hasher = Hasher::new(&self.trust.signature, &self.trust.keys);
        self.len = 0;
        Ok(())
    }

    /// Waits until the bytes are on disk. What replaces the application is flushed once more, which is quick then, also
    /// while a process exits.
    pub(crate) fn sync(&self) -> Result<()> {
        sync_file(&self.file).map_err(|source| Error::io("flush", &self.path, source))
    }

    /// Proves who signed the bytes, and as what.
    pub(crate) fn verify(self) -> Result<VerifiedArtifact> {
        let metadata = self.trust.accept(self.hasher)?;
        Ok(VerifiedArtifact {
            file: self.file,
            path: self.path,
            size: self.len,
            metadata,
            trust: Arc::clone(self.trust),
        })
    }
}

/// A file whose bytes the author signed for what was announced. Only [`VerifyingFile::verify`] makes one.
#[derive(Debug)]
pub(crate) struct VerifiedArtifact {
    file: File,
    path: PathBuf,
    size: u64,
    metadata: SignedMetadata,
    trust: Arc<Trust>,
}

impl VerifiedArtifact {
    /// Reads and verifies a file that is on disk already.
    pub(crate) fn from_file(file: File, path: PathBuf, trust: &Arc<Trust>) -> Result<Self> {
        VerifyingFile::open(file, path, trust)?.verify()
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    pub(crate) const fn metadata(&self) -> &SignedMetadata {
        &self.metadata
    }

    pub(crate) fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// The artifact as it lies at a new path after a rename.
    pub(crate) fn moved_to(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Reads the bytes once more. What `read` makes of them counts only if they are still the ones that were signed.
    #[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
    pub(crate) fn read_again<T>(&self, read: impl FnOnce(&mut dyn io::BufRead) -> Result<T>) -> Result<T> {
        let mut file = &self.file;
        file.rewind().map_err(|error| Error::io("read", &self.path, error))?;
        let hasher = Hasher::new(&self.trust.signature, &self.trust.keys);
        let mut reader = io::BufReader::with_capacity(BUFFER_BYTES, HashingReader { file, hasher });
        let made = read(&mut reader)?;
        feed(&mut reader, |_| {}).map_err(|error| Error::io("read", &self.path, error))?;
        self.trust.accept(reader.into_inner().hasher)?;
        Ok(made)
    }

    /// SHA-512 of the bytes in hexadecimal digits. They are verified once more in the same pass, so that it is the
    /// digest of what was signed, whatever happened to the file since.
    pub(crate) fn sha512(&self) -> Result<String> {
        let mut file = &self.file;
        let mut hasher = Hasher::new(&self.trust.signature, &self.trust.keys);
        let mut digest = digest::Context::new(&digest::SHA512);
        file.rewind()
            .and_then(|()| {
                feed(&mut file, |chunk| {
                    hasher.update(chunk);
                    digest.update(chunk);
                })
            })
            .map_err(|error| Error::io("read", &self.path, error))?;
        self.trust.accept(hasher)?;
        Ok(hex(digest.finish()))
    }

    /// Copies the bytes to another file and verifies the copy, which may lie on another file system.
    pub(crate) fn copy_to(&self, copy: File, path: PathBuf) -> Result<Self> {
        let mut source = &self.file;
        source.rewind().map_err(|error| Error::io("read", &self.path, error))?;
        let mut target = VerifyingFile::open(copy, path, &self.trust)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count =
                read_some(&mut source, &mut buffer).map_err(|error| Error::io("read", &self.path, error))?;
            match buffer.get(..count) {
                Some(chunk) if !chunk.is_empty() => target.append(chunk)?,
                _ => break,
            }
        }
        target.sync()?;
        target.verify()
    }
}

/// Hashes what is read through it.
#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
struct HashingReader<'a> {
    file: &'a File,
    hasher: Hasher<'a>,
}

#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not every decoder goes on when a signal interrupted it.
        let count = read_some(&mut self.file, buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn feed(reader: &mut dyn Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = read_some(reader, &mut buffer)?;
        match buffer.get(..count) {
            Some(chunk) if !chunk.is_empty() => take(chunk),
            _ => return Ok(()),
        }
    }
}

fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::{ErrorCode, signature::testing::trust};

    const BYTES: &[u8] = b"an artifact";
    /// Of these bytes, by sha512sum(1).
    const SHA512: &str = "05de0cf40992f7b1dc648f2f017dd8ff0715d1a288daa03d2dd1644f2074749ac67b4f49db92ea52ea14e4e394f468fad0e05cd8a71a85ab441bffeeb7971ff7";

    fn in_a_file<'a>(found: &[u8], trust: &'a Arc<Trust>) -> VerifyingFile<'a> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(found).unwrap();
        VerifyingFile::open(file, "artifact".into(), trust).unwrap()
    }

    fn verified(found: &[u8], trust: &Arc<Trust>) -> Result<VerifiedArtifact, ErrorCode> {
        in_a_file(found, trust).verify().map_err(|error| error.code())
    }

    #[test]
    fn what_was_found_and_what_is_added_is_verified_and_counted_as_one() {
        let trust = trust(BYTES);
        for split in 0..=BYTES.len() {
            let (found, added) = BYTES.split_at(split);
            let mut file = in_a_file(found, &trust);
            assert_eq!(file.len(), found.len() as u64);
            file.append(added).unwrap();
            assert_eq!(file.len(), BYTES.len() as u64);
            let artifact = file.verify().unwrap();
            assert_eq!((artifact.size(), artifact.path()), (BYTES.len() as u64, Path::new("artifact")));
        }
    }

    #[test]
    fn after_a_restart_nothing_is_left_of_what_came_before() {
        let trust = trust(BYTES);
        let mut file = in_a_file(b"something longer than the artifact", &trust);
        file.append(b"and more").unwrap();
        file.restart().unwrap();
        assert_eq!(file.len(), 0);
        file.append(BYTES).unwrap();
        let artifact = file.verify().unwrap();
        assert_eq!(artifact.file().metadata().unwrap().len(), BYTES.len() as u64);
        assert_eq!(artifact.sha512().unwrap(), SHA512);
    }

    #[test]
    fn other_bytes_are_neither_verified_copied_digested_nor_read() {
        let trust = trust(BYTES);
        assert_eq!(verified(b"an artefact", &trust).map(drop), Err(ErrorCode::SignatureMismatch));
        assert_eq!(trust.verify_bytes(b"an artefact").unwrap_err().code(), ErrorCode::SignatureMismatch);
        assert_eq!(trust.verify_bytes(BYTES).unwrap().version.as_deref(), Some("2.0.0"));
        let artifact = verified(BYTES, &trust).unwrap().moved_to("elsewhere".into());
        assert_eq!(artifact.path(), Path::new("elsewhere"));
        let everything = |reader: &mut dyn io::BufRead| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            Ok(bytes)
        };
        assert_eq!(artifact.sha512().unwrap(), SHA512);
        assert_eq!(artifact.read_again(everything).unwrap(), BYTES);
        // Also where only a part of it is of interest.
        artifact.read_again(|_| Ok(())).unwrap();
        let copy = artifact.copy_to(tempfile::tempfile().unwrap(), "copy".into()).unwrap();
        assert_eq!((copy.sha512().unwrap().as_str(), copy.size()), (SHA512, BYTES.len() as u64));

        let mut file = artifact.file();
        file.rewind().unwrap();
        file.write_all(b"AN").unwrap();
        let copied = artifact.copy_to(tempfile::tempfile().unwrap(), "copy".into());
        for outcome in [artifact.sha512().map(drop), artifact.read_again(|_| Ok(())), copied.map(drop)] {
            assert_eq!(outcome.unwrap_err().code(), ErrorCode::SignatureMismatch);
        }
    }

    /// Gives these results, then the end.
    struct Answers(VecDeque<io::Result<&'static [u8]>>);

    impl Read for Answers {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.pop_front().unwrap_or(Ok(b""))?;
            buffer[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        }
    }

    #[test]
    fn a_signal_ends_no_reading_and_a_failure_does() {
        let fed = |answers: [io::Result<&'static [u8]>; 3]| {
            let mut bytes = Vec::new();
            feed(&mut Answers(answers.into()), |chunk| bytes.extend_from_slice(chunk)).map(|()| bytes)
        };
        let fails = |kind: io::ErrorKind| Err(kind.into());
        assert_eq!(fed([Ok(b"a"), fails(io::ErrorKind::Interrupted), Ok(b"b")]).unwrap(), b"ab");
        let error = fed([Ok(b"a"), fails(io::ErrorKind::TimedOut), Ok(b"b")]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
