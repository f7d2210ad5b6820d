use std::{hint::black_box, slice};

use cargo_packager_updater::{
    fuzzing::author,
    signature::{Signature, verify_reader},
};
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use micro::noise::Noise;

const COMMENT: &str = "timestamp:1767225600\tfile:example.AppImage\tversion:2.0.0";

fn signature(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signature");
    let text = author::sign(b"artifact", COMMENT);
    group.bench_function("parse", |bencher| bencher.iter(|| Signature::parse(black_box(&text)).unwrap()));
    verify(&mut group, "verify 1 KiB", 1 << 10);
    // A run of them takes longer than is to be spent on a sample.
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    verify(&mut group, "verify 64 MiB", 64 << 20);
    group.finish();
}

fn verify(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, bytes: usize) {
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function(name, |bencher| {
        let artifact = Noise::default().bytes(bytes, 100);
        let signature = Signature::parse(&author::sign(&artifact, COMMENT)).unwrap();
        let keys = slice::from_ref(author::public_key());
        bencher.iter(|| verify_reader(&mut black_box(artifact.as_slice()), &signature, keys).unwrap());
    });
}

criterion_group!(benches, signature);
criterion_main!(benches);
