//! `cargo run -p weir-benches --bin quota_sim -- [--seeds N] [--seed S] [--nodes N] [--scheme S] [FILTER]`:
//! the package ledger simulated, side by side with what others do.

use weir_benches::quota_sim::{Figures, Scenario, Scheme, run};
use weir_cluster::ledger::Terms;

#[derive(Debug)]
struct Asked {
    seeds: Vec<u64>,
    nodes: Option<usize>,
    scheme: String,
    filter: String,
}

fn asked() -> anyhow::Result<Asked> {
    let mut asked = Asked {
        seeds: (1..=3).collect(),
        nodes: None,
        scheme: String::new(),
        filter: String::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || {
            args.next()
                .ok_or_else(|| anyhow::anyhow!("{arg} needs a value"))
        };
        match arg.as_str() {
            "--seeds" => asked.seeds = (1..=value()?.parse()?).collect(),
            "--seed" => asked.seeds = vec![value()?.parse()?],
            "--nodes" => asked.nodes = Some(value()?.parse()?),
            "--scheme" => asked.scheme = value()?,
            option if option.starts_with('-') => anyhow::bail!(
                "{option} is no option: --seeds N, --seed S, --nodes N (at most), --scheme S, or part of a scenario's name"
            ),
            _ => asked.filter = arg,
        }
    }
    Ok(asked)
}

fn main() -> anyhow::Result<()> {
    let asked = asked()?;
    println!(
        "{:26} {:16} {:>6} {:>7} {:>8} {:>16} {:>6} {:>9} {:>9} {:>6}",
        "scenario",
        "scheme",
        "use",
        "excess",
        "-debt",
        "rebalance ms",
        "Jain",
        "gossip",
        "of rows",
        "row B"
    );
    for scenario in Scenario::all() {
        let fits = asked.nodes.is_none_or(|most| scenario.nodes <= most);
        if !fits || !scenario.name.contains(&asked.filter) {
            continue;
        }
        for scheme in Scheme::ALL {
            if scheme.name().contains(&asked.scheme) {
                let runs: Vec<Figures> = asked
                    .seeds
                    .iter()
                    .map(|&seed| run(&scenario, scheme, Terms::default(), seed))
                    .collect();
                print_row(&scenario, scheme, &runs);
            }
        }
    }
    Ok(())
}

/// Of all seeds the worst excess and rebalancing, the least use, and the mean of what is no promise.
fn print_row(scenario: &Scenario, scheme: Scheme, runs: &[Figures]) {
    let most = |of: fn(&Figures) -> f64| runs.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let least = |of: fn(&Figures) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    let mean = |of: fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    let rebalance = runs[0].rebalance_ms.map_or("-".to_owned(), |_| {
        let worst = most(|f| f.rebalance_ms.map_or(0.0, |(worst, _)| worst));
        let middle = mean(|f| f.rebalance_ms.map_or(0.0, |(_, middle)| middle));
        format!("{middle:.0} / {worst:.0}")
    });
    let jain = match least(|f| f.jain) {
        jain if jain.is_finite() => format!("{jain:.3}"),
        _ => "-".to_owned(),
    };
    println!(
        "{:26} {:16} {:6.3} {:7.3} {:8.3} {:>16} {:>6} {:9.0} {:9.0} {:6.0}",
        scenario.name,
        scheme.name(),
        least(|f| f.utilisation),
        most(|f| f.excess_s),
        most(|f| f.excess_beyond_debt_s),
        rebalance,
        jain,
        mean(|f| f.gossip_bytes_per_node_s),
        mean(|f| f.row_bytes_per_node_s),
        mean(|f| f.mean_row_bytes),
    );
}
