use std::sync::Arc;

use actix_web::test::TestRequest;
use weir_cluster::membership::ClusterView;

use super::health::peer;
use super::{Admin, Answer};

async fn forget(admin: &Admin, node: &str) -> Answer {
    let path = format!("/admin/v1/cluster/nodes/{node}/forget");
    admin.send(TestRequest::post().uri(&path)).await
}

#[actix_web::test]
async fn a_node_that_is_in_no_plan_or_live_is_not_forgotten() {
    let admin = Admin::begin().await;
    let unknown = forget(&admin, "n2")
        .await
        .expect_problem(404, "not_in_plan");
    assert!(unknown.detail().contains("`n2` is not in the mint plan"));
    forget(&admin, "No%20name")
        .await
        .expect_problem(404, "not_found");
    // This node began its cluster and mints all of it.
    let live = forget(&admin, "n1").await.expect_problem(409, "node_live");
    assert!(live.detail().contains("Stop it first"), "{}", live.text);
}

#[actix_web::test]
async fn the_cluster_shows_how_this_node_mints_and_asks_the_others_when_told_to() {
    let admin = Admin::begin().await;
    let me = admin.state.node.clone();
    let mut gone = peer("n2");
    gone.live = false;
    let nodes = vec![peer("n1"), gone, peer("n3")];
    admin
        .cluster
        .send_replace(Arc::new(ClusterView { me, nodes }));
    let body = admin.get("/admin/v1/cluster").await.expect(200).body;
    let own = &body["nodes"][0]["minting"];
    assert_eq!(
        (&own["share"], &own["complete"]),
        (&1.0.into(), &true.into())
    );
    assert!(body["nodes"][2]["minting"].is_null());
    assert!(body["nodes"][2]["minting_unanswered"].is_null());

    let body = admin.get("/admin/v1/cluster?minting=true").await;
    let body = body.expect(200).body;
    assert_eq!(body["nodes"][0]["minting"]["share"], 1.0);
    let why = |i: usize| body["nodes"][i]["minting_unanswered"].as_str().unwrap();
    assert!(why(1).contains("dead"), "{body}");
    // Nothing listens at its address.
    assert!(why(2).contains("cannot be reached"), "{body}");
    admin
        .get("/admin/v1/cluster?mints=true")
        .await
        .expect_problem(400, "invalid_query");
}
