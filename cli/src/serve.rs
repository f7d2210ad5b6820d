//! `serve`: a local update server, to try an update. Static files with ranges, and the dynamic endpoint.

mod body;
mod content;
mod range;
mod respond;
mod update;

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration};

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{args::ServeArgs, failure::Failure, output::Output};

/// Longest wait for a request's head; a client that never sends one is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a connection could not be accepted, as where no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every request is answered from.
struct Site {
    root: PathBuf,
    manifest: PathBuf,
    output: Output,
}

/// Serves until SIGINT or SIGTERM.
pub(crate) fn run(args: &ServeArgs, output: &Output) -> Result<(), Failure> {
    let root = fs::canonicalize(&args.dir).map_err(|error| Failure::io("read", &args.dir, error))?;
    if !root.is_dir() {
        return Err(Failure::other(format!("{} is not a directory", args.dir.display())));
    }
    let manifest = root.join(&args.manifest);
    let site = Arc::new(Site { root, manifest, output: Output::new(output.is_json()) });
    let address = SocketAddr::new(args.host, args.port);
    // On a thread of its own, because a runtime cannot be started where the caller already runs inside one.
    thread::scope(|scope| scope.spawn(|| serve(site, address)).join())
        .unwrap_or_else(|_| Err(Failure::other("the server broke down")))
}

fn serve(site: Arc<Site>, address: SocketAddr) -> Result<(), Failure> {
    let failed = |error| Failure::other(format!("cannot listen on {address}: {error}"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let end = end_signal().map_err(failed)?;
        let url = format!("http://{}/", listener.local_addr().map_err(failed)?);
        let root = site.root.to_string_lossy();
        site.output.result(&format!("Serving {root} at {url}"), &json!({"ok": true, "url": url}))?;
        tokio::spawn(accept(listener, Arc::clone(&site)));
        end.await;
        Ok(())
    })
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = service_fn(|request| respond::respond(&site, request));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // A client that goes away in the middle is nothing to report.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[cfg(unix)]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    Ok(std::future::poll_fn(move |context| {
        let mut polled = signals.iter_mut().map(|signal| signal.poll_recv(context));
        if polled.any(|poll| poll.is_ready()) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }))
}

#[cfg(not(unix))]
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without the handler Ctrl-C ends the process all the same.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
