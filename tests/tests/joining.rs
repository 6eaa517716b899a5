//! Who gets into a cluster and who does not; what becomes of certificates while it runs.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use weir_tests::command::weir;
use weir_tests::sentence::assert_clear;
use weir_tests::{Cluster, Node, wait_until};

/// The fewest seconds of a certificate that a test can wait for.
const SHORT: &str = "[limits]\ndrain_timeout_ms = 10000\n";

fn newcomer(cluster: &Cluster, id: &str) -> Node {
    let node = Node::new(cluster.dir(), id, "tianjin", SHORT);
    node.configure(&[]);
    node
}

/// What a node says that does not start.
async fn refused(mut node: Node) -> String {
    node.start();
    let status = node.ended().await;
    let log = node.log();
    assert!(!status.success(), "it started: {log}");
    log.lines().last().unwrap_or_default().to_owned()
}

async fn token(cluster: &Cluster, node: usize, body: Value) -> String {
    let made = cluster
        .admin(node)
        .post("/cluster/join-tokens", Some(body))
        .await;
    made["join"].as_str().expect("a text").to_owned()
}

/// The token of a join, at the mesh of another node.
fn at(join: &str, node: &Node) -> String {
    let (token, _) = join.split_once('@').expect("TOKEN@HOST:PORT");
    format!("{token}@{}", node.dialled())
}

async fn sees(cluster: &Cluster, node: usize, id: &str, wanted: impl Fn(&Value) -> bool) {
    let what = format!("node {node} sees {id} so");
    wait_until(&what, async || {
        let view = cluster.admin(node).cluster().await?;
        let nodes = view["nodes"].as_array()?;
        let found = nodes.iter().find(|n| n["id"] == id)?;
        wanted(found).then_some(())
    })
    .await;
}

async fn metric(cluster: &Cluster, node: usize, name: &str) -> u64 {
    let page = cluster.admin(node).metrics().await.expect("it answers");
    let found = page
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no metric {name}"))
}

#[tokio::test]
async fn a_token_lets_one_node_in_at_any_node_and_a_restart_needs_none() {
    let mut cluster = Cluster::start(2).await;
    // Made by node 0, used at node 1, which asks node 0.
    let join = token(&cluster, 0, json!({})).await;
    let mut node = newcomer(&cluster, "tianjin-1");
    node.join = Some(at(&join, &cluster.nodes[1]));
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree().await;
    cluster.nodes[2].kill().await;
    cluster.agree_among(&[0, 1]).await;
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    cluster.agree().await;

    // The same token once more, from another machine.
    let mut second = newcomer(&cluster, "tianjin-2");
    second.join = Some(join);
    let said = refused(second).await;
    assert_clear(&said, &["used already", "weir token join"]);
}

#[tokio::test]
async fn what_keeps_a_machine_out_is_told_in_a_sentence_with_the_remedy() {
    let cluster = Cluster::start(1).await;
    let other = Cluster::start(1).await;

    let mut node = newcomer(&cluster, "tianjin-1");
    let seeds = [cluster.nodes[0].mesh];
    node.configure(&seeds);
    assert_clear(
        &refused(node).await,
        &["no certificate", "weir token join", "--join"],
    );

    // The name is taken, and the token is not used up by that.
    let join = token(&cluster, 0, json!({})).await;
    let dir = cluster.dir().join("elsewhere");
    node = Node::new(&dir, &cluster.nodes[0].id, "tianjin", SHORT);
    node.configure(&[]);
    node.join = Some(join.clone());
    let said = refused(node).await;
    assert_clear(&said, &["another key", "node.id", "weir cluster revoke"]);

    let at_other = at(&join, &other.nodes[0]);
    node = newcomer(&cluster, "tianjin-2");
    node.join = Some(at_other);
    assert_clear(
        &refused(node).await,
        &["not of the cluster", "nothing was sent", "weir token join"],
    );

    let admin_port = format!(
        "{}@{}",
        join.split_once('@').expect("whole").0,
        cluster.nodes[0].admin_addr
    );
    node = newcomer(&cluster, "tianjin-3");
    node.join = Some(admin_port);
    assert_clear(&refused(node).await, &["speaks no TLS", "mesh address"]);

    let named = token(&cluster, 0, json!({ "node": "tianjin-9" })).await;
    node = newcomer(&cluster, "tianjin-4");
    node.join = Some(named);
    assert_clear(&refused(node).await, &["for node tianjin-9", "node.id"]);

    let short = token(&cluster, 0, json!({ "valid_for_s": 1 })).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    node = newcomer(&cluster, "tianjin-5");
    node.join = Some(short);
    assert_clear(
        &refused(node).await,
        &["expired", "weir token join --valid-for"],
    );

    // None of it left a trace but the counts, and the first token still works.
    let mut node = newcomer(&cluster, "tianjin-6");
    node.join = Some(join);
    node.start();
    node.ready().await;
    let answer = cluster
        .admin(0)
        .call(
            Method::POST,
            "/cluster/join-tokens",
            Some(&json!({ "valid_for_s": 0 })),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["field"]),
        (422, &json!("valid_for_s"))
    );
}

