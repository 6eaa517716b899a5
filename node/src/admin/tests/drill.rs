use actix_web::test::TestRequest;

use super::{Admin, Answer};

const DRILLS: &str = "[node]\nid = \"n1\"\nregion = \"shanghai\"\n[admin]\ndrills = true\n";

async fn post(admin: &Admin, path: &str) -> Answer {
    let path = format!("/admin/v1/drill/{path}");
    admin.send(TestRequest::post().uri(&path)).await
}

#[actix_web::test]
async fn a_node_that_allows_no_drills_is_not_cut_and_the_setting_is_named() {
    let admin = Admin::begin().await;
    for call in ["cut", "heal"] {
        let refused = post(&admin, call).await;
        let refused = refused.expect_problem(403, "drills_not_allowed");
        assert_eq!(refused.body["field"], "admin.drills");
        assert!(
            refused.detail().contains("admin.drills = true"),
            "{}",
            refused.text
        );
    }
    assert!(!admin.state.mesh.cut().is_cut_from_all());
}

#[actix_web::test]
async fn a_cut_is_shown_until_it_is_healed() {
    let admin = Admin::with_settings(DRILLS).await;
    let before = admin.get("/admin/v1/cluster").await.expect(200);
    assert!(before.body["drill"].is_null());

    let cut = post(&admin, "cut").await.expect(200).body;
    assert_eq!((&cut["cut"], &cut["left_s"]), (&true.into(), &600.into()));
    assert!(cut["until"].as_str().unwrap().ends_with('Z'));
    assert!(admin.state.mesh.cut().is_cut_from_all());
    let shown = admin.get("/admin/v1/cluster").await.expect(200).body;
    assert_eq!(shown["drill"]["cut"], true);
    let metrics = admin.get("/metrics").await.text;
    assert!(metrics.contains("\nweir_mesh_cut 1\n"), "{metrics}");

    let longer = post(&admin, "cut?for_s=3600").await.expect(200).body;
    assert_eq!(longer["left_s"], 3600, "the new end counts");
    let healed = post(&admin, "heal").await.expect(200).body;
    assert_eq!(healed["cut"], false);
    assert!(healed["until"].is_null());
    assert!(!admin.state.mesh.cut().is_cut_from_all());
    let metrics = admin.get("/metrics").await.text;
    assert!(metrics.contains("\nweir_mesh_cut 0\n"), "{metrics}");
    post(&admin, "heal").await.expect(200);
}

#[actix_web::test]
async fn a_cut_without_an_end_cannot_be_asked_for() {
    let admin = Admin::with_settings(DRILLS).await;
    for query in ["for_s=0", "for_s=3601", "for_s=long", "for=5"] {
        let refused = post(&admin, &format!("cut?{query}")).await;
        refused.expect_problem(400, "invalid_query");
    }
    let refused = post(&admin, "cut?for_s=3601").await;
    assert_eq!(refused.body["field"], "for_s");
    assert!(refused.detail().contains("1 to 3600"), "{}", refused.text);
    assert!(!admin.state.mesh.cut().is_cut_from_all());
}

#[actix_web::test]
async fn a_drill_needs_a_token() {
    let admin = Admin::with_settings(DRILLS).await;
    let cut = TestRequest::post().uri("/admin/v1/drill/cut");
    admin.send_as_it_is(cut).await.expect(401);
    assert!(!admin.state.mesh.cut().is_cut_from_all());
}
