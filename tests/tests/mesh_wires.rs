//! What passes between nodes, on wires that anyone could listen to, and by way of others where one is broken.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use weir_tests::{Cluster, Node, wait_until};

const APPID: &str = "wx00000000000000d1";
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 10000\n";

async fn metric(cluster: &Cluster, node: usize, name: &str) -> u64 {
    let page = cluster.admin(node).metrics().await.expect("it answers");
    let found = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no metric {name}"))
}

/// Writes a space by one node and waits until all hold it; how long that took.
async fn agree_on(cluster: &Cluster, node: usize, space: &str) -> Duration {
    let begin = Instant::now();
    let body = json!({ "name": space });
    let answer = cluster
        .admin(node)
        .call(
            Method::PUT,
            &format!("/spaces/{space}?ack=local"),
            Some(&body),
        )
        .await;
    assert!(answer.status.is_success(), "{}", answer.text());
    for other in 0..cluster.nodes.len() {
        wait_until("every node has the change", async || {
            let answer = cluster
                .admin(other)
                .call(Method::GET, &format!("/spaces/{space}"), None)
                .await;
            (answer.status == 200).then_some(())
        })
        .await;
    }
    begin.elapsed()
}

#[tokio::test]
async fn whoever_records_the_mesh_reads_nothing_of_it() {
    let mut cluster = Cluster::start_wired(3, LIMITS).await;
    cluster.wires.record();
    let business = cluster.attach(0, APPID).await;
    for round in 0..20 {
        let answer = cluster
            .call(round % 3, &business, "/bytes/2000")
            .send()
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    agree_on(&cluster, 1, "planted-space").await;
    // A node joins meanwhile, over the wire.
    let join = cluster.admin(0).join_token("tianjin-9").await;
    let mut node = Node::new(cluster.dir(), "tianjin-9", "tianjin", LIMITS);
    node.configure(&[]);
    node.join = Some(join.clone());
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree().await;

    let recorded = cluster.wires.recorded();
    let token = join.split_once('@').expect("TOKEN@HOST:PORT").0;
    let mut planted = vec![
        APPID,
        "planted-space",
        "mesh/v1",
        "x-weir",
        "HTTP/1.1",
        "config",
        "cfg.",
        "weirjoin_",
        token,
        "shanghai",
        "shenzhen",
        "tianjin",
        "weir://",
        "PRIVATE",
    ];
    planted.push(&business.access_domain);
    for text in planted {
        let found = recorded
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        assert!(!found, "`{text}` passed in clear");
    }
    println!("{} bytes recorded", recorded.len());
    assert!(recorded.len() > 100_000, "{} bytes", recorded.len());
}

#[tokio::test]
async fn two_nodes_that_cannot_reach_each_other_do_so_by_way_of_a_third() {
    let cluster = Cluster::start_wired(3, LIMITS).await;
    let business = cluster.attach(0, APPID).await;
    let (a, b, c) = (0, 1, 2);
    cluster
        .wires
        .cut(&cluster.nodes[a].id, &cluster.nodes[c].id);
    // Rows come by gossip, so everybody still lives.
    cluster.agree().await;
    let body = json!({ "name": "by way of b" });
    let asked = Instant::now();
    let answer = cluster
        .admin(a)
        .call(Method::PUT, "/spaces/around?ack=all", Some(&body))
        .await;
    println!(
        "a change on all disks, one of them by way of another: {:?}",
        asked.elapsed()
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    cluster.agree().await;
    // Questions too.
    for (node, other) in [(a, c), (c, a)] {
        let path = format!("/gateways/gw-{}/package", business.id);
        wait_until("the far node answers", async || {
            let package = cluster.admin(node).get(&path).await;
            let nodes = package["nodes"].as_array()?;
            nodes
                .iter()
                .any(|n| n["node"] == *cluster.nodes[other].id)
                .then_some(())
        })
        .await;
    }
    assert!(metric(&cluster, b, "weir_mesh_relays_total ").await > 0);
    let bytes = metric(&cluster, b, "weir_mesh_relayed_bytes_total ").await;
    assert!(bytes > 1_000, "{bytes}");

    // Without anyone between, the far node is gone for both until the wires are whole.
    cluster
        .wires
        .cut(&cluster.nodes[b].id, &cluster.nodes[c].id);
    cluster.agree_among(&[a, b]).await;
    cluster.wires.heal();
    cluster.agree().await;
}