#[tokio::test]
async fn certificates_are_renewed_while_the_cluster_runs_and_nobody_is_missed() {
    let mut cluster = Cluster::start_short_lived(2, 5).await;
    // One that cannot renew its own, and asks another.
    let mut node = newcomer(&cluster, "tianjin-9");
    node.join = Some(token(&cluster, 0, json!({})).await);
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree().await;
    let ends = "weir_mesh_certificate_expires_seconds ";
    let mut before = Vec::new();
    for node in 0..3 {
        before.push(metric(&cluster, node, ends).await);
    }
    // Twice its life goes by: without renewal nobody would be believed any more.
    let mut renewed = 0;
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::Instant::now() < until {
        for node in 0..3 {
            let view = cluster.admin(node).cluster().await.expect("it answers");
            let live = view["nodes"]
                .as_array()
                .expect("nodes")
                .iter()
                .filter(|n| n["live"] == true);
            assert_eq!(live.count(), 3, "node {node}: {view}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (node, before) in before.into_iter().enumerate() {
        let now = metric(&cluster, node, ends).await;
        assert!(now >= before + 5, "node {node}: {now} after {before}");
        let log = cluster.nodes[node].log();
        renewed += log.matches("certificate is renewed").count();
    }
    println!("{renewed} renewals on 3 nodes in 10 s");
    let body = json!({ "name": "renewed" });
    let answer = cluster
        .admin(1)
        .call(Method::PUT, "/spaces/shop?ack=all", Some(&body))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn a_revoked_node_is_out_at_once_and_comes_back_with_a_new_token_only() {
    let mut cluster = Cluster::start(3).await;
    let id = cluster.nodes[2].id.clone();
    let told = weir(&cluster, 0, &["cluster", "revoke", &id, "--yes"]).done();
    assert!(told.contains("revoked"), "{told}");
    cluster.agree_among(&[0, 1]).await;
    for node in 0..2 {
        sees(&cluster, node, &id, |n| {
            n["live"] == false && n["trust"]["revoked"] == true
        })
        .await;
    }
    // What it is told afterwards stays with it.
    let body = json!({ "name": "out" });
    let answer = cluster
        .admin(2)
        .call(Method::PUT, "/spaces/out", Some(&body))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let refusals = "weir_mesh_refused_total{reason=\"revoked\"} ";
    wait_until("it is refused", async || {
        (metric(&cluster, 0, refusals).await > 0).then_some(())
    })
    .await;
    for node in 0..2 {
        assert_eq!(
            cluster
                .admin(node)
                .call(Method::GET, "/spaces/out", None)
                .await
                .status,
            404
        );
    }
    wait_until("it says that it is not wanted", async || {
        let log = cluster.nodes[2].log();
        log.contains("does not believe this node's certificate")
            .then_some(())
    })
    .await;
    // A restart does not help it.
    cluster.nodes[2].kill().await;
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    cluster.agree_among(&[0, 1]).await;
    let history = cluster
        .admin(0)
        .list(&format!("/history?object=node/{id}"))
        .await;
    assert_eq!(history.len(), 2, "let in, and revoked: {history:?}");

    cluster.nodes[2].kill().await;
    cluster.nodes[2].lose_data();
    cluster.nodes[2].join = Some(token(&cluster, 0, json!({ "node": id })).await);
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    cluster.agree().await;
}

#[tokio::test]
async fn the_clusters_keys_are_rotated_under_changes_and_whoever_lags_holds_it_up() {
    let mut cluster = Cluster::start(3).await;
    let before = cluster.admin(0).cluster().await.expect("it answers")["authorities"].clone();
    let steps = weir(&cluster, 0, &["cluster", "rotate-keys"]).done();
    for step in ["1 of 3", "2 of 3", "3 of 3"] {
        assert!(steps.contains(step), "{steps}");
    }
    cluster.agree().await;
    let after = cluster.admin(1).cluster().await.expect("it answers")["authorities"].clone();
    assert_eq!(after.as_array().map(Vec::len), Some(1));
    assert_ne!(before[0]["id"], after[0]["id"]);
    for node in &cluster.nodes {
        sees(&cluster, 2, &node.id, |n| {
            n["live"] == true && n["trust"]["certified_by"] == after[0]["id"]
        })
        .await;
    }
    let body = json!({ "name": "rotated" });
    let answer = cluster
        .admin(2)
        .call(Method::PUT, "/spaces/shop?ack=all", Some(&body))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());

    // A node that is away holds nobody up, but has to join anew; the command says so before.
    cluster.nodes[2].kill().await;
    cluster.agree_among(&[0, 1]).await;
    let said = weir(&cluster, 0, &["cluster", "rotate-keys"]);
    assert!(
        !said.done && said.errors.contains(&cluster.nodes[2].id),
        "{}",
        said.errors
    );
    weir(&cluster, 0, &["cluster", "rotate-keys", "--yes"]).done();
    cluster.agree_among(&[0, 1]).await;
    cluster.nodes[2].join = Some(token(&cluster, 1, json!({})).await);
    cluster.nodes[2].lose_data();
    weir(
        &cluster,
        0,
        &["cluster", "revoke", &cluster.nodes[2].id.clone(), "--yes"],
    )
    .done();
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    cluster.agree().await;
}

#[tokio::test]
async fn the_cluster_outlives_the_disk_of_the_node_that_began_it() {
    let mut cluster = Cluster::start(2).await;
    // The second was let in as an issuer.
    cluster.nodes[0].kill().await;
    cluster.nodes[0].lose_data();
    let join = token(&cluster, 1, json!({})).await;
    let mut node = newcomer(&cluster, "tianjin-1");
    node.join = Some(join);
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree_among(&[1, 2]).await;
    // Without its keys, the first one does not take itself for a cluster; there is a way back.
    cluster.start_anew(0).await;
    cluster.nodes[0].ready().await;
    cluster.agree().await;
}

#[tokio::test]
async fn a_store_without_its_keys_begins_no_second_cluster_unless_told_to() {
    let mut cluster = Cluster::start(1).await;
    cluster
        .admin(0)
        .put("/spaces/shop", json!({ "name": "kept" }))
        .await;
    cluster.nodes[0].kill().await;
    std::fs::remove_dir_all(cluster.nodes[0].data_dir().join("mesh")).expect("its keys");
    cluster.nodes[0].start();
    let status = cluster.nodes[0].ended().await;
    assert!(!status.success());
    let log = cluster.nodes[0].log();
    assert_clear(
        log.lines().last().unwrap_or_default(),
        &["keys", "weir token join", "--begin-anew"],
    );
    cluster.nodes[0].start_with(&["--begin-anew"]);
    cluster.nodes[0].ready().await;
    assert_eq!(cluster.admin(0).get("/spaces/shop").await["name"], "kept");
    let join = token(&cluster, 0, json!({})).await;
    let mut node = newcomer(&cluster, "tianjin-1");
    node.join = Some(join);
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree().await;
}
