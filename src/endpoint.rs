//! [`Endpoint`]: a URL template with its `{{…}}` replaced, and where it may lead.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::{Error, Result, error::clip};

/// RFC 3986, section 2.3: the characters that mean only themselves anywhere in a URL. All others are encoded, so
/// that `1.0.0+5` keeps its plus in a query, and a value cannot add a path segment or a host.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What replaces the variables.
pub(crate) struct Values {
    pub(crate) current_version: String,
    pub(crate) target: String,
    pub(crate) arch: String,
    pub(crate) channel: String,
}

/// A URL that is asked for a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) transport: Transport,
}

/// Which plain-text transport is allowed in what an endpoint leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    HttpsOnly,
    /// The endpoint itself is plain http on this machine.
    LoopbackHttp,
    /// `dangerousInsecureTransportProtocol`.
    AnyHttp,
}

impl Endpoint {
    pub(crate) fn parse(option: &str, template: &str, values: &Values, any_http: bool) -> Result<Self> {
        let shown = || format!("{:?}", without_credentials(template));
        let url = Url::parse(&expand(template, values))
            .map_err(|error| Error::option_invalid(option, shown(), error.to_string()))?;
        let transport = match url.scheme() {
            _ if any_http => Transport::AnyHttp,
            "http" if is_loopback(&url) => Transport::LoopbackHttp,
            _ => Transport::HttpsOnly,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::option_invalid(option, shown(), "must be an https: URL"));
        }
        transport.check(&url, None).map_err(|reason| Error::InsecureUrl {
            url: display(&url),
            reason,
            option: Some(option.to_owned()),
        })?;
        Ok(Self { url, transport })
    }

    /// What holds for redirects of an artifact at `url`.
    pub(crate) fn transport_for(&self, url: &Url) -> Transport {
        if url.scheme() == "https" { Transport::HttpsOnly } else { self.transport }
    }

    /// Whether the manifest may send the client there. `announced_by` is where it came from, after all redirects.
    pub(crate) fn check_artifact_url(&self, url: &Url, announced_by: &Url) -> Result<()> {
        self.transport.check(url, Some(announced_by)).map_err(|reason| Error::InsecureUrl {
            url: display(url),
            reason: format!("{} announces it: {reason}", display(announced_by)),
            option: None,
        })
    }
}

impl Transport {
    /// `from` is the URL that led here. Nothing that came over TLS may lead out of it.
    pub(crate) fn check(self, url: &Url, from: Option<&Url>) -> Result<(), String> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if from.is_some_and(|from| from.scheme() == "https") => {
                Err("an https: URL must not lead to http:".to_owned())
            }
            "http" if self == Self::AnyHttp => Ok(()),
            "http" if self == Self::LoopbackHttp && is_loopback(url) => Ok(()),
            "http" => Err("http: is not encrypted; use https:".to_owned()),
            other => Err(format!("{other}: is not a transport for updates; use https:")),
        }
    }
}

/// A URL as shown in messages: without the password that it may carry, and of a length that can be read.
pub(crate) fn display(url: &Url) -> String {
    clip(&without_credentials(url.as_str()))
}

/// Also for text that is not quite a URL: cuts what stands before the last `@` of the authority (RFC 3986, section 3.2).
pub(crate) fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((credentials, _)) => {
            format!("{scheme}://{}", rest.get(credentials.len() + 1..).unwrap_or_default())
        }
        None => text.to_owned(),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Replaces each variable, also where a URL parser has already encoded its braces.
fn expand(template: &str, values: &Values) -> String {
    let variables = [
        ("current_version", &values.current_version),
        ("target", &values.target),
        ("arch", &values.arch),
        ("channel", &values.channel),
    ];
    variables.iter().fold(template.to_owned(), |text, (name, value)| {
        let value = utf8_percent_encode(value, RESERVED).to_string();
        text.replace(&format!("{{{{{name}}}}}"), &value).replace(&format!("%7B%7B{name}%7D%7D"), &value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn values() -> Values {
        Values {
            current_version: "1.0.0+5".to_owned(),
            target: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            channel: "a/../b?c@d".to_owned(),
        }
    }

    fn endpoint(template: &str, any_http: bool) -> Result<Endpoint> {
        Endpoint::parse("endpoints[0]", template, &values(), any_http)
    }

    #[test]
    fn the_guides_example_evaluates_as_described() {
        let url = endpoint("https://example.com/{{target}}/{{arch}}/{{current_version}}", false).unwrap().url;
        assert_eq!(url.as_str(), "https://example.com/linux/x86_64/1.0.0%2B5");
    }

    #[test]
    fn values_cannot_change_the_shape_of_the_url() {
        let url = endpoint("https://example.com/{{channel}}/x?c={{channel}}", false).unwrap().url;
        assert_eq!(url.as_str(), "https://example.com/a%2F..%2Fb%3Fc%40d/x?c=a%2F..%2Fb%3Fc%40d");
    }

    #[test]
    fn braces_that_were_encoded_before_are_found_too() {
        let url = endpoint("https://example.com/%7B%7Btarget%7D%7D", false).unwrap().url;
        assert_eq!(url.as_str(), "https://example.com/linux");
    }

    #[test]
    fn plain_http_is_only_for_this_machine_unless_asked_for() {
        for template in
            ["http://example.com/", "http://127.0.0.1.example.com/", "http://localhost.example.com/"]
        {
            assert_eq!(endpoint(template, false).unwrap_err().code(), ErrorCode::InsecureUrl, "{template}");
            assert!(endpoint(template, true).is_ok(), "{template}");
        }
        for template in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/", "http://127.9.9.9/"]
        {
            assert_eq!(endpoint(template, false).unwrap().transport, Transport::LoopbackHttp, "{template}");
        }
    }

    #[test]
    fn nothing_leads_from_tls_to_plain_text_or_to_a_file() {
        let allowed = |endpoint: &Endpoint, url: &str| {
            endpoint.check_artifact_url(&url.parse().unwrap(), &endpoint.url).is_ok()
        };
        let tls = endpoint("https://example.com/", true).unwrap();
        assert!(allowed(&tls, "https://cdn.example.net/a"));
        assert!(!allowed(&tls, "http://cdn.example.net/a"));
        assert!(!allowed(&tls, "http://127.0.0.1/a"));
        assert!(!allowed(&tls, "file:///etc/passwd"));
        let loopback = endpoint("http://127.0.0.1/", false).unwrap();
        assert!(allowed(&loopback, "http://localhost:9/a"));
        assert!(allowed(&loopback, "https://example.com/a"));
        assert!(!allowed(&loopback, "http://example.com/a"));
        assert!(!allowed(&loopback, "data:text/plain,x"));
        let redirected = "https://example.com/".parse().unwrap();
        assert!(loopback.check_artifact_url(&"http://127.0.0.1/a".parse().unwrap(), &redirected).is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        let url: Url = "https://user:secret@example.com/x?y".parse().unwrap();
        assert_eq!(display(&url), "https://example.com/x?y");
        for (text, shown) in [
            ("https://user:secret@host:99999/x@y", "https://host:99999/x@y"),
            ("ftp://a:s@b@host?z", "ftp://host?z"),
            ("https://host/a@b", "https://host/a@b"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
