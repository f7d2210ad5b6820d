//! Update engine for desktop applications: asks an endpoint for a newer release, downloads it, proves with a
//! minisign signature that it comes from the application's author, replaces the installed application, and starts
//! it again.
//!
//! [`check_update`] and [`Update`] block the calling thread and need no runtime, but work inside one too. The
//! asynchronous face is [`Updater`], in [`updater`].

pub mod blocking;
mod config;
mod download;
mod endpoint;
mod error;
mod http;
mod install;
mod manifest;
mod progress;
mod relaunch;
#[cfg(feature = "release")]
pub mod release;
#[cfg(feature = "sign")]
pub mod sign;
pub mod signature;
mod state;
mod system;
mod target;
pub mod updater;

pub use blocking::{StagedUpdate, Update, check_update, pending_update};
pub use config::{Config, InstallMode, IntoVersion, Limits, Pubkeys, WindowsConfig};
pub use error::{Cause, Error, ErrorCode, Result};
pub use progress::{ChunkMeter, Phase, Progress};
pub use relaunch::{RelaunchOptions, relaunch};
pub use semver::Version;
pub use target::{Arch, Format, Os, Target};
pub use tokio_util::sync::CancellationToken;
pub use updater::{DownloadOptions, InstallOptions, Updater};
