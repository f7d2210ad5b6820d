//! Whole updates against servers on 127.0.0.1 that fail in every way a server can.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod authenticity;
mod blocking;
mod cancel;
mod child;
mod failover;
mod headers;
mod kill;
mod limits;
mod lock;
mod pending;
mod reinstall;
mod resume;
mod retry;
mod silence;
mod target;
mod target_attributes;
mod target_denied;
