//! [`Identity`]: which package an artifact is.

use crate::target::Arch;

/// A package's name, version and architecture, in the spelling of its package manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
}

impl Identity {
    /// From the one line that says all three.
    pub(super) fn from_line(said: &str) -> Option<Self> {
        let mut lines = said.lines().filter(|line| !line.is_empty());
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        let [name, version, architecture] = words[..] else { return None };
        Self::new(name, version, architecture).filter(|_| lines.next().is_none())
    }

    /// From lines like `Name            : app`.
    pub(super) fn from_fields(said: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = said.lines().filter_map(|line| line.split_once(" : "));
            fields.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
        };
        Self::new(field("Name")?, field("Version")?, field("Architecture")?)
    }

    fn new(name: &str, version: &str, architecture: &str) -> Option<Self> {
        let [name, version, architecture] = [name, version, architecture]
            .map(|word| Some(word.to_owned()).filter(|word| !word.is_empty() && !word.contains(' ')));
        Some(Self { name: name?, version: version?, architecture: architecture? })
    }

    /// Whether this is what the package manager says is there, and nothing is left to do for it.
    pub(super) fn is_installed(&self, said: &str) -> bool {
        said.lines().any(|line| {
            let mut words = line.split(' ');
            words.next() == Some(&self.name)
                && words.next() == Some(&self.version)
                && words.next().is_none_or(|state| state == "installed")
        })
    }

    /// Whether it is made for another processor. What is for every one, or is spelled in a way that is not known here,
    /// is for the package manager to judge.
    pub(super) fn is_for_another_than(&self, arch: Arch) -> bool {
        // Debian, RPM, Arch Linux.
        let processor = match self.architecture.as_str() {
            "amd64" | "x86_64" => Arch::X86_64,
            "i386" | "i486" | "i586" | "i686" => Arch::I686,
            "arm64" | "aarch64" => Arch::Aarch64,
            "armhf" | "armv7hl" | "armv7h" => Arch::Armv7,
            _ => return false,
        };
        processor != arch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(architecture: &str) -> Identity {
        Identity::new("app", "2.0", architecture).unwrap()
    }

    #[test]
    fn a_package_is_told_by_one_line_with_three_words() {
        let identity = Identity::from_line("app 1:2.0-1 amd64\n").unwrap();
        assert_eq!(Some(identity), Identity::new("app", "1:2.0-1", "amd64"));
        for said in [
            "",
            "\n",
            "app",
            "app 1.0",
            "app 1.0 ",
            " 1.0 all",
            "app 1.0 all x",
            "app 1.0 all\nother 2.0 all\n",
        ] {
            assert_eq!(Identity::from_line(said), None, "{said:?}");
        }
    }

    #[test]
    fn a_package_is_told_by_the_fields_with_these_names() {
        let said = "Name            : app\nVersion         : 1:2.0-1\nDescription     : Name : other\n\
                    Architecture    : x86_64\nURL             : https://example.com\n";
        assert_eq!(Identity::from_fields(said), Identity::new("app", "1:2.0-1", "x86_64"));
        for missing in ["Name ", "Version ", "Architecture "] {
            assert_eq!(Identity::from_fields(&said.replacen(missing, "x ", 1)), None, "{missing}");
        }
        assert_eq!(Identity::from_fields(&said.replace("x86_64", "")), None);
    }

    #[test]
    fn only_what_is_there_completely_is_installed() {
        for (said, installed) in [
            ("app 2.0 installed\n", true),
            ("app 2.0\n", true),
            ("app 1.0 installed\napp 2.0 installed\n", true),
            ("app 2.0 half-configured\n", false),
            ("app 2.0.1 installed\n", false),
            ("apps 2.0 installed\n", false),
            ("", false),
        ] {
            assert_eq!(app("all").is_installed(said), installed, "{said:?}");
        }
    }

    #[test]
    fn a_package_for_another_processor_is_told_by_every_spelling() {
        for (spellings, arch) in [
            (&["amd64", "x86_64"][..], Arch::X86_64),
            (&["i386", "i686"], Arch::I686),
            (&["arm64", "aarch64"], Arch::Aarch64),
            (&["armhf", "armv7hl", "armv7h"], Arch::Armv7),
        ] {
            for spelling in spellings {
                for other in [Arch::X86_64, Arch::I686, Arch::Aarch64, Arch::Armv7] {
                    assert_eq!(app(spelling).is_for_another_than(other), other != arch, "{spelling}");
                }
            }
        }
        for spelling in ["all", "noarch", "any", "x86_64_v3"] {
            assert!(!app(spelling).is_for_another_than(Arch::X86_64), "{spelling}");
        }
    }
}
