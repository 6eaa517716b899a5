use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use weir_cluster::ledger::Meter;
use weir_cluster::membership::ClusterView;

use super::Admin;
use super::health::peer;

const PACKAGE: &str = "/admin/v1/gateways/shop/package";

/// The gateway's meter, once the package ledger knows the gateway.
async fn meter(admin: &Admin) -> Arc<Meter> {
    let mut metered = admin.state.quota.metered();
    let coming = metered.wait_for(|metered| metered.meters.contains_key("shop"));
    let metered = tokio::time::timeout(Duration::from_secs(20), coming).await;
    let metered = metered.expect("a meter in time").expect("a ledger");
    metered.meters["shop"].clone()
}

#[actix_web::test]
async fn a_package_is_shown_with_its_limit_and_what_this_node_used_of_it() {
    let admin = Admin::with_a_gateway().await;
    let meter = meter(&admin).await;
    meter.count_overflow(3, 700);
    let pack = json!({"bandwidth_bps": 500_000, "until": "2126-01-01T00:00:00Z"});
    let path = "/admin/v1/gateways/shop/elastic-packs/sale";
    admin.put(path, pack).await.expect(200);
    let body = admin.get(PACKAGE).await.expect(200).body;
    assert_eq!(body["gateway"], "shop");
    let limit = &body["limit"];
    assert_eq!(limit["package"]["bandwidth_bps"], 1_000_000);
    assert_eq!(limit["bandwidth_bps"], 1_500_000);
    assert_eq!(limit["bytes_per_second"], 187_500);
    assert_eq!(limit["elastic_packs"][0]["id"], "sale");
    assert_eq!(limit["changes_at"], "2126-01-01T00:00:00Z");
    let node = &body["nodes"][0];
    assert_eq!(
        (&node["node"], &node["weight"]),
        (&json!("n1"), &json!(1.0))
    );
    assert_eq!(
        (&node["minting"], &node["fenced"]),
        (&json!(true), &Value::Null)
    );
    assert!(node["bytes"]["balance"].is_i64(), "{body}");
    assert!(node["calls"].is_null(), "no limit on calls");
    assert_eq!(node["overflow"]["relayed_bytes"], 700);
    assert_eq!(body["overflow"]["relayed_bytes"], 700);
    for window in [
        "now",
        "last_10_s",
        "last_1_min",
        "last_5_min",
        "last_15_min",
    ] {
        assert!(body["used"][window]["percent"].is_f64(), "{window}: {body}");
    }
    assert_eq!(body["unanswered"], json!([]));
    assert_eq!(
        body["version"].as_str().map(|v| v.ends_with("-n1")),
        Some(true)
    );
}

#[actix_web::test]
async fn nodes_whose_figures_are_missing_are_named_with_the_reason() {
    let admin = Admin::with_a_gateway().await;
    meter(&admin).await;
    let mut dead = peer("n2");
    dead.live = false;
    let mut left = peer("n4");
    (left.live, left.leaving) = (false, true);
    let me = admin.state.node.clone();
    admin.cluster.send_replace(Arc::new(ClusterView {
        me,
        nodes: vec![peer("n1"), dead, peer("n3"), left],
    }));
    let body = admin.get(PACKAGE).await.expect(200).body;
    assert_eq!(body["nodes"].as_array().unwrap().len(), 1);
    let missing = body["unanswered"].as_array().unwrap();
    let named: Vec<&str> = missing.iter().filter_map(|n| n["node"].as_str()).collect();
    assert_eq!(named, ["n2", "n3"], "who has left is not missed");
    assert!(missing[0]["reason"].as_str().unwrap().contains("dead"));
    assert!(
        missing[1]["reason"]
            .as_str()
            .unwrap()
            .contains("cannot be reached")
    );

    admin.state.mesh.cut().cut_all();
    let body = admin.get(PACKAGE).await.expect(200).body;
    let why = body["unanswered"][1]["reason"].as_str().unwrap();
    assert!(why.contains("a drill cuts"), "{why}");
}
