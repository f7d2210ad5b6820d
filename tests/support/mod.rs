//! A server that lies, a publisher that signs, and an application to be updated.

mod app;
mod authority;
mod board;
mod child;
mod clock;
mod release;
mod rounds;
mod server;
mod signer;
mod tls;
mod tools;

pub(crate) use app::{App, appimage};
pub(crate) use authority::Authority;
pub(crate) use board::{Board, Draft, in_hours};
pub(crate) use child::{Child, child_task};
pub(crate) use clock::Clock;
pub(crate) use release::{MANIFEST, Release, Site};
pub(crate) use rounds::{Random, rounds};
pub(crate) use server::{Reply, Request, Server};
pub(crate) use signer::Signer;
pub(crate) use tls::Tls;
pub(crate) use tools::has;

use std::time::Duration;

/// A test that waits longer than this for something that must not hang has failed.
pub(crate) const HANG: Duration = Duration::from_secs(20);

/// Fails instead of hanging.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, work).await.expect("it hangs")
}
