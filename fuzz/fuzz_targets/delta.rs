#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| cargo_packager_updater::fuzzing::delta(input));
