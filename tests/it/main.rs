//! Whole updates against servers on 127.0.0.1 that fail in every way a server can.

// What is updated is an AppImage or a package.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and its output says what was skipped"
)]

#[path = "../support/mod.rs"]
mod support;

mod announced;
mod answers;
mod authenticity;
mod bit_flips;
mod blocking;
mod cancel;
mod child;
mod clock;
mod crowd;
#[cfg(target_pointer_width = "64")]
mod death;
#[cfg(feature = "release")]
mod delta;
mod failover;
mod headers;
mod hostile_manifests;
#[cfg(target_pointer_width = "64")]
mod io_errors;
mod key_rotation;
mod kill;
mod limits;
mod lock;
mod memory;
mod minisign;
mod network;
mod packages;
mod pending;
mod planting;
#[cfg(target_pointer_width = "64")]
mod power_loss;
#[cfg(target_pointer_width = "64")]
mod recovery;
mod reinstall;
mod resume;
mod retry;
mod signed_manifest;
mod silence;
mod small_disk;
mod target;
mod target_attributes;
mod target_denied;
