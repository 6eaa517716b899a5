//! From an accepted change to calls that go by it, on the last of all nodes.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use weir_tests::{Business, Cluster};

use crate::caller::Caller;
use weir_benches::figures::{Table, Times, ms};

const APPID: &str = "wxffffffffffffffff";
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 1000\n";

/// Nodes, changes to measure, the number of links asked a second is the same for all.
const SIZES: [(usize, usize); 3] = [(3, 200), (10, 100), (30, 40)];
/// Pause between two calls that ask one node of `nodes`, times the number of nodes.
const ASK_EVERY: Duration = Duration::from_micros(400);

/// What a change took.
#[derive(Default)]
pub struct Propagation {
    /// From sending it to its answer: on the disk of one other node too.
    pub accepted: Times,
    /// From its answer until the last node goes by it.
    pub everywhere: Times,
}

pub async fn measure() {
    let mut table = Table::new("Propagation: real nodes on this machine, `?ack=one`");
    for (count, changes) in SIZES {
        eprintln!("{count} nodes");
        let cluster = Cluster::start_with(count, LIMITS).await;
        let business = cluster.attach(0, APPID).await;
        let mut took = changes_take(&cluster, &business, changes).await;
        lines(&mut table, &format!("{count} nodes"), &mut took);
    }
    table.print();
}

pub fn lines(table: &mut Table, what: &str, took: &mut Propagation) {
    let Propagation {
        accepted,
        everywhere,
    } = took;
    let both = |times: &mut Times| {
        let (p50, p99) = (times.percentile(0.5), times.percentile(0.99));
        format!("{} / {}", ms(p50), ms(p99))
    };
    table.line(
        format!("{what}: change accepted, p50 / p99"),
        both(accepted),
        "",
    );
    let (times, count) = (both(everywhere), everywhere.count());
    let wanted = format!("p99 < 1 s ({count} changes)");
    table.line(
        format!("{what}: in effect on the last node after that"),
        times,
        wanted,
    );
}

/// Changes a business on one node after the other, and looks when each change is in effect on all.
pub async fn changes_take(cluster: &Cluster, business: &Business, changes: usize) -> Propagation {
    let mut took = Propagation::default();
    let mut callers = Vec::new();
    for node in &cluster.nodes {
        let caller = Caller::connect(node.http, business).await;
        callers.push(caller.expect("every node answers"));
    }
    let pause = ASK_EVERY * u32::try_from(cluster.nodes.len()).expect("few nodes");
    for change in 0..changes {
        let writer = cluster.admin(change % cluster.nodes.len());
        let body = json!({ "timeout_ms": 5_000 + change });
        let path = format!("/businesses/{}?ack=one", business.id);
        let begin = Instant::now();
        let answer = writer.call(Method::PATCH, &path, Some(&body)).await;
        let answered = Instant::now();
        assert_eq!(answer.status, 200, "{}", answer.text());
        took.accepted.add(answered - begin);
        let version = answer.header("x-wx-conf-version").to_owned();
        let waits = callers.into_iter().map(|mut caller| {
            let version = version.clone();
            tokio::spawn(async move {
                loop {
                    if caller.version().await.expect("every node answers") >= version {
                        return (caller, answered.elapsed());
                    }
                    tokio::time::sleep(pause).await;
                }
            })
        });
        let mut last = Duration::ZERO;
        let mut after = Vec::new();
        for wait in waits.collect::<Vec<_>>() {
            let (caller, elapsed) = wait.await.expect("a task that ends");
            last = last.max(elapsed);
            after.push(caller);
        }
        took.everywhere.add(last);
        callers = after;
    }
    took
}
