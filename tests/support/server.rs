//! [`Server`]: raw HTTP/1.1 on 127.0.0.1, so that an answer can be cut, stalled, drawn out or wrong in any way.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use super::HANG;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A URL on the server that was asked.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.header("host").unwrap())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<u8>),
    /// These bytes again and again, so long apart.
    Repeat(Vec<u8>, Duration),
    /// So many zeros.
    Fill(u64),
    Wait(Duration),
    /// Nothing more, until the client goes away.
    Stall,
    /// Ends the connection without a farewell: what is still under way is lost (RFC 9293, section 3.10.7).
    Reset,
}

const BLOCK_BYTES: usize = 64 << 10; // 64 KiB

/// What the server does with a request; it closes the connection afterwards.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    length: Option<u64>,
    body: Vec<Step>,
    silent: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), length: Some(0), body: Vec::new(), silent: false }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    /// Never even a status line.
    pub(crate) fn hang() -> Self {
        Self { silent: true, body: vec![Step::Stall], ..Self::status(200) }
    }

    /// Closes the connection without an answer.
    pub(crate) fn close() -> Self {
        Self { silent: true, ..Self::status(200) }
    }

    /// These bytes, which need not be HTTP.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { silent: true, ..Self::ok(bytes) }
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self::status(302).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.length = Some(body.len() as u64);
        self.body = vec![Step::Write(body)];
        self
    }

    /// Without `Content-Length`: the end of the connection is the end of the body.
    pub(crate) fn unsized_body(mut self) -> Self {
        self.length = None;
        self
    }

    /// Breaks off after so many bytes of the body, without changing what the head says.
    pub(crate) fn cut(mut self, at: usize) -> Self {
        if let Some(Step::Write(bytes)) = self.body.first_mut() {
            bytes.truncate(at);
        }
        self
    }

    /// Falls silent after so many bytes of the body.
    pub(crate) fn stall(self, at: usize) -> Self {
        self.cut(at).then_stall()
    }

    /// Falls silent at the end, instead of closing.
    pub(crate) fn then_stall(mut self) -> Self {
        self.body.push(Step::Stall);
        self
    }

    /// Resets the connection at the end, instead of closing it.
    pub(crate) fn then_reset(mut self) -> Self {
        self.body.push(Step::Reset);
        self
    }

    /// Goes on with so many zeros.
    pub(crate) fn then_zeros(mut self, count: u64) -> Self {
        self.length = self.length.map(|length| length + count);
        self.body.push(Step::Fill(count));
        self
    }

    /// Goes on with these bytes again and again.
    pub(crate) fn then_for_ever(self, bytes: &str) -> Self {
        self.then_every(Duration::ZERO, &bytes.repeat(BLOCK_BYTES / bytes.len()))
    }

    /// The same, so long apart.
    pub(crate) fn then_every(mut self, apart: Duration, bytes: &str) -> Self {
        self.body.push(Step::Repeat(bytes.into(), apart));
        self.unsized_body()
    }

    /// Sends the body a few bytes at a time.
    pub(crate) fn trickle(mut self, bytes: usize, apart: Duration) -> Self {
        self.body = vec![Step::Repeat(vec![b' '; bytes], apart)];
        self.length = Some(1 << 20);
        self
    }

    /// Sends the body in so many pieces, so many milliseconds apart.
    pub(crate) fn in_pieces(mut self, count: usize, apart_ms: u64) -> Self {
        if let Some(Step::Write(bytes)) = self.body.pop() {
            for piece in bytes.chunks(bytes.len().div_ceil(count)) {
                self.body
                    .extend([Step::Wait(Duration::from_millis(apart_ms)), Step::Write(piece.to_owned())]);
            }
        }
        self
    }

    /// A body that never ends.
    pub(crate) fn endless(mut self) -> Self {
        self.body.clear();
        self.then_for_ever(" ")
    }

    fn write(&self, stream: &mut TcpStream, life: &Life) -> io::Result<()> {
        if !self.silent {
            let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", self.status);
            if let Some(length) = self.length {
                head += &format!("Content-Length: {length}\r\n");
            }
            for (name, value) in &self.headers {
                head += &format!("{name}: {value}\r\n");
            }
            stream.write_all((head + "\r\n").as_bytes())?;
        }
        self.body.iter().try_for_each(|step| step.perform(stream, life))
    }
}

