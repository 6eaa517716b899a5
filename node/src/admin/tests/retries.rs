use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::{APPID, Admin};

fn named(key: &str, path: &str, body: Value) -> TestRequest {
    let request = TestRequest::post().uri(path);
    request
        .insert_header(("idempotency-key", key))
        .set_json(body)
}

fn put(key: &str, name: &str) -> TestRequest {
    let request = TestRequest::put().uri("/admin/v1/spaces/acme");
    request
        .insert_header(("idempotency-key", key))
        .set_json(json!({"name": name}))
}

#[actix_web::test]
async fn a_request_sent_again_is_answered_as_before_and_changes_nothing() {
    let admin = Admin::begin().await;
    let first = admin.send(put("k-1", "one")).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    // Somebody else goes on meanwhile.
    admin
        .put("/admin/v1/spaces/acme", json!({"name": "two"}))
        .await
        .expect(200);
    let again = admin.send(put("\"k-1\"", "one")).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.header("x-weir-changed"), "true");
    assert_eq!(admin.get("/admin/v1/spaces/acme").await.body["name"], "two");
}

#[actix_web::test]
async fn one_key_access_sent_again_is_answered_as_before() {
    let admin = Admin::with_a_gateway().await;
    let request = || {
        named(
            "attach",
            "/admin/v1/gateways/shop/one-key-access?link_test=false",
            json!({"appid": APPID}),
        )
    };
    let first = admin.send(request()).await.expect(201);
    let again = admin.send(request()).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    for field in [
        "id",
        "version",
        "access_domain",
        "qr_code",
        "skipped_domains",
    ] {
        assert_eq!(again.body[field], first.body[field], "{field}");
    }
}

#[actix_web::test]
async fn a_document_sent_again_is_answered_with_what_it_had_changed() {
    let admin = Admin::begin().await;
    let document = json!({"spaces": [{"id": "acme", "name": "Acme", "mini_programs": []}]});
    let request = || named("apply", "/admin/v1/apply", document.clone());
    let first = admin.send(request()).await.expect(200);
    let again = admin.send(request()).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body["version"], first.body["version"]);
    assert_eq!(again.body["changes"][0]["object"], "space/acme");
    assert_eq!(again.body["changes"][0]["action"], "create");
}

#[actix_web::test]
async fn a_key_used_for_another_request_is_refused() {
    let admin = Admin::begin().await;
    admin.send(put("k-1", "one")).await.expect(201);
    let refused = admin.send(put("k-1", "two")).await;
    refused.expect_problem(422, "idempotency_key_reused");
    assert_eq!(admin.get("/admin/v1/spaces/acme").await.body["name"], "one");
}

#[actix_web::test]
async fn a_key_that_cannot_be_used_is_refused() {
    let admin = Admin::begin().await;
    for key in ["", "two words", &"k".repeat(101)] {
        let refused = admin.send(put(key, "one")).await;
        let refused = refused.expect_problem(400, "invalid_idempotency_key");
        assert_eq!(refused.body["field"], "Idempotency-Key");
    }
}

#[actix_web::test]
async fn a_key_does_not_open_the_door_to_a_body_without_a_token() {
    let admin = Admin::begin().await;
    let refused = admin.send_as_it_is(put("k-1", "one")).await;
    refused.expect_problem(401, "unauthorized");
}
