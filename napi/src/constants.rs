//! The two enumerations: a union type for TypeScript, and an object of constants at run time.

use cargo_packager_updater::{Format, InstallMode};
use napi_derive::napi;

/// How much a Windows installer shows.
#[napi(string_enum)]
#[derive(Clone, Copy)]
pub enum WindowsUpdateInstallMode {
    #[napi(value = "basicUi")]
    BasicUi,
    #[napi(value = "quiet")]
    Quiet,
    #[napi(value = "passive")]
    Passive,
}

impl From<InstallMode> for WindowsUpdateInstallMode {
    fn from(mode: InstallMode) -> Self {
        match mode {
            InstallMode::BasicUi => Self::BasicUi,
            InstallMode::Quiet => Self::Quiet,
            InstallMode::Passive => Self::Passive,
        }
    }
}

/// What an artifact is, and so how it is installed.
#[napi(string_enum)]
#[derive(Clone, Copy)]
pub enum UpdateFormat {
    #[napi(value = "appimage")]
    AppImage,
    #[napi(value = "app")]
    App,
    #[napi(value = "nsis")]
    Nsis,
    #[napi(value = "wix")]
    Wix,
    #[napi(value = "deb")]
    Deb,
    #[napi(value = "rpm")]
    Rpm,
    #[napi(value = "pacman")]
    Pacman,
}

impl From<Format> for UpdateFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::AppImage => Self::AppImage,
            Format::App => Self::App,
            Format::Nsis => Self::Nsis,
            Format::Wix => Self::Wix,
            Format::Deb => Self::Deb,
            Format::Rpm => Self::Rpm,
            Format::Pacman => Self::Pacman,
        }
    }
}