impl Step {
    fn perform(&self, stream: &mut TcpStream, life: &Life) -> io::Result<()> {
        match self {
            Self::Write(bytes) => life.send(stream, bytes),
            Self::Repeat(bytes, apart) => {
                while !life.stopped.load(Ordering::Relaxed) {
                    life.send(stream, bytes)?;
                    thread::sleep(*apart);
                }
                Ok(())
            }
            Self::Fill(count) => {
                let mut left = *count;
                while left > 0 && !life.stopped.load(Ordering::Relaxed) {
                    let size = BLOCK_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX));
                    life.send(stream, &vec![0; size])?;
                    left -= size as u64;
                }
                Ok(())
            }
            Self::Wait(time) => {
                thread::sleep(*time);
                Ok(())
            }
            Self::Stall => {
                stream.set_read_timeout(Some(HANG))?;
                // Returns when the client closes; the client has nothing more to say.
                let _ = io::Read::read(stream, &mut [0]);
                Ok(())
            }
            Self::Reset => Ok(set_socket_linger(stream, Some(Duration::ZERO))?),
        }
    }
}

/// What goes on beside the answers.
#[derive(Default)]
struct Life {
    stopped: AtomicBool,
    /// Bytes of bodies.
    sent: AtomicU64,
}

impl Life {
    fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes)?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server that lives as long as the test.
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<(Mutex<Vec<Request>>, Condvar)>,
    life: Arc<Life>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            Self { address: listener.local_addr().unwrap(), log: Arc::default(), life: Arc::default() };
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, life) = (Arc::clone(&server.log), Arc::clone(&server.life));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if life.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (handler, log, life) = (Arc::clone(&handler), Arc::clone(&log), Arc::clone(&life));
                thread::spawn(move || {
                    // The client may leave at any time; that is its right.
                    let _ = stream.and_then(|stream| serve(stream, &*handler, &log, &life));
                });
            }
        });
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// How much of bodies the system took for clients so far; a little more than they read.
    pub(crate) fn sent(&self) -> u64 {
        self.life.sent.load(Ordering::Relaxed)
    }

    /// Every request so far.
    pub(crate) fn request_count(&self) -> usize {
        self.log.0.lock().unwrap().len()
    }

    /// Every request for this path so far, in order.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        self.log.0.lock().unwrap().iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Waits until this path has been asked for.
    pub(crate) fn wait_for(&self, path: &str) {
        let log = self.log.0.lock().unwrap();
        let unseen = |log: &mut Vec<Request>| !log.iter().any(|request| request.path == path);
        let (_log, waited) = self.log.1.wait_timeout_while(log, HANG, unseen).unwrap();
        assert!(!waited.timed_out(), "nobody asked for {path}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.life.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener up, so that it closes its port.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    mut stream: TcpStream,
    handler: &Handler,
    log: &(Mutex<Vec<Request>>, Condvar),
    life: &Life,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = read_request(&stream)? else { return Ok(()) };
    log.0.lock().unwrap().push(request.clone());
    log.1.notify_all();
    handler(&request).write(&mut stream, life)
}

/// `None` for what is no HTTP: a TLS handshake gets an answer that is no TLS either.
fn read_request(mut stream: &TcpStream) -> io::Result<Option<Request>> {
    stream.set_read_timeout(Some(HANG))?;
    if stream.peek(&mut [0]).is_ok() && first_byte(stream)? != b'G' {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")?;
        return Ok(None);
    }
    let mut lines = BufReader::new(stream).lines();
    let Some(request_line) = lines.next().transpose()? else { return Ok(None) };
    let path = request_line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(Some(Request { path, headers }))
}

fn first_byte(stream: &TcpStream) -> io::Result<u8> {
    let mut byte = [0];
    stream.peek(&mut byte)?;
    Ok(byte[0])
}
