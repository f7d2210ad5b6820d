//! What the benchmarks are given to work on: the same on each run.

pub mod bundle;
pub mod noise;
pub mod release;
