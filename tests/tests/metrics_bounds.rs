//! A page of metrics has a bound, whatever is configured and whatever clients send.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use weir_tests::Cluster;

const BUSINESSES: usize = 10_000;
const GATEWAYS: usize = 1_200;
/// Distinct hosts, and as many distinct paths and users.
const FLOOD: usize = 10_000;
/// Those with samples of their own, and the rest.
const NAMED: usize = 1_001;

fn document(origin: &str) -> Value {
    let gateways = (0..GATEWAYS).map(|i| {
        json!({"id": format!("gw-{i}"), "space": "many", "name": "", "overflow": "redirect",
            "package": {"name": "standard"}})
    });
    let businesses = (0..BUSINESSES).map(|i| {
        json!({"id": format!("web-{i}"), "gateway": format!("gw-{}", i % GATEWAYS), "type": "web",
            "appid": format!("web-{i}"), "access_label": format!("a{i:08x}-web-{i}"), "region": "shanghai",
            "route_tag": format!("tag-{i}"), "attached_domains": [origin], "timeout_ms": 15_000,
            "access": {"enabled": true, "versions": ["release"], "urls": [{"domain": origin, "paths": []}],
                "gray": {"percent": 100.0, "salt": "s"}}})
    });
    let agreement = json!({"version": "1", "accepted_by": "tests", "accepted_at_ms": 1});
    json!({
        "spaces": [{"id": "many", "name": "", "agreement": agreement, "mini_programs": []}],
        "gateways": gateways.collect::<Vec<_>>(),
        "businesses": businesses.collect::<Vec<_>>(),
    })
}

/// Calls one after the other on one connection; how many were answered with each status.
async fn calls(
    addr: SocketAddr,
    requests: impl Iterator<Item = Request<Empty<Bytes>>>,
) -> BTreeMap<u16, usize> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let driven = tokio::spawn(connection);
    let mut statuses = BTreeMap::new();
    for request in requests {
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        *statuses.entry(response.status().as_u16()).or_default() += 1;
        response.into_body().collect().await.unwrap();
    }
    drop(sender);
    driven.await.unwrap().unwrap();
    statuses
}

fn request(host: &str, path: &str, user: &str) -> Request<Empty<Bytes>> {
    Request::get(path)
        .header("host", host)
        .header("x-wx-user", user)
        .body(Empty::new())
        .unwrap()
}

/// Sets of labels by family, buckets apart.
fn sets(page: &str) -> BTreeMap<&str, usize> {
    let mut sets = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let first_bucket = !line.contains("le=\"") || line.contains("le=\"0.005\"");
        *sets.entry(name).or_default() += usize::from(first_bucket);
    }
    sets
}

#[tokio::test]
async fn ten_thousand_businesses_and_a_flood_of_hosts_paths_and_users_do_not_grow_a_page() {
    let cluster = Cluster::start(1).await;
    let document = document(&cluster.origin.url());
    cluster
        .admin(0)
        .post("/apply?ack=local", Some(document))
        .await;
    let idle = cluster.admin(0).metrics().await.unwrap();
    let http = cluster.nodes[0].http;
    // Each business once, and with it each gateway.
    let label = |i: usize| format!("a{i:08x}-web-{i}.shanghai.weir.localhost");
    let each = (0..BUSINESSES).map(|i| request(&label(i), "/status/200", "u"));
    let answered = calls(http, each).await;
    let served = answered.get(&200).copied().unwrap_or(0);
    assert!(served > BUSINESSES / 2, "on the link: {answered:?}");
    let begin = Instant::now();
    let before = cluster.admin(0).metrics().await.unwrap();
    let took = begin.elapsed();
    let memory = cluster.nodes[0].process().own_memory();

    let hosts = (0..FLOOD).map(|i| request(&format!("host-{i}.example"), "/", "u"));
    assert_eq!(calls(http, hosts).await, BTreeMap::from([(404, FLOOD)]));
    let paths = (0..FLOOD).map(|i| {
        request(
            &label(0),
            &format!("/status/200?path-{i}"),
            &format!("user-{i}"),
        )
    });
    let flooded = calls(http, paths).await;
    assert_eq!(flooded.values().sum::<usize>(), FLOOD);
    let after = cluster.admin(0).metrics().await.unwrap();
    let grown = cluster.nodes[0]
        .process()
        .own_memory()
        .saturating_sub(memory);
    println!(
        "page: {} KiB idle, {} KiB busy in {took:?}, {} KiB after the flood; the flood grew memory by {} KiB",
        idle.len() / 1024,
        before.len() / 1024,
        after.len() / 1024,
        grown / 1024
    );

    let (was, is) = (sets(&before), sets(&after));
    for (name, sets) in &is {
        // By reason and by source there are a few for each business.
        let most = match name.contains("_public_") || name.contains("_errors_") {
            true => NAMED * 3,
            false => NAMED,
        };
        assert!(*sets <= most, "{name}: {sets}");
    }
    assert_eq!(is["weir_business_link_calls_total"], NAMED);
    assert_eq!(is["weir_gateway_charged_bytes_total"], NAMED);
    let only_values = is
        .iter()
        .filter(|(name, sets)| was.get(*name) != Some(sets));
    let only_values: Vec<_> = only_values.collect();
    assert!(
        only_values.len() <= 3,
        "new series came with the flood: {only_values:?}"
    );
    for planted in ["host-", "path-", "user-"] {
        assert!(!after.contains(planted), "{planted} is in a label");
    }
    assert!(after.len() < 3 * 1024 * 1024, "{} bytes", after.len());
    // What is summed up is not lost.
    let carried: f64 = after
        .lines()
        .filter_map(|line| {
            line.strip_prefix("weir_business_link_calls_total{")?
                .split(' ')
                .nth(1)
        })
        .map(|calls| calls.parse::<f64>().unwrap())
        .sum();
    assert_eq!(carried as u64, cluster.origin.stat("calls").await);
}
