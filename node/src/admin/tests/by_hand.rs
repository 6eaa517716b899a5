//! Businesses attached by hand, users by name, origins, regions, the platform's list.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::{APPID, Admin};

const BUSINESSES: &str = "/admin/v1/gateways/shop/businesses";

fn page(id: &str) -> Value {
    json!({"type": "web", "id": id, "origins": ["https://web.shop.example"],
           "cors": {"allowed_origins": ["https://shop.example"]}})
}

async fn delete(admin: &Admin, path: &str) -> super::Answer {
    admin.send(TestRequest::delete().uri(path)).await
}

#[actix_web::test]
async fn a_web_page_and_an_app_are_attached_by_hand() {
    let admin = Admin::with_a_gateway().await;
    let made = admin.post(BUSINESSES, page("shop-web")).await.expect(201);
    assert_eq!(made.body["appid"], "shop-web");
    assert_eq!(made.body["access"]["versions"], json!(["release"]));
    assert_eq!(made.body["warnings"], json!([]));
    let domain = made.body["access_domain"].as_str().unwrap();
    assert!(
        domain.ends_with("-shop-web.shanghai.weir.localhost"),
        "{domain}"
    );
    let app = json!({"type": "app", "origins": [{"domain": "app.example", "http2": true}]});
    let app = admin.post(BUSINESSES, app).await.expect(201);
    let id = app.body["id"].as_str().unwrap();
    assert!(id.starts_with("app-") && id.len() == 12, "{id}");
    assert_eq!(app.body["origins"][0]["http2"], true);
    admin
        .get(&format!("/admin/v1/businesses/{id}"))
        .await
        .expect(200);
}

