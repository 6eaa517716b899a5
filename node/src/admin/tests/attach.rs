use actix_web::test::TestRequest;
use serde_json::json;

use super::{APPID, Admin};

const ONE_KEY: &str = "/admin/v1/gateways/shop/one-key-access?link_test=false";

#[actix_web::test]
async fn one_key_access_answers_the_business_and_all_that_is_needed_to_try_it() {
    let admin = Admin::with_a_gateway().await;
    let answer = admin
        .post(ONE_KEY, json!({"appid": APPID}))
        .await
        .expect(201);
    let body = &answer.body;
    let domain = body["access_domain"].as_str().unwrap();
    assert!(
        domain.starts_with('a') && domain.ends_with(&format!("-{APPID}.shanghai.weir.localhost")),
        "{domain}"
    );
    assert_eq!(body["id"], APPID);
    assert_eq!(body["access"]["versions"], json!(["trial"]));
    assert_eq!(body["attached_domains"], json!(["api.shop.example"]));
    assert_eq!(body["skipped_domains"], json!([]));
    assert!(!body["route_tag"].as_str().unwrap().is_empty());
    assert!(body["qr_code"]["svg"].as_str().unwrap().contains("<svg"));
    assert!(!body["qr_code"]["content"].as_str().unwrap().is_empty());
    assert_eq!(
        body["warnings"].as_array().unwrap().len(),
        1,
        "authorised on the way: {}",
        answer.text
    );
    assert_eq!(
        answer.header("etag"),
        format!("\"{}\"", body["version"].as_str().unwrap())
    );

    let read = admin
        .get(&format!("/admin/v1/businesses/{APPID}"))
        .await
        .expect(200);
    assert_eq!(
        (&read.body["access_domain"], &read.body["version"]),
        (&body["access_domain"], &body["version"])
    );
}

#[actix_web::test]
async fn attaching_once_more_changes_nothing_and_answers_the_same_domain() {
    let admin = Admin::with_a_gateway().await;
    let first = admin
        .post(ONE_KEY, json!({"appid": APPID}))
        .await
        .expect(201);
    let again = admin
        .post(ONE_KEY, json!({"appid": APPID}))
        .await
        .expect(200);
    assert_eq!(first.body["access_domain"], again.body["access_domain"]);
    assert_eq!(first.body["version"], again.body["version"]);
    assert_eq!(again.header("x-weir-changed"), "false");
}

#[actix_web::test]
async fn what_the_checks_refuse_is_a_conflict_by_name() {
    let admin = Admin::with_a_gateway().await;
    let program = format!("/admin/v1/platform/mini-programs/{APPID}");
    admin
        .put(&program, json!({"request_domains": ["api.shop.example"]}))
        .await
        .expect(200);
    admin
        .post(ONE_KEY, json!({"appid": APPID}))
        .await
        .expect_problem(409, "no_trial_version");
    admin
        .put(&program, json!({"versions": {"trial": "1.0.0"}}))
        .await
        .expect(200);
    admin
        .post(ONE_KEY, json!({"appid": APPID}))
        .await
        .expect_problem(409, "no_request_domain");
    admin
        .put("/admin/v1/spaces/other", json!({}))
        .await
        .expect(201);
    admin
        .put("/admin/v1/gateways/other", json!({"space": "other"}))
        .await
        .expect(201);
    let elsewhere = admin
        .post(
            "/admin/v1/gateways/other/one-key-access?link_test=false",
            json!({"appid": APPID}),
        )
        .await;
    elsewhere.expect_problem(409, "agreement_not_accepted");
}

#[actix_web::test]
async fn a_mini_program_bound_elsewhere_is_refused() {
    let admin = Admin::with_a_business().await;
    admin
        .put("/admin/v1/gateways/second", json!({"space": "acme"}))
        .await
        .expect(201);
    let answer = admin
        .post(
            "/admin/v1/gateways/second/one-key-access?link_test=false",
            json!({"appid": APPID}),
        )
        .await;
    assert!(
        answer
            .expect_problem(409, "bound_elsewhere")
            .detail()
            .contains("shop")
    );
}

#[actix_web::test]
async fn a_dry_run_of_one_key_access_attaches_nothing() {
    let admin = Admin::with_a_gateway().await;
    let plan = admin
        .post(&format!("{ONE_KEY}&dry_run=true"), json!({"appid": APPID}))
        .await
        .expect(200);
    let of = |i: usize| {
        let change = &plan.body["changes"][i];
        format!("{} {}", change["action"], change["object"])
    };
    assert_eq!(of(0), r#""change" "space/acme""#, "it is authorised");
    assert_eq!(of(1), format!("\"create\" \"business/{APPID}\""));
    admin
        .get(&format!("/admin/v1/businesses/{APPID}"))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_business_is_disconnected_and_connected_again_in_one_call_each() {
    let admin = Admin::with_a_business().await;
    for (call, enabled) in [("disconnect", false), ("connect", true)] {
        let path = format!("/admin/v1/businesses/{APPID}/{call}");
        let answer = admin.send(TestRequest::post().uri(&path)).await.expect(200);
        assert_eq!(answer.body["access"]["enabled"], enabled);
        assert_eq!(answer.header("x-weir-changed"), "true");
        let again = admin.send(TestRequest::post().uri(&path)).await.expect(200);
        assert_eq!(again.header("x-weir-changed"), "false");
    }
}

#[actix_web::test]
async fn a_patch_changes_what_it_names_and_leaves_the_rest() {
    let admin = Admin::with_a_business().await;
    let path = format!("/admin/v1/businesses/{APPID}");
    let before = admin.get(&path).await.expect(200).body;
    let request = TestRequest::patch()
        .uri(&path)
        .insert_header(("content-type", "application/merge-patch+json"));
    let patch = json!({"timeout_ms": 30_000, "access": {"versions": ["trial", "release"]}});
    let after = admin
        .send(request.set_payload(patch.to_string()))
        .await
        .expect(200)
        .body;
    assert_eq!(after["timeout_ms"], 30_000);
    assert_eq!(after["access"]["versions"], json!(["release", "trial"]));
    assert_eq!(after["access_domain"], before["access_domain"]);
}

#[actix_web::test]
async fn businesses_are_listed_by_gateway() {
    let admin = Admin::with_a_business().await;
    let of = async |gateway: &str| {
        let page = admin
            .get(&format!("/admin/v1/businesses?gateway={gateway}"))
            .await
            .expect(200);
        page.body["items"].as_array().unwrap().len()
    };
    assert_eq!((of("shop").await, of("other").await), (1, 0));
}

#[actix_web::test]
async fn the_agreement_and_the_authorisation_can_be_looked_up() {
    let admin = Admin::begin().await;
    admin
        .put("/admin/v1/spaces/acme", json!({}))
        .await
        .expect(201);
    admin
        .get("/admin/v1/spaces/acme/agreement")
        .await
        .expect_problem(404, "agreement_not_accepted");
    let path = format!("/admin/v1/spaces/acme/mini-programs/{APPID}");
    admin.get(&path).await.expect_problem(404, "not_authorized");
    admin
        .put(
            &format!("/admin/v1/platform/mini-programs/{APPID}"),
            json!({}),
        )
        .await
        .expect(201);
    admin.send(TestRequest::put().uri(&path)).await.expect(200);
    assert_eq!(
        admin.get(&path).await.expect(200).body["mini_programs"],
        json!([APPID])
    );
}
