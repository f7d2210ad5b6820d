//! The HTTP client: timeouts, redirects, headers, size limits. The only file that names reqwest.

mod certificates;
mod no_keys;

use std::{
    error::Error as StdError,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use rustls::crypto::CryptoProvider;
use tokio::time::error::Elapsed;
use url::Url;

use crate::{
    Cause, Error, Result,
    endpoint::{Transport, display, is_loopback},
};
use certificates::SystemCertificates;
use no_keys::NoKeys;

/// HTTP/2 windows: the defaults of 64 KiB would hold a fast link to 64 KiB per round trip (RFC 9113, section 5.2).
const HTTP2_WINDOW_BYTES: u32 = 4 << 20; // 4 MiB
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// Headers that decide how a message is framed or what part of it is wanted; those are this client's own.
const RESERVED_HEADERS: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::RANGE,
    header::IF_RANGE,
    header::ACCEPT_ENCODING,
];

/// Checked HTTP headers of an option.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(HeaderMap);

impl Headers {
    pub(crate) fn parse(option: &str, pairs: &[(String, String)]) -> Result<Self> {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            // The value may be a secret: it is not repeated in the error.
            let refuse = |reason: &str| {
                Error::option_invalid(format!("{option}[{name:?}]"), "a header", reason.to_owned())
            };
            let name = HeaderName::try_from(name).map_err(|_| refuse("no valid header name"))?;
            if RESERVED_HEADERS.contains(&name) {
                return Err(refuse("this header is set by the updater"));
            }
            let mut value = HeaderValue::from_str(value).map_err(|_| refuse("no valid header value"))?;
            value.set_sensitive(true);
            map.append(name, value);
        }
        Ok(Self(map))
    }

    /// These headers, with those of `other` in place of the ones with the same name.
    pub(crate) fn overridden_by(mut self, other: &Self) -> Self {
        for name in other.0.keys() {
            self.0.remove(name);
        }
        for (name, value) in &other.0 {
            self.0.append(name, value.clone());
        }
        self
    }
}

/// A checked proxy URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy(String);

impl Proxy {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let shown = || Url::parse(text).map_or_else(|_| "no URL".to_owned(), |url| display(&url));
        let refuse = |reason: String| Error::option_invalid("proxy", shown(), reason);
        let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https" | "socks5") || !url.has_host() {
            return Err(refuse("must be an http:, https: or socks5: URL".to_owned()));
        }
        reqwest::Proxy::all(url.as_str()).map_err(|error| refuse(describe(&error)))?;
        Ok(Self(url.into()))
    }
}

/// One GET request, with what holds for it and for every redirect it meets.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a Url,
    pub(crate) transport: Transport,
    /// Sent to the origin of `url` only.
    pub(crate) headers: &'a Headers,
    pub(crate) accept: &'static str,
    /// First byte wanted, and the strong entity tag that must still hold for it.
    pub(crate) resume: Option<(u64, &'a str)>,
    pub(crate) redirects_max: u32,
    /// Whether it is made once more where the connection breaks before there is an answer; for those whom nobody else
    /// lets try again.
    pub(crate) is_repeated: bool,
    /// Longest wait for the head of an answer, and for each next piece of its body.
    pub(crate) silence_max: Duration,
}

/// A client for one proxy setting; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// By way of the proxy, if there is one.
    general: reqwest::Client,
    /// To this machine itself: a proxy would carry plain text that is meant for this machine out of it.
    direct: reqwest::Client,
}

static CLIENTS: Mutex<Vec<(Option<Proxy>, Client)>> = Mutex::new(Vec::new());

