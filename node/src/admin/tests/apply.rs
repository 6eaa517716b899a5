use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::{APPID, Admin, Answer};

const APPLY: &str = "/admin/v1/apply";

async fn apply_yaml(admin: &Admin, query: &str, text: &str) -> Answer {
    let request = TestRequest::post()
        .uri(&format!("{APPLY}{query}"))
        .insert_header(("content-type", "application/yaml"))
        .set_payload(text.to_owned());
    admin.send(request).await
}

fn of_action<'p>(plan: &'p Value, action: &str) -> Vec<&'p str> {
    let changes = plan["changes"].as_array().unwrap();
    let of_action = changes.iter().filter(|change| change["action"] == action);
    of_action
        .map(|change| change["object"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn an_exported_document_changes_nothing_where_it_came_from() {
    let admin = Admin::with_a_business().await;
    let json = admin.get("/admin/v1/export").await.expect(200);
    assert_eq!(json.header("content-type"), "application/json");
    let applied = admin.post(APPLY, json.body.clone()).await.expect(200);
    assert_eq!(applied.header("x-weir-changed"), "false");
    assert!(
        applied.body["changes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["action"] == "unchanged")
    );

    let yaml = admin.get("/admin/v1/export?format=yaml").await.expect(200);
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let applied = apply_yaml(&admin, "?prune=true", &yaml.text)
        .await
        .expect(200);
    assert_eq!(
        applied.header("x-weir-changed"),
        "false",
        "{}",
        applied.text
    );
    assert_eq!(json.header("etag"), yaml.header("etag"));
}

#[actix_web::test]
async fn an_export_makes_another_cluster_the_same_and_holds_no_token() {
    let here = Admin::with_a_business().await;
    let document = here.get("/admin/v1/export").await.expect(200);
    assert!(!document.text.contains("sha256") && !document.text.contains("token"));
    let there = Admin::begin().await;
    let applied = there.post(APPLY, document.body.clone()).await.expect(200);
    assert_eq!(applied.header("x-weir-changed"), "true");
    assert_eq!(there.get("/admin/v1/export").await.body, document.body);
    let business = format!("/admin/v1/businesses/{APPID}");
    assert_eq!(
        there.get(&business).await.body["access_domain"],
        here.get(&business).await.body["access_domain"]
    );
    let again = there.post(APPLY, document.body).await.expect(200);
    assert_eq!(
        again.header("x-weir-changed"),
        "false",
        "a second apply changes nothing"
    );
    assert_eq!(again.body["version"], applied.body["version"]);
}

#[actix_web::test]
async fn a_plan_says_what_would_be_created_changed_and_deleted() {
    let admin = Admin::with_a_gateway().await;
    admin
        .put("/admin/v1/spaces/old", json!({}))
        .await
        .expect(201);
    let mut document = admin.get("/admin/v1/export").await.body;
    document["gateways"][0]["name"] = json!("Renamed");
    document["spaces"] =
        json!([document["spaces"][0], {"id": "new", "name": "", "mini_programs": []}]);
    let plan = admin
        .post("/admin/v1/apply?dry_run=true&prune=true", document.clone())
        .await
        .expect(200);
    assert_eq!(plan.body["dry_run"], true);
    assert_eq!(of_action(&plan.body, "create"), ["space/new"]);
    assert_eq!(of_action(&plan.body, "change"), ["gateway/shop"]);
    assert_eq!(of_action(&plan.body, "delete"), ["space/old"]);
    assert!(
        plan.text
            .contains(r#"{"path":"name","before":"","after":"Renamed"}"#),
        "{}",
        plan.text
    );
    admin
        .get("/admin/v1/spaces/new")
        .await
        .expect_problem(404, "not_found");

    let kept = admin.post(APPLY, document.clone()).await.expect(200);
    assert_eq!(
        of_action(&kept.body, "delete"),
        Vec::<&str>::new(),
        "nothing is deleted unasked"
    );
    admin.get("/admin/v1/spaces/old").await.expect(200);
    admin
        .post("/admin/v1/apply?prune=true", document)
        .await
        .expect(200);
    admin
        .get("/admin/v1/spaces/old")
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_document_with_one_wrong_object_changes_nothing_and_names_its_place() {
    let admin = Admin::begin().await;
    let document = json!({
        "spaces": [{"id": "acme", "name": "Acme", "mini_programs": []}],
        "gateways": [{"id": "shop", "space": "none", "name": ""}],
    });
    let refused = admin.post(APPLY, document).await.expect(422);
    assert_eq!(
        refused.body["field"], "gateways[0].space",
        "{}",
        refused.text
    );
    admin
        .get("/admin/v1/spaces/acme")
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_document_that_is_no_document_is_refused() {
    let admin = Admin::begin().await;
    for (body, field) in [
        (json!({"space": []}), json!("space")),
        (
            json!({"spaces": [{"id": "a", "nmae": "x"}]}),
            json!("spaces[0].nmae"),
        ),
        (json!([]), json!(null)),
    ] {
        let refused = admin.post(APPLY, body).await.expect_problem(422, "invalid");
        assert_eq!(refused.body["field"], field, "{}", refused.text);
    }
    let refused = apply_yaml(&admin, "", "spaces: [")
        .await
        .expect_problem(400, "wrong_yaml");
    assert!(refused.detail().contains("line 1"), "{}", refused.detail());
    let text = TestRequest::post()
        .uri(APPLY)
        .insert_header(("content-type", "text/plain"))
        .set_payload("x");
    let refused = admin
        .send(text)
        .await
        .expect_problem(415, "unsupported_media_type");
    assert!(refused.detail().contains("application/yaml"));
    let format = admin.get("/admin/v1/export?format=xml").await;
    format.expect_problem(400, "invalid_query");
}

#[actix_web::test]
async fn only_the_plan_that_was_shown_is_applied() {
    let admin = Admin::begin().await;
    let document = json!({"spaces": [{"id": "acme", "name": "Acme", "mini_programs": []}]});
    let plan = admin
        .post("/admin/v1/apply?dry_run=true", document.clone())
        .await
        .expect(200);
    admin
        .put("/admin/v1/spaces/other", json!({}))
        .await
        .expect(201);
    let apply = |etag: &str| {
        let request = TestRequest::post()
            .uri(APPLY)
            .insert_header(("if-match", etag));
        request.set_json(document.clone())
    };
    let refused = admin.send(apply(plan.header("etag"))).await;
    refused.expect_problem(412, "version_mismatch");
    admin
        .get("/admin/v1/spaces/acme")
        .await
        .expect_problem(404, "not_found");
    let plan = admin
        .post("/admin/v1/apply?dry_run=true", document.clone())
        .await
        .expect(200);
    admin.send(apply(plan.header("etag"))).await.expect(200);
}
