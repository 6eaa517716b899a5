//! The access config of clients, from the link itself: `CONTRACT.md` 2.

use std::sync::Arc;

use serde_json::json;
use weir::link::LiveRegions;
use weir_cluster::membership::{ClusterView, NodeView};

use crate::harness::*;

const PATH: &str = "/.well-known/weir/access";

async fn nowhere() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn request(method: &str, host: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n")
}

fn regions(config: &serde_json::Value, live: bool) -> Vec<&str> {
    let endpoints = config["endpoints"].as_array().unwrap().iter();
    let endpoints = endpoints.filter(|e| e["live"].as_bool().unwrap_or(true) == live);
    endpoints.map(|e| e["region"].as_str().unwrap()).collect()
}

#[actix_rt::test]
async fn a_client_gets_all_it_decides_by_and_is_charged_nothing() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let answer = bench.call(&get(PATH, "")).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let etag = format!("\"{CONF_VERSION}\"");
    for (name, value) in [
        ("content-type", "application/json"),
        ("etag", etag.as_str()),
        ("cache-control", "public, max-age=30, stale-if-error=86400"),
        ("access-control-allow-origin", "*"),
        ("x-wx-conf-version", CONF_VERSION),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let config = answer.json();
    assert_eq!(config["confVersion"], CONF_VERSION);
    assert_eq!(config["appid"], "wx0123456789abcdef");
    assert_eq!(config["routeTag"], "shop-tag");
    assert_eq!(config["enabled"], true);
    assert_eq!(config["timeoutMs"], 15_000);
    assert_eq!(config["refreshSeconds"], 60);
    assert_eq!(config["gray"]["percent"], 100.0);
    assert_eq!(config["manualDomains"], json!([]));
    assert_eq!(
        config["endpoints"][0],
        json!({"region": "shanghai", "url": format!("https://{HOST}")}),
        "the node's own region first"
    );
    assert_eq!(config["endpoints"].as_array().unwrap().len(), 3);
    assert_eq!(
        (bench.meter.charged_bytes(), bench.meter.admitted_calls()),
        (0, 0)
    );
}

#[actix_rt::test]
async fn an_unchanged_config_is_not_sent_again() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let known = format!("if-none-match: W/\"{CONF_VERSION}\"\r\n");
    let mut client = bench.client().await;
    client.send(get(PATH, &known)).await;
    let answer = client.head().await;
    assert_eq!(answer.status(), 304);
    assert!(answer.header("etag").is_some() && answer.header("cache-control").is_some());
    // The connection stays in step.
    client.send(get(PATH, "if-none-match: \"older\"\r\n")).await;
    assert_eq!(client.message().await.status(), 200);
    client.send(request("HEAD", HOST, PATH, "")).await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    assert!(
        head.header("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 300
    );
    client.send(get(PATH, "")).await;
    assert_eq!(client.message().await.status(), 200);
}

