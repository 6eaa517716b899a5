//! What the ledger costs a node. Prints, asserts nothing of time.

use std::time::Instant;

use super::gateways::Bench;

/// `cargo test --release -p weir --lib cost -- --ignored --nocapture`
#[test]
#[ignore = "prints a table"]
fn the_cost_of_ticks_turns_and_seconds() {
    println!("| gateways | awake | a mint | a turn | an end of a second |");
    println!("|---|---|---|---|---|");
    for (count, used) in [(10_000, 0), (10_000, 100), (10_000, 1_000), (1_000, 1_000)] {
        let ids: Vec<String> = (0..count).map(|n| format!("g{n}")).collect();
        let mut bench = Bench::of(&ids);
        for _ in 0..20 {
            for id in &ids[..used] {
                bench.meter(id).admit(100).map(|charge| charge.add(50)).ok();
            }
            bench.pass_ms(100);
            bench.turn();
        }
        let began = Instant::now();
        (0..100).for_each(|_| bench.pass_ms(20));
        let mint = began.elapsed() / 100;
        let mut turn = std::time::Duration::ZERO;
        for _ in 0..20 {
            for id in &ids[..used] {
                bench.meter(id).admit(100).map(|charge| charge.add(50)).ok();
            }
            let began = Instant::now();
            bench.turn();
            turn += began.elapsed() / 20;
            bench.pass_ms(100);
        }
        let began = Instant::now();
        (0..10).for_each(|second| bench.end_second(100 + second));
        let second = began.elapsed() / 10;
        println!("| {count} | {used} | {mint:?} | {turn:?} | {second:?} |");
    }
}
