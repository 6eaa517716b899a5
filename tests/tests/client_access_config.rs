//! What clients decide by (`CONTRACT.md` 2), on real nodes: the same on each, current, and telling which regions are
//! alive.

use serde_json::{Value, json};
use weir_tests::{Business, Call, Cluster, wait_until};

const APPID: &str = "wx00000000000000e1";
const PATH: &str = "/.well-known/weir/access";

async fn config(cluster: &Cluster, node: usize, business: &Business) -> Value {
    let host = &business.access_domain;
    let answer = Call::get(cluster.nodes[node].http, host, PATH).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Regions of the endpoints that are alive, or are not, in their order.
fn regions(config: &Value, live: bool) -> Vec<String> {
    let endpoints = config["endpoints"].as_array().expect("endpoints").iter();
    let endpoints = endpoints.filter(|e| e["live"].as_bool().unwrap_or(true) == live);
    endpoints
        .map(|e| e["region"].as_str().expect("a region").to_owned())
        .collect()
}

#[tokio::test]
async fn every_node_tells_the_same_config_nearest_endpoint_first_and_every_change_of_it() {
    let cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    for (node, order) in [
        (0, ["shanghai", "tianjin", "shenzhen"]),
        (1, ["shenzhen", "shanghai", "tianjin"]),
        (2, ["tianjin", "shanghai", "shenzhen"]),
    ] {
        // The cluster is known to the link a moment after the node is ready.
        wait_until("all regions are alive", async || {
            let config = config(&cluster, node, &business).await;
            (regions(&config, true).len() == 3).then_some(())
        })
        .await;
        let config = config(&cluster, node, &business).await;
        assert_eq!(config["confVersion"], business.document["version"]);
        assert_eq!(config["versions"], json!(["trial"]));
        assert_eq!(config["routeTag"], business.route_tag.as_str());
        assert_eq!(config["urls"][0]["domain"], cluster.origin.url());
        assert_eq!(regions(&config, true), order, "node {node}");
        let own = &config["endpoints"][0]["url"];
        let host = business
            .access_domain
            .replace("shanghai", &cluster.nodes[node].region);
        assert_eq!(*own, format!("https://{host}"));
    }

    cluster.switch(&business, "disconnect").await;
    for node in 0..3 {
        assert_eq!(config(&cluster, node, &business).await["enabled"], false);
    }
    // By appid, on a host that is no access domain.
    let node = cluster.nodes[2].http;
    let path = format!("{PATH}?appid={APPID}");
    let found = Call::get(node, &node.to_string(), &path).send().await;
    assert_eq!(found.json()["enabled"], false);
    let etag = found.header("etag").to_owned();
    let again = Call::get(node, &node.to_string(), &path)
        .header("if-none-match", &etag)
        .send()
        .await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[tokio::test]
async fn every_regions_nodes_serve_every_business_and_a_region_that_is_gone_is_said() {
    let mut cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    // A business of shanghai, called on the nodes of all regions, by the access domains of all regions.
    for node in 0..3 {
        for region in ["shanghai", "shenzhen", "tianjin"] {
            let host = business.access_domain.replace("shanghai", region);
            let answer = Call::get(cluster.nodes[node].http, &host, "/hello")
                .header("x-wx-env-version", "trial")
                .send()
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-wx-link")),
                (200, "private"),
                "{region} on node {node}"
            );
        }
    }
    let before = config(&cluster, 0, &business).await;

    cluster.nodes[1].kill().await;
    wait_until("the others know that shenzhen is gone", async || {
        for node in [0, 2] {
            let config = config(&cluster, node, &business).await;
            if regions(&config, false) != ["shenzhen"] {
                return None;
            }
        }
        Some(())
    })
    .await;
    let after = config(&cluster, 0, &business).await;
    assert_eq!(regions(&after, true), ["shanghai", "tianjin"]);
    assert_eq!(
        after["confVersion"], before["confVersion"],
        "nobody changed it"
    );
    let shenzhens = business.access_domain.replace("shanghai", "shenzhen");
    let answer = Call::get(cluster.nodes[0].http, &shenzhens, "/hello")
        .header("x-wx-env-version", "trial")
        .send()
        .await;
    assert_eq!(answer.status, 200, "another region takes over");

    cluster.nodes[1].start();
    cluster.nodes[1].ready().await;
    wait_until("shenzhen is back", async || {
        let config = config(&cluster, 0, &business).await;
        (regions(&config, true).len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_operator_sees_a_change_arrive_at_the_clients() {
    let cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    let version = business.document["version"].as_str().expect("a version");
    let call = |node: usize, version: &str| {
        let call = cluster.call(node, &business, "/hello");
        call.header("x-wx-conf-version", version)
    };
    for node in 0..3 {
        call(node, version).send().await;
    }
    cluster
        .patch(&business, json!({ "route_tag": "new" }))
        .await;
    let newer = config(&cluster, 0, &business).await["confVersion"].clone();
    call(1, newer.as_str().expect("a version")).send().await;
    let path = format!("/businesses/{APPID}/clients");
    // Asked of one node, counted by all.
    let (shown, _) = wait_until("all calls are counted", async || {
        let shown = cluster.admin(2).get(&path).await;
        let calls = |place: usize| shown["versions"][place]["calls"].as_u64();
        (calls(0) == Some(1) && calls(1) == Some(3)).then_some(shown)
    })
    .await;
    assert_eq!(shown["conf_version"], newer);
    assert_eq!(shown["versions"][0]["version"], newer);
    assert_eq!(shown["versions"][1]["version"], version);
    assert_eq!(shown["nodes"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["unanswered"], json!([]));
}
