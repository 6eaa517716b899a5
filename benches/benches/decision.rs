//! The access decision of one call, and compiling the table it reads.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use weir_benches::{access_domain, catalog};
use weir_config::access::{AccessTable, Admission, CallFacts, decide};

const BASE_DOMAIN: &str = "weir.localhost";

fn decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    for businesses in [1, 10_000] {
        let table = AccessTable::compile(&catalog(businesses), BASE_DOMAIN);
        let host = access_domain(businesses / 2);
        let target = format!("https://api1.shop{}.example", businesses / 2);
        let call = CallFacts {
            host: &host,
            path_and_query: "/v1/items/4711?page=2",
            target: Some(&target),
            ..CallFacts::default()
        };
        let cases = [
            (
                "link",
                CallFacts {
                    env_version: Some("trial"),
                    ..call
                },
            ),
            (
                "gray",
                CallFacts {
                    user: Some("user-4711"),
                    ..call
                },
            ),
            (
                "url not configured",
                CallFacts {
                    path_and_query: "/other",
                    ..call
                },
            ),
            (
                "unknown domain",
                CallFacts {
                    host: "shop.example",
                    ..call
                },
            ),
        ];
        for (name, facts) in cases {
            group.bench_with_input(BenchmarkId::new(name, businesses), &facts, |b, facts| {
                b.iter(|| decide(black_box(&table), black_box(facts), |_| Admission::Admitted));
            });
        }
    }
    group.finish();
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    for businesses in [100, 10_000] {
        let catalog = catalog(businesses);
        group.bench_with_input(
            BenchmarkId::from_parameter(businesses),
            &catalog,
            |b, catalog| {
                b.iter(|| AccessTable::compile(black_box(catalog), BASE_DOMAIN));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, decision, compile);
criterion_main!(benches);
