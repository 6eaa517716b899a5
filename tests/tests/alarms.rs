//! What is watched over a whole cluster is told once, by one node, whoever that is.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::{Value, json};
use weir_tests::command::weir;
use weir_tests::webhook::Webhook;
use weir_tests::{Admin, Cluster, wait_until};

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "planted-1f2e3d4c";

async fn receive(cluster: &Cluster, id: &str, format: &str, url: &str) {
    let receiver = json!({"format": format, "url": url});
    cluster
        .admin(0)
        .put(&format!("/alarm-receivers/{id}"), receiver)
        .await;
    cluster.agree().await;
}

async fn set(cluster: &Cluster, alarm: &str, input: Value) {
    cluster
        .admin(0)
        .put(&format!("/alarms/{alarm}"), input)
        .await;
    cluster.agree().await;
}

/// An alarm, as a node shows it.
async fn shown(admin: &Admin, alarm: &str) -> Value {
    admin.get(&format!("/alarms/{alarm}")).await
}

async fn until_said(hook: &Webhook, alarm: &str, what: &str, cluster: &Cluster) {
    wait_until(&format!("{alarm} is told: {what}"), async || {
        hook.said(alarm)
            .iter()
            .any(|said| said == what)
            .then_some(())
    })
    .await;
    // And every node knows that it was.
    for node in cluster.nodes.iter().filter(|node| node.is_running()) {
        let admin = node.admin(&cluster.token);
        wait_until("every node knows what was told", async || {
            let alarms = admin.get("/alarms").await;
            (alarms["waiting_notices"] == 0).then_some(())
        })
        .await;
    }
}

/// A space that has to accept another text soon: an alarm that lasts.
async fn agreement_to_come(cluster: &Cluster) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let then = time::OffsetDateTime::from_unix_timestamp(now.as_secs() as i64 + 86_400).unwrap();
    let then = then
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let text = json!({"title": "Terms", "text": "New terms.", "effective_at": then});
    cluster.admin(0).put("/agreements/2", text).await;
    cluster.agree().await;
}

#[tokio::test]
async fn overflow_on_any_node_is_told_once_by_the_whole_cluster_and_its_end_too() {
    let hook = Webhook::start().await;
    let cluster = Cluster::start(3).await;
    let own = cluster.origin.url();
    let package = json!({"bandwidth_bps": 400_000});
    let business = cluster.attach_domains(0, APPID, &[&own], package).await;
    let gateway = format!("gw-{APPID}");
    receive(&cluster, "ops", "generic", &hook.url(SECRET)).await;
    set(
        &cluster,
        "overflow",
        json!({"rule": {"kind": "overflow_begins", "window_s": 10}}),
    )
    .await;

    // On the two nodes that do not watch.
    wait_until("both nodes have calls beyond the package", async || {
        let mut beyond = 0;
        for node in [1, 2] {
            let answer = cluster.call(node, &business, "/bytes/40000").send().await;
            beyond += u32::from(answer.status == 307);
        }
        (beyond == 2).then_some(())
    })
    .await;
    until_said(&hook, "overflow", &format!("firing {gateway}"), &cluster).await;
    for node in 0..3 {
        // A copy is some seconds old at most.
        wait_until("every node shows it", async || {
            let alarm = shown(&cluster.admin(node), "overflow").await;
            let told = &alarm["subjects"][0]["told"];
            (alarm["state"] == "firing" && *told == 1).then_some(())
        })
        .await;
    }
    let body = hook
        .sent()
        .into_iter()
        .find(|body| body["alarm"] == "overflow")
        .unwrap();
    assert_eq!(body["key"], format!("weir/overflow/{gateway}"));
    assert_eq!(
        (&body["kind"], &body["unit"]),
        (&json!("overflow_begins"), &json!("calls"))
    );
    assert!(body["value"].as_f64().unwrap() >= 1.0, "{body}");
    until_said(&hook, "overflow", &format!("resolved {gateway}"), &cluster).await;
    assert_eq!(
        hook.said("overflow"),
        [format!("firing {gateway}"), format!("resolved {gateway}")]
    );
    let page = cluster.admin(0).metrics().await.unwrap();
    assert!(
        page.contains("weir_alarms_watched 1"),
        "the first node watches"
    );
    assert!(page.contains("weir_alarm_notices_total{outcome=\"dropped\"} 0"));
}