#[actix_rt::test]
async fn any_node_and_host_tells_the_config_of_an_appid() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let path = format!("{PATH}?appid=wx0123456789abcdef");
    for host in ["127.0.0.1", "lb.example", HOST] {
        let answer = bench.call(&request("GET", host, &path, "")).await;
        assert_eq!(answer.json()["confVersion"], CONF_VERSION, "{host}");
    }
    for (host, path) in [
        ("lb.example", PATH.to_owned()),
        ("lb.example", format!("{PATH}?appid=wxffffffffffffffff")),
        (HOST, format!("{PATH}?appid=")),
    ] {
        let answer = bench.call(&request("GET", host, &path, "")).await;
        assert_eq!(
            (answer.status(), answer.header("x-wx-error-code")),
            (404, Some("102016")),
            "{host} {path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[actix_rt::test]
async fn only_reading_is_possible_and_browsers_are_told_so() {
    let bench = Bench::start(nowhere().await, Plan::default());
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = bench
            .call(&request(method, HOST, PATH, "content-length: 0\r\n"))
            .await;
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let lines = "origin: https://any.example\r\naccess-control-request-method: GET\r\n\
                 access-control-request-headers: if-none-match\r\n";
    let answer = bench.call(&request("OPTIONS", HOST, PATH, lines)).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
}

fn node(id: &str, region: &str, port: u16) -> NodeView {
    NodeView {
        region: region.to_owned(),
        live: true,
        link_http: Some(([127, 0, 0, 1], port).into()),
        version: "0.1.0".to_owned(),
        ..NodeView::new(id.parse().unwrap(), "127.0.0.1:7001".parse().unwrap())
    }
}

#[actix_rt::test]
async fn a_region_without_a_live_node_is_said_and_the_config_counts_as_another() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let all_live = bench.call(&get(PATH, "")).await;
    let view = ClusterView {
        me: "n1".parse().unwrap(),
        nodes: vec![node("n1", "shanghai", 8001), node("n3", "tianjin", 8003)],
    };
    let beside = bench.routing.load().beside.clone();
    beside.live.store(Arc::new(LiveRegions::of(&view)));
    let known = format!("if-none-match: {}\r\n", all_live.header("etag").unwrap());
    let answer = bench.call(&get(PATH, &known)).await;
    assert_eq!(answer.status(), 200, "the client hears of it");
    let config = answer.json();
    assert_eq!(regions(&config, true), ["shanghai", "tianjin"]);
    assert_eq!(regions(&config, false), ["shenzhen"]);

    let from = format!("{PATH}?region=tianjin");
    let config = bench.call(&get(&from, "")).await.json();
    assert_eq!(regions(&config, true), ["tianjin", "shanghai"]);
}

#[actix_rt::test]
async fn a_client_that_calls_a_port_is_told_the_ports_of_each_region() {
    let bench = Bench::start(nowhere().await, Plan::default());
    let view = ClusterView {
        me: "n1".parse().unwrap(),
        nodes: vec![node("n1", "shanghai", 8001), node("n3", "tianjin", 8003)],
    };
    let beside = bench.routing.load().beside.clone();
    beside.live.store(Arc::new(LiveRegions::of(&view)));
    let host = format!("{HOST}:8001");
    let config = bench.call(&request("GET", &host, PATH, "")).await.json();
    let label = HOST.split('.').next().unwrap();
    let url = |region: &str| {
        let endpoints = config["endpoints"].as_array().unwrap();
        let endpoint = endpoints.iter().find(|e| e["region"] == region);
        endpoint.unwrap()["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        url("tianjin"),
        format!("http://{label}.tianjin.weir.localhost:8003")
    );
}

#[actix_rt::test]
async fn the_versions_that_clients_decide_by_are_counted() {
    let addr = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let bench = Bench::start(addr, Plan::default());
    let said = |version: &str| get("/", &format!("x-wx-conf-version: {version}\r\n"));
    for request in [
        said(CONF_VERSION),
        said(CONF_VERSION),
        said("0000000000000001-n1"),
        said("9999999999990001-n1"),
        said("nonsense"),
        get("/", ""),
        get(PATH, ""),
    ] {
        bench.call(&request).await;
    }
    let of_business = || {
        let beside = bench.routing.load().beside.clone();
        beside.clients.of("wx0123456789abcdef")
    };
    let counted = || of_business().map_or(0, |v| v.none.calls + v.other.calls);
    until("the core handed over", || counted() >= 3).await;
    let versions = of_business().unwrap();
    let known: Vec<_> = versions
        .known
        .iter()
        .map(|(version, count)| (version.to_string(), count.calls, count.recent()))
        .collect();
    assert_eq!(
        known,
        [
            (CONF_VERSION.to_owned(), 2, 2),
            ("0000000000000001-n1".to_owned(), 1, 1)
        ]
    );
    assert_eq!((versions.none.calls, versions.other.calls), (1, 2));
}
