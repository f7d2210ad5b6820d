//! Whatever the network does to an update: it has its code, nothing is installed, nothing is left behind, the next
//! update works, and the servers are asked a bounded number of times.

mod answers;
mod downloads;
mod offsets;
mod tls;

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use tokio::task::JoinSet;

use crate::support::{Reply, Request};

/// Runs cases that wait, side by side.
async fn side_by_side(cases: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let running: JoinSet<()> = cases.into_iter().collect();
    running.join_all().await;
}

/// Where a chain of so many redirects leads on, until it ends in `None`.
fn hop(request: &Request, hops: usize) -> Option<Reply> {
    let done = request.path.rsplit_once("/hop/").map_or(0, |(_, count)| count.parse().unwrap());
    (done < hops).then(|| Reply::redirect(format!("/hop/{}", done + 1)))
}

/// A label of more than 63 bytes is no host name (RFC 1035, section 2.3.4), so no other machine is asked for it.
fn no_host() -> String {
    format!("https://{}.invalid/", "x".repeat(64))
}

/// A thousand times larger once it is unpacked.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).unwrap();
    encoder.finish().unwrap()
}

/// A message with this head, without HTTP's care for what belongs together.
fn message(head: &str, body: &[u8]) -> Reply {
    Reply::raw([head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat())
}