#[tokio::test]
async fn a_killed_node_is_told_once_though_it_was_the_one_that_watched() {
    let hook = Webhook::start().await;
    let mut cluster = Cluster::start(3).await;
    cluster.attach(0, APPID).await;
    receive(&cluster, "ops", "generic", &hook.url(SECRET)).await;
    set(&cluster, "node-gone", json!({"for_s": 2})).await;
    agreement_to_come(&cluster).await;
    until_said(&hook, "agreement", "firing shop", &cluster).await;
    // Every node has a copy of what the first one told.
    for node in 1..3 {
        // Written and delivered, in one copy: of what is written only, whoever takes over delivers it once more.
        wait_until("the others know what was told", async || {
            let alarms = cluster.admin(node).get("/alarms").await;
            let all = alarms["alarms"].as_array()?;
            let alarm = all.iter().find(|alarm| alarm["id"] == "agreement")?;
            let told = alarm["subjects"][0]["told"] == 1;
            (told && alarms["waiting_notices"] == 0).then_some(())
        })
        .await;
    }
    let first = cluster.nodes[0].id.clone();
    cluster.nodes[0].kill().await;
    wait_until("the killed node is told of", async || {
        hook.said("node-gone")
            .contains(&format!("firing {first}"))
            .then_some(())
    })
    .await;
    let watching = cluster.admin(1).get("/alarms").await;
    assert_eq!(watching["watched_by"], cluster.nodes[1].id, "{watching}");

    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    wait_until("it is told that the node is back", async || {
        hook.said("node-gone")
            .contains(&format!("resolved {first}"))
            .then_some(())
    })
    .await;
    wait_until("the first node watches again", async || {
        let alarms = cluster.admin(2).get("/alarms").await;
        (alarms["watched_by"] == first && alarms["waiting_notices"] == 0).then_some(())
    })
    .await;
    assert_eq!(
        hook.said("node-gone"),
        [format!("firing {first}"), format!("resolved {first}")]
    );
    // What fired all the while was not told again by those who took over.
    assert_eq!(hook.said("agreement"), ["firing shop"]);
    let alarm = shown(&cluster.admin(0), "agreement").await;
    assert_eq!(
        (&alarm["state"], &alarm["subjects"][0]["told"]),
        (&json!("firing"), &json!(1)),
        "{alarm}"
    );
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_one_that_refuses_is_not_and_quiet_times_hold_back() {
    let (hook, refusing) = (Webhook::start().await, Webhook::start().await);
    let cluster = Cluster::start(1).await;
    cluster.attach(0, APPID).await;
    let quiet = json!([{"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "23:59"},
        {"from": "23:59", "to": "00:00"}]);
    set(&cluster, "agreement", json!({"quiet": quiet})).await;
    receive(&cluster, "ops", "generic", &hook.url(SECRET)).await;
    receive(&cluster, "gone", "wecom", &refusing.url(SECRET)).await;
    agreement_to_come(&cluster).await;
    let admin = cluster.admin(0);
    wait_until("it fires", async || {
        (shown(&admin, "agreement").await["state"] == "firing").then_some(())
    })
    .await;
    // Quiet for the whole day: it fires, and nobody is told, look after look.
    let looks = async || {
        let page = admin.metrics().await?;
        let uptime = page
            .lines()
            .find_map(|line| line.strip_prefix("weir_uptime_seconds "))?;
        uptime.parse::<u64>().ok()
    };
    let begin = looks().await.unwrap();
    wait_until("some looks have passed", async || {
        (looks().await? >= begin + 5).then_some(())
    })
    .await;
    let alarm = shown(&admin, "agreement").await;
    assert_eq!(
        (&alarm["state"], &alarm["subjects"][0]["told"]),
        (&json!("firing"), &json!(0)),
        "{alarm}"
    );
    assert!(hook.sent().is_empty() && refusing.sent().is_empty());

    hook.answer_with(&[(503, "busy"), (500, "broken")]);
    refusing.answer_with(&[(200, r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#)]);
    set(&cluster, "agreement", json!({"quiet": []})).await;
    until_said(&hook, "agreement", "firing shop", &cluster).await;
    assert_eq!(hook.said("agreement"), ["firing shop"; 3], "twice in vain");
    assert_eq!(
        refusing.sent().len(),
        1,
        "what is refused for good is not sent again"
    );
    let page = admin.metrics().await.unwrap();
    for line in [
        "weir_alarm_notices_total{outcome=\"delivered\"} 1",
        "weir_alarm_notices_total{outcome=\"refused\"} 3",
        "weir_alarm_notices_total{outcome=\"dropped\"} 1",
        "weir_alarms_firing{alarm=\"agreement\"} 1",
    ] {
        assert!(
            page.lines().any(|there| there == line),
            "no `{line}` in {page}"
        );
    }
}

#[tokio::test]
async fn receivers_are_tried_in_their_formats_and_no_url_is_shown_anywhere() {
    let hook = Webhook::start().await;
    let cluster = Cluster::start(2).await;
    let business = cluster.attach(0, APPID).await;
    let run = |args: &[&str]| weir(&cluster, 1, args);
    let list = run(&["alarm", "list"]).done();
    assert!(
        list.contains("node-gone") && list.contains("There is no receiver"),
        "{list}"
    );
    for format in ["generic", "wecom", "slack"] {
        let url = hook.url(SECRET);
        let put = run(&[
            "alarm", "receiver", "put", format, "--format", format, "--url", &url,
        ])
        .done();
        assert!(
            put.contains(&format!("http://{}", hook.addr)) && !put.contains(SECRET),
            "{put}"
        );
    }
    cluster.agree().await;
    hook.answer_with(&[(200, "ok"), (200, "ok"), (404, "no such hook")]);
    let tested = run(&["alarm", "test", "overflow"]);
    assert!(!tested.done, "one of them refused: {}", tested.out);
    assert!(
        tested.out.contains("delivered") && tested.out.contains("status 404"),
        "{}",
        tested.out
    );
    let sent = hook.sent();
    assert!(
        sent.iter()
            .any(|body| body["state"] == "test" && body["alarm"] == "overflow"),
        "{sent:?}"
    );
    assert!(
        sent.iter().any(|body| body["msgtype"] == "markdown"),
        "{sent:?}"
    );
    assert!(sent.iter().any(|body| {
        body["text"]
            .as_str()
            .is_some_and(|text| text.contains("*Test: "))
    }));

    run(&[
        "alarm",
        "put",
        "shop-slow",
        "p95",
        "--above",
        "800",
        "--business",
        &business.id,
        "--for",
        "2m",
        "--window",
        "1m",
        "--receiver",
        "slack",
        "--quiet",
        "22:00-07:00+08:00",
    ])
    .done();
    let alarm = cluster.admin(0).get("/alarms/shop-slow").await;
    assert_eq!(
        alarm["rule"],
        json!({"kind": "p95", "above_ms": 800, "min_calls": 20, "window_s": 60})
    );
    assert_eq!(
        (&alarm["for_s"], &alarm["receivers"]),
        (&json!(120), &json!(["slack"]))
    );
    assert_eq!(alarm["quiet"][0]["utc_offset"], "+08:00");
    run(&["alarm", "off", "shop-slow"]).done();
    assert_eq!(
        cluster.admin(0).get("/alarms/shop-slow").await["state"],
        "off"
    );
    run(&["alarm", "put", "bad", "p95", "--above", "0"]).refused("invalid", &["rule.above_ms"]);
    run(&["alarm", "remove", "node-gone"]).refused("not_found", &["as it was in the beginning"]);

    let mut shown = String::new();
    for path in [
        "/alarms",
        "/alarm-receivers",
        "/alarm-receivers/wecom",
        "/export",
        "/history?limit=500",
    ] {
        let answer = cluster.admin(1).call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        shown += answer.text();
    }
    let history: Value = cluster
        .admin(1)
        .get("/history?object=alarm_receiver/wecom")
        .await;
    let version = history["items"][0]["version"].as_str().unwrap();
    shown += &cluster
        .admin(1)
        .get(&format!("/history/{version}"))
        .await
        .to_string();
    shown += &run(&["export"]).done();
    for node in &cluster.nodes {
        shown += &node.log();
    }
    assert!(shown.contains("shop-slow"), "the export has the alarms");
    assert!(!shown.contains(SECRET), "a URL is shown");
    let refused = cluster
        .admin(0)
        .call(
            Method::PUT,
            "/alarm-receivers/x",
            Some(&json!({"url": SECRET})),
        )
        .await;
    assert!(
        refused.status == 422 && !refused.text().contains(SECRET),
        "{}",
        refused.text()
    );
}
