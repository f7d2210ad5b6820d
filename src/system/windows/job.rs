//! [`Job`]: what the relauncher is asked to do, as it travels through its standard input.
//!
//! Both programs are built from this file and shipped together; but an installation may replace one of them while the
//! other runs. So a [`Header`] with the version comes first. The relauncher answers it with its own version, and so says
//! that it runs and waits; it answers once more when it has taken the job. Numbers are little-endian; text is its length in units of 16 bits and these units, because names on Windows need not be Unicode.

#![allow(dead_code, reason = "one program writes what the other reads")]

use std::io::{self, Read, Write};

/// More than any command line and environment (32,767 units each) can be.
const TEXT_MAX_UNITS: u32 = 1 << 16;
const LIST_MAX: u32 = 1 << 16;

const NO_INSTALLER: u64 = 0;
const RUN: u64 = 1;
const AWAIT: u64 = 2;

/// Raised with every change of what travels behind the [`Header`], which stays as it is, as does the answer to it.
pub(crate) const VERSION: u64 = 2;

/// Text of Windows, without a zero at the end.
pub(crate) type Text = Vec<u16>;

/// Wait for a process to end, see to an installer, start a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// A handle of the process to wait for, valid in the relauncher as all handles here.
    pub(crate) process: u64,
    pub(crate) installer: Option<Installer>,
    pub(crate) start: Option<Start>,
}

/// An installer, and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installer {
    /// A handle of the file, which keeps everybody else from changing it until the installer has ended.
    pub(crate) held: u64,
    pub(crate) work: Work,
}

/// What is left to be done for an installer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Run it. `arguments` is everything behind the program's name.
    Run { program: Text, arguments: Text },
    /// It runs: wait for its end. A handle of its process.
    Await(u64),
}

/// What comes before a job, and every version understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u64,
    /// A handle of the pipe to answer through.
    pub(crate) reply: u64,
}

/// A program to be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) program: Text,
    pub(crate) args: Vec<Text>,
    /// Empty: the one of the program.
    pub(crate) directory: Text,
    pub(crate) removed: Vec<Text>,
    pub(crate) changed: Vec<(Text, Text)>,
}

impl Job {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        number(to, self.process)?;
        match &self.installer {
            None => number(to, NO_INSTALLER)?,
            Some(Installer { held, work: Work::Run { program, arguments } }) => {
                number(to, RUN)?;
                number(to, *held)?;
                texts(to, [program, arguments])?;
            }
            Some(Installer { held, work: Work::Await(process) }) => {
                [AWAIT, *held, *process].into_iter().try_for_each(|field| number(to, field))?;
            }
        }
        number(to, self.start.is_some().into())?;
        if let Some(Start { program, args, directory, removed, changed }) = &self.start {
            texts(to, [program, directory])?;
            for list in [args, removed] {
                number(to, list.len() as u64)?;
                texts(to, list)?;
            }
            number(to, changed.len() as u64)?;
            changed.iter().try_for_each(|(name, value)| texts(to, [name, value]))?;
        }
        to.flush()
    }

    /// What follows the header of a writer of this version.
    ///
    /// # Errors
    /// Where the writer was gone before it had written everything.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let process = read_number(from)?;
        let installer = read_installer(from)?;
        let start = if read_number(from)? == 0 {
            None
        } else {
            let (program, directory) = (read_text(from)?, read_text(from)?);
            let (args, removed) = (read_list(from, read_text)?, read_list(from, read_text)?);
            let changed = read_list(from, |from| Ok((read_text(from)?, read_text(from)?)))?;
            Some(Start { program, args, directory, removed, changed })
        };
        Ok(Self { process, installer, start })
    }
}

impl Header {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        // At once: whoever is older than this text may read it so.
        to.write_all([self.version, self.reply].map(u64::to_le_bytes).as_flattened())?;
        to.flush()
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        Ok(Self { version: read_number(from)?, reply: read_number(from)? })
    }
}

/// Says that the header, or the job, was read; to one of another version, why no job is taken.
pub(crate) fn answer(to: &mut impl Write) -> io::Result<()> {
    number(to, VERSION)
}

/// # Errors
/// Where there is none, or one of another version.
pub(crate) fn read_answer(from: &mut impl Read) -> io::Result<()> {
    let refuse = |reason: String| Err(io::Error::other(reason));
    match read_number(from) {
        Ok(VERSION) => Ok(()),
        Ok(other) => refuse(format!(
            "relauncher.exe belongs to another version of this package: it takes jobs of version {other}, not {VERSION}; \
             it may have been replaced since this program was started"
        )),
        Err(error) => refuse(format!("relauncher.exe ended before it had taken its job: {error}")),
    }
}

