//! Text as Windows takes it: 16-bit units, ended by a zero.

use std::{ffi::OsStr, os::windows::ffi::OsStrExt};

pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}
