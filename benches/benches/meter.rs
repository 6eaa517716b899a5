//! What the package costs a call: asking, charging, giving back.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use weir_cluster::ledger::{Hints, Meter};

const PLENTY: u64 = 1 << 42;

/// A meter as a node runs it: with a limit on requests, and told what a call weighs.
fn full() -> Arc<Meter> {
    let meter = Meter::new();
    meter.grant_bytes(PLENTY);
    meter.grant_requests(PLENTY);
    meter.set_hints(Hints {
        expected_call_bytes: 2_000,
        refund_cap_parts: u64::MAX,
        reserve_cap_bytes: 125_000,
        refill_bytes_per_second: 125_000,
        refill_requests_per_second_parts: 1_000,
    });
    meter
}

/// A call: its head, its answer, its end.
fn call(meter: &Arc<Meter>) -> bool {
    let charge = meter.admit(black_box(600));
    if let Ok(charge) = &charge {
        charge.add(black_box(400));
        charge.add(black_box(1_024));
    }
    charge.is_ok()
}

/// The time of `calls` calls, made by so many threads on one meter.
fn together(meter: &Arc<Meter>, threads: u64, calls: u64) -> Duration {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                (0..calls.div_ceil(threads)).for_each(|_| {
                    black_box(call(meter));
                })
            });
        }
    });
    begun.elapsed()
}

fn meter(c: &mut Criterion) {
    let free = full();
    free.lift_request_limit();
    c.bench_function("meter: admit, charge two parts, drop", |b| {
        b.iter(|| call(&free))
    });
    let limited = full();
    c.bench_function("meter: the same with a limit on requests", |b| {
        b.iter(|| call(&limited))
    });
    let shared = full();
    c.bench_function(
        "meter: the same, two threads on one meter, time a call",
        |b| {
            b.iter_custom(|calls| together(&shared, 2, calls));
        },
    );
    let empty = Meter::new();
    c.bench_function("meter: refuse", |b| {
        b.iter(|| empty.admit(black_box(600)).is_err())
    });
}

criterion_group!(benches, meter);
criterion_main!(benches);
