use std::hint::black_box;

use cargo_packager_updater::{
    Os,
    fuzzing::{author, work},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use micro::release::{self, PLATFORM};

fn manifest(criterion: &mut Criterion) {
    let targets = [PLATFORM.to_owned()];
    let mut group = criterion.benchmark_group("manifest");
    for (name, body) in [("one platform", release::small()), ("ten platforms", release::large())] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| work::read_manifest(black_box(&body), &targets, Os::Linux).unwrap());
        });
    }
    let body = release::signed();
    let keys = [author::public_key().clone()];
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("ten platforms, signed", |bencher| {
        bencher.iter(|| work::read_signed_manifest(black_box(&body), &keys, &targets, Os::Linux).unwrap());
    });
    group.finish();
}

criterion_group!(benches, manifest);
criterion_main!(benches);
