//! Bytes a second on the mesh, by nodes and by gateways with demand.

use std::time::Duration;

use serde_json::{Value, json};
use weir_benches::figures::Table;
use weir_benches::{access_domain, appid, business};
use weir_tests::load::{Body, CountingOrigin, Load, Pace, Stream};
use weir_tests::package_run::{ONE_MBPS, PackageRun};
use weir_tests::{Business, Cluster};

const NODES: [usize; 2] = [3, 10];
const GATEWAYS: [usize; 3] = [10, 100, 1_000];
/// Small packages, so that a thousand of them can be used up at once on this machine.
const BANDWIDTH_BPS: u64 = 16_000;
const BODY_BYTES: usize = 1_000;
/// A call to each gateway this often: about one and a half times its package.
const CALLS_PER_SECOND: f64 = 1.8;
const SETTLE: Duration = Duration::from_secs(4);
const LISTEN: Duration = Duration::from_secs(10);

pub async fn measure() {
    let mut table = Table::new("Gossip: bytes a second that a node sends on the mesh");
    one_package(&mut table).await;
    for nodes in NODES {
        for gateways in GATEWAYS {
            many_gateways(&mut table, nodes, gateways).await;
        }
    }
    table.print();
}

/// What one package of 1 Mbps costs on three nodes while it is used up from one region.
async fn one_package(table: &mut Table) {
    let run = PackageRun::start(3, ONE_MBPS, "").await;
    let rest = listened(&run.cluster).await;
    let load = run.load(&[0.0, 1.7, 0.0]);
    load.carries(0.9).await;
    let busy = listened(&run.cluster).await;
    run.finish(load).await;
    let share = |bytes: u64| 100.0 * (bytes * 3) as f64 / ONE_MBPS.limit() as f64;
    table.line("3 nodes, nothing used", format!("{rest} B/s"), "");
    table.line(
        "3 nodes, one package of 1 Mbps used up in one region",
        format!("{busy} B/s"),
        "",
    );
    table.line(
        "… what the ledger adds, over all nodes, of the package",
        format!("{:.2} %", share(busy.saturating_sub(rest))),
        "under 3 %",
    );
    table.line(
        "… with membership, which carries any number of packages",
        format!("{:.2} %", share(busy)),
        "",
    );
}

async fn many_gateways(table: &mut Table, nodes: usize, gateways: usize) {
    let cluster = Cluster::start_wired(nodes, "").await;
    let origin = CountingOrigin::start().await;
    let answer = cluster
        .admin(0)
        .post("/apply?ack=local", Some(document(gateways, &origin.url())))
        .await;
    assert!(
        answer["changes"]
            .as_array()
            .is_some_and(|changes| changes.len() > gateways)
    );
    cluster.agree().await;
    let title = format!("{nodes} nodes, {gateways} gateways");
    let rest = listened(&cluster).await;
    let loads: Vec<Load> = (0..gateways)
        .map(|i| {
            let stream = Stream {
                node: cluster.nodes[i % nodes].http,
                pace: Pace::new(CALLS_PER_SECOND),
                connections: 1,
                body: Body::Down(BODY_BYTES),
            };
            Load::start(&reached(i), &[stream])
        })
        .collect();
    tokio::time::sleep(SETTLE).await;
    let busy = listened(&cluster).await;
    let mut calls = (0, 0);
    for load in loads {
        let tally = load.stop().await.remove(0);
        calls = (calls.0 + tally.link_calls, calls.1 + tally.public_calls);
    }
    assert!(
        calls.0 > 0 && calls.1 > 0,
        "all packages are used up: {calls:?}"
    );
    table.line(format!("{title}: idle"), format!("{rest} B/s"), "");
    table.line(format!("{title}: all used up"), format!("{busy} B/s"), "");
    let each = busy.saturating_sub(rest) as f64 / gateways as f64;
    table.line(
        format!("{title}: … of that a gateway"),
        format!("{each:.1} B/s"),
        "",
    );
}

/// Bytes a second that a node sends on the mesh, on average.
async fn listened(cluster: &Cluster) -> u64 {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cluster.wires.carried();
    tokio::time::sleep(LISTEN).await;
    let carried = cluster.wires.carried() - before;
    carried / LISTEN.as_secs() / cluster.nodes.len() as u64
}

fn reached(i: usize) -> Business {
    Business {
        id: appid(i),
        access_domain: access_domain(i),
        route_tag: String::new(),
        document: Value::Null,
    }
}

/// As many gateways, each with one business of one domain.
fn document(gateways: usize, origin: &str) -> Value {
    let numbers = || 0..gateways;
    let programs: Vec<Value> = numbers()
        .map(|i| json!({ "appid": appid(i), "request_domains": [origin], "versions": { "trial": "1.0.0" } }))
        .collect();
    let businesses: Vec<Value> = numbers()
        .map(|i| {
            let mut one = serde_json::to_value(business(i)).expect("a business is JSON");
            one["gateway"] = json!(format!("gw-{i}"));
            one["attached_domains"] = json!([origin]);
            one["access"]["urls"] = json!([{ "domain": origin, "paths": [] }]);
            one["access"]["gray"] = json!({ "percent": 100.0, "salt": "salt" });
            one
        })
        .collect();
    let packages: Vec<Value> = numbers()
        .map(|i| {
            let package = json!({ "name": "custom", "bandwidth_bps": BANDWIDTH_BPS });
            json!({ "id": format!("gw-{i}"), "space": "bench", "package": package })
        })
        .collect();
    let appids: Vec<String> = numbers().map(appid).collect();
    let agreement = json!({ "version": "1", "accepted_by": "bench", "accepted_at_ms": 1 });
    json!({
        "mini_programs": programs,
        "spaces": [{ "id": "bench", "agreement": agreement, "mini_programs": appids }],
        "gateways": packages,
        "businesses": businesses,
    })
}
