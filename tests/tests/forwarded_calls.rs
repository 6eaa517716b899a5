//! A call that takes the link: what the origin gets and what the client gets back (`CONTRACT.md` 1.2, 1.3).

use http::Method;
use weir_tests::{Call, Cluster};

const APPID: &str = "wx0000000000000111";

#[tokio::test]
async fn through_every_node_the_origin_gets_the_headers_and_both_ends_the_same_call_id() {
    let cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    let origin = cluster.origin.addr.to_string();
    let mut seen = std::collections::HashSet::new();
    for node in 0..3 {
        let answer = cluster
            .post(node, &business, "/a%2Fb/../c?q=%20&q=2", "body")
            .header("x-own", "kept")
            .send()
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let document = answer.json();
        let at_origin = |name: &str| {
            let values = document["headers"][name]
                .as_array()
                .cloned()
                .unwrap_or_default();
            assert_eq!(values.len(), 1, "{name} comes once: {document}");
            values[0].as_str().unwrap_or("").to_owned()
        };
        let id = answer.header("x-wx-call-id");
        assert_eq!(at_origin("x-wx-call-id"), id);
        assert!(
            id.len() == 36 && id.as_bytes()[14] == b'7',
            "a UUIDv7: {id}"
        );
        assert!(
            seen.insert(id.to_owned()),
            "every call has an id of its own"
        );
        assert_eq!(at_origin("x-wx-route-tag"), business.route_tag);
        assert_eq!(at_origin("x-wx-appid"), APPID);
        assert_eq!(at_origin("x-wx-source"), "wx_client");
        assert_eq!(at_origin("x-wx-client-ip"), "127.0.0.1");
        assert!(!at_origin("x-wx-access-version").is_empty());
        let left_ms: u32 = at_origin("x-envoy-expected-rq-timeout-ms")
            .parse()
            .expect("milliseconds");
        assert!(
            (14_000..=15_000).contains(&left_ms),
            "{left_ms} ms are left"
        );
        assert_eq!(at_origin("x-forwarded-for"), "127.0.0.1");
        assert_eq!(at_origin("x-forwarded-proto"), "http");
        assert_eq!(at_origin("x-forwarded-host"), business.access_domain);
        let trace = at_origin("traceparent");
        assert!(trace.len() == 55 && trace.starts_with("00-"), "{trace}");
        assert_eq!(at_origin("host"), origin);
        assert_eq!(at_origin("x-own"), "kept");
        assert_eq!(
            (document["path"].as_str(), document["query"].as_str()),
            (Some("/a%2Fb/../c"), Some("q=%20&q=2"))
        );
        assert_eq!(
            (document["method"].as_str(), document["body"].as_str()),
            (Some("POST"), Some("body"))
        );

        assert_eq!(answer.header("x-wx-errmsg"), "gateway.call:ok");
        assert_eq!(answer.header("x-wx-link"), "private");
        assert!(!answer.header("x-wx-conf-version").is_empty());
        assert!(!answer.header("server-timing").is_empty());
    }
}

#[tokio::test]
async fn what_a_client_sends_under_our_names_never_reaches_the_origin() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let answer = cluster
        .call(0, &business, "/hello")
        .header("x-wx-openid", "forged")
        .header("x-wx-unionid", "forged")
        .header("x-wx-appid", "wxffffffffffffffff")
        .header("x-wx-call-id", "forged")
        .header("x-wx-client-ip", "9.9.9.9")
        .header("x-wx-anything", "forged")
        .header("x-envoy-expected-rq-timeout-ms", "1")
        .header("x-envoy-anything", "forged")
        .header("connection", "keep-alive, x-hop")
        .header("x-hop", "forged")
        .header("proxy-authorization", "forged")
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains("forged"), "{}", answer.text());
    assert!(!answer.text().contains("9.9.9.9"), "{}", answer.text());
    assert!(
        !answer.text().contains("wxffffffffffffffff"),
        "{}",
        answer.text()
    );
    assert_eq!(
        answer.json()["headers"]["x-envoy-expected-rq-timeout-ms"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_whole_url_as_the_path_takes_the_place_of_the_target() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let url = cluster.origin.url();
    let escaped = url.replace(':', "%3A").replace('/', "%2F");
    for path in [
        format!("/{url}/v1/x?a=b"),
        format!("/{escaped}%2Fv1%2Fx%3Fa%3Db"),
    ] {
        let answer = cluster
            .call(0, &business, &path)
            .header("x-wx-http-mode", "REROUTE")
            .send()
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.json()["path"], "/v1/x", "{path}");
        assert_eq!(answer.json()["query"], "a=b", "{path}");
    }
}

#[tokio::test]
async fn an_envelope_holds_status_headers_cookies_and_data() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let envelope = async |path: &str| {
        let answer = cluster
            .call(0, &business, path)
            .header("x-wx-http-mode", "ENVELOPE")
            .send()
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let document = answer.json();
        assert_eq!(document["errMsg"], "gateway.call:ok", "{document}");
        assert_eq!(
            document["callID"],
            answer.header("x-wx-call-id"),
            "{document}"
        );
        document
    };
    let json = envelope("/status/201").await;
    assert_eq!(json["statusCode"], 201);
    assert_eq!(json["data"]["path"], "/status/201", "JSON comes parsed");
    let cookies = envelope("/cookies").await;
    assert_eq!(
        cookies["cookies"].as_array().map(Vec::len),
        Some(2),
        "{cookies}"
    );
    let binary = envelope("/bytes/300").await;
    assert_eq!(binary["dataType"], "arraybuffer");
    assert!(
        binary["data"]
            .as_str()
            .is_some_and(|data| data.starts_with("AAECAw")),
        "base64: {binary}"
    );

    let large = cluster
        .call(0, &business, "/bytes/10485761")
        .header("x-wx-http-mode", "ENVELOPE")
        .send()
        .await;
    assert_eq!(
        large.json()["errCode"],
        102_006,
        "more than 10 MiB is refused: {}",
        large.status
    );
}

#[tokio::test]
async fn the_methods_and_statuses_of_the_origin_pass_unchanged() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let call = Call::new(
            method.clone(),
            cluster.nodes[0].http,
            &business.access_domain,
            "/m",
        );
        let answer = call.header("x-wx-env-version", "trial").send().await;
        assert_eq!(answer.json()["method"], method.as_str());
    }
    for status in [204, 304, 404, 418, 500, 503] {
        let answer = cluster
            .call(0, &business, &format!("/status/{status}"))
            .send()
            .await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("x-wx-errmsg"),
            "gateway.call:ok",
            "it is the origin's own answer"
        );
    }
    let head = Call::new(
        Method::HEAD,
        cluster.nodes[0].http,
        &business.access_domain,
        "/bytes/5000",
    );
    let head = head.header("x-wx-env-version", "trial").send().await;
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        ("5000", 0)
    );
}
