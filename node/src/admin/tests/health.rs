use std::sync::Arc;

use weir_cluster::ledger::Meter;
use weir_cluster::membership::{ClusterView, NodeView};
use weir_config::access::{AccessTable, PublicReason};

use super::{APPID, Admin};
use crate::forward::Fault;
use crate::routing::RoutingTable;

const JOINS: &str =
    "[node]\nid = \"n1\"\nregion = \"shanghai\"\n[mesh]\nseeds = [\"127.0.0.1:7002\"]\n";

pub fn peer(id: &str) -> NodeView {
    NodeView {
        region: "shenzhen".to_owned(),
        live: true,
        version: "0.1.0".to_owned(),
        ..NodeView::new(id.parse().unwrap(), "127.0.0.1:7002".parse().unwrap())
    }
}

fn reason(answer: &super::Answer) -> &str {
    answer.body["reasons"][0].as_str().unwrap_or("")
}

#[actix_web::test]
async fn a_node_is_ready_once_its_link_is_up_and_no_longer_while_it_stops() {
    let admin = Admin::begin().await;
    let answer = admin.get("/readyz").await.expect(503);
    assert!(reason(&answer).contains("link"), "{}", answer.text);
    admin.state.readiness.link_is_up();
    admin.get("/readyz").await.expect(200);
    admin.state.readiness.drain();
    let answer = admin.get("/readyz").await.expect(503);
    assert!(reason(&answer).contains("stopping"), "{}", answer.text);
    admin.get("/healthz").await.expect(200);
}

#[actix_web::test]
async fn a_node_that_joins_is_not_ready_before_it_has_seen_a_peer() {
    let admin = Admin::with_settings(JOINS).await;
    admin.state.readiness.link_is_up();
    let answer = admin.get("/readyz").await.expect(503);
    assert!(reason(&answer).contains("seed"), "{}", answer.text);
    let me = admin.state.node.clone();
    admin.cluster.send_replace(Arc::new(ClusterView {
        me,
        nodes: vec![peer("n1"), peer("n2")],
    }));
    admin.get("/readyz").await.expect(200);
}

#[actix_web::test]
async fn a_node_that_joins_is_ready_without_peers_when_it_holds_configuration() {
    let admin = Admin::with_settings(JOINS).await;
    admin.state.readiness.link_is_up();
    admin
        .put("/admin/v1/spaces/acme?ack=local", serde_json::json!({}))
        .await
        .expect(201);
    admin.get("/readyz").await.expect(200);
}

#[actix_web::test]
async fn metrics_count_by_gateway_and_by_actor() {
    let mut admin = Admin::begin().await;
    admin.state.restarts = vec![("router", Arc::new(|| 4))];
    admin.route("shop").count_overflow(3, 700);
    let page = admin.get("/metrics").await.expect(200);
    assert!(
        page.header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "weir_gateway_overflow_calls_total{gateway=\"shop\"} 3",
        "weir_gateway_overflow_bytes_total{gateway=\"shop\"} 700",
        "weir_actor_restarts_total{actor=\"router\"} 4",
    ] {
        assert!(
            page.text.lines().any(|there| there == line),
            "no `{line}` in\n{}",
            page.text
        );
    }
    let digest = admin.state.config.catalog().buckets.root();
    assert!(
        page.text
            .contains(&format!("weir_config_info{{digest=\"{digest}\"}} 1"))
    );
}

#[actix_web::test]
async fn what_became_of_a_businesss_calls_is_counted_by_reason_and_by_fault() {
    let admin = Admin::with_a_business().await;
    let access = AccessTable::compile(&admin.state.config.catalog().catalog, "weir.localhost");
    let meters = access.gateways.iter().map(|_| Meter::new()).collect();
    let table = RoutingTable::new(
        access,
        meters,
        crate::forward::ConfiguredOrigins::default(),
        &RoutingTable::default(),
    );
    let (_, counters) = table.all_counters().next().unwrap();
    counters.link().count(2, 500);
    counters.public(PublicReason::Gray).count(1, 70);
    counters.count_error(Fault::Origin);
    admin.state.routing.store(Arc::new(table));
    let page = admin.get("/metrics").await.expect(200);
    let of = |name: &str, labels: &str| format!("{name}{{business=\"{APPID}\"{labels}}}");
    for (sample, value) in [
        (of("weir_business_link_calls_total", ""), 2),
        (of("weir_business_link_bytes_total", ""), 500),
        (
            of("weir_business_public_calls_total", ",reason=\"gray\""),
            1,
        ),
        (
            of("weir_business_public_bytes_total", ",reason=\"gray\""),
            70,
        ),
        (of("weir_business_errors_total", ",source=\"origin\""), 1),
    ] {
        let line = format!("{sample} {value}");
        assert!(
            page.text.lines().any(|there| there == line),
            "no `{line}` in\n{}",
            page.text
        );
    }
    assert!(
        !page.text.contains("reason=\"disconnected\""),
        "what never happened is not listed"
    );
}

#[actix_web::test]
async fn the_cluster_is_shown_with_whether_its_nodes_agree() {
    let admin = Admin::begin().await;
    let me = admin.state.node.clone();
    let mut nodes = vec![peer("n1"), peer("n2")];
    nodes[1].config_root = Some(admin.state.config.catalog().buckets.root());
    admin
        .cluster
        .send_replace(Arc::new(ClusterView { me, nodes }));
    let body = admin.get("/admin/v1/cluster").await.expect(200).body;
    assert_eq!(
        (&body["node"], &body["agree"]),
        (&"n1".into(), &true.into())
    );
    assert_eq!(body["nodes"][1]["addresses"]["mesh"], "127.0.0.1:7002");

    admin
        .put("/admin/v1/spaces/acme?ack=local", serde_json::json!({}))
        .await
        .expect(201);
    let body = admin.get("/admin/v1/cluster").await.expect(200).body;
    assert_eq!(body["agree"], false, "n2 has not got the new space yet");
}
