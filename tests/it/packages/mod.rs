//! Applications that are really installed with dpkg, rpm and pacman on this machine, updated and removed: these tests
//! need root and a Debian system, and run with `cargo test --test it -- --ignored packages::`.

mod app;
mod deb;
mod elevation;
mod every_format;
mod kit;
