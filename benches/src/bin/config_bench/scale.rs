//! What 10,000 businesses cost a node and the mesh, beside ten.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_benches::{appid, business, catalog};
use weir_tests::{Business, Cluster};

use crate::propagation::{changes_take, lines};
use weir_benches::figures::{Table, mib, ms};

pub const FEW: usize = 10;
pub const MANY: usize = 10_000;

const APPID: &str = "wxffffffffffffffff";
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 1000\n";
const CHANGES: usize = 60;
/// How long the mesh is listened to.
const AT_REST: Duration = Duration::from_secs(10);
/// How long nodes may take to agree on a large change.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(10);

pub async fn measure() {
    let mut table = Table::new(format!("Scale: three nodes, {FEW} and {MANY} businesses"));
    let mut cluster = Cluster::start_wired(3, LIMITS).await;
    let probe = cluster.attach(0, APPID).await;
    for businesses in [FEW, MANY] {
        eprintln!("{businesses} businesses");
        let title = |what: &str| format!("{businesses} businesses: {what}");
        let begin = Instant::now();
        apply(&cluster, businesses).await;
        let applied = begin.elapsed();
        agree(&cluster, 3).await;
        table.line(title("applied as one document"), ms(applied), "");
        table.line(title("… and on all nodes"), ms(begin.elapsed()), "");

        let rest = at_rest(&cluster).await;
        table.line(
            title("mesh at rest, a node"),
            format!("{rest} B/s"),
            "no more than with ten",
        );
        let mut took = changes_take(&cluster, &probe, CHANGES).await;
        lines(&mut table, &title("one change"), &mut took);

        let memory = restart(&mut cluster, &probe, false, &mut table, &title("start")).await;
        table.line(title("memory of its own after a start"), mib(memory), "");
        restart(&mut cluster, &probe, true, &mut table, &title("new node")).await;
    }
    table.print();
}

/// A document of that many businesses, applied by node 0.
pub async fn apply(cluster: &Cluster, businesses: usize) {
    let document = document(businesses);
    let answer = cluster
        .admin(0)
        .post("/apply?ack=local", Some(document))
        .await;
    let changes = answer["changes"].as_array().map_or(0, Vec::len);
    assert!(changes > businesses, "{changes} objects planned");
}

fn document(businesses: usize) -> Value {
    let programs: Vec<Value> = (0..businesses)
        .map(|i| {
            let domains: Vec<String> = business(i)
                .attached_domains
                .iter()
                .map(|domain| domain.0.clone())
                .collect();
            json!({ "appid": appid(i), "request_domains": domains, "versions": { "trial": "1.0.0" } })
        })
        .collect();
    let appids: Vec<String> = (0..businesses).map(appid).collect();
    let agreement = json!({ "version": "1", "accepted_by": "bench", "accepted_at_ms": 1 });
    let catalog = catalog(businesses);
    json!({
        "mini_programs": programs,
        "spaces": [{ "id": "bench", "agreement": agreement, "mini_programs": appids }],
        "gateways": catalog.gateways().collect::<Vec<_>>(),
        "businesses": catalog.businesses().collect::<Vec<_>>(),
    })
}

/// Until `live` nodes agree; looks less often than a test does, since every look costs the nodes.
async fn agree(cluster: &Cluster, live: usize) {
    let begin = Instant::now();
    'again: loop {
        assert!(begin.elapsed() < PATIENCE, "the nodes do not agree");
        tokio::time::sleep(PAUSE).await;
        let mut digests = Vec::new();
        for node in cluster.nodes.iter().filter(|node| node.is_running()) {
            let view = node.admin(&cluster.token).cluster().await;
            let Some(view) = view.filter(|view| view["agree"] == true) else {
                continue 'again;
            };
            let nodes = view["nodes"].as_array().map_or(&[][..], Vec::as_slice);
            if nodes.iter().filter(|node| node["live"] == true).count() != live {
                continue 'again;
            }
            digests.push(view["config_digest"].clone());
        }
        if digests.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
    }
}

/// Bytes a second and node on the mesh while nothing is changed.
async fn at_rest(cluster: &Cluster) -> u64 {
    // What the change before set off has to end first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = cluster.wires.carried();
    tokio::time::sleep(AT_REST).await;
    let carried = cluster.wires.carried() - before;
    carried / AT_REST.as_secs() / cluster.nodes.len() as u64
}

/// Kills node 2 and starts it, with its data or without: until it is ready, and until it agrees. Gives its
/// memory then.
async fn restart(
    cluster: &mut Cluster,
    probe: &Business,
    lose_data: bool,
    table: &mut Table,
    title: &str,
) -> u64 {
    cluster.nodes[2].kill().await;
    if lose_data {
        cluster.nodes[2].lose_data();
    }
    let begin = Instant::now();
    if lose_data {
        cluster.start_anew(2).await;
    } else {
        cluster.nodes[2].start();
    }
    cluster.nodes[2].ready().await;
    table.line(format!("{title}: ready after"), ms(begin.elapsed()), "");
    agree(cluster, 3).await;
    let agreed = ms(begin.elapsed());
    table.line(
        format!("{title}: has everything, all agree after"),
        agreed,
        "",
    );
    cluster.in_effect(probe).await;
    cluster.nodes[2].process().own_memory()
}