fn read_installer(from: &mut impl Read) -> io::Result<Option<Installer>> {
    let kind = read_number(from)?;
    if kind == NO_INSTALLER {
        return Ok(None);
    }
    let held = read_number(from)?;
    let work = match kind {
        RUN => Work::Run { program: read_text(from)?, arguments: read_text(from)? },
        AWAIT => Work::Await(read_number(from)?),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok(Some(Installer { held, work }))
}

fn number(to: &mut impl Write, number: u64) -> io::Result<()> {
    to.write_all(&number.to_le_bytes())
}

fn texts<'a>(to: &mut impl Write, texts: impl IntoIterator<Item = &'a Text>) -> io::Result<()> {
    for text in texts {
        number(to, text.len() as u64)?;
        text.iter().try_for_each(|unit| to.write_all(&unit.to_le_bytes()))?;
    }
    Ok(())
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A length that is no length means that the two programs do not belong together.
fn read_length(from: &mut impl Read, limit: u32) -> io::Result<u64> {
    let length = read_number(from)?;
    if length > limit.into() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(length)
}

fn read_text(from: &mut impl Read) -> io::Result<Text> {
    let length = read_length(from, TEXT_MAX_UNITS)?;
    let mut unit = [0; 2];
    (0..length).map(|_| from.read_exact(&mut unit).map(|()| u16::from_le_bytes(unit))).collect()
}

fn read_list<R: Read, T>(from: &mut R, read: impl Fn(&mut R) -> io::Result<T>) -> io::Result<Vec<T>> {
    let length = read_length(from, LIST_MAX)?;
    (0..length).map(|_| read(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        text.encode_utf16().collect()
    }

    fn job() -> Job {
        Job {
            process: 0x1234_5678_9abc,
            installer: Some(Installer {
                held: 7,
                work: Work::Run {
                    program: text(r"C:\Windows\System32\msiexec.exe"),
                    arguments: text("/i \"C:\\ä b\\x.msi\" P=\"va\"\"lue\""),
                },
            }),
            start: Some(Start {
                program: text(r"C:\App\App.exe"),
                args: vec![text(""), text("\0日本"), vec![0xd800]],
                directory: text(r"C:\"),
                removed: vec![text("APPDIR")],
                changed: vec![(text("PATH"), text(r"C:\Windows"))],
            }),
        }
    }

    fn read(mut bytes: &[u8]) -> io::Result<Job> {
        Job::read(&mut bytes)
    }

    #[test]
    fn what_is_asked_arrives() {
        let awaited = Some(Installer { held: 7, work: Work::Await(8) });
        for job in [
            job(),
            Job { installer: awaited, ..job() },
            Job { installer: None, ..job() },
            Job { start: None, ..job() },
            Job::default(),
        ] {
            let mut bytes = Vec::new();
            job.write(&mut bytes).unwrap();
            assert_eq!(read(&bytes).unwrap(), job);
        }
    }

    #[test]
    fn a_header_travels_as_every_version_knows_it() {
        let header = Header { version: 7, reply: 9 };
        let mut bytes = Vec::new();
        header.write(&mut bytes).unwrap();
        assert_eq!(bytes, [7_u64.to_le_bytes(), 9_u64.to_le_bytes()].concat());
        assert_eq!(Header::read(&mut &*bytes).unwrap(), header);
    }

    #[test]
    fn half_a_job_is_not_begun() {
        let mut bytes = Vec::new();
        job().write(&mut bytes).unwrap();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_memory_is_asked_for() {
        for numbers in [[1, RUN, 2, u64::MAX], [1, 3, 2, 0]] {
            let mut bytes = Vec::new();
            numbers.into_iter().try_for_each(|field| number(&mut bytes, field)).unwrap();
            assert_eq!(read(&bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_job_counts_as_taken_only_by_a_relauncher_of_the_same_version() {
        let mut taken = Vec::new();
        answer(&mut taken).unwrap();
        read_answer(&mut &*taken).unwrap();
        let other = read_answer(&mut &(VERSION + 1).to_le_bytes()[..]).unwrap_err().to_string();
        let both = format!("version {}, not {VERSION}", VERSION + 1);
        assert!(other.contains("another version") && other.contains(&both), "{other}");
        assert!(read_answer(&mut &[][..]).unwrap_err().to_string().contains("ended"));
    }
}
