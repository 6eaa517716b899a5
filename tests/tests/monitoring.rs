//! What became of calls, asked of any node: one by its id, many by what they have in common, what was refused.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use weir_tests::command::weir;
use weir_tests::monitored::group;
use weir_tests::{Answer, Call, Cluster, wait_until};

const APPID: &str = "wx0000000000000113";
/// "A call id given by a client's answer is found from another node within 2 s."
const FOUND_WITHIN: Duration = Duration::from_secs(2);

fn id_of(answer: &Answer) -> String {
    answer.header("x-wx-call-id").to_owned()
}

/// The call, once a node has it; whether that took no longer than it may.
async fn found(cluster: &Cluster, node: usize, id: &str) -> Value {
    let admin = cluster.admin(node);
    let path = format!("/calls/{id}");
    let (call, took) = wait_until("the call is found", async || {
        let answer = admin.try_call(Method::GET, &path, None).await.ok()?;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert!(took <= FOUND_WITHIN, "found after {took:?}");
    call
}

fn told(call: &Value) -> String {
    let steps = call["story"].as_array().expect("a story").iter();
    let steps: Vec<&str> = steps.map(|step| step["text"].as_str().unwrap()).collect();
    steps.join("\n")
}

#[tokio::test]
async fn a_call_is_found_by_its_id_from_any_node_and_tells_its_story() {
    let mut cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    let answer = cluster
        .call(2, &business, "/bytes/1000?token=secret")
        .header("x-wx-user", "li.lei")
        .send()
        .await;
    assert_eq!(answer.status, 200);
    let id = id_of(&answer);
    for node in 0..3 {
        let call = found(&cluster, node, &id).await;
        assert_eq!(call["call_id"], id.as_str());
        assert_eq!(call["node"], cluster.nodes[2].id.as_str());
        assert_eq!(call["business"], APPID);
        assert_eq!(call["route_tag"], business.route_tag.as_str());
        assert_eq!(call["path"], "/bytes/1000");
        assert_eq!(call["origin_address"], cluster.origin.addr.to_string());
        assert!(!call.to_string().contains("secret"), "no query: {call}");
        assert!(!call.to_string().contains("li.lei"), "no user: {call}");
        let story = told(&call);
        assert!(story.contains("Decided: the link (row 8"), "{story}");
        assert!(story.contains("with status 200"), "{story}");
    }

    // What was refused, and by what, is told too.
    let refused = cluster
        .call(1, &business, "/")
        .header("x-wx-target", "https://nowhere.example")
        .send()
        .await;
    let call = found(&cluster, 0, &id_of(&refused)).await;
    assert_eq!(
        (&call["decision"], &call["code"]),
        (&"refused".into(), &102_016.into())
    );
    assert!(told(&call).contains("row 5 of the decision"), "{call}");
    assert!(call["advice"].as_str().unwrap().contains("access.urls"));

    // By command, from a node that did not serve it.
    let shown = weir(&cluster, 0, &["call", &id]).done();
    assert!(shown.contains("Decided: the link (row 8"), "{shown}");
    let shown = weir(
        &cluster,
        1,
        &["calls", "--user", "li.lei", "--path", "/bytes"],
    )
    .done();
    assert!(shown.contains(&id), "{shown}");
    weir(&cluster, 0, &["call", "0190"]).refused("invalid_call_id", &["x-wx-call-id"]);

    // Its node dies: who else has it? Nobody, and that is said; it is there again once the node is.
    cluster.nodes[2].kill().await;
    let admin = cluster.admin(0);
    let path = format!("/calls/{id}");
    let node = cluster.nodes[2].id.clone();
    wait_until("the node is known to be dead", async || {
        let answer = admin.call(Method::GET, &path, None).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["code"], "node_unreachable");
        let detail = problem["detail"].as_str()?;
        assert!(detail.contains(&node), "{detail}");
        detail.contains("it is dead").then_some(())
    })
    .await;
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    wait_until("the restarted node answers for its calls", async || {
        let answer = admin.call(Method::GET, &path, None).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let unknown = "01923456-7abc-7def-8000-00000000beef";
    let answer = admin
        .call(Method::GET, &format!("/calls/{unknown}"), None)
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (404, &"unknown_call".into())
    );
}

#[tokio::test]
async fn refusals_are_shown_by_reason_with_the_newest_of_them() {
    let cluster = Cluster::start(2).await;
    let business = cluster.attach(0, APPID).await;
    for node in 0..2 {
        let host = "a00000000-nobody.shanghai.weir.localhost";
        for _ in 0..3 {
            let answer = Call::get(cluster.nodes[node].http, host, "/probe")
                .send()
                .await;
            assert_eq!(answer.status, 404);
        }
        let odd = cluster
            .call(node, &business, "/")
            .header("x-wx-source", "fridge")
            .send()
            .await;
        assert_eq!(odd.status, 400);
    }
    let admin = cluster.admin(1);
    let (told, _) = wait_until("all refusals are counted and kept", async || {
        let told = admin.get("/monitoring/security?last=10m").await;
        let log = told["block_log"].as_array()?;
        let probes = log
            .iter()
            .filter(|record| record["path"] == "/probe")
            .count();
        let reasons = told["reasons"].as_array()?.iter();
        let lost = reasons
            .clone()
            .find(|it| it["name"] == "unknown_access_domain")?;
        (probes == 6 && lost["total"]["requests"].as_u64()? >= 6).then(|| told.clone())
    })
    .await;
    let reasons = told["reasons"].as_array().unwrap().iter();
    let odd = reasons
        .clone()
        .find(|it| it["name"] == "malformed")
        .unwrap();
    assert_eq!(odd["total"]["requests"], 2);
    let shown = weir(&cluster, 0, &["monitor", "--refused"]).done();
    assert!(
        shown.contains("unknown_access_domain") && shown.contains("/probe"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_records_and_never_a_call_or_its_figures() {
    let mut cluster = Cluster::start(1).await;
    cluster.nodes[0].stop().await;
    cluster.nodes[0].start_on_small_disk();
    cluster.nodes[0].ready().await;
    let business = cluster.attach(0, APPID).await;
    let admin = cluster.admin(0);
    cluster.nodes[0].process().limit_files(Some(0));
    for _ in 0..10 {
        let answer = cluster.call(0, &business, "/hello").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let path = format!("/monitoring/businesses/{APPID}?last=10m&by=decision");
    wait_until(
        "the calls are counted, and their records lost and counted as such",
        async || {
            let told = admin.get(&path).await;
            let node = admin.get("/monitoring").await["nodes"][0].clone();
            let lost = node["records_dropped"].as_u64()? >= 10;
            (group(&told, "link")["requests"] == 10 && lost).then_some(())
        },
    )
    .await;

    cluster.nodes[0].process().limit_files(None);
    let answer = cluster.call(0, &business, "/hello").send().await;
    found(&cluster, 0, &id_of(&answer)).await;
    // The figures that could not be written then are written now: they outlive the node.
    wait_until("the call is counted", async || {
        let told = admin.get(&path).await;
        (group(&told, "link")["requests"] == 11).then_some(())
    })
    .await;
    assert!(cluster.nodes[0].stop().await.success());
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    let admin = cluster.admin(0);
    let (told, _) = wait_until("the restarted node tells its past", async || {
        let told = admin.get(&path).await;
        (!group(&told, "link").is_null()).then_some(told)
    })
    .await;
    assert_eq!(group(&told, "link")["requests"], 11, "{told}");
}
