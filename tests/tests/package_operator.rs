//! A package as an operator sees and changes it, over the command line and the admin API of real nodes.

use std::process::Output;

use http::Method;
use serde_json::{Value, json};
use weir_tests::process::weir_command;
use weir_tests::{Cluster, wait_until};

const APPID: &str = "wx0000000000000301";

fn run(cluster: &Cluster, node: usize, line: &str) -> Output {
    let args: Vec<&str> = line.split_whitespace().collect();
    let admin = format!("http://{}", cluster.nodes[node].admin_addr);
    weir_command(&args)
        .env("WEIR_ADMIN", admin)
        .env("WEIR_TOKEN", &cluster.token)
        .output()
        .expect("weir runs")
}

/// What a command printed that has to be done.
fn done(cluster: &Cluster, node: usize, line: &str) -> String {
    let output = run(cluster, node, line);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "weir {line}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The sentence of a command that has to be refused.
fn refused(cluster: &Cluster, line: &str) -> String {
    let output = run(cluster, 0, line);
    assert_eq!(output.status.code(), Some(1), "weir {line}");
    assert!(output.stdout.is_empty(), "weir {line}");
    String::from_utf8(output.stderr).expect("text")
}

/// A cluster with gateway `shop`.
async fn with_a_gateway(nodes: usize) -> Cluster {
    let cluster = Cluster::start(nodes).await;
    let admin = cluster.admin(0);
    admin.register(APPID, &[&cluster.origin.url()]).await;
    admin.open_space("acme", APPID).await;
    let gateway = json!({ "space": "acme", "name": "Shop", "overflow": "relay" });
    admin.put("/gateways/shop", gateway).await;
    cluster.agree().await;
    cluster
}

/// The package as a node answers it once all of so many nodes tell their figures.
async fn told_by(cluster: &Cluster, node: usize, nodes: usize) -> Value {
    wait_until("all nodes tell their figures", async || {
        let package = cluster.admin(node).get("/gateways/shop/package").await;
        let telling = package["nodes"].as_array()?.len();
        (telling == nodes).then_some(package)
    })
    .await
    .0
}

#[tokio::test]
async fn a_package_is_changed_and_watched_by_the_command_line_alone() {
    let cluster = with_a_gateway(3).await;
    let set = done(&cluster, 0, "package shop set --bandwidth 2Mbps --qps 100");
    assert!(
        set.contains("package custom: 2 Mbps (250 kB/s), 100 calls/s"),
        "{set}"
    );
    let again = done(
        &cluster,
        0,
        "package shop set --bandwidth 2000000 --qps 100",
    );
    assert!(again.contains(", as before"), "{again}");
    let gateway = cluster.admin(0).get("/gateways/shop").await;
    assert_eq!(
        (&gateway["name"], &gateway["overflow"]),
        (&json!("Shop"), &json!("relay"))
    );
    let add = "package shop add-pack sale --bandwidth 1Mbps --qps 50 --for 2h";
    let added = done(&cluster, 0, add);
    assert!(added.contains("1 Mbps and 50 calls/s more from"), "{added}");
    cluster.agree().await;

    // Every node gives the same picture of all of them.
    for node in 0..3 {
        told_by(&cluster, node, 3).await;
        let text = done(&cluster, node, "package shop");
        for part in [
            "limit    3 Mbps (375 kB/s), 150 calls/s",
            "package  custom, 2 Mbps (250 kB/s), 100 calls/s",
            "pack     sale, 1 Mbps and 50 calls/s more until",
            "15 min",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        for known in &cluster.nodes {
            assert!(text.contains(&known.id), "no {} in\n{text}", known.id);
        }
        assert!(!text.contains("missing"), "{text}");
    }
    let looks = done(&cluster, 1, "package shop --watch 0.2 --count 2 --json");
    let looks: Vec<Value> = looks
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is an answer"))
        .collect();
    assert_eq!(looks.len(), 2);
    assert_eq!(looks[1]["limit"]["bandwidth_bps"], 3_000_000);
    let looks = done(&cluster, 2, "package shop --watch 0.2 --count 2");
    assert_eq!(
        looks.matches("Package of gateway shop").count(),
        2,
        "{looks}"
    );
    assert!(
        !looks.contains('\u{1b}'),
        "no terminal, no drawing: {looks:?}"
    );

    let removed = done(&cluster, 0, "package shop remove-pack sale");
    assert!(
        removed.contains("no elastic pack sale any more"),
        "{removed}"
    );
    let named = done(&cluster, 0, "package shop set standard");
    assert!(named.contains("package standard: 20 Mbps"), "{named}");
}

#[tokio::test]
async fn what_cannot_be_done_to_a_package_is_refused_in_one_sentence() {
    let cluster = with_a_gateway(1).await;
    let until = "--until 2126-01-01T00:00:00Z";
    for (line, sentence) in [
        ("package none", "There is no gateway `none`"),
        ("package shop set gold", "gold"),
        ("package shop set --bandwidth 5MB", "write it as in 5Mbps"),
        (
            "package shop set --bandwidth 7",
            "7 is out of range: 8 to 1000000000000 bits a second.",
        ),
        ("package none set trial", "There is no gateway `none`"),
        (
            &format!("package none add-pack sale --bandwidth 1Mbps {until}"),
            "There is no gateway `none`",
        ),
        (
            &format!("package shop add-pack Sale --bandwidth 1Mbps {until}"),
            "field `pack`)",
        ),
        (
            &format!("package shop add-pack sale --qps 0 {until}"),
            "field `qps`)",
        ),
        (
            "package shop add-pack sale --bandwidth 1Mbps --from 2001-01-01T00:00:00Z --for 2h",
            "is over already",
        ),
        (
            "package shop add-pack sale --bandwidth 1Mbps --until tomorrow",
            "`tomorrow` is no moment: write a moment in RFC 3339",
        ),
        (
            "package shop add-pack sale --bandwidth 1Mbps --for long",
            "write it as in 30m, 2h or 3d",
        ),
        (
            "package shop remove-pack sale",
            "Gateway `shop` has no elastic pack `sale`; it has none.",
        ),
        ("package shop --watch 0.1", "write 0.2 to 3600 seconds"),
        (
            "cluster forget nobody --yes",
            "`nobody` is not in the mint plan",
        ),
        ("cluster forget shanghai-1 --yes", "`shanghai-1` is live"),
        ("cluster forget shanghai-1", "add --yes if it is"),
    ] {
        let said = refused(&cluster, line);
        assert!(said.contains(sentence), "weir {line}: {said}");
        assert_eq!(said.lines().count(), 1, "weir {line}: {said}");
    }
    for i in 0..16 {
        done(
            &cluster,
            0,
            &format!("package shop add-pack p{i} --bandwidth 1Mbps --for 2h"),
        );
    }
    let full = refused(
        &cluster,
        "package shop add-pack more --bandwidth 1Mbps --for 2h",
    );
    assert!(
        full.contains("16 elastic packs that have not ended"),
        "{full}"
    );
    // Nodes take part in drills only where their settings say so.
    for call in ["cut", "heal"] {
        let path = format!("/drill/{call}");
        let answer = cluster.admin(0).call(Method::POST, &path, None).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (403, &json!("drills_not_allowed"))
        );
    }
}

#[tokio::test]
async fn a_node_that_is_gone_is_missed_in_the_figures_and_can_be_forgotten() {
    let mut cluster = with_a_gateway(2).await;
    told_by(&cluster, 0, 2).await;
    wait_until("each mints its half", async || {
        let all = cluster.admin(0).get("/cluster?minting=true").await;
        let nodes = all["nodes"].as_array()?;
        let half = |node: &Value| node["minting"]["share"] == 0.5;
        (nodes.len() == 2 && nodes.iter().all(half)).then_some(())
    })
    .await;
    let gone = cluster.nodes[1].id.clone();
    cluster.nodes[1].kill().await;
    let package = told_by(&cluster, 0, 1).await;
    let missing = &package["unanswered"][0];
    assert_eq!(missing["node"], gone.as_str());
    assert!(missing["reason"].is_string(), "{package}");
    let text = done(&cluster, 0, "package shop");
    let says = format!("{gone} is missing from these figures: ");
    assert!(text.contains(&says), "{text}");

    // Of two nodes neither side has more than half: the one that is left waits to be told.
    wait_until("its death is seen", async || {
        let nodes = cluster.admin(0).cluster().await?["nodes"].clone();
        let node = nodes
            .as_array()?
            .iter()
            .find(|node| node["id"] == *gone)?
            .clone();
        (node["live"] == false).then_some(())
    })
    .await;
    let table = done(&cluster, 0, "cluster");
    assert!(table.contains("50 %"), "its half and no more: {table}");
    let said = done(&cluster, 0, &format!("cluster forget {gone} --yes"));
    assert!(said.contains("is planned without from now on"), "{said}");
    assert!(
        said.contains("more than the packages may be carried"),
        "the risk: {said}"
    );
    wait_until("the one that is left mints all", async || {
        let cluster = cluster.admin(0).cluster().await?;
        let nodes = cluster["nodes"].as_array()?.clone();
        let all = nodes.iter().any(|node| node["minting"]["share"] == 1.0);
        all.then_some(())
    })
    .await;
}
