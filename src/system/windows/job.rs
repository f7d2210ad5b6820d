//! [`Job`]: what the relauncher is asked to do, as it travels through its standard input.
//!
//! Both programs are built from this file, and always shipped together. Numbers are little-endian; text is its length in
//! units of 16 bits and these units, because names on Windows need not be Unicode.

#![allow(dead_code, reason = "one program writes what the other reads")]

use std::io::{self, Read, Write};

/// More than any command line and environment (32,767 units each) can be.
const TEXT_MAX_UNITS: u32 = 1 << 16;
const LIST_MAX: u32 = 1 << 16;

/// Text of Windows, without a zero at the end.
pub(crate) type Text = Vec<u16>;

/// Wait for a process to end, run an installer, start a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Job {
    /// A handle of the process to wait for, valid in the relauncher.
    pub(crate) process: u64,
    pub(crate) installer: Option<Installer>,
    pub(crate) start: Option<Start>,
}

/// An installer, and the file that it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installer {
    /// A handle of the file, valid in the relauncher, which keeps everybody else from changing it.
    pub(crate) held: u64,
    pub(crate) program: Text,
    /// Everything behind the program's name.
    pub(crate) arguments: Text,
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
        number(to, self.installer.is_some().into())?;
        if let Some(Installer { held, program, arguments }) = &self.installer {
            number(to, *held)?;
            texts(to, [program, arguments])?;
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

    /// # Errors
    /// Where the writer was gone before it had written everything.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let process = read_number(from)?;
        let installer = if read_number(from)? == 0 {
            None
        } else {
            let held = read_number(from)?;
            Some(Installer { held, program: read_text(from)?, arguments: read_text(from)? })
        };
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
                program: text(r"C:\Windows\System32\msiexec.exe"),
                arguments: text("/i \"C:\\ä b\\x.msi\" P=\"va\"\"lue\""),
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

    #[test]
    fn what_is_asked_arrives() {
        for job in [job(), Job { installer: None, ..job() }, Job { start: None, ..job() }, Job::default()] {
            let mut bytes = Vec::new();
            job.write(&mut bytes).unwrap();
            assert_eq!(Job::read(&mut &*bytes).unwrap(), job);
        }
    }

    #[test]
    fn half_a_job_is_not_begun() {
        let mut bytes = Vec::new();
        job().write(&mut bytes).unwrap();
        for length in 0..bytes.len() {
            assert!(Job::read(&mut &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_before_memory_is_asked_for() {
        let mut bytes = Vec::new();
        for number in [1, 1, 2, u64::MAX] {
            super::number(&mut bytes, number).unwrap();
        }
        assert_eq!(Job::read(&mut &*bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
