//! The two enumerations: a union type for TypeScript, and an object of constants at run time.

use napi_derive::napi;

/// How much a Windows installer shows.
#[napi(string_enum)]
pub enum WindowsUpdateInstallMode {
    #[napi(value = "basicUi")]
    BasicUi,
    #[napi(value = "quiet")]
    Quiet,
    #[napi(value = "passive")]
    Passive,
}

/// What an artifact is, and so how it is installed.
#[napi(string_enum)]
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
