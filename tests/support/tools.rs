//! Programs that other systems do not have.

use std::env;

use super::skip;

/// Whether it is here; else its tests are skipped.
pub(crate) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    found(program, env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}

pub(crate) fn found(name: &str, found: bool) -> bool {
    if !found {
        skip(format_args!("{name}, which `npm run hosts:setup` installs"));
    }
    found
}
