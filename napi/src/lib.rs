//! Node.js binding of `cargo-packager-updater`: conversions only.