#[actix_web::test]
async fn attaching_by_hand_sent_again_with_its_key_makes_one_business() {
    let admin = Admin::with_a_gateway().await;
    let send = || {
        let input = json!({"type": "app", "origins": ["app.example"]});
        admin.send(
            TestRequest::post()
                .uri(BUSINESSES)
                .insert_header(("idempotency-key", "once"))
                .set_json(input),
        )
    };
    let (first, again) = (send().await.expect(201), send().await.expect(201));
    assert_eq!(first.body["id"], again.body["id"]);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let listed = admin.get("/admin/v1/businesses").await.expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn what_cannot_be_attached_by_hand_is_refused_by_name() {
    let admin = Admin::with_a_gateway().await;
    let with = |field: &str, value: Value| {
        let mut input = page("shop-web");
        input[field] = value;
        admin.post(BUSINESSES, input)
    };
    for (field, value, at) in [
        ("id", json!("Shop"), "id"),
        ("region", json!("mars"), "region"),
        ("origins", json!([]), "origins"),
        ("origins", json!(["a b"]), "origins[0]"),
        (
            "cors",
            json!({"allowed_origins": ["x"]}),
            "cors.allowed_origins[0]",
        ),
        (
            "access",
            json!({"versions": ["trial"]}),
            "access.versions[0]",
        ),
    ] {
        let refused = with(field, value).await.expect_problem(422, "invalid");
        assert_eq!(refused.body["field"], at);
    }
    with("origin", json!([]))
        .await
        .expect_problem(422, "unknown_field");
    with("type", json!("watch"))
        .await
        .expect_problem(422, "invalid");
    admin.post(BUSINESSES, page("shop-web")).await.expect(201);
    admin
        .post(BUSINESSES, page("shop-web"))
        .await
        .expect_problem(409, "business_exists");
    let mini = json!({"type": "mini_program", "id": APPID});
    admin
        .post(BUSINESSES, mini.clone())
        .await
        .expect_problem(409, "not_authorized");
    let authorize = format!("/admin/v1/spaces/acme/mini-programs/{APPID}");
    admin.put(&authorize, json!({})).await.expect(200);
    admin.post(BUSINESSES, mini.clone()).await.expect(201);
    admin
        .put("/admin/v1/gateways/other", json!({"space": "acme"}))
        .await
        .expect(201);
    let elsewhere = admin
        .post("/admin/v1/gateways/other/businesses", mini)
        .await;
    let elsewhere = elsewhere.expect_problem(409, "bound_elsewhere");
    assert!(
        elsewhere.detail().contains("`shop`"),
        "{}",
        elsewhere.detail()
    );
    admin
        .post("/admin/v1/gateways/none/businesses", page("x"))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn users_are_taken_in_and_out_by_name() {
    let admin = Admin::with_a_business().await;
    let user = format!("/admin/v1/businesses/{APPID}/gray/users/li%20lei%2F7");
    let taken = admin.put(&user, json!({"side": "in"})).await.expect(200);
    assert_eq!(taken.body["access"]["gray"]["include"], json!(["li lei/7"]));
    let taken = admin.put(&user, json!({"side": "out"})).await.expect(200);
    assert_eq!(taken.body["access"]["gray"]["include"], json!([]));
    assert_eq!(taken.body["access"]["gray"]["exclude"], json!(["li lei/7"]));
    let shared = delete(&admin, &user).await.expect(200);
    assert_eq!(shared.body["access"]["gray"]["exclude"], json!([]));
    let again = delete(&admin, &user).await.expect(200);
    assert_eq!(again.header("x-weir-changed"), "false");

    admin
        .put(&user, json!({"side": "up"}))
        .await
        .expect_problem(422, "invalid");
    let none = "/admin/v1/businesses/none/gray/users/ann";
    admin
        .put(none, json!({"side": "in"}))
        .await
        .expect_problem(404, "not_found");
    delete(&admin, none).await.expect_problem(404, "not_found");
    let long = format!(
        "/admin/v1/businesses/{APPID}/gray/users/{}",
        "x".repeat(129)
    );
    let refused = admin.put(&long, json!({"side": "in"})).await;
    assert_eq!(refused.expect_problem(422, "invalid").body["field"], "user");
}

#[actix_web::test]
async fn the_origins_of_a_business_are_patched_and_refused_by_their_fields() {
    let admin = Admin::with_a_business().await;
    let path = format!("/admin/v1/businesses/{APPID}");
    let origin = json!({"domain": "api.shop.example", "health": {"path": "/healthz"}});
    let patched = admin
        .patch(&path, json!({ "origins": [origin] }))
        .await
        .expect(200);
    assert_eq!(patched.body["origins"][0]["health"]["interval_ms"], 10_000);
    assert_eq!(
        patched.body["origins"][0]["ejection"],
        json!({"failures": 5, "for_ms": 30_000})
    );
    let wrong = json!({"domain": "api.shop.example", "health": {"path": "/", "interval_ms": 1}});
    let refused = admin.patch(&path, json!({ "origins": [wrong] })).await;
    assert_eq!(
        refused.expect_problem(422, "invalid").body["field"],
        "origins[0].health.interval_ms"
    );
}

#[actix_web::test]
async fn a_domain_off_the_platforms_list_is_warned_of() {
    let admin = Admin::with_a_business().await;
    let program = format!("/admin/v1/platform/mini-programs/{APPID}");
    let other = json!({"request_domains": ["other.example"], "versions": {"trial": "1.0.0"}});
    admin.put(&program, other).await.expect(200);
    let business = admin
        .get(&format!("/admin/v1/businesses/{APPID}"))
        .await
        .expect(200);
    let warning = business.body["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("`api.shop.example`") && warning.contains("no longer"),
        "{warning}"
    );
}

#[actix_web::test]
async fn a_space_says_its_platform_and_keeps_it_while_it_has_mini_programs() {
    let admin = Admin::with_a_business().await;
    let wechat = json!({"name": "Acme", "platform": "wechat"});
    let refused = admin.put("/admin/v1/spaces/acme", wechat.clone()).await;
    assert_eq!(
        refused.expect_problem(409, "platform_in_use").body["field"],
        "platform"
    );
    let made = admin.put("/admin/v1/spaces/real", wechat).await.expect(201);
    assert_eq!(made.body["platform"], "wechat");
    let unknown = admin
        .put("/admin/v1/spaces/x", json!({"platform": "web"}))
        .await;
    unknown.expect_problem(422, "invalid");
}

#[actix_web::test]
async fn regions_are_listed_with_their_distances_added_and_taken_away() {
    let admin = Admin::with_a_business().await;
    let listed = admin.get("/admin/v1/regions").await.expect(200);
    let ids: Vec<_> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["id"])
        .collect();
    assert_eq!(ids, ["shanghai", "shenzhen", "tianjin"]);
    let shanghai = admin.get("/admin/v1/regions/shanghai").await.expect(200);
    assert_eq!(
        shanghai.body["distances"],
        json!({"shenzhen": 1_213, "tianjin": 955})
    );

    let beijing = json!({"name": "Beijing", "distances": {"tianjin": 110}});
    admin
        .put("/admin/v1/regions/beijing", beijing)
        .await
        .expect(201);
    let refused = admin
        .put(
            "/admin/v1/regions/beijing",
            json!({"distances": {"mars": 1}}),
        )
        .await;
    assert_eq!(
        refused.expect_problem(422, "invalid").body["field"],
        "distances.mars"
    );
    delete(&admin, "/admin/v1/regions/beijing")
        .await
        .expect(204);
    delete(&admin, "/admin/v1/regions/beijing")
        .await
        .expect_problem(404, "not_found");
    let used = delete(&admin, "/admin/v1/regions/shanghai").await;
    let used = used.expect_problem(409, "region_in_use");
    assert!(used.detail().contains(APPID), "{}", used.detail());
    for region in ["shenzhen", "tianjin"] {
        delete(&admin, &format!("/admin/v1/regions/{region}"))
            .await
            .expect(204);
    }
    let business = format!("/admin/v1/businesses/{APPID}");
    delete(&admin, &business).await.expect(204);
    delete(&admin, "/admin/v1/regions/shanghai")
        .await
        .expect_problem(409, "last_region");
}
