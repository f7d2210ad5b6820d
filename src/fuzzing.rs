//! What is fuzzed: one function for each target in `fuzz/`, which takes whatever bytes a stranger may send and panics where
//! a promise does not hold. What `benches/micro` measures is in [`work`]. Compiled for both (`--cfg fuzzing`) and for the
//! tests alone; no release has it.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a target tells what it found"
)]

mod archive;
mod arguments;
pub mod author;
#[cfg(feature = "release")]
mod delta;
mod headers;
mod manifest;
mod signature;
mod state;
mod trusted_comment;
pub mod work;

pub use archive::archive;
pub use arguments::arguments;
#[cfg(feature = "release")]
pub use delta::delta;
pub use headers::headers;
pub use manifest::manifest;
pub use signature::signature;
pub use state::state;
pub use trusted_comment::trusted_comment;

/// A signature of [`ARTIFACT`] under [`PUBKEY`].
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUTI9No+JD/k7erWxbSdjgDd3bz2YjSBwvexAYLByP+zgOffCCBxHT7JpkXBSl9kS29TiH7gMfQ0tXbfCdLPs6+ReuyxfY629A4=
trusted comment: timestamp:1767225600\tfile:artifact\tversion:2.0.0
+w3gbSdlJr7qJ25xSb/I0Pyx4iWygmH1+9ibGf78AdZPBa2CRfwsGa0HcVpJ8ZrxZvrac+QDzdLNVwKtGXdzCw==
";
const PUBKEY: &str = "RWTI9No+JD/k7Y7Xnc8EUMu62mV35qavAr633ZjEjM6qRj1pbXfKYeI+";
const ARTIFACT: &[u8] = b"artifact\n";

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// What fuzzing starts from, and what it once found.
    #[test]
    fn every_promise_holds_for_the_inputs_that_fuzzing_starts_from() {
        for (name, target) in [
            ("archive", super::archive as fn(&[u8])),
            ("arguments", super::arguments),
            #[cfg(feature = "release")]
            ("delta", super::delta),
            ("headers", super::headers),
            ("manifest", super::manifest),
            ("signature", super::signature),
            ("state", super::state),
            ("trusted_comment", super::trusted_comment),
        ] {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let mut inputs = 0;
            for input in fs::read_dir(&corpus).unwrap() {
                let input = input.unwrap().path();
                println!("{}", input.display());
                target(&fs::read(&input).unwrap());
                inputs += 1;
            }
            assert!(inputs > 0, "{} is empty", corpus.display());
        }
    }
}
