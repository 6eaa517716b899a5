//! Changes that were acknowledged outlive the nodes that took them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use weir_tests::{Admin, Answer, Cluster, Random, wait_until};

const NODES: usize = 3;
const WRITERS: usize = 4;
const ROUNDS: usize = 20;
/// A writer writes its own object over and over, but not so often that a version is let go.
const OWN_VERSIONS: usize = 90;
const PAUSE: Duration = Duration::from_millis(20);

/// What one writer was told is kept.
#[derive(Default)]
struct Kept {
    /// Appid and name of each new mini program that a node said it has.
    programs: BTreeMap<String, String>,
    /// Version and name of each change to the writer's own gateway.
    versions: BTreeMap<String, String>,
    /// Changes that another node had too when they were answered.
    acknowledged: usize,
    /// Changes that only the node that took them had: answered with 202.
    here_only: usize,
    /// Changes that nobody answered for; they may have been made.
    unanswered: usize,
}

/// Whether another node has it too (`true`), or only the one that answers.
fn acknowledged(answer: &Answer) -> bool {
    let reached = answer.header("x-weir-ack-reached") == "true";
    assert_eq!(answer.status != 202, reached, "{:?}", answer.headers);
    let nodes: usize = answer.header("x-weir-ack-nodes").parse().unwrap_or(0);
    assert_eq!(nodes >= 2, reached, "{:?}", answer.headers);
    reached
}

// === impl Kept ===

impl Kept {
    fn count(&mut self, answer: &Answer) {
        if acknowledged(answer) {
            self.acknowledged += 1;
        } else {
            self.here_only += 1;
        }
    }
}

/// Writes to any node, live or not, until told to stop.
async fn write(
    writer: usize,
    nodes: Vec<Admin>,
    mut random: Random,
    stop: Arc<AtomicBool>,
) -> Kept {
    let mut kept = Kept::default();
    let own = format!("/gateways/writer-{writer}?ack=one");
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let node = &nodes[random.below(nodes.len())];
        let name = format!("{writer}-{number}-{:x}", random.number());
        let over = number % 4 == 3 && kept.versions.len() < OWN_VERSIONS;
        let appid = format!("wx{writer:04x}{number:012x}");
        let answer = if over {
            let body = json!({ "space": "shop", "name": name });
            node.try_call(Method::PUT, &own, Some(&body)).await
        } else {
            let body = json!({ "name": name, "request_domains": [], "versions": {} });
            let path = format!("/platform/mini-programs/{appid}?ack=one");
            node.try_call(Method::PUT, &path, Some(&body)).await
        };
        match answer {
            Ok(answer) if answer.status.is_success() => {
                kept.count(&answer);
                if over {
                    let version = answer.json()["version"].clone();
                    let version = version.as_str().expect("a version").to_owned();
                    kept.versions.insert(version, name);
                } else {
                    kept.programs.insert(appid, name);
                }
            }
            // A node that stops or starts may say so; what it says then is no promise.
            Ok(answer) if answer.status == 503 => kept.unanswered += 1,
            Ok(answer) => panic!("{} {}", answer.status, answer.text()),
            Err(_) => kept.unanswered += 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
    kept
}

/// What a node has: names of all mini programs by appid, and of all gateways in all versions.
async fn held(admin: &Admin) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let programs = admin.list("/platform/mini-programs").await;
    let programs = programs
        .iter()
        .map(|program| (text(&program["appid"]), text(&program["name"])));
    let mut versions = BTreeMap::new();
    for entry in admin.list("/history?object=gateway").await {
        let version = text(&entry["version"]);
        let whole = admin.get(&format!("/history/{version}")).await;
        versions.insert(version, text(&whole["document"]["name"]));
    }
    (programs.collect(), versions)
}

