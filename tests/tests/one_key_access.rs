//! One-key access, from the platform to the first call, and everything it refuses.

use http::Method;
use serde_json::{Value, json};
use weir_tests::{Admin, Answer, Cluster};

const APPID: &str = "wx00000000000000b1";

async fn attach(admin: &Admin, gateway: &str, appid: &str) -> Answer {
    let path = format!("/gateways/{gateway}/one-key-access");
    admin
        .call(Method::POST, &path, Some(&json!({ "appid": appid })))
        .await
}

/// The problem document of a refusal, which has to be complete.
fn problem(answer: &Answer, code: &str) -> Value {
    let document = answer.json();
    assert!(
        answer.status.is_client_error(),
        "{} {document}",
        answer.status
    );
    assert!(
        answer
            .header("content-type")
            .starts_with("application/problem+json"),
        "{:?}",
        answer.headers
    );
    assert_eq!(document["code"], code, "{document}");
    assert_eq!(document["status"], answer.status.as_u16(), "{document}");
    assert!(
        document["detail"]
            .as_str()
            .is_some_and(|detail| detail.len() > 20),
        "{document}"
    );
    document
}

#[tokio::test]
async fn one_key_access_attaches_the_trial_version_alone() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let document = &business.document;
    let label = business
        .access_domain
        .strip_suffix(".shanghai.weir.localhost")
        .expect("region and base domain");
    let (mark, appid) = label.split_once('-').expect("a<8 hex>-<appid>");
    assert_eq!(appid, APPID);
    assert!(
        mark.len() == 9
            && mark.starts_with('a')
            && mark[1..].bytes().all(|b| b.is_ascii_hexdigit())
    );
    assert!(!business.route_tag.is_empty());
    assert!(
        document["qr_code"]["svg"]
            .as_str()
            .is_some_and(|code| code.contains("<svg")),
        "{document}"
    );
    assert_eq!(
        document["access"]["versions"],
        json!(["trial"]),
        "{document}"
    );
    assert_eq!(document["skipped_domains"], json!([]), "{document}");

    let trial = cluster.call(0, &business, "/hello").send().await;
    assert_eq!(trial.status, 200, "{}", trial.text());
    let release = weir_tests::Call::get(cluster.nodes[0].http, &business.access_domain, "/hello")
        .send()
        .await;
    assert_eq!(release.status, 307, "live traffic stays on the public link");
    assert_eq!(
        release.header("location"),
        format!("{}/hello", cluster.origin.url())
    );
}

#[tokio::test]
async fn attaching_twice_changes_nothing() {
    let cluster = Cluster::start(1).await;
    let first = cluster.attach(0, APPID).await;
    let again = attach(&cluster.admin(0), &format!("gw-{APPID}"), APPID).await;
    assert!(again.status.is_success(), "{}", again.text());
    assert_eq!(again.json()["access_domain"], first.access_domain);
    assert_eq!(again.json()["route_tag"], first.route_tag);
}

#[tokio::test]
async fn each_check_refuses_with_its_own_code() {
    let cluster = Cluster::start(1).await;
    let admin = cluster.admin(0);
    let origin = cluster.origin.url();
    admin.put("/spaces/shop", json!({})).await;
    admin
        .put("/gateways/first", json!({ "space": "shop" }))
        .await;
    admin
        .put("/gateways/second", json!({ "space": "shop" }))
        .await;

    problem(
        &attach(&admin, "first", APPID).await,
        "agreement_not_accepted",
    );
    let agreement = json!({ "version": "1", "accepted_by": "operator@shop.example" });
    admin.put("/spaces/shop/agreement", agreement).await;

    // The platform does not know it, so nobody can have authorised it.
    problem(&attach(&admin, "first", APPID).await, "not_authorized");

    let path = format!("/platform/mini-programs/{APPID}");
    admin
        .put(
            &path,
            json!({ "request_domains": [origin], "versions": { "release": "1.0.0" } }),
        )
        .await;
    problem(&attach(&admin, "first", APPID).await, "no_trial_version");

    admin
        .put(
            &path,
            json!({ "request_domains": [], "versions": { "trial": "1.0.0" } }),
        )
        .await;
    let refused = problem(&attach(&admin, "first", APPID).await, "no_request_domain");
    assert!(
        refused["detail"].to_string().contains("domain"),
        "it says where to set one: {refused}"
    );

    admin
        .put(
            &path,
            json!({ "request_domains": [origin], "versions": { "trial": "1.0.0" } }),
        )
        .await;
    admin.one_key_access("first", APPID).await;
    let refused = problem(&attach(&admin, "second", APPID).await, "bound_elsewhere");
    assert!(
        refused["detail"].to_string().contains("first"),
        "it says where: {refused}"
    );

    assert_eq!(attach(&admin, "no-such-gateway", APPID).await.status, 404);
}

