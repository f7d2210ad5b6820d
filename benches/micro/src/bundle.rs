//! [`Bundle`]: an archive like that of an Electron application.

use flate2::{Compression, write::GzEncoder};
use tar::{EntryType, Header};

use crate::noise::Noise;

const FRAMEWORK: &str = "Frameworks/Electron Framework.framework";

/// Files of one kind.
struct Files {
    /// `#` is replaced by the number of the file.
    path: &'static str,
    count: usize,
    bytes: usize,
    fresh_percent: usize,
}

/// With these shares the whole is packed to two fifths.
const PROGRAM: usize = 20;
const TEXT: usize = 5;
/// Images, which are packed already.
const PACKED: usize = 100;

const FILES: [Files; 8] = [
    Files { path: "Info.plist", count: 1, bytes: 2 << 10, fresh_percent: TEXT },
    Files { path: "MacOS/Example", count: 1, bytes: 100 << 10, fresh_percent: PROGRAM },
    Files {
        path: "Frameworks/Electron Framework.framework/Versions/A/Electron Framework",
        count: 1,
        bytes: 30 << 20,
        fresh_percent: PROGRAM,
    },
    Files {
        path: "Frameworks/Electron Framework.framework/Versions/A/Resources/icudtl.dat",
        count: 1,
        bytes: 10 << 20,
        fresh_percent: PROGRAM,
    },
    Files {
        path: "Frameworks/Electron Framework.framework/Versions/A/Resources/#.lproj/locale.pak",
        count: 55,
        bytes: 150 << 10,
        fresh_percent: TEXT,
    },
    Files { path: "Resources/app.asar", count: 1, bytes: 6 << 20, fresh_percent: TEXT },
    Files { path: "Resources/app.asar.unpacked/#.node", count: 40, bytes: 80 << 10, fresh_percent: PROGRAM },
    Files { path: "Resources/images/#.png", count: 200, bytes: 10 << 10, fresh_percent: PACKED },
];

/// A packed application.
pub struct Bundle {
    pub archive: Vec<u8>,
}

impl Bundle {
    /// Bytes of its files.
    pub fn unpacked_bytes() -> u64 {
        FILES.iter().map(|files| (files.count * files.bytes) as u64).sum()
    }
}

impl Default for Bundle {
    fn default() -> Self {
        let mut noise = Noise::default();
        let mut tar = Tar::new(GzEncoder::new(Vec::new(), Compression::default()));
        for Files { path, count, bytes, fresh_percent } in FILES {
            for number in 0..count {
                let content = noise.bytes(bytes, fresh_percent);
                append_file(&mut tar, &path.replace('#', &number.to_string()), &content);
            }
        }
        append_links(&mut tar);
        let archive = tar.into_inner().and_then(GzEncoder::finish).expect("memory takes everything");
        Self { archive }
    }
}

type Tar = tar::Builder<GzEncoder<Vec<u8>>>;

fn append_file(tar: &mut Tar, path: &str, content: &[u8]) {
    let mut header = header(EntryType::Regular, 0o755);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, in_bundle(path), content).expect("memory takes everything");
}

fn append_links(tar: &mut Tar) {
    for (link, target) in
        [("Versions/Current", "A"), ("Electron Framework", "Versions/Current/Electron Framework")]
    {
        let mut header = header(EntryType::Symlink, 0o777);
        let path = in_bundle(&format!("{FRAMEWORK}/{link}"));
        tar.append_link(&mut header, path, target).expect("memory takes everything");
    }
}

fn in_bundle(path: &str) -> String {
    format!("Example.app/Contents/{path}")
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(0);
    header.set_mtime(1_767_225_600);
    header
}
