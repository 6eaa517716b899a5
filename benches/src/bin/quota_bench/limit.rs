//! The package limit over three regions under real load, counted at the client and the origin.

use std::time::Duration;

use weir_benches::figures::Table;
use weir_tests::package_run::{
    ONE_MBPS, Outcome, PackageRun, Size, TWENTY_MBPS, TWO_HUNDRED_MBPS, USE_WANTED,
};

const STEADY: Duration = Duration::from_secs(10);
/// The default fence, and what it takes to agree after it.
const FENCED_BY: Duration = Duration::from_secs(13);

pub async fn measure() {
    let mut table = Table::new("Real load over three regions, counted at its ends");
    for size in [ONE_MBPS, TWENTY_MBPS, TWO_HUNDRED_MBPS] {
        steady(&mut table, size).await;
        moving(&mut table, size).await;
    }
    killed(&mut table).await;
    cut_off(&mut table).await;
    table.print();
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn used(table: &mut Table, what: &str, share: f64) {
    table.line(
        what,
        percent(share),
        format!("at least {}", percent(USE_WANTED)),
    );
}

fn excess(table: &mut Table, what: &str, outcome: &Outcome) {
    table.line(
        format!("{what}: largest excess over any window"),
        format!("{:.3} s of L", outcome.excess_seconds()),
        format!(
            "at most {:.3}: a burst and the calls in flight",
            outcome.allowed_excess_seconds()
        ),
    );
}

async fn steady(table: &mut Table, size: Size) {
    let run = PackageRun::start(3, size, "").await;
    for (spread, shares) in [
        ("even", [0.6, 0.6, 0.6]),
        ("one region", [0.0, 1.7, 0.0]),
        ("90/5/5", [1.62, 0.09, 0.09]),
    ] {
        let what = format!("{} Mbps, {spread}", size.bandwidth_bps / 1_000_000);
        let before = run.origin.count();
        let load = run.load(&shares);
        let from = load.carries(0.9).await;
        load.run_for(STEADY).await;
        used(
            table,
            &format!("{what}: used"),
            load.used(from, load.elapsed()),
        );
        let outcome = run.finish(load).await;
        excess(table, &what, &outcome);
        table.line(
            format!("{what}: bytes of bodies at the client, at the origin"),
            format!(
                "{} / {}",
                outcome.tally.link_body_bytes,
                outcome.origin.body_bytes - before.body_bytes
            ),
            "the same",
        );
    }
}

async fn moving(table: &mut Table, size: Size) {
    let run = PackageRun::start(3, size, "").await;
    let load = run.load(&[1.7, 0.0, 0.0]);
    let begun = load.carries(0.9).await;
    let what = format!("{} Mbps, moving every 2 s", size.bandwidth_bps / 1_000_000);
    for region in [1, 2, 0, 1, 2] {
        let mut shares = [0.0; 3];
        shares[region] = 1.7;
        load.set(&shares);
        load.run_for(Duration::from_secs(2)).await;
    }
    used(
        table,
        &format!("{what}: used"),
        load.used(begun, load.elapsed()),
    );
    excess(table, &what, &run.finish(load).await);
}

async fn killed(table: &mut Table) {
    let mut run = PackageRun::start(3, ONE_MBPS, "").await;
    let load = run.load(&[0.9, 0.9, 0.0]);
    load.carries(0.9).await;
    run.cluster.nodes[2].kill().await;
    let killed = load.elapsed();
    load.run_for(Duration::from_secs(8)).await;
    let share = load.used(killed + Duration::from_secs(1), load.elapsed());
    table.line(
        "1 Mbps, a node killed: used before it is planned out",
        percent(share),
        "two thirds",
    );
    load.run_for(FENCED_BY - Duration::from_secs(8)).await;
    let whole = load.carries(0.9).await;
    load.run_for(STEADY).await;
    used(
        table,
        "1 Mbps, a node killed: used after",
        load.used(whole, load.elapsed()),
    );
    excess(table, "1 Mbps, a node killed", &run.finish(load).await);
}

async fn cut_off(table: &mut Table) {
    let run = PackageRun::start(3, ONE_MBPS, "").await;
    let load = run.load(&[0.9, 0.9, 0.9]);
    load.carries(0.9).await;
    run.cluster.part(&[2]);
    load.run_for(FENCED_BY).await;
    let cut = load.carries(0.9).await;
    load.run_for(STEADY).await;
    used(
        table,
        "1 Mbps, a node cut off: used by both sides together",
        load.used(cut, load.elapsed()),
    );
    run.cluster.wires.heal();
    run.cluster.agree().await;
    let healed = load.carries(0.9).await;
    load.run_for(STEADY).await;
    used(
        table,
        "1 Mbps, healed: used",
        load.used(healed, load.elapsed()),
    );
    excess(table, "1 Mbps, cut off and healed", &run.finish(load).await);
}