#[tokio::test]
async fn a_mini_program_not_authorised_to_the_space_is_authorised_and_attached() {
    let cluster = Cluster::start(1).await;
    let admin = cluster.admin(0);
    admin.register(APPID, &[&cluster.origin.url()]).await;
    admin.put("/spaces/shop", json!({})).await;
    admin
        .put(
            "/spaces/shop/agreement",
            json!({ "version": "1", "accepted_by": "operator" }),
        )
        .await;
    admin
        .put("/gateways/first", json!({ "space": "shop" }))
        .await;
    let business = admin.one_key_access("first", APPID).await;
    let warnings = business.document["warnings"].to_string();
    assert!(warnings.contains("authorised"), "{warnings}");
    let space = admin.call(Method::GET, "/spaces/shop", None).await.json();
    assert_eq!(space["mini_programs"], json!([APPID]), "{space}");
}

#[tokio::test]
async fn of_more_than_twenty_domains_the_first_ten_are_taken_and_it_says_so() {
    let cluster = Cluster::start(1).await;
    let domains: Vec<String> = (1..=21)
        .map(|i| format!("https://api{i}.shop.example"))
        .collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let business = cluster
        .attach_domains(0, APPID, &domains, json!({ "name": "trial" }))
        .await;
    let count = |name: &str| business.document[name].as_array().map(Vec::len);
    assert_eq!(count("attached_domains"), Some(10), "{}", business.document);
    assert_eq!(count("skipped_domains"), Some(11), "{}", business.document);
    assert!(count("warnings") >= Some(1), "{}", business.document);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let cluster = Cluster::start(1).await;
    let admin = cluster.admin(0);
    let answer = admin
        .call(
            Method::PUT,
            "/spaces/shop?dry_run=true",
            Some(&json!({ "name": "Shop" })),
        )
        .await;
    assert!(answer.status.is_success(), "{}", answer.text());
    assert_eq!(
        admin.call(Method::GET, "/spaces/shop", None).await.status,
        404
    );
}

#[tokio::test]
async fn a_write_based_on_an_old_version_is_refused_with_the_current_object() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let addr = cluster.nodes[0].admin_addr;
    let patch = |tag: &str, timeout_ms: u32| {
        weir_tests::Call::new(
            Method::PATCH,
            addr,
            &addr.to_string(),
            &format!("/admin/v1/businesses/{APPID}"),
        )
        .header("authorization", &format!("Bearer {}", cluster.token))
        .header("content-type", "application/merge-patch+json")
        .header("if-match", tag)
        .body(weir_tests::client::whole(
            json!({ "timeout_ms": timeout_ms }).to_string().into(),
        ))
    };
    let read = cluster
        .admin(0)
        .call(Method::GET, &format!("/businesses/{}", business.id), None)
        .await;
    let tag = read.header("etag").to_owned();
    assert_eq!(patch(&tag, 9_000).send().await.status, 200);
    let stale = patch(&tag, 8_000).send().await;
    assert_eq!(stale.status, 412);
    assert_eq!(
        stale.json()["current"]["timeout_ms"],
        9_000,
        "{}",
        stale.text()
    );
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let cluster = Cluster::start(1).await;
    let addr = cluster.nodes[0].admin_addr;
    let bare = |path: &str| weir_tests::Call::get(addr, &addr.to_string(), path);
    assert_eq!(bare("/admin/v1/cluster").send().await.status, 401);
    let wrong = bare("/admin/v1/cluster")
        .header("authorization", "Bearer wrong")
        .send()
        .await;
    assert_eq!(wrong.status, 401);
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(bare(open).send().await.status, 200, "{open} needs no token");
    }
}

#[tokio::test]
async fn a_link_test_waits_for_what_the_package_lets_through_a_second() {
    let cluster = Cluster::start(1).await;
    let other = weir_tests::load::CountingOrigin::start().await;
    let port = cluster.origin.addr.port();
    let by_name = format!("http://localhost:{port}");
    let admin = cluster.admin(0);
    admin
        .register(APPID, &[&cluster.origin.url(), &by_name, &other.url()])
        .await;
    admin.open_space("shop", APPID).await;
    // At most two calls are saved up, and there are three domains.
    let package = json!({ "bandwidth_bps": 1_000_000, "qps": 2 });
    admin
        .put(
            "/gateways/first",
            json!({ "space": "shop", "package": package }),
        )
        .await;
    let business = admin.one_key_access_tested("first", APPID).await;
    let test = &business.document["link_test"];
    assert_eq!(test["ok"], true, "{test}");
    assert_eq!(test["calls"].as_array().map(Vec::len), Some(3), "{test}");
}
