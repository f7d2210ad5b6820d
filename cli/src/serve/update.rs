//! `GET /update/{target}/{arch}/{current_version}`: the dynamic endpoint, read from the manifest of this moment.

use cargo_packager_updater::{
    IntoVersion,
    release::{Answer, Manifest},
};
use hyper::StatusCode;
use percent_encoding::percent_decode_str;

use super::Site;
use crate::file::read_text;

/// Status and body: JSON with 200, nothing with 204, else the reason.
pub(super) fn answer(site: &Site, rest: &str) -> (StatusCode, String) {
    let segments: Option<Vec<String>> = rest.split('/').map(decode).collect();
    let Some([target, arch, current]) = segments.as_deref() else {
        return (StatusCode::BAD_REQUEST, "expected /update/{target}/{arch}/{current_version}\n".to_owned());
    };
    let current = match current.as_str().into_version() {
        Ok(current) => current,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let manifest = match read_text(&site.manifest) {
        Ok(text) => text,
        Err(failure) => return (StatusCode::NOT_FOUND, format!("{failure}\n")),
    };
    let source = site.manifest.to_string_lossy();
    match Manifest::parse(manifest.as_bytes(), &source)
        .and_then(|manifest| manifest.answer(target, arch, &current))
    {
        Ok(Answer::Update(json)) => (StatusCode::OK, json),
        Ok(Answer::UpToDate) => (StatusCode::NO_CONTENT, String::new()),
        Ok(Answer::NoSuchPlatform) => {
            (StatusCode::NOT_FOUND, format!("{source} has nothing for {target} on {arch}\n"))
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn decode(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
