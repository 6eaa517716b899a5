//! What the package costs a call: asking, charging, giving back.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use weir_cluster::ledger::Meter;

const PLENTY: u64 = 1 << 60;

fn meter(c: &mut Criterion) {
    let full = || {
        let meter = Meter::new();
        meter.grant_bytes(PLENTY);
        meter.lift_request_limit();
        meter
    };
    let free = full();
    c.bench_function("meter: admit, charge two parts, drop", |b| {
        b.iter(|| {
            let charge = free.admit(black_box(600));
            if let Ok(charge) = &charge {
                charge.add(black_box(400));
                charge.add(black_box(1_024));
            }
            charge.is_ok()
        });
    });
    let limited = full();
    c.bench_function("meter: admit with a limit on requests", |b| {
        b.iter(|| {
            limited.grant_requests(1);
            limited.admit(black_box(600)).is_ok()
        });
    });
    let empty = Meter::new();
    c.bench_function("meter: refuse", |b| {
        b.iter(|| empty.admit(black_box(600)).is_err())
    });
}

criterion_group!(benches, meter);
criterion_main!(benches);
