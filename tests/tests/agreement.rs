//! Three nodes in three regions: they agree, they survive each other.

use std::time::Duration;

use http::Method;
use serde_json::json;
use weir_tests::{Business, Cluster, wait_until};

const APPID: &str = "wx00000000000000a1";

/// Until a call through the node's link is answered with this status; the time it took.
async fn answered(cluster: &Cluster, node: usize, business: &Business, status: u16) -> Duration {
    let what = format!("node {node} answers {status}");
    let ((), took) = wait_until(&what, async || {
        let answer = cluster
            .call(node, business, "/hello")
            .try_send()
            .await
            .ok()?;
        (answer.status == status).then_some(())
    })
    .await;
    took
}

#[tokio::test]
async fn a_change_made_on_any_node_takes_effect_on_all() {
    let cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    for node in 0..3 {
        answered(&cluster, node, &business, 200).await;
    }
    for writer in 0..3 {
        let admin = cluster.admin(writer);
        let path = format!("/businesses/{}", business.id);
        admin.post(&format!("{path}/disconnect"), None).await;
        for node in 0..3 {
            let took = answered(&cluster, node, &business, 307).await;
            println!("disconnect on node {writer}, obeyed by node {node} after {took:?}");
        }
        admin.post(&format!("{path}/connect"), None).await;
        for node in 0..3 {
            answered(&cluster, node, &business, 200).await;
        }
        let timeout_ms = 7_000 + writer;
        admin
            .patch(&path, json!({ "timeout_ms": timeout_ms }))
            .await;
        for node in 0..3 {
            wait_until("every node shows the patched field", async || {
                let seen = cluster.admin(node).business(&business.id).await?;
                (seen.document["timeout_ms"] == timeout_ms).then_some(())
            })
            .await;
        }
    }
    let took = cluster.agree().await;
    assert!(
        took < Duration::from_secs(10),
        "a change is everywhere in about a second, not {took:?}"
    );
}

#[tokio::test]
async fn every_node_tells_the_same_of_the_cluster() {
    let cluster = Cluster::start(3).await;
    let mut digests = Vec::new();
    for node in 0..3 {
        let view = cluster
            .admin(node)
            .cluster()
            .await
            .expect("every node answers");
        let nodes = view["nodes"].as_array().expect("nodes");
        let mut regions: Vec<_> = nodes
            .iter()
            .map(|n| n["region"].as_str().unwrap_or(""))
            .collect();
        regions.sort_unstable();
        assert_eq!(regions, ["shanghai", "shenzhen", "tianjin"], "{view}");
        digests.push(view["config_digest"].clone());
    }
    assert!(
        digests.windows(2).all(|pair| pair[0] == pair[1]),
        "{digests:?}"
    );
}

#[tokio::test]
async fn any_node_may_be_killed_and_catches_up_when_it_comes_back() {
    let mut cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    for victim in 0..3 {
        for node in 0..3 {
            answered(&cluster, node, &business, 200).await;
        }
        cluster.nodes[victim].kill().await;
        let others: Vec<usize> = (0..3).filter(|node| *node != victim).collect();
        for &node in &others {
            let answer = cluster.call(node, &business, "/hello").send().await;
            assert_eq!(
                answer.status, 200,
                "node {node} serves on without node {victim}"
            );
        }
        // Written while it is down, on a node that stays.
        let route_tag = format!("written-without-{victim}");
        let path = format!("/businesses/{}", business.id);
        cluster
            .admin(others[0])
            .patch(&path, json!({ "route_tag": route_tag }))
            .await;

        cluster.nodes[victim].start();
        cluster.nodes[victim].ready().await;
        cluster.agree().await;
        let (tag, took) = wait_until(
            "the restarted node forwards by the new configuration",
            async || {
                let answer = cluster
                    .call(victim, &business, "/hello")
                    .try_send()
                    .await
                    .ok()?;
                let tag = answer.json()["headers"]["x-wx-route-tag"][0]
                    .as_str()?
                    .to_owned();
                (tag == route_tag).then_some(tag)
            },
        )
        .await;
        println!("node {victim} forwards with {tag} {took:?} after it agreed");
    }
}

#[tokio::test]
async fn a_node_alone_knows_after_a_restart_what_it_knew() {
    let mut cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    cluster.nodes[0].kill().await;
    cluster.nodes[0].configure(&[]);
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    cluster.may_carry(&format!("gw-{APPID}")).await;
    let answer = cluster.call(0, &business, "/hello").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let again = cluster.admin(0).call(Method::GET, "/cluster", None).await;
    assert_eq!(
        again.status, 200,
        "the token of the first start still holds"
    );
}

#[tokio::test]
async fn sigterm_lets_the_call_under_way_finish_and_leaves_with_zero() {
    let mut cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    answered(&cluster, 2, &business, 200).await;
    let call = tokio::spawn(cluster.call(2, &business, "/delay/1500").send());
    wait_until("the call is at the origin", async || {
        (cluster.origin.stat("in_flight").await == 1).then_some(())
    })
    .await;

    let status = cluster.nodes[2].stop().await;
    assert_eq!(status.code(), Some(0), "{}", cluster.nodes[2].log());
    let answer = call.await.expect("the call was not cut off");
    assert_eq!(answer.status, 200, "{}", answer.text());

    // The others have been told, and need not find out.
    let took = cluster.agree().await;
    println!("the others agree without it after {took:?}");
    for node in 0..2 {
        assert_eq!(
            cluster.call(node, &business, "/hello").send().await.status,
            200
        );
    }
}

#[tokio::test]
async fn nodes_started_again_without_seeds_remember_each_other_and_are_no_clusters_of_one() {
    let mut cluster = Cluster::start(3).await;
    for node in &mut cluster.nodes {
        node.kill().await;
    }
    for node in &mut cluster.nodes[..2] {
        node.configure(&[]);
    }
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    let body = json!({ "name": "taken by one node alone" });
    let admin = cluster.admin(0);
    let answer = admin.call(Method::PUT, "/spaces/alone", Some(&body)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.header("x-weir-ack-nodes"), "1");

    cluster.nodes[1].start();
    cluster.nodes[1].ready().await;
    cluster.agree_among(&[0, 1]).await;
    let space = cluster.admin(1).get("/spaces/alone").await;
    assert_eq!(space["name"], "taken by one node alone");
}
