//! Update engine for desktop applications: asks an endpoint for a newer release, downloads it, proves with a
//! minisign signature that it comes from the application's author, replaces the installed application, and starts
//! it again.
//!
//! [`check_update`] and [`Update`] block the calling thread and need no runtime, but work inside one too. The
//! asynchronous face is [`Updater`], in [`updater`].
//!
//! ```
//! # use std::io::{Read, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let endpoint = format!("http://{}/{{{{target}}}}/{{{{arch}}}}/{{{{current_version}}}}", listener.local_addr()?);
//! # let server = std::thread::spawn(move || -> std::io::Result<String> {
//! #     let (mut connection, _) = listener.accept()?;
//! #     let mut request = [0; 4096];
//! #     let length = connection.read(&mut request)?;
//! #     connection.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")?;
//! #     Ok(String::from_utf8_lossy(&request[..length]).into_owned())
//! # });
//! # let pubkey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
//! use cargo_packager_updater::{Config, check_update};
//!
//! let config = Config {
//!     endpoints: vec![endpoint.parse()?],
//!     pubkey: pubkey.into(),
//!     ..Default::default()
//! };
//! let current_version = env!("CARGO_PKG_VERSION");
//! if let Some(update) = check_update(current_version, config).expect("failed to check for update") {
//!     update.download_and_install().expect("failed to download and install update");
//! } else {
//!     // there is no update
//! }
//! # let request = server.join().expect("the server ran")?;
//! # assert!(request.starts_with("GET /") && request.contains(current_version), "{request}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Bundles exist on macOS alone; their tests run on every Unix.
#[cfg(any(target_os = "macos", all(any(test, fuzzing), unix)))]
mod archive;
pub mod blocking;
mod config;
mod delta;
mod download;
mod endpoint;
mod error;
#[cfg(all(any(test, fuzzing), unix))]
pub mod fuzzing;
mod hex;
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

/// The snippets of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
