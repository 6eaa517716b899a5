use actix_web::test::TestRequest;

use super::{Admin, TOKEN};

#[actix_web::test]
async fn a_request_without_a_token_is_told_where_the_token_is() {
    let admin = Admin::begin().await;
    let answer = admin
        .send_as_it_is(TestRequest::get().uri("/admin/v1/spaces"))
        .await;
    let answer = answer.expect_problem(401, "unauthorized");
    assert!(
        answer.detail().contains("admin-token"),
        "{}",
        answer.detail()
    );
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
}

#[actix_web::test]
async fn a_wrong_token_a_basic_password_and_an_unknown_path_are_all_unauthorized() {
    let admin = Admin::begin().await;
    for value in [
        "Bearer wrong",
        "Basic d2VpcjpiYWQ=",
        "Bearer",
        &format!("Bearer {TOKEN}x"),
    ] {
        let request = TestRequest::get()
            .uri("/admin/v1/spaces")
            .insert_header(("authorization", value));
        admin
            .send_as_it_is(request)
            .await
            .expect_problem(401, "unauthorized");
    }
    let request = TestRequest::get().uri("/admin/v1/nothing-here");
    admin
        .send_as_it_is(request)
        .await
        .expect_problem(401, "unauthorized");
}

#[actix_web::test]
async fn health_metrics_and_the_openapi_document_need_no_token() {
    let admin = Admin::begin().await;
    for path in ["/healthz", "/metrics", "/admin/v1/openapi.json"] {
        admin
            .send_as_it_is(TestRequest::get().uri(path))
            .await
            .expect(200);
    }
}

#[actix_web::test]
async fn a_change_is_signed_by_the_name_of_its_token() {
    let admin = Admin::begin().await;
    admin
        .put("/admin/v1/spaces/acme", serde_json::json!({}))
        .await
        .expect(201);
    let snapshot = admin.state.config.catalog();
    let key = "space/acme".parse().unwrap();
    assert_eq!(snapshot.catalog.record(&key).unwrap().author, "tests");
}
