//! Between regions lies the open internet: late, lossy, narrow, sometimes silent. The cluster agrees all the same,
//! and the package holds.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_tests::package_run::{ONE_MBPS, PackageRun, RunningLoad};
use weir_tests::wire::Weather;

/// 256 kbit/s.
const NARROW: u64 = 32_000;
/// Changes made in each kind of weather, on one node after the other.
const CHANGES: usize = 6;
/// What tests hold the use to; demand is even, beyond the package.
const USE_HELD: f64 = 0.9;

/// What becomes of the network in one row of the table.
enum Fault {
    Weather(Weather),
    /// Every connection between nodes breaks off before each change.
    Resets,
    /// The first node is not heard by the second, and neither is told.
    HalfOpen,
}

struct Row {
    fault: &'static str,
    agreed: Vec<Duration>,
    used: f64,
}

/// Makes changes and waits each time until all nodes have it.
async fn changes(run: &PackageRun, fault: &Fault, made: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for change in 0..CHANGES {
        if let Fault::Resets = fault {
            run.cluster.wires.reset();
        }
        let begun = Instant::now();
        let space = format!("/spaces/s{}", made + change);
        let admin = run.cluster.admin(change % 3);
        admin
            .put(&space, json!({ "name": "made in a storm" }))
            .await;
        run.cluster.agree().await;
        took.push(begun.elapsed());
    }
    took
}

async fn row(
    run: &PackageRun,
    load: &RunningLoad,
    what: &'static str,
    fault: Fault,
    made: usize,
) -> Row {
    let wires = &run.cluster.wires;
    match &fault {
        Fault::Weather(weather) => wires.set_weather(*weather),
        Fault::Resets => {}
        Fault::HalfOpen => wires.silence(&run.cluster.nodes[0].id, &run.cluster.nodes[1].id),
    }
    let from = load.carries(0.9).await;
    let agreed = changes(run, &fault, made).await;
    load.run_for(Duration::from_secs(2)).await;
    let used = load.used(from, load.elapsed());
    wires.heal();
    wires.set_weather(Weather::default());
    Row {
        fault: what,
        agreed,
        used,
    }
}

#[tokio::test]
async fn through_a_bad_network_the_cluster_agrees_and_the_package_holds() {
    let run = PackageRun::start(3, ONE_MBPS, "").await;
    let load = run.load(&[0.6, 0.6, 0.6]);
    let ms = Duration::from_millis;
    let weather = |delay, bytes_per_second, lost_percent| {
        Fault::Weather(Weather {
            delay,
            bytes_per_second,
            lost_percent,
        })
    };
    let mut rows = Vec::new();
    for (what, fault) in [
        ("none", weather(ms(0), 0, 0)),
        ("150 ms each way", weather(ms(150), 0, 0)),
        ("5 % lost, 30 ms", weather(ms(30), 0, 5)),
        ("256 kbit/s, 30 ms", weather(ms(30), NARROW, 0)),
        ("connections reset", Fault::Resets),
        ("half open", Fault::HalfOpen),
    ] {
        let made = rows.len() * CHANGES;
        rows.push(row(&run, &load, what, fault, made).await);
    }
    println!(
        "{:<20} {:>10} {:>10} {:>8}",
        "fault", "agree p50", "longest", "used"
    );
    for row in &mut rows {
        row.agreed.sort();
        println!(
            "{:<20} {:>7} ms {:>7} ms {:>6.1} %",
            row.fault,
            row.agreed[CHANGES / 2].as_millis(),
            row.agreed[CHANGES - 1].as_millis(),
            row.used * 100.0
        );
    }
    let outcome = run.finish(load).await;
    outcome.assert_sound("a bad network");
    outcome.assert_counts_agree();
    for row in rows {
        assert!(row.used >= USE_HELD, "{}: {:.3} used", row.fault, row.used);
    }
}
