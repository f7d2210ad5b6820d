//! [`Platform`]: what a key under `platforms` stands for, without its bundle suffix.

use crate::target::{Arch, Format, Os, Target, canonical_key};

/// `linux-x86_64` and its like, or a name that an application sets as its `target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) name: String,
    /// Absent for an application's own name, which takes no suffix.
    pub(super) target: Option<Target>,
}

impl Platform {
    /// Splits `linux-x86_64-appimage` into the platform and the format. `darwin` is `macos`.
    pub(super) fn split_key(key: &str) -> (Self, Option<Format>) {
        let name = canonical_key(key);
        let known =
            |name: &str| name.parse().ok().map(|target| Self { name: name.to_owned(), target: Some(target) });
        if let Some(platform) = known(&name) {
            return (platform, None);
        }
        Format::ALL
            .into_iter()
            .find_map(|format| {
                let platform = name.strip_suffix(format.as_str())?.strip_suffix('-')?;
                Some((known(platform)?, Some(format)))
            })
            .unwrap_or((Self { name, target: None }, None))
    }

    pub(super) fn key_with(&self, format: Format) -> String {
        format!("{}-{format}", self.name)
    }
}

/// Tells the platforms from a file's name: the system from the format, the processor from the one word that names
/// one. A universal macOS bundle is for both. Empty where no word, or more than one processor, is found.
pub(super) fn platforms_of_file(name: &str, format: Format) -> Vec<String> {
    let name = name.to_ascii_lowercase().replace("x86_64", "amd64").replace("x86-64", "amd64");
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let mut archs: Vec<Arch> = Vec::new();
    for arch in words.iter().filter_map(|word| arch_of_word(word)) {
        if !archs.contains(&arch) {
            archs.push(arch);
        }
    }
    let os = format.os();
    if archs.is_empty() && os == Os::MacOs && words.contains(&"universal") {
        archs = vec![Arch::Aarch64, Arch::X86_64];
    } else if archs.len() > 1 {
        archs.clear();
    }
    archs.into_iter().map(|arch| Target { os, arch }.to_string()).collect()
}

fn arch_of_word(word: &str) -> Option<Arch> {
    Some(match word {
        "amd64" | "x64" => Arch::X86_64,
        "aarch64" | "arm64" => Arch::Aarch64,
        "i386" | "i586" | "i686" | "ia32" | "x86" => Arch::I686,
        "armhf" | "armv7" | "armv7hl" | "armv7l" => Arch::Armv7,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_into_platform_and_format() {
        for (key, name, known, format) in [
            ("linux-x86_64", "linux-x86_64", true, None),
            ("linux-x86_64-appimage", "linux-x86_64", true, Some(Format::AppImage)),
            ("darwin-aarch64-app", "macos-aarch64", true, Some(Format::App)),
            ("kiosk", "kiosk", false, None),
            ("kiosk-deb", "kiosk-deb", false, None),
            ("linux-x86_64-floppy", "linux-x86_64-floppy", false, None),
        ] {
            let (platform, found) = Platform::split_key(key);
            assert_eq!(
                (platform.name.as_str(), platform.target.is_some(), found),
                (name, known, format),
                "{key}"
            );
        }
    }

    #[test]
    fn the_platform_is_told_from_the_names_that_packagers_give() {
        for (name, expected) in [
            ("App_1.0.0_x86_64.AppImage", &["linux-x86_64"][..]),
            ("app_1.0.0_amd64.deb", &["linux-x86_64"]),
            ("app-1.0.0-1.aarch64.rpm", &["linux-aarch64"]),
            ("App-armv7l.AppImage", &["linux-armv7"]),
            ("App_1.0.0_x64-setup.exe", &["windows-x86_64"]),
            ("App_1.0.0_x86_en-US.msi", &["windows-i686"]),
            ("App_arm64.app.tar.gz", &["macos-aarch64"]),
            ("App_universal.app.tar.gz", &["macos-aarch64", "macos-x86_64"]),
            ("App.AppImage", &[]),
            ("App_universal.AppImage", &[]),
            ("App_x64_arm64.exe", &[]),
            ("farm64box.deb", &[]),
        ] {
            let format = Format::from_file_name(name).unwrap();
            assert_eq!(platforms_of_file(name, format), expected, "{name}");
        }
    }
}
