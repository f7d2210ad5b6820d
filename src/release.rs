//! Manifests for publishers (feature `release`): made from signed artifacts, merged, checked with the parser that
//! applications use, and answered from as an update server does. Pure, no I/O.

mod answer;
mod artifact;
mod check;
mod delta;
mod entry;
mod manifest;
mod platform;
#[cfg(feature = "sign")]
mod signing;
mod terms;

pub use answer::Answer;
pub use artifact::{SignedArtifact, Unversioned};
pub use check::{Expectations, Problem, Report, check};
pub use delta::{Delta, DeltaEntry, DeltaStep, SignedDelta};
pub use entry::Entry;
pub use manifest::{Manifest, rfc3339};
#[cfg(feature = "sign")]
pub use signing::Known;
pub use terms::Terms;
