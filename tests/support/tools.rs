//! Programs that other systems do not have.

use std::env;

/// Whether it is here.
pub(crate) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    found(program, env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}

/// What is missing skips its tests, and fails them where `CI` is set.
pub(crate) fn found(name: &str, found: bool) -> bool {
    if !found {
        assert!(env::var_os("CI").is_none(), "missing: {name}");
        println!("skipped: {name} is not installed");
    }
    found
}
