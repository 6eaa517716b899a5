//! Businesses attached by hand: a web page and an app with servers of their own, and mini programs without one key.

use http::Method;
use serde_json::{Value, json};
use weir_tests::command::weir;
use weir_tests::{Admin, Business, Call, Cluster, wait_until};

const APPID: &str = "wx00000000000000e1";

/// A gateway whose space has accepted the agreement, with a package that no test reaches.
async fn gateway(cluster: &Cluster) -> Admin {
    let admin = cluster.admin(0);
    admin.register(APPID, &[&cluster.origin.url()]).await;
    admin.put("/spaces/acme", json!({})).await;
    let agreement = json!({"version": "1", "accepted_by": "li.lei"});
    admin.put("/spaces/acme/agreement", agreement).await;
    let package = json!({"bandwidth_bps": 100_000_000_000_u64});
    admin
        .put(
            "/gateways/shop",
            json!({"space": "acme", "package": package}),
        )
        .await;
    admin
}

async fn refused(admin: &Admin, input: Value, status: u16, code: &str, field: Option<&str>) {
    let path = "/gateways/shop/businesses";
    let answer = admin.call(Method::POST, path, Some(&input)).await;
    let problem = answer.json();
    assert_eq!(answer.status, status, "{input}: {problem}");
    assert_eq!(problem["code"], code, "{input}: {problem}");
    assert_eq!(problem["field"].as_str(), field, "{input}: {problem}");
    let detail = problem["detail"].as_str().unwrap_or("");
    assert!(detail.len() > 30 && detail.ends_with('.'), "{detail}");
}

