//! A node whose disk is full: changes are refused in clear words, calls go on, and when there is room again so
//! do changes.

use std::time::Duration;

use http::Method;
use serde_json::json;
use weir_tests::sentence::assert_clear;
use weir_tests::{Answer, Cluster, wait_until};

const APPID: &str = "wx00000000000000e1";

async fn write(cluster: &Cluster, node: usize, number: u64) -> Answer {
    let path = format!("/platform/mini-programs/wx{number:016x}");
    let body = json!({ "request_domains": [], "versions": {} });
    cluster
        .admin(node)
        .call(Method::PUT, &path, Some(&body))
        .await
}

/// A cluster whose node 0 has no room left, right after it was in order.
async fn full(count: usize) -> Cluster {
    let mut cluster = Cluster::start(count).await;
    cluster.nodes[0].stop().await;
    cluster.nodes[0].start_on_small_disk();
    cluster.nodes[0].ready().await;
    cluster.agree().await;
    cluster
}

#[tokio::test]
async fn a_full_disk_refuses_changes_clearly_and_calls_go_on() {
    let cluster = full(1).await;
    let business = cluster.attach(0, APPID).await;
    cluster.nodes[0].process().limit_files(Some(0));
    for number in 0..3 {
        let refused = write(&cluster, 0, number).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        let problem = refused.json();
        assert_eq!(problem["code"], "store_unwritable", "{problem}");
        assert_clear(
            problem["detail"].as_str().unwrap_or(""),
            &["disk", "weir.db", "calls go on"],
        );
        let programs = cluster.admin(0).list("/platform/mini-programs").await;
        assert_eq!(programs.len(), 1, "what was refused is not there");
        let call = cluster.call(0, &business, "/hello").send().await;
        assert_eq!(call.status, 200, "{}", call.text());
    }
    cluster.nodes[0].process().limit_files(None);
    let (accepted, took) = wait_until("changes are taken again", async || {
        let answer = write(&cluster, 0, 7).await;
        answer.status.is_success().then_some(answer)
    })
    .await;
    assert_eq!(accepted.status, 201, "{}", accepted.text());
    println!("changes are taken {took:?} after there is room again");
}

#[tokio::test]
async fn a_node_with_a_full_disk_does_not_hold_up_the_others_and_catches_up_when_it_has_room() {
    let cluster = full(3).await;
    let business = cluster.attach(0, APPID).await;
    cluster.nodes[0].process().limit_files(Some(0));
    for number in 0..3 {
        let accepted = write(&cluster, 1, number).await;
        assert_eq!(accepted.status, 201, "node 2 has it: {}", accepted.text());
        assert_eq!(accepted.header("x-weir-ack-reached"), "true");
    }
    let all = write_all(&cluster).await;
    assert_eq!(all.status, 202, "node 0 has it not: {}", all.text());
    let call = cluster.call(0, &business, "/hello").send().await;
    assert_eq!(call.status, 200, "{}", call.text());
    // What it could not store it does not show: after a restart it would be gone.
    let programs = cluster.admin(0).list("/platform/mini-programs").await;
    assert_eq!(programs.len(), 1);

    cluster.nodes[0].process().limit_files(None);
    let took = cluster.agree().await;
    println!("it has everything {took:?} after there was room");
    assert!(took < Duration::from_secs(15));
    let programs = cluster.admin(0).list("/platform/mini-programs").await;
    assert_eq!(programs.len(), 5);
}

async fn write_all(cluster: &Cluster) -> Answer {
    let path = "/platform/mini-programs/wx00000000000000ff?ack=all";
    let body = json!({ "request_domains": [], "versions": {} });
    cluster.admin(1).call(Method::PUT, path, Some(&body)).await
}
