//! A server that lies, a publisher that signs, and an application to be updated.

mod app;
mod authority;
mod board;
#[cfg(target_pointer_width = "64")]
mod call;
mod child;
mod clock;
#[cfg(target_pointer_width = "64")]
mod durable;
mod options;
mod panics;
mod release;
mod rounds;
mod sample;
mod server;
#[cfg(feature = "release")]
mod shelf;
mod signer;
mod skip;
mod tls;
mod tools;
#[cfg(target_pointer_width = "64")]
mod watch;

pub(crate) use app::{App, appimage};
pub(crate) use authority::Authority;
pub(crate) use board::{Board, Draft, in_hours};
#[cfg(target_pointer_width = "64")]
pub(crate) use call::{Call, Does};
pub(crate) use child::{Child, child_task};
pub(crate) use clock::Clock;
#[cfg(target_pointer_width = "64")]
pub(crate) use durable::Durable;
pub(crate) use options::{Change, beta, manifests_of_another, required, stable};
pub(crate) use panics::Panics;
pub(crate) use release::{MANIFEST, Release, Site};
pub(crate) use rounds::{Random, rounds};
pub(crate) use sample::sample;
pub(crate) use server::{Reply, Request, Server};
#[cfg(feature = "release")]
pub(crate) use shelf::{Published, Shelf, image, slow_image};
pub(crate) use signer::Signer;
pub(crate) use skip::skip;
pub(crate) use tls::Tls;
pub(crate) use tools::has;
#[cfg(target_pointer_width = "64")]
pub(crate) use watch::{OneFails, Tally, Verdict, can_watch, watch};

use std::time::Duration;

/// A test that waits longer than this for something that must not hang has failed.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.expect("it hangs")
}