/// The echo of a call through node `node`, once it goes through the link.
async fn echo(cluster: &Cluster, node: usize, business: &Business, source: &str) -> Value {
    let (echo, _) = wait_until("the business is on the link", async || {
        let call = Call::get(cluster.nodes[node].http, &business.access_domain, "/x?y=1");
        let answer = call.header("x-wx-source", source).try_send().await.ok()?;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    echo
}

#[tokio::test]
async fn a_web_page_attached_by_hand_calls_its_own_servers_through_every_node() {
    let cluster = Cluster::start(3).await;
    let admin = gateway(&cluster).await;
    let page = json!({"type": "web", "name": "Shop", "origins": [cluster.origin.url()],
        "cors": {"allowed_origins": ["https://shop.example"], "allow_credentials": true}});
    let answer = admin
        .call(Method::POST, "/gateways/shop/businesses", Some(&page))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json();
    let id = made["id"].as_str().expect("an id was drawn");
    assert!(id.starts_with("web-"), "{made}");
    assert_eq!(made["appid"], id);
    assert_eq!(made["access"]["versions"], json!(["release"]), "{made}");
    assert_eq!(made["cors"]["max_age_s"], 600, "{made}");
    let domain = made["access_domain"].as_str().expect("an access domain");
    assert!(
        domain.ends_with(&format!("-{id}.shanghai.weir.localhost")),
        "{domain}"
    );

    cluster.agree().await;
    for node in 0..3 {
        let business = cluster.admin(node).business(id).await.expect("it is there");
        let echo = echo(&cluster, node, &business, "web").await;
        assert_eq!(echo["headers"]["x-wx-appid"], json!([id]), "{echo}");
        assert_eq!(echo["headers"]["x-wx-source"], json!(["web"]), "{echo}");
    }
    // Its domains are its own: another one is attached by saying so.
    let path = format!("/businesses/{id}");
    let more = json!({"attached_domains": [cluster.origin.url(), "pay.shop.example"]});
    let more = admin.patch(&path, more).await;
    assert_eq!(
        more["attached_domains"].as_array().map(Vec::len),
        Some(2),
        "{more}"
    );
    let trial = json!({"access": {"versions": ["trial"]}});
    let answer = admin.call(Method::PATCH, &path, Some(&trial)).await;
    assert_eq!(answer.json()["code"], "invalid", "{}", answer.text());
}

#[tokio::test]
async fn the_request_sent_again_makes_no_second_business() {
    let cluster = Cluster::start(1).await;
    let admin = gateway(&cluster).await;
    let page = json!({"type": "web", "origins": [cluster.origin.url()]});
    let send = async || {
        let path = "/gateways/shop/businesses";
        let call = admin.request(Method::POST, path, Some(&page));
        call.header("idempotency-key", "page-1").send().await.json()
    };
    let (first, again) = (send().await, send().await);
    assert_eq!(first["id"], again["id"], "{first} {again}");
    assert_eq!(admin.list("/businesses").await.len(), 1);
}

#[tokio::test]
async fn each_refusal_of_a_business_by_hand_names_its_field() {
    let cluster = Cluster::start(1).await;
    let admin = gateway(&cluster).await;
    let origin = cluster.origin.url();
    for (input, status, code, field) in [
        (
            json!({"type": "web", "origins": []}),
            422,
            "invalid",
            Some("origins"),
        ),
        (
            json!({"type": "web", "origins": ["not a domain"]}),
            422,
            "invalid",
            Some("origins[0]"),
        ),
        (
            json!({"type": "web", "origins": [origin, origin]}),
            422,
            "invalid",
            Some("origins[1]"),
        ),
        (
            json!({"type": "web", "id": "Shop!", "origins": [origin]}),
            422,
            "invalid",
            Some("id"),
        ),
        (
            json!({"type": "app", "id": APPID, "origins": [origin]}),
            422,
            "invalid",
            Some("id"),
        ),
        (
            json!({"type": "app", "origins": [origin], "region": "mars"}),
            422,
            "invalid",
            Some("region"),
        ),
        (
            json!({"type": "app", "origins": [origin], "cors": {"allowed_origins": ["*"]}}),
            422,
            "invalid",
            Some("cors"),
        ),
        (
            json!({"type": "web", "origins": [origin], "cors": {"allowed_origins": ["*"], "allow_credentials": true}}),
            422,
            "invalid",
            Some("cors"),
        ),
        (
            json!({"type": "web", "origins": [origin], "access": {"versions": ["trial"]}}),
            422,
            "invalid",
            Some("access.versions[0]"),
        ),
        (
            json!({"type": "mini_program", "id": "shop"}),
            422,
            "invalid",
            Some("id"),
        ),
        (
            json!({"type": "mini_program", "id": APPID}),
            409,
            "not_authorized",
            None,
        ),
    ] {
        refused(&admin, input, status, code, field).await;
    }
    admin
        .put(&format!("/spaces/acme/mini-programs/{APPID}"), json!({}))
        .await;
    let foreign =
        json!({"type": "mini_program", "id": APPID, "origins": ["https://elsewhere.example"]});
    refused(&admin, foreign, 422, "invalid", Some("origins[0]")).await;
    let by_hand = json!({"type": "mini_program", "id": APPID});
    let made = admin
        .post("/gateways/shop/businesses", Some(by_hand.clone()))
        .await;
    assert_eq!(made["access"]["versions"], json!(["trial"]), "{made}");
    refused(&admin, by_hand.clone(), 409, "business_exists", Some("id")).await;
    admin.put("/gateways/other", json!({"space": "acme"})).await;
    let answer = admin
        .call(Method::POST, "/gateways/other/businesses", Some(&by_hand))
        .await;
    let problem = answer.json();
    assert_eq!(problem["code"], "bound_elsewhere", "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("`shop`")),
        "{problem}"
    );
}

#[tokio::test]
async fn an_app_is_attached_run_and_taken_off_by_the_command_line() {
    let cluster = Cluster::start(1).await;
    gateway(&cluster).await;
    let run = |args: &[&str]| weir(&cluster, 0, args);
    let origin = cluster.origin.url();
    let add = [
        "business", "add", "shop", "--type", "app", "--id", "shop-app", "--origin", &origin,
    ];
    let said = run(&add).done();
    assert!(
        said.starts_with("Business shop-app (app) is attached to gateway shop."),
        "{said}"
    );
    assert!(said.contains("versions       release"), "{said}");
    let business = cluster
        .admin(0)
        .business("shop-app")
        .await
        .expect("it is there");
    let echo = echo(&cluster, 0, &business, "app").await;
    assert_eq!(echo["headers"]["x-wx-appid"], json!(["shop-app"]), "{echo}");

    run(&add).refused("business_exists", &["`shop-app`", "field `id`"]);
    let nowhere = [
        "business", "add", "nowhere", "--type", "app", "--origin", &origin,
    ];
    run(&nowhere).refused("not_found", &["`nowhere`"]);
    let cors = [
        "business",
        "add",
        "shop",
        "--type",
        "app",
        "--origin",
        &origin,
        "--cors-origin",
        "*",
    ];
    run(&cors).refused("invalid", &["field `cors`", "type web"]);
    let no_server = ["business", "add", "shop", "--type", "web"];
    run(&no_server).refused("invalid", &["field `origins`", "1 to 20"]);
    let unregistered = [
        "business",
        "add",
        "shop",
        "--type",
        "mini-program",
        "--id",
        "wx00000000000000e9",
    ];
    run(&unregistered).refused("not_authorized", &["wx00000000000000e9"]);

    let unasked = run(&["business", "remove", "shop-app"]);
    assert!(
        !unasked.done && unasked.errors.contains("--yes"),
        "{}",
        unasked.errors
    );
    let said = run(&["business", "remove", "shop-app", "--yes"]).done();
    assert!(said.starts_with("Business shop-app is gone"), "{said}");
    assert!(
        run(&["get", "businesses"])
            .done()
            .contains("There are none.")
    );
}
