//! Response body to sink: attempts, resuming, limits. What is received is not trusted here.

mod disk;
mod file;
mod pace;

use std::{
    cmp::Ordering,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::Url;

pub(crate) use disk::DiskSink;
pub(crate) use file::FileSink;

use crate::{
    Error, Limits, Result,
    endpoint::{Transport, display},
    http::{Client, Headers, Request, Response},
    progress::Meter,
};
use pace::Pace;

/// An attempt that gained less than this counts as one without progress: a server could else keep a client for ever
/// by breaking off after a few bytes.
const PROGRESS_MIN_BYTES: u64 = 64 << 10; // 64 KiB
/// A server without ranges that always breaks off has everything sent again and again: at some point that is enough.
const PATIENCE: u64 = 4;
const PATIENCE_MIN_BYTES: u64 = 16 << 20; // 16 MiB
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What a sink does with bytes. Boxed, so that fetching is compiled once for all of them: an allocation is nothing beside
/// receiving them.
pub(crate) type Step<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Where bytes go.
pub(crate) trait Sink: Send {
    /// Bytes at hand.
    fn position(&self) -> u64;
    /// The entity tag that the bytes at hand came with, if they may be continued.
    fn etag(&self) -> Option<&str>;
    /// A body begins at `position`, of which so much is to come in all.
    fn begin(&mut self, etag: Option<String>, total: Option<u64>) -> Result<()>;
    /// Forgets the bytes at hand.
    fn restart(&mut self) -> Step<'_>;
    /// Takes what comes next.
    fn append(&mut self, chunk: Bytes) -> Step<'_>;
}

/// Bytes in memory.
#[derive(Debug, Default)]
pub(crate) struct MemorySink {
    pub(crate) bytes: Vec<u8>,
    /// Whether they were put together from several answers.
    pub(crate) resumed: bool,
    etag: Option<String>,
}

impl Sink for MemorySink {
    fn position(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    fn begin(&mut self, etag: Option<String>, total: Option<u64>) -> Result<()> {
        self.etag = etag;
        self.resumed |= self.position() > 0;
        let missing = total.unwrap_or(0).saturating_sub(self.position());
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        self.bytes.try_reserve_exact(missing).map_err(|error| Error::Io {
            operation: "get memory for",
            path: "the download".into(),
            source: error.into(),
        })
    }

    fn restart(&mut self) -> Step<'_> {
        Box::pin(async move {
            self.bytes.clear();
            self.etag = None;
            self.resumed = false;
            Ok(())
        })
    }

    fn append(&mut self, chunk: Bytes) -> Step<'_> {
        Box::pin(async move {
            self.bytes.extend_from_slice(&chunk);
            Ok(())
        })
    }
}

/// One artifact to be fetched.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) url: &'a Url,
    pub(crate) transport: Transport,
    pub(crate) headers: &'a Headers,
    pub(crate) silence_max: Duration,
    pub(crate) limits: &'a Limits,
    /// Declared in the manifest.
    pub(crate) size: Option<u64>,
    pub(crate) size_max: u64,
}

/// Why an attempt ended before the end of the artifact.
enum Interruption {
    /// May work when tried again, after this time if the server named one.
    Passing(Error, Option<Duration>),
    Final(Error),
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        match error {
            Error::Network { .. } | Error::Timeout { .. } => Self::Passing(error, None),
            other => Self::Final(other),
        }
    }
}