#[tokio::test]
async fn twenty_rounds_of_kill_and_restart_lose_no_acknowledged_change() {
    let begin = Instant::now();
    let mut random = Random::seeded();
    let mut cluster = Cluster::start(NODES).await;
    cluster.admin(0).put("/spaces/shop", json!({})).await;
    cluster.agree().await;

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let nodes = (0..NODES).map(|node| cluster.admin(node)).collect();
            tokio::spawn(write(writer, nodes, random.fork(), stop.clone()))
        })
        .collect();
    for _ in 0..ROUNDS {
        tokio::time::sleep(random.millis(50..300)).await;
        let victim = random.below(NODES);
        cluster.nodes[victim].kill().await;
        tokio::time::sleep(random.millis(0..300)).await;
        cluster.nodes[victim].start();
        cluster.nodes[victim].ready().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut kept = Kept::default();
    for writer in writers {
        let one = writer.await.expect("a writer ends");
        kept.programs.extend(one.programs);
        kept.versions.extend(one.versions);
        kept.acknowledged += one.acknowledged;
        kept.here_only += one.here_only;
        kept.unanswered += one.unanswered;
    }
    let took = cluster.agree().await;
    println!(
        "{ROUNDS} rounds: {} changes acknowledged by another node, {} stored where they were taken only, \
         {} unanswered; all agree {took:?} after the last restart",
        kept.acknowledged, kept.here_only, kept.unanswered
    );
    assert!(kept.acknowledged > 5 * ROUNDS, "the writers wrote");

    let mut first = None;
    for node in 0..NODES {
        let (programs, versions) = held(&cluster.admin(node)).await;
        for (appid, name) in &kept.programs {
            assert_eq!(programs.get(appid), Some(name), "{appid} on node {node}");
        }
        for (version, name) in &kept.versions {
            assert_eq!(
                versions.get(version),
                Some(name),
                "{version} on node {node}"
            );
        }
        let first = first.get_or_insert((programs.clone(), versions.clone()));
        assert!(
            *first == (programs, versions),
            "node {node} has something else"
        );
    }
    println!("the whole test took {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_change_that_one_other_node_has_outlives_the_disk_of_the_node_that_took_it() {
    let mut cluster = Cluster::start(NODES).await;
    for (victim, round) in (0..NODES).cycle().zip(0..2 * NODES) {
        let appid = format!("wx{round:016x}");
        let path = format!("/platform/mini-programs/{appid}?ack=one");
        let body = json!({ "name": appid, "request_domains": [], "versions": {} });
        let answer = cluster
            .admin(victim)
            .call(Method::PUT, &path, Some(&body))
            .await;
        // At the next instant, before anything else is asked.
        cluster.nodes[victim].kill().await;
        cluster.nodes[victim].lose_data();
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert!(acknowledged(&answer));

        let others: Vec<usize> = (0..NODES).filter(|node| *node != victim).collect();
        cluster.agree_among(&others).await;
        for &node in &others {
            let program = format!("/platform/mini-programs/{appid}");
            let program = cluster.admin(node).get(&program).await;
            assert_eq!(program["name"], appid, "node {node}, round {round}");
        }
        // It comes back with nothing, and gets everything from the others.
        cluster.start_anew(victim).await;
        cluster.nodes[victim].ready().await;
        let took = cluster.agree().await;
        println!("round {round}: node {victim} has everything again {took:?} after it was ready");
        let programs = cluster.admin(victim).list("/platform/mini-programs").await;
        assert_eq!(programs.len(), round + 1);
    }
}

#[tokio::test]
async fn a_node_alone_says_that_nobody_else_has_the_change() {
    let mut cluster = Cluster::start(2).await;
    let put = async |cluster: &Cluster, appid: &str, ack: &str| {
        let path = format!("/platform/mini-programs/{appid}?ack={ack}");
        let body = json!({ "request_domains": [], "versions": {} });
        cluster.admin(0).call(Method::PUT, &path, Some(&body)).await
    };
    let all = put(&cluster, "wx00000000000000a1", "all").await;
    assert_eq!(all.status, 201, "{}", all.text());
    assert_eq!(all.header("x-weir-ack-nodes"), "2");

    cluster.nodes[1].kill().await;
    let local = put(&cluster, "wx00000000000000a2", "local").await;
    assert_eq!(local.status, 201, "{}", local.text());
    let begin = Instant::now();
    let one = put(&cluster, "wx00000000000000a3", "one").await;
    println!("gave up waiting for the other after {:?}", begin.elapsed());
    assert_eq!(one.status, 202, "{}", one.text());
    assert_eq!(one.header("x-weir-ack-reached"), "false");
    assert_eq!(one.header("x-weir-ack-nodes"), "1");

    // What was stored here only still spreads.
    cluster.nodes[1].start();
    cluster.nodes[1].ready().await;
    cluster.agree().await;
    let (programs, _) = wait_until("the other has it", async || {
        let programs = cluster.admin(1).list("/platform/mini-programs").await;
        (programs.len() == 3).then_some(programs)
    })
    .await;
    assert_eq!(programs[2]["appid"], "wx00000000000000a3");
}
