use std::sync::Arc;

use serde_json::json;
use weir_cluster::membership::{ClusterView, NodeView};

use super::Admin;

/// Another node that is known of, and does not answer.
fn silent(id: &str, live: bool) -> NodeView {
    NodeView {
        region: "shenzhen".to_owned(),
        live,
        version: "0".to_owned(),
        // Nothing can listen there.
        ..NodeView::new(id.parse().unwrap(), "127.0.0.1:1".parse().unwrap())
    }
}

fn with_others(admin: &Admin, live: bool) {
    let me = admin.state.node.clone();
    let mut own = silent(me.as_str(), true);
    own.config_root = Some(String::new());
    let nodes = vec![own, silent("n2", live), silent("n3", live)];
    admin
        .cluster
        .send_replace(Arc::new(ClusterView { me, nodes }));
}

#[actix_web::test]
async fn a_node_alone_has_what_one_asks_for() {
    let admin = Admin::begin().await;
    let answer = admin
        .put("/admin/v1/spaces/acme", json!({}))
        .await
        .expect(201);
    let header = |name| answer.header(name).to_owned();
    assert_eq!(header("x-weir-ack-wanted"), "one");
    assert_eq!(header("x-weir-ack-nodes"), "1");
    assert_eq!(header("x-weir-ack-reached"), "true");
}

#[actix_web::test]
async fn a_change_that_not_enough_nodes_have_in_time_is_accepted_and_said_to_be_so() {
    let admin = Admin::begin().await;
    with_others(&admin, false);
    let answer = admin
        .put("/admin/v1/spaces/acme?ack=majority", json!({"name": "A"}))
        .await
        .expect(202);
    assert_eq!(answer.header("x-weir-ack-wanted"), "majority");
    assert_eq!(answer.header("x-weir-ack-nodes"), "1");
    assert_eq!(answer.header("x-weir-ack-reached"), "false");
    assert_eq!(answer.body["name"], "A");
    assert_eq!(admin.get("/admin/v1/spaces/acme").await.body["name"], "A");
}

#[actix_web::test]
async fn this_node_alone_is_enough_where_that_is_asked_for() {
    let admin = Admin::begin().await;
    with_others(&admin, true);
    let answer = admin
        .put("/admin/v1/spaces/acme?ack=local", json!({}))
        .await
        .expect(201);
    assert_eq!(answer.header("x-weir-ack-reached"), "true");
}

#[actix_web::test]
async fn an_acknowledgement_that_does_not_exist_is_refused() {
    let admin = Admin::begin().await;
    let refused = admin.put("/admin/v1/spaces/acme?ack=two", json!({})).await;
    let refused = refused.expect_problem(400, "invalid_query");
    assert_eq!(refused.body["field"], "ack");
    assert!(
        refused.detail().contains("majority"),
        "{}",
        refused.detail()
    );
    admin
        .get("/admin/v1/spaces/acme")
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn which_nodes_have_a_change_is_told_and_who_did_not_answer() {
    let admin = Admin::begin().await;
    let made = admin
        .put("/admin/v1/spaces/acme", json!({}))
        .await
        .expect(201);
    let path = format!(
        "/admin/v1/cluster/config/{}",
        made.body["version"].as_str().unwrap()
    );
    let alone = admin.get(&path).await.expect(200).body;
    assert_eq!(
        (&alone["everywhere"], &alone["nodes"][0]["has"]),
        (&json!(true), &json!(true))
    );
    assert!(alone["nodes"][0]["since"].is_string());
    with_others(&admin, true);
    let some = admin.get(&path).await.expect(200).body;
    assert_eq!(some["everywhere"], false);
    assert_eq!(some["unanswered"], json!(["n2", "n3"]));
    let unknown = "/admin/v1/cluster/config/0190000000000000-n1";
    let nowhere = admin.get(unknown).await.expect(200).body;
    assert_eq!(
        (&nowhere["everywhere"], &nowhere["nodes"][0]["has"]),
        (&json!(false), &json!(false))
    );
}
