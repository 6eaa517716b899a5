//! Rules 1 to 4 of the package limit, on simulated clusters of up to 30 nodes.

use weir_cluster::ledger::Terms;

use super::*;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// Runs our scheme through all scenarios that a test has time for.
fn each(mut check: impl FnMut(&Scenario, &Figures) -> Result<(), String>) {
    for scenario in Scenario::all()
        .iter()
        .filter(|scenario| scenario.nodes <= 30)
    {
        for seed in SEEDS {
            let figures = run(scenario, Scheme::Weir, Terms::default(), seed);
            if let Err(wrong) = check(scenario, &figures) {
                let name = scenario.name;
                panic!(
                    "{name}, seed {seed}: {wrong}\nto see it again: cargo run -p weir-benches --bin quota_sim -- --seed {seed} \"{name}\""
                );
            }
        }
    }
}

fn holds(right: bool, wrong: String) -> Result<(), String> {
    if right { Ok(()) } else { Err(wrong) }
}

#[test]
fn no_window_carries_more_than_the_limit_one_burst_and_the_calls_in_flight() {
    each(|_, figures| {
        let excess_s = figures.excess_beyond_debt_s;
        holds(
            excess_s <= 1.0,
            format!("{excess_s:.3} s of L above the limit"),
        )
    });
}

#[test]
fn where_demand_exceeds_the_limit_it_is_used() {
    each(|scenario, figures| {
        let (use_, least) = (figures.utilisation, scenario.least_use.unwrap_or(0.0));
        holds(
            use_ >= least,
            format!("{use_:.3} of L used, {least} is right"),
        )
    });
}

#[test]
fn use_is_back_three_intervals_and_a_round_trip_after_demand_moved() {
    each(|scenario, figures| {
        let Some((longest_ms, _)) = figures.rebalance_ms else {
            return Ok(());
        };
        let (_, slowest_us) = scenario.latency_us;
        let round_trip_ms = 2.0 * slowest_us as f64 / 1e3;
        let allowed_ms = 3.0 * scenario.interval.as_secs_f64() * 1e3 + round_trip_ms;
        holds(
            longest_ms <= allowed_ms,
            format!("{longest_ms:.0} ms until use was back, {allowed_ms:.0} ms are allowed"),
        )
    });
}

#[test]
fn nodes_with_equal_demand_get_equal_parts() {
    each(|_, figures| {
        let jain = figures.jain;
        holds(
            jain.is_nan() || jain >= 0.98,
            format!("Jain's index {jain:.3}"),
        )
    });
}

/// What would pass for any scheme says nothing about ours.
#[test]
fn other_schemes_fail_where_they_are_known_to() {
    let figures = |name: &str, scheme| {
        let all = Scenario::all();
        let scenario = all.iter().find(|scenario| scenario.name == name).unwrap();
        run(scenario, scheme, Terms::default(), 1)
    };
    assert!(figures("one region 2x", Scheme::StaticSplit).utilisation < 0.4);
    assert!(figures("even 2x", Scheme::PerNode).excess_s > 10.0);
    assert!(figures("partition 16 s", Scheme::Rates).excess_s > 2.0);
    assert!(figures("one region 2x", Scheme::Central).utilisation > 0.98);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let scenario = &Scenario::all()[2];
    let figures = || run(scenario, Scheme::Weir, Terms::default(), 7);
    assert_eq!(format!("{:?}", figures()), format!("{:?}", figures()));
}