impl Client {
    /// The process's client for this proxy, made on first use, with one set of the system's certificates.
    pub(crate) fn shared(proxy: Option<&Proxy>) -> Result<Self> {
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| known.as_ref() == proxy) {
            return Ok(client.clone());
        }
        let client = Self::build(proxy)?;
        clients.push((proxy.cloned(), client.clone()));
        Ok(client)
    }

    fn build(proxy: Option<&Proxy>) -> Result<Self> {
        let tls = tls_config()
            .map_err(|error| Error::Tls { url: "any server".to_owned(), source: error.into() })?;
        let general = Self::builder(tls.clone());
        let general = match proxy {
            Some(Proxy(url)) => {
                general.proxy(reqwest::Proxy::all(url).map_err(|error| network(url, &error))?)
            }
            None => general,
        };
        let build =
            |builder: reqwest::ClientBuilder| builder.build().map_err(|error| network("any server", &error));
        Ok(Self { general: build(general)?, direct: build(Self::builder(tls).no_proxy())? })
    }

    fn builder(tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("crabnebula-updater/", env!("CARGO_PKG_VERSION")))
            // Followed by `get`, hop by hop, so that each is checked and secrets stay with their origin.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http2_initial_stream_window_size(HTTP2_WINDOW_BYTES)
            .http2_initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .pool_idle_timeout(IDLE_CONNECTION)
    }

    /// Sends the request and follows redirects.
    pub(crate) async fn get(&self, request: &Request<'_>) -> Result<Response> {
        let mut url = request.url.clone();
        for _ in 0..=request.redirects_max {
            let shown = display(&url);
            let response = self
                .answer(request, &url)
                .await
                .map_err(|_| Error::silence(&shown, "answer", request.silence_max))?
                .map_err(|error| network(&shown, &error))?;
            let Some(next) = redirect(&response, &shown)? else {
                return Ok(Response {
                    inner: response,
                    final_url: url,
                    url: shown,
                    silence_max: request.silence_max,
                });
            };
            request.transport.check(&next, Some(&url)).map_err(|reason| Error::InsecureUrl {
                url: display(&next),
                reason: format!("{shown} redirects there: {reason}"),
                option: None,
            })?;
            url = next;
        }
        let reason = format!("more than {} redirects", request.redirects_max);
        Err(Error::Network { url: display(request.url), source: reason.into() })
    }

    /// A server may close a connection that idled at the very moment at which it is used again. That is no failure of
    /// the server: the request is made once more (RFC 9112, section 9.3.1).
    async fn answer(
        &self,
        request: &Request<'_>,
        url: &Url,
    ) -> Result<reqwest::Result<reqwest::Response>, Elapsed> {
        let send = || tokio::time::timeout(request.silence_max, self.hop(request, url).send());
        match send().await {
            Ok(Err(error)) if request.is_repeated && error.is_request() && !error.is_connect() => {
                send().await
            }
            outcome => outcome,
        }
    }

    fn hop(&self, request: &Request<'_>, url: &Url) -> reqwest::RequestBuilder {
        let client = if is_loopback(url) { &self.direct } else { &self.general };
        let mut builder = client
            .get(url.clone())
            .header(header::ACCEPT, request.accept)
            // Signatures and ranges are about the bytes of the file, not of some encoding of it.
            .header(header::ACCEPT_ENCODING, "identity");
        if url.origin() == request.url.origin() {
            builder = builder.headers(request.headers.0.clone());
        }
        if let Some((first_byte, etag)) = request.resume {
            builder =
                builder.header(header::RANGE, format!("bytes={first_byte}-")).header(header::IF_RANGE, etag);
        }
        builder
    }
}

/// The answer to a request, its body not yet read.
pub(crate) struct Response {
    inner: reqwest::Response,
    final_url: Url,
    url: String,
    silence_max: Duration,
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Where it came from, after all redirects.
    pub(crate) const fn final_url(&self) -> &Url {
        &self.final_url
    }

    /// The same, fit to be shown.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// The next piece of the body, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match tokio::time::timeout(self.silence_max, self.inner.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(network(&self.url, &error)),
            Err(_) => Err(Error::silence(&self.url, "data", self.silence_max)),
        }
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(crate) async fn bytes(mut self, limit: u64) -> Result<Bytes> {
        let too_large = || Error::SizeLimit { url: self.url.clone(), limit };
        if self.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(Error::SizeLimit { url: self.url, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn redirect(response: &reqwest::Response, url: &str) -> Result<Option<Url>> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let next = location.and_then(|location| response.url().join(location).ok());
    next.map(Some).ok_or_else(|| Error::HttpStatus { url: url.to_owned(), status })
}

fn tls_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = CryptoProvider { key_provider: &NoKeys, ..rustls::crypto::ring::default_provider() };
    let provider = Arc::new(provider);
    let certificates = SystemCertificates::new(Arc::clone(&provider));
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // rustls's word for any verifier but its own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(certificates))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn network(url: &str, error: &reqwest::Error) -> Error {
    let url = url.to_owned();
    let source: Cause = describe(error).into();
    if chain(error).any(is_tls) { Error::Tls { url, source } } else { Error::Network { url, source } }
}

/// `source` of an I/O error leaves out the error that it wraps, and there may be several around each other.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_tls(inner))
}

/// The innermost reason, which is the one that tells something: `Connection refused (os error 111)`.
fn describe(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
