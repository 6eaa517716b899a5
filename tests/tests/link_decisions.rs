//! Where a call goes, and what a client is told that it does not go there (`CONTRACT.md` 1.1, 1.4).

use serde_json::json;
use weir_tests::client::assert_gateway_error;
use weir_tests::{Call, Cluster};

const APPID: &str = "wx00000000000000c1";

#[tokio::test]
async fn a_quick_disconnect_sends_each_kind_of_client_to_the_public_link() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    cluster.switch(&business, "disconnect").await;

    let redirected = cluster
        .post(0, &business, "/order?id=1", "body")
        .send()
        .await;
    assert_eq!(redirected.status, 307);
    assert_eq!(
        redirected.header("location"),
        format!("{}/order?id=1", cluster.origin.url())
    );

    let told = cluster
        .call(0, &business, "/order")
        .header("x-wx-client", "sdk-js/0.1.0")
        .send()
        .await;
    let document = told.json();
    assert_eq!(told.status, 421, "{document}");
    assert_eq!(
        (document["reason"].as_str(), document["link"].as_str()),
        (Some("disconnected"), Some("public"))
    );
    assert_eq!(told.header("x-wx-link"), "public");

    cluster
        .patch(&business, json!({ "overflow": "relay" }))
        .await;
    let relayed = cluster
        .post(0, &business, "/order?id=1", "body")
        .header("x-own", "kept")
        .send()
        .await;
    assert_eq!(relayed.status, 200, "{}", relayed.text());
    assert_eq!(relayed.header("x-wx-link"), "public");
    let headers = &relayed.json()["headers"];
    assert_eq!(headers["x-own"], json!(["kept"]));
    let ours: Vec<_> = headers
        .as_object()
        .expect("headers")
        .keys()
        .filter(|name| name.starts_with("x-wx-"))
        .collect();
    assert!(
        ours.iter().all(|name| *name == "x-wx-link"),
        "a relayed call is unprotected: {ours:?}"
    );

    cluster.switch(&business, "connect").await;
    let back = cluster.call(0, &business, "/order").send().await;
    assert_eq!(
        (back.status.as_u16(), back.header("x-wx-link")),
        (200, "private")
    );
}

#[tokio::test]
async fn no_versions_at_all_do_the_same_as_a_disconnect() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    cluster
        .patch(&business, json!({ "access": { "versions": [] } }))
        .await;
    let answer = cluster
        .call(0, &business, "/x")
        .header("x-wx-client", "sdk-js/0.1.0")
        .send()
        .await;
    assert_eq!(answer.status, 421);
}

#[tokio::test]
async fn beyond_the_package_a_call_takes_the_public_link_and_none_is_dropped() {
    let cluster = Cluster::start(1).await;
    // 8 kbit/s: the first answer alone is more than a second's worth.
    let origin = cluster.origin.url();
    let package = json!({ "bandwidth_bps": 8_000 });
    let business = cluster.attach_domains(0, APPID, &[&origin], package).await;
    let first = cluster.call(0, &business, "/bytes/100000").send().await;
    assert_eq!(
        (first.status.as_u16(), first.body.len()),
        (200, 100_000),
        "a call once admitted is carried whole"
    );

    let sdk = cluster
        .call(0, &business, "/hello")
        .header("x-wx-client", "sdk-js/0.1.0")
        .send()
        .await;
    assert_gateway_error(&sdk, 429, 102_021);
    let document = sdk.json();
    assert_eq!(
        (document["reason"].as_str(), document["link"].as_str()),
        (Some("package_bandwidth"), Some("public"))
    );
    let plain = cluster.call(0, &business, "/hello").send().await;
    assert_eq!(plain.status, 307);
    assert_eq!(plain.header("location"), format!("{origin}/hello"));

    cluster
        .patch(&business, json!({ "overflow": "relay" }))
        .await;
    let relayed = cluster.call(0, &business, "/hello").send().await;
    assert_eq!(
        (relayed.status.as_u16(), relayed.header("x-wx-link")),
        (200, "public")
    );
}

#[tokio::test]
async fn beyond_the_requests_a_second_the_code_says_so() {
    let cluster = Cluster::start(1).await;
    let origin = cluster.origin.url();
    let package = json!({ "bandwidth_bps": 1_000_000_000, "qps": 1 });
    let business = cluster.attach_domains(0, APPID, &[&origin], package).await;
    for _ in 0..20 {
        let answer = cluster
            .call(0, &business, "/hello")
            .header("x-wx-client", "sdk-js/0.1.0")
            .send()
            .await;
        if answer.status != 200 {
            assert_gateway_error(&answer, 429, 102_020);
            return;
        }
    }
    panic!("twenty calls in a row are more than one a second");
}

#[tokio::test]
async fn what_is_not_configured_is_not_routed() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let http = cluster.nodes[0].http;
    let unknown = Call::get(
        http,
        "a00000000-wx0000000000000000.shanghai.weir.localhost",
        "/x",
    )
    .send()
    .await;
    assert_gateway_error(&unknown, 404, 102_016);

    let elsewhere = cluster
        .call(0, &business, "/x")
        .header("x-wx-target", "https://evil.example")
        .send()
        .await;
    assert_gateway_error(&elsewhere, 404, 102_016);
    let old = cluster
        .call(0, &business, "/x")
        .header("x-wx-target", "https://evil.example")
        .header("x-wx-conf-version", "0000000000000000-a")
        .send()
        .await;
    assert_gateway_error(&old, 404, 102_022);

    let nonsense = cluster
        .call(0, &business, "/x")
        .header("x-wx-target", "not a domain")
        .send()
        .await;
    assert_gateway_error(&nonsense, 400, 102_006);
}

#[tokio::test]
async fn only_the_configured_paths_use_the_link() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let rules = json!([{ "domain": cluster.origin.url(), "paths": ["/api"] }]);
    cluster
        .patch(&business, json!({ "access": { "urls": rules } }))
        .await;
    assert_eq!(
        cluster
            .call(0, &business, "/api/orders")
            .send()
            .await
            .status,
        200
    );
    assert_gateway_error(
        &cluster.call(0, &business, "/other").send().await,
        404,
        102_016,
    );
}

#[tokio::test]
async fn an_origin_that_is_slow_or_gone_gets_its_own_code() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    cluster.patch(&business, json!({ "timeout_ms": 200 })).await;
    assert_gateway_error(
        &cluster.call(0, &business, "/delay/20000").send().await,
        504,
        -601_008,
    );
    weir_tests::wait_until(
        "the origin's work for the late call is stopped",
        async || (cluster.origin.stat("in_flight").await == 0).then_some(()),
    )
    .await;

    let gone = format!("http://{}", weir_tests::ports::free_addr());
    let domains = json!({ "request_domains": [gone], "versions": { "trial": "1.0.0" } });
    let other = "wx00000000000000c2";
    cluster
        .admin(0)
        .put(&format!("/platform/mini-programs/{other}"), domains)
        .await;
    cluster
        .admin(0)
        .put(&format!("/spaces/shop/mini-programs/{other}"), json!({}))
        .await;
    let business = cluster
        .admin(0)
        .one_key_access(&format!("gw-{APPID}"), other)
        .await;
    cluster.in_effect(&business).await;
    assert_gateway_error(
        &cluster.call(0, &business, "/x").send().await,
        502,
        -601_069,
    );
}
