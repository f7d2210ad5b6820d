use std::{hint::black_box, sync::LazyLock, time::Duration};

use cargo_packager_updater::fuzzing::work;
use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use micro::bundle::Bundle;
use tempfile::TempDir;

/// Making it takes seconds, which a filter for something else need not wait for.
static BUNDLE: LazyLock<Bundle> = LazyLock::new(Bundle::default);

fn extraction(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("extraction");
    group.sample_size(20).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Bytes(Bundle::unpacked_bytes()));
    group.bench_function("read and check", |bencher| {
        let archive = &BUNDLE.archive;
        bencher.iter(|| work::check_bundle(black_box(archive)).unwrap());
    });
    group.bench_function("into a directory", |bencher| {
        let archive = &BUNDLE.archive;
        // What a run has made is handed back, since it is removed when the clock has stopped.
        let unpack = |directory: TempDir| {
            work::unpack_bundle(black_box(archive), directory.path()).unwrap();
            directory
        };
        bencher.iter_batched(directory, unpack, BatchSize::PerIteration);
    });
    group.finish();
}

/// In memory where that is possible: ext4 takes longer to find room the more was removed just before.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

criterion_group!(benches, extraction);
criterion_main!(benches);
