use actix_web::test::TestRequest;
use serde_json::json;

use super::{APPID, Admin};

fn put_raw(body: &str, content_type: &str) -> TestRequest {
    TestRequest::put()
        .uri("/admin/v1/gateways/shop")
        .insert_header(("content-type", content_type))
        .set_payload(body.to_owned())
}

#[actix_web::test]
async fn wrong_json_is_refused_with_line_and_column() {
    let admin = Admin::begin().await;
    let answer = admin
        .send(put_raw("{\n \"space\": }", "application/json"))
        .await;
    let answer = answer.expect_problem(400, "wrong_json");
    assert!(
        answer.detail().contains("line 2, column"),
        "{}",
        answer.detail()
    );
    assert_eq!(answer.body["instance"], "/admin/v1/gateways/shop");
}

#[actix_web::test]
async fn a_missing_field_and_an_unknown_field_are_named() {
    let admin = Admin::begin().await;
    let answer = admin
        .put("/admin/v1/gateways/shop", json!({"name": "x"}))
        .await;
    assert_eq!(
        answer.expect_problem(422, "missing_field").body["field"],
        "space"
    );
    let answer = admin
        .put(
            "/admin/v1/gateways/shop",
            json!({"space": "a", "packages": {}}),
        )
        .await;
    assert_eq!(
        answer.expect_problem(422, "unknown_field").body["field"],
        "packages"
    );
}

#[actix_web::test]
async fn a_body_that_is_not_called_json_is_refused() {
    let admin = Admin::begin().await;
    let answer = admin
        .send(put_raw("{}", "application/x-www-form-urlencoded"))
        .await;
    let answer = answer.expect_problem(415, "unsupported_media_type");
    assert!(answer.detail().contains("application/json"));
    let merge_patch = put_raw("{}", "application/merge-patch+json");
    admin
        .send(merge_patch)
        .await
        .expect_problem(415, "unsupported_media_type");
}

#[actix_web::test]
async fn a_body_over_one_mebibyte_is_refused() {
    let admin = Admin::begin().await;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    admin
        .send(put_raw(&body, "application/json"))
        .await
        .expect_problem(413, "body_too_large");
}

#[actix_web::test]
async fn an_unknown_path_is_a_problem_document_inside_and_outside_the_api() {
    let admin = Admin::begin().await;
    for path in [
        "/admin/v1/histories",
        "/admin/v1/businesses/x/y/z",
        "/",
        "/admin/v2/spaces",
    ] {
        let answer = admin.get(path).await.expect_problem(404, "unknown_path");
        assert_eq!(answer.body["instance"], path);
    }
}

#[actix_web::test]
async fn a_wrong_method_is_answered_with_those_that_are_allowed() {
    let admin = Admin::begin().await;
    let answer = admin
        .send(TestRequest::post().uri("/admin/v1/spaces/acme"))
        .await;
    let answer = answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET, PUT, HEAD");
}

#[actix_web::test]
async fn an_unknown_query_parameter_is_refused_by_name() {
    let admin = Admin::begin().await;
    for path in ["/admin/v1/spaces?page=2", "/admin/v1/cluster?page=2"] {
        let answer = admin.get(path).await.expect_problem(400, "invalid_query");
        assert_eq!(answer.body["field"], "page");
    }
    let answer = admin
        .put("/admin/v1/spaces/acme?dryrun=true", json!({}))
        .await;
    answer.expect_problem(400, "invalid_query");
    assert!(
        admin.get("/admin/v1/spaces/acme").await.status == 404,
        "a refused write was made"
    );
}

#[actix_web::test]
async fn an_object_that_does_not_exist_is_not_found() {
    let admin = Admin::begin().await;
    for path in [
        "/admin/v1/spaces/none",
        "/admin/v1/gateways/none",
        "/admin/v1/gateways/none/package",
        "/admin/v1/businesses/none",
        "/admin/v1/platform/mini-programs/none",
        "/admin/v1/regions/none",
    ] {
        let answer = admin.get(path).await.expect_problem(404, "not_found");
        assert!(answer.detail().contains("`none`"), "{}", answer.detail());
    }
    let disconnect = TestRequest::post().uri("/admin/v1/businesses/none/disconnect");
    admin
        .send(disconnect)
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_value_that_cannot_be_used_names_its_field() {
    let admin = Admin::with_a_business().await;
    let patch = json!({"access": {"gray": {"percent": 140}}});
    let answer = admin
        .patch(&format!("/admin/v1/businesses/{APPID}"), patch)
        .await;
    assert_eq!(
        answer.expect_problem(422, "invalid").body["field"],
        "access.gray.percent"
    );
}

#[actix_web::test]
async fn a_panic_is_answered_and_the_next_request_served() {
    let admin = Admin::begin().await;
    admin.get("/panics").await.expect_problem(500, "internal");
    admin.get("/admin/v1/spaces").await.expect(200);
}

#[actix_web::test]
async fn a_path_that_is_not_utf_8_is_refused() {
    let admin = Admin::begin().await;
    let answer = admin.get("/admin/v1/spaces/%ff%fe").await;
    assert!(
        answer.status == 400 || answer.status == 404,
        "{}",
        answer.text
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
}
