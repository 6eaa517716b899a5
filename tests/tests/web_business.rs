//! A web page on the link: attached by hand, called by a browser, its servers in two places, one of which goes away.

use std::time::Duration;

use http::Method;
use serde_json::json;
use weir_tests::{Business, Call, Cluster, Origin, wait_until};

const PAGE: &str = "https://shop.example";
/// A killed process is gone.
const GONE_BY: Duration = Duration::from_secs(10);
const DOMAIN: &str = "http://api.shop.example";

/// A web business whose one domain is served by two origins.
async fn attach(cluster: &Cluster, second: &Origin) -> Business {
    let admin = cluster.admin(0);
    admin.put("/spaces/shop", json!({ "name": "Shop" })).await;
    let agreement = json!({ "version": "1", "accepted_by": "operator@shop.example" });
    admin.put("/spaces/shop/agreement", agreement).await;
    let package = json!({ "bandwidth_bps": 100_000_000_000_u64 });
    admin
        .put(
            "/gateways/web",
            json!({ "space": "shop", "package": package }),
        )
        .await;
    let addresses = json!([
        { "address": cluster.origin.addr.to_string(), "weight": 1 },
        { "address": second.addr.to_string(), "weight": 3 },
    ]);
    let business = json!({
        "type": "web",
        "id": "shop-web",
        "name": "Shop",
        "origins": [{
            "domain": DOMAIN,
            "addresses": addresses,
            "health": { "path": "/healthz-of-the-shop", "interval_ms": 500, "timeout_ms": 400 },
            "ejection": { "failures": 2, "for_ms": 3_600_000 },
        }],
        "cors": { "allowed_origins": [PAGE], "allow_credentials": true },
    });
    admin.post("/gateways/web/businesses", Some(business)).await;
    let business = admin.business("shop-web").await.expect("it was made");
    cluster.agree().await;
    cluster.carries(&business).await;
    business
}

#[tokio::test]
async fn a_page_calls_its_servers_over_the_link_and_one_of_them_may_go() {
    let cluster = Cluster::start(1).await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let mut second = Origin::start(other.path()).await;
    let business = attach(&cluster, &second).await;
    let http = cluster.nodes[0].http;

    // The browser asks first, then calls.
    let asked = Call::new(Method::OPTIONS, http, &business.access_domain, "/echo")
        .header("origin", PAGE)
        .header("access-control-request-method", "PUT")
        .send()
        .await;
    assert_eq!(asked.status, 204);
    assert_eq!(asked.header("access-control-allow-origin"), PAGE);
    assert_eq!(asked.header("access-control-allow-methods"), "PUT");
    let call = || {
        Call::get(http, &business.access_domain, "/echo")
            .header("origin", PAGE)
            .header("x-wx-source", "web")
    };
    for _ in 0..40 {
        let answer = call().send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(answer.header("x-wx-link"), "private");
        assert_eq!(
            answer.json()["headers"]["host"],
            json!(["api.shop.example"])
        );
    }
    // Two cores take turns each for itself: the weights hold for each, and so nearly for both.
    let counts = [
        cluster.origin.stat("calls").await,
        second.stat("calls").await,
    ];
    assert!(counts[1] > counts[0], "{counts:?}");

    // One is gone: no call fails, and the operator sees which. (A call that it took while it died may have been
    // worked on, and is not sent again.)
    second.process.signal(rustix::process::Signal::KILL);
    second.process.ended_within(GONE_BY).await;
    let path = "/businesses/shop-web/origins";
    wait_until("the one that went gets no more calls", async || {
        let answer = call().send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let shown = cluster.admin(0).get(path).await;
        (shown["origins"][0]["addresses"][1]["condition"] != "healthy").then_some(())
    })
    .await;
    let shown = cluster.admin(0).get(path).await;
    assert_eq!(shown["origins"][0]["domain"], DOMAIN);
    assert_eq!(shown["origins"][0]["addresses"][0]["condition"], "healthy");

    // Other settings are in effect with the next call: the other one alone.
    let alone =
        json!({ "domain": DOMAIN, "addresses": [{ "address": cluster.origin.addr.to_string() }] });
    cluster
        .patch(&business, json!({ "origins": [alone] }))
        .await;
    let shown = cluster.admin(0).get(path).await;
    let addresses = shown["origins"][0]["addresses"]
        .as_array()
        .expect("addresses");
    assert_eq!(addresses.len(), 1);
    assert_eq!(call().send().await.status, 200);
}
