//! AppImages: which file is the application, and whether an artifact is one.
//!
//! Source: AppImage specification, type 2 (magic `AI\x02` at offset 8 of an ELF file), and the environment that its
//! runtime sets: `APPIMAGE`, the file; `APPDIR`, where its content is mounted.

use std::path::{Path, PathBuf};

use super::Place;
use crate::{Error, Result, system::System, target::Arch};

/// Up to and including `e_machine` of the ELF header.
const HEADER_BYTES: usize = 20;
const ELF_MAGIC: &[u8] = b"\x7fELF";
const APPIMAGE_MAGIC: &[u8] = b"AI\x02";

/// Finds the file that is running. A terminal or editor that is an AppImage itself hands `APPIMAGE` down to what is
/// started in it; replacing that file would destroy another program, so the running executable has to belong to it.
pub(super) fn locate(
    configured: Option<&Path>,
    executable: &Path,
    system: &dyn System,
) -> Result<Place, String> {
    let known = configured.map(Path::to_owned).or_else(|| own_appimage(executable, system));
    let path = known.clone().unwrap_or_else(|| executable.to_owned());
    let appimage = is_appimage_file(&path, system);
    if known.is_some() || appimage {
        return Ok(Place::File { path, appimage });
    }
    Err(format!("{} is no AppImage and runs from none", executable.display()))
}

/// `$APPIMAGE`, if this process runs from it.
pub(crate) fn own_appimage(executable: &Path, system: &dyn System) -> Option<PathBuf> {
    let absolute = |name| system.env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let real = |path: &Path| system.canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let appimage = absolute("APPIMAGE")?;
    let executable = real(executable);
    let mounted = absolute("APPDIR")
        .map(|directory| real(&directory))
        .is_some_and(|directory| directory.parent().is_some() && executable.starts_with(directory));
    (mounted || executable == real(&appimage)).then_some(appimage)
}

fn is_appimage_file(path: &Path, system: &dyn System) -> bool {
    system.is_file(path).unwrap_or(false)
        && system.read_start(path, HEADER_BYTES).is_ok_and(|start| has_magic(&start))
}

/// Refuses an artifact that could not be started here, although it was signed.
pub(super) fn check_artifact(path: &Path, arch: Arch, system: &dyn System) -> Result<()> {
    let start = system.read_start(path, HEADER_BYTES).map_err(|error| Error::io("read", path, error))?;
    let invalid = |reason: &str| Error::InvalidArtifact { format: "appimage", reason: reason.to_owned() };
    if !has_magic(&start) {
        return Err(invalid("it does not begin like a type 2 AppImage (ELF, AI\\x02)"));
    }
    if machine(&start) != Some(elf_machine(arch)) {
        return Err(invalid(&format!("it is made for another processor than {}", arch.as_str())));
    }
    Ok(())
}

fn has_magic(start: &[u8]) -> bool {
    start.starts_with(ELF_MAGIC) && start.get(8..).is_some_and(|rest| rest.starts_with(APPIMAGE_MAGIC))
}

/// `e_machine`, little-endian on every processor that is supported here.
fn machine(start: &[u8]) -> Option<u16> {
    let bytes = start.get(18..20)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

/// System V ABI, chapter 4, ELF header: `EM_386`, `EM_ARM`, `EM_X86_64`, `EM_AARCH64`.
const fn elf_machine(arch: Arch) -> u16 {
    match arch {
        Arch::I686 => 3,
        Arch::Armv7 => 40,
        Arch::X86_64 => 62,
        Arch::Aarch64 => 183,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::testing::FakeSystem;

    fn elf(magic: &[u8; 3], machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..4].copy_from_slice(ELF_MAGIC);
        bytes[8..11].copy_from_slice(magic);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    fn system(exe: &[u8]) -> FakeSystem {
        FakeSystem::default()
            .with_file("/opt/App.AppImage", &elf(b"AI\x02", 62))
            .with_file("/opt/Terminal.AppImage", &elf(b"AI\x02", 62))
            .with_file("/tmp/.mount_App/usr/bin/app", &elf(b"\0\0\0", 62))
            .with_file("/usr/bin/node", exe)
    }

    fn located(system: &FakeSystem, executable: &str) -> Option<PathBuf> {
        locate(None, Path::new(executable), system).ok().map(|place| place.path().to_owned())
    }

    #[test]
    fn a_program_inside_the_mounted_image_updates_the_image() {
        let system =
            system(b"").with_env("APPIMAGE", "/opt/App.AppImage").with_env("APPDIR", "/tmp/.mount_App");
        assert_eq!(located(&system, "/tmp/.mount_App/usr/bin/app"), Some("/opt/App.AppImage".into()));
    }

    #[test]
    fn an_image_that_is_the_executable_itself_updates_itself() {
        let plain = system(b"");
        assert_eq!(located(&plain, "/opt/App.AppImage"), Some("/opt/App.AppImage".into()));
        let named = system(b"").with_env("APPIMAGE", "/opt/App.AppImage");
        assert_eq!(located(&named, "/opt/App.AppImage"), Some("/opt/App.AppImage".into()));
    }

    #[test]
    fn an_appimage_variable_inherited_from_another_program_is_not_believed() {
        let inherited = || system(b"\x7fELF").with_env("APPIMAGE", "/opt/Terminal.AppImage");
        assert_eq!(located(&inherited().with_env("APPDIR", "/tmp/.mount_Ter"), "/usr/bin/node"), None);
        assert_eq!(located(&inherited(), "/usr/bin/node"), None);
        assert_eq!(located(&inherited().with_env("APPDIR", "/"), "/usr/bin/node"), None);
        assert_eq!(located(&inherited().with_env("APPDIR", "usr"), "/usr/bin/node"), None);
        assert_eq!(located(&inherited().with_env("APPDIR", "/usr/bin/no"), "/usr/bin/node"), None);
        assert_eq!(located(&inherited(), "/opt/App.AppImage"), Some("/opt/App.AppImage".into()));
    }

    #[test]
    fn plain_node_is_not_updatable() {
        assert!(
            locate(None, Path::new("/usr/bin/node"), &system(&elf(b"\0\0\0", 62)))
                .unwrap_err()
                .contains("/usr/bin/node")
        );
    }

    #[test]
    fn artifacts_that_could_not_be_started_are_refused() {
        for (bytes, accepted) in [
            (elf(b"AI\x02", 62), true),
            (elf(b"AI\x02", 183), false),
            (elf(b"AI\x01", 62), false),
            (b"#!/bin/sh\n".to_vec(), false),
            (b"\x7fELF".to_vec(), false),
            (elf(b"AI\x02", 62)[..19].to_vec(), false),
            (Vec::new(), false),
        ] {
            let system = FakeSystem::default().with_file("/new", &bytes);
            assert_eq!(
                check_artifact(Path::new("/new"), Arch::X86_64, &system).is_ok(),
                accepted,
                "{bytes:?}"
            );
        }
    }
}
