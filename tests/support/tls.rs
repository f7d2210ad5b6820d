//! [`Tls`]: TLS before a server.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{HANG, Server};

/// Takes connections as long as the test lives, and passes on what they ask for.
pub(crate) struct Tls {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Tls {
    pub(crate) fn before(server: &Server, identity: Arc<ServerConfig>) -> Self {
        let (listener, server) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.address());
        let address = listener.local_addr().unwrap();
        let tls = Self { address, connections: Arc::default(), stopped: Arc::default() };
        let (connections, stopped) = (Arc::clone(&tls.connections), Arc::clone(&tls.stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                connections.fetch_add(1, Ordering::Relaxed);
                let identity = Arc::clone(&identity);
                // The client may leave at any time, and does where it has no trust.
                thread::spawn(move || stream.and_then(|stream| pass_on(stream, identity, server)));
            }
        });
        tls
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// How many connections were begun so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener up, so that it closes its port.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request and its answer.
fn pass_on(client: TcpStream, identity: Arc<ServerConfig>, server: SocketAddr) -> io::Result<()> {
    client.set_read_timeout(Some(HANG))?;
    let connection = ServerConnection::new(identity).map_err(io::Error::other)?;
    let mut client = StreamOwned::new(connection, client);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let mut server = TcpStream::connect(server)?;
    server.write_all(&head)?;
    io::copy(&mut server, &mut client)?;
    client.conn.send_close_notify();
    client.flush()
}