impl Download<'_> {
    /// Fetches what the sink does not have yet. Returns the bytes that were received for it.
    pub(crate) async fn run(&self, sink: &mut dyn Sink, meter: &mut Meter) -> Result<u64> {
        let mut received = 0;
        let mut fruitless = 0;
        // What had to be fetched again is no progress: a server without ranges could else break off for ever.
        let mut reached = sink.position();
        loop {
            let (error, wait) = match self.attempt(sink, meter, &mut received).await {
                Ok(()) => return Ok(received),
                Err(Interruption::Final(error)) => return Err(error),
                Err(Interruption::Passing(error, wait)) => (error, wait),
            };
            let gained = sink.position().saturating_sub(reached);
            fruitless = if gained >= PROGRESS_MIN_BYTES { 0 } else { fruitless + 1 };
            reached += gained;
            if fruitless >= self.limits.attempts_max || is_wasteful(received, reached) {
                return Err(error);
            }
            let wait = wait.unwrap_or_else(|| backoff(self.limits.retry_wait, fruitless, random()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        sink: &mut dyn Sink,
        meter: &mut Meter,
        received: &mut u64,
    ) -> Result<(), Interruption> {
        match self.size.map(|size| size.cmp(&sink.position())) {
            Some(Ordering::Equal) => return Ok(()),
            Some(Ordering::Less) => sink.restart().await?,
            _ => {}
        }
        let (mut response, total) = match self.open(sink, true).await? {
            Some(opened) => opened,
            None => {
                let refused = || Error::HttpStatus { url: display(self.url), status: 416 };
                self.open(sink, false).await?.ok_or_else(refused)?
            }
        };
        let total = self.check_total(total)?;
        let mut pace = Pace::new(self.limits);
        meter.advance(sink.position(), total);
        while let Some(chunk) = response.chunk().await? {
            let position = sink.position() + chunk.len() as u64;
            self.check_position(position, total)?;
            *received += chunk.len() as u64;
            pace.check(chunk.len() as u64)
                .map_err(|reason| Error::Timeout { url: display(self.url), reason })?;
            sink.append(chunk).await?;
            meter.advance(position, total);
        }
        match total {
            Some(expected) if expected != sink.position() => {
                Err(self.mismatch(expected, sink.position()).into())
            }
            _ => Ok(()),
        }
    }

    /// Asks for what is missing, or for everything. `None`: what is at hand cannot be continued. It is only given up
    /// when the answer with everything is there.
    async fn open(
        &self,
        sink: &mut dyn Sink,
        continues: bool,
    ) -> Result<Option<(Response, Option<u64>)>, Interruption> {
        let at_hand = sink.position();
        let etag = sink.etag().filter(|_| continues && at_hand > 0).map(str::to_owned);
        let resume = etag.as_deref().map(|etag| (at_hand, etag));
        let response = self.client.get(&self.request(resume)).await?;
        if let Some(encoding) = response.header("content-encoding").filter(|encoding| *encoding != "identity")
        {
            let source =
                format!("the server encoded the file as {encoding:?}, which was not asked for").into();
            return Err(Interruption::Final(Error::Network { url: response.url().to_owned(), source }));
        }
        match response.status() {
            206 if resume.is_some() => {
                let same = response.header("etag").is_none_or(|tag| Some(tag) == etag.as_deref());
                let total = response.header("content-range").and_then(|range| rest_from(range, at_hand));
                let Some(total) = total.filter(|_| same) else { return Ok(None) };
                self.check_total(Some(total))?;
                sink.begin(etag, Some(total))?;
                Ok(Some((response, Some(total))))
            }
            200 => {
                let total = response.content_length();
                self.check_total(total)?;
                if sink.position() > 0 {
                    sink.restart().await?;
                }
                sink.begin(strong_etag(&response), total.or(self.size))?;
                Ok(Some((response, total)))
            }
            status => match self.refusal(&response, status) {
                // Perhaps it is the range, or the tag that an earlier answer gave, that this server does not like.
                Interruption::Final(_) if resume.is_some() => Ok(None),
                refusal => Err(refusal),
            },
        }
    }

    fn request<'a>(&'a self, resume: Option<(u64, &'a str)>) -> Request<'a> {
        Request {
            url: self.url,
            transport: self.transport,
            headers: self.headers,
            accept: "application/octet-stream",
            resume,
            // The caller tries again by itself, and counts.
            is_repeated: false,
            redirects_max: self.limits.redirects_max,
            silence_max: self.silence_max,
        }
    }

    fn refusal(&self, response: &Response, status: u16) -> Interruption {
        let error = Error::HttpStatus { url: response.url().to_owned(), status };
        if !matches!(status, 408 | 429 | 500..=599) {
            return Interruption::Final(error);
        }
        let wait = response.header("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
        match wait {
            Some(wait) if wait > self.limits.retry_after_max => Interruption::Final(error),
            wait => Interruption::Passing(error, wait),
        }
    }

    /// What the server says of the size must fit what the manifest says, and the limit.
    fn check_total(&self, total: Option<u64>) -> Result<Option<u64>> {
        if let (Some(expected), Some(got)) = (self.size, total)
            && expected != got
        {
            return Err(self.mismatch(expected, got));
        }
        let total = total.or(self.size);
        match total {
            Some(total) if total > self.size_max => Err(self.too_large()),
            total => Ok(total),
        }
    }

    fn check_position(&self, position: u64, total: Option<u64>) -> Result<()> {
        match total {
            Some(expected) if position > expected => Err(self.mismatch(expected, position)),
            _ if position > self.size_max => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Error {
        Error::SizeLimit { url: display(self.url), limit: self.size_max }
    }

    fn mismatch(&self, expected: u64, got: u64) -> Error {
        Error::SizeMismatch { url: display(self.url), expected, got }
    }
}

fn is_wasteful(received: u64, reached: u64) -> bool {
    received > PATIENCE.saturating_mul(reached.max(PATIENCE_MIN_BYTES))
}

/// Only a strong tag promises the same bytes (RFC 9110, section 13.1.5).
fn strong_etag(response: &Response) -> Option<String> {
    response.header("etag").filter(|etag| is_strong_etag(etag)).map(str::to_owned)
}

/// `"…"` of visible characters (RFC 9110, section 8.8.3). A long one could be more than a server takes back.
pub(crate) fn is_strong_etag(etag: &str) -> bool {
    const ETAG_MAX_BYTES: usize = 256;
    let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    let visible = inner.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e));
    visible && !inner.is_empty() && etag.len() <= ETAG_MAX_BYTES
}

/// Reads `bytes 5-9/10` (RFC 9110, section 14.4). The total, if the range is all the rest from `first`.
pub(crate) fn rest_from(content_range: &str, first: u64) -> Option<u64> {
    let (range, total) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end, total) = (digits(start)?, digits(end)?, digits(total)?);
    (start == first && start <= end && end.checked_add(1) == Some(total)).then_some(total)
}

/// Digits only; `u64::from_str` would take a plus sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Seconds or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = digits(text.trim()) {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(date.unix_timestamp()).ok()?))?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Doubles with each attempt; between half and all of it, so that many clients do not come back at once.
fn backoff(first: Duration, attempt: u32, random: u8) -> Duration {
    let full = first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    full / 2 + full.mul_f64(f64::from(random) / 510.0)
}

/// Jitter needs no secrecy: without random bytes it is left out.
fn random() -> u8 {
    let mut byte = [0];
    match getrandom::fill(&mut byte) {
        Ok(()) => u8::from_ne_bytes(byte),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_that_is_all_the_rest_is_taken() {
        assert_eq!(rest_from("bytes 5-9/10", 5), Some(10));
        for range in [
            "",
            "bytes",
            "bytes */10",
            "bytes 4-9/10",
            "bytes 5-8/10",
            "bytes 5-9/*",
            "bytes 5-9/11",
            "bytes 9-5/6",
            "bytes +5-9/10",
            "bytes 5--9/10",
            "items 5-9/10",
            "bytes 5-18446744073709551615/0",
        ] {
            assert_eq!(rest_from(range, 5), None, "{range}");
        }
    }

    #[test]
    fn only_a_strong_tag_that_a_server_takes_back_is_kept() {
        let long = format!("\"{}\"", "x".repeat(255));
        for (etag, kept) in [
            ("\"5f3-2a\"", true),
            ("\"../x\"", true),
            ("W/\"5f3\"", false),
            ("\"\"", false),
            ("\"", false),
            ("5f3", false),
            ("\"a\"b\"", false),
            ("\"a b\"", false),
            ("\"a\u{7f}\"", false),
            ("\"a\n\"", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_strong_etag(etag), kept, "{etag:?}");
        }
    }

    #[test]
    fn only_bytes_that_come_again_and_again_are_too_many() {
        for size in [0, PATIENCE_MIN_BYTES, 500 << 20, 4 << 30] {
            assert!(!is_wasteful(size, size), "{size}");
        }
        assert!(!is_wasteful(2_000 << 20, 500 << 20) && is_wasteful((2_000 << 20) + 1, 500 << 20));
        assert!(!is_wasteful(64 << 20, 1) && is_wasteful((64 << 20) + 1, 1));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), Some(Duration::ZERO));
        for text in ["", "-1", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }

    #[test]
    fn waits_double_within_bounds_and_are_never_all_alike() {
        let first = Duration::from_millis(500);
        let wait = |attempt, random| backoff(first, attempt, random).as_millis();
        assert_eq!((wait(1, 0), wait(1, 255)), (250, 500));
        assert_eq!((wait(3, 0), wait(3, 255)), (1000, 2000));
        assert_eq!(wait(u32::MAX, 255), BACKOFF_MAX.as_millis());
    }
}
