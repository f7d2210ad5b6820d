//! One request and its answer.

use std::{
    convert::Infallible,
    io::{self, Seek, SeekFrom},
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
        HeaderName, HeaderValue, LAST_MODIFIED,
    },
};
use serde_json::json;

use super::{
    Site,
    body::Body,
    content::Content,
    range::{Selection, select},
    update,
};

pub(super) async fn respond(site: &Site, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let response = if !matches!(*request.method(), Method::GET | Method::HEAD) {
        with(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned()), ALLOW, "GET, HEAD")
    } else if let Some(rest) = path.strip_prefix("/update/") {
        dynamic(site, rest)
    } else {
        fixed(site, path, &request)
    };
    log(site, &request, &response);
    Ok(if request.method() == Method::HEAD { without_body(response) } else { response })
}

fn dynamic(site: &Site, rest: &str) -> Response<Body> {
    let (status, body) = update::answer(site, rest);
    if status == StatusCode::OK {
        return with(answer(status, Body::text(body)), CONTENT_TYPE, "application/json");
    }
    if status == StatusCode::NO_CONTENT { answer(status, Body::empty()) } else { plain(status, body) }
}

fn fixed(site: &Site, path: &str, request: &Request<Incoming>) -> Response<Body> {
    let Some(content) = Content::open(&site.root, path) else {
        return plain(StatusCode::NOT_FOUND, "not found\n".to_owned());
    };
    let (etag, modified) = (content.etag.clone(), content.last_modified.clone());
    let selection = if request.method() == Method::GET {
        select(request.headers(), content.len, &etag, &modified)
    } else {
        Selection::Whole // ranges are defined for GET only (RFC 9110, section 14.2)
    };
    let response = part(content, &selection)
        .unwrap_or_else(|error| plain(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot read: {error}\n")));
    let response = with(response, ETAG, &etag);
    with(with(response, LAST_MODIFIED, &modified), ACCEPT_RANGES, "bytes")
}

fn part(mut content: Content, selection: &Selection) -> io::Result<Response<Body>> {
    let len = content.len;
    let (status, first, count) = match selection {
        Selection::Whole => (StatusCode::OK, 0, len),
        Selection::Part(first, last) => (StatusCode::PARTIAL_CONTENT, *first, last - first + 1),
        Selection::Unsatisfiable => {
            let response = answer(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
            return Ok(with(response, CONTENT_RANGE, &format!("bytes */{len}")));
        }
    };
    content.file.seek(SeekFrom::Start(first))?;
    let body = Body::file(tokio::fs::File::from_std(content.file), count);
    let response = with(answer(status, body), CONTENT_TYPE, content.media_type);
    Ok(match selection {
        Selection::Part(first, last) => with(response, CONTENT_RANGE, &format!("bytes {first}-{last}/{len}")),
        _ => response,
    })
}

/// Nothing may be kept: what is served is about to be replaced by the next trial.
fn answer(status: StatusCode, body: Body) -> Response<Body> {
    let len = hyper::body::Body::size_hint(&body).lower();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, len.into());
    }
    response
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    with(answer(status, Body::text(text)), CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// HEAD: the same headers, also the length (RFC 9110, section 9.3.2).
fn without_body(response: Response<Body>) -> Response<Body> {
    response.map(|_| Body::empty())
}

fn log(site: &Site, request: &Request<Incoming>, response: &Response<Body>) {
    let (method, path, status) = (request.method(), request.uri().path(), response.status().as_u16());
    let bytes = length(response.headers());
    let line = if site.output.is_json() {
        json!({"method": method.as_str(), "path": path, "status": status, "bytes": bytes}).to_string()
    } else {
        format!("{method} {path} {status} {bytes}")
    };
    site.output.note(&line);
}

fn length(headers: &HeaderMap) -> u64 {
    headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok()).unwrap_or(0)
}
