//! [`Target`]: an operating system and a processor, spelled `linux-x86_64`; and [`Format`], what is shipped to it.

use std::{fmt, str::FromStr};

use crate::{Error, Result, error::clip};

/// Operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Os {
    /// `linux`
    Linux,
    /// `macos`; manifests may also say `darwin`.
    MacOs,
    /// `windows`
    Windows,
}

/// Processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// `x86_64`
    X86_64,
    /// `i686`
    I686,
    /// `aarch64`
    Aarch64,
    /// `armv7`
    Armv7,
}

/// Operating system and processor that a release is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// Operating system.
    pub os: Os,
    /// Processor architecture.
    pub arch: Arch,
}

/// What an artifact is, and so how it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Linux AppImage.
    AppImage,
    /// macOS application bundle in a `.tar.gz`.
    App,
    /// Windows installer made with NSIS.
    Nsis,
    /// Windows installer package (MSI) made with WiX.
    Wix,
    /// Debian package.
    Deb,
    /// RPM package.
    Rpm,
    /// Arch Linux package.
    Pacman,
}

impl Os {
    /// `linux`, `macos` or `windows`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::MacOs => "macos",
            Self::Windows => "windows",
        }
    }
}

impl Arch {
    /// `x86_64`, `i686`, `aarch64` or `armv7`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I686 => "i686",
            Self::Aarch64 => "aarch64",
            Self::Armv7 => "armv7",
        }
    }
}

impl Target {
    /// The target that this program was compiled for.
    ///
    /// # Errors
    /// [`Error::UnsupportedPlatform`].
    pub fn current() -> Result<Self> {
        Self::from_rust_names(std::env::consts::OS, std::env::consts::ARCH)
    }

    fn from_rust_names(os: &str, arch: &str) -> Result<Self> {
        let unsupported = || Error::UnsupportedPlatform { os: os.to_owned(), arch: arch.to_owned() };
        let known_os = match os {
            "linux" => Os::Linux,
            "macos" => Os::MacOs,
            "windows" => Os::Windows,
            _ => return Err(unsupported()),
        };
        let known_arch = match arch {
            "x86_64" => Arch::X86_64,
            "x86" => Arch::I686,
            "aarch64" => Arch::Aarch64,
            "arm" => Arch::Armv7,
            _ => return Err(unsupported()),
        };
        Ok(Self { os: known_os, arch: known_arch })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.os.as_str(), self.arch.as_str())
    }
}

impl FromStr for Target {
    type Err = Error;

    /// Reads `linux-x86_64` and its like; `darwin` is `macos`.
    fn from_str(text: &str) -> Result<Self> {
        let (os, arch) = text.split_once('-').unwrap_or((text, ""));
        let os = if os == "darwin" { "macos" } else { os };
        let arch = match arch {
            "i686" => "x86",
            "armv7" => "arm",
            other => other,
        };
        Self::from_rust_names(os, arch)
    }
}

/// `darwin-…` and `macos-…` name the same platform; the latter is used here.
pub(crate) fn canonical_key(key: &str) -> String {
    match key.strip_prefix("darwin") {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("macos{rest}"),
        _ => key.to_owned(),
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::AppImage, Self::App, Self::Nsis, Self::Wix, Self::Deb, Self::Rpm, Self::Pacman];

    /// The name in manifests: `appimage`, `app`, `nsis`, `wix`, `deb`, `rpm` or `pacman`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AppImage => "appimage",
            Self::App => "app",
            Self::Nsis => "nsis",
            Self::Wix => "wix",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Pacman => "pacman",
        }
    }

    /// The operating system that this format is for.
    pub const fn os(self) -> Os {
        match self {
            Self::AppImage | Self::Deb | Self::Rpm | Self::Pacman => Os::Linux,
            Self::App => Os::MacOs,
            Self::Nsis | Self::Wix => Os::Windows,
        }
    }

    /// Whether an installer program replaces the application, which must not run meanwhile.
    pub const fn is_windows_installer(self) -> bool {
        matches!(self, Self::Nsis | Self::Wix)
    }

    /// Whether a package manager replaces the application.
    pub const fn is_package(self) -> bool {
        matches!(self, Self::Deb | Self::Rpm | Self::Pacman)
    }

    /// Tells the format from a file's name, as manifests may leave it out.
    pub fn from_file_name(name: &str) -> Option<Self> {
        // The first that fits counts: a pacman package may be a `.tar.gz` too.
        const ENDINGS: [(&str, Format); 10] = [
            (".appimage", Format::AppImage),
            (".pkg.tar.zst", Format::Pacman),
            (".pkg.tar.xz", Format::Pacman),
            (".pkg.tar.gz", Format::Pacman),
            (".pacman", Format::Pacman),
            (".tar.gz", Format::App),
            (".exe", Format::Nsis),
            (".msi", Format::Wix),
            (".deb", Format::Deb),
            (".rpm", Format::Rpm),
        ];
        let name = name.to_ascii_lowercase();
        ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| *format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::UnsupportedFormat { format: clip(text), reason: "no such format".to_owned() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_spelled_as_in_manifests() {
        for text in ["linux-x86_64", "linux-armv7", "macos-aarch64", "windows-i686"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("darwin-aarch64".parse::<Target>().unwrap().to_string(), "macos-aarch64");
        for text in ["", "linux", "plan9-x86_64", "linux-sparc", "linux-x86_64-extra"] {
            assert_eq!(text.parse::<Target>().unwrap_err().code(), crate::ErrorCode::UnsupportedPlatform);
        }
    }

    #[test]
    fn darwin_is_macos_only_as_a_whole_word() {
        assert_eq!(canonical_key("darwin-x86_64"), "macos-x86_64");
        assert_eq!(canonical_key("darwin"), "macos");
        assert_eq!(canonical_key("darwinia-x86_64"), "darwinia-x86_64");
    }

    #[test]
    fn the_format_is_told_from_the_file_name() {
        let cases = [
            ("App_1.0.0_x86_64.AppImage", Some(Format::AppImage)),
            ("App.app.tar.gz", Some(Format::App)),
            ("App-setup.exe", Some(Format::Nsis)),
            ("app.deb", Some(Format::Deb)),
            ("app.rpm", Some(Format::Rpm)),
            ("app-1.0.0-1-x86_64.pkg.tar.zst", Some(Format::Pacman)),
            ("app-1.0.0-1-x86_64.pkg.tar.xz", Some(Format::Pacman)),
            ("app-1.0.0-1-x86_64.pkg.tar.gz", Some(Format::Pacman)),
            ("app-1.0.0.pacman", Some(Format::Pacman)),
            ("app.pkg", None),
            ("app.zip", None),
        ];
        for (name, format) in cases {
            assert_eq!(Format::from_file_name(name), format, "{name}");
        }
    }
}
