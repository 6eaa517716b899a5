//! Levels of the log changed while nodes run; nothing of a call's content is ever logged.

use http::Method;
use serde_json::json;
use weir_tests::command::weir;
use weir_tests::{Call, Cluster, wait_until};

const APPID: &str = "wx0123456789abcdef";
/// Everything, and the libraries that would write heads and bodies by name.
const LOUDEST: &str =
    "trace,h2=trace,hyper=trace,hyper_util=trace,rustls=trace,tungstenite=trace,actix_http=trace";

#[tokio::test]
async fn levels_are_changed_on_any_node_by_way_of_any_other_and_fall_back_after_their_time() {
    let cluster = Cluster::start(2).await;
    let (first, second) = (&cluster.nodes[0], &cluster.nodes[1]);
    let path = format!("/cluster/nodes/{}/log", second.id);
    let log = cluster.admin(0).get(&path).await;
    assert_eq!(
        (&log["levels"], &log["changed_by"]),
        (&json!("info"), &json!(null)),
        "{log}"
    );

    // Set on the second by way of the first, for a second; the first stays as it is.
    let args = [
        "log",
        "info,weir::link=debug",
        "--node",
        &second.id,
        "--for",
        "2s",
    ];
    let printed = weir(&cluster, 0, &args).done();
    assert!(printed.contains("info,weir::link=debug"), "{printed}");
    let business = cluster.attach(0, APPID).await;
    let answer = cluster.call(1, &business, "/x").send().await;
    let id = answer.header("x-wx-call-id").to_owned();
    wait_until("the call is logged", async || {
        second.log().contains(&id).then_some(())
    })
    .await;
    cluster.call(0, &business, "/x").send().await;
    assert!(!first.log().contains("answered"), "{}", first.log());
    wait_until("the levels fall back", async || {
        let log = cluster.admin(0).get(&path).await;
        (log["levels"] == "info" && log["until"].is_null()).then_some(())
    })
    .await;
    assert!(second.log().contains("the levels of the log are changed"));

    // Without a node: all of them; and back.
    let all = weir(&cluster, 1, &["log", "debug", "--json"]).json();
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
    let all = weir(&cluster, 0, &["log", "--reset", "--json"]).json();
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|log| log["levels"] == "info"),
        "{all}"
    );
}

#[tokio::test]
async fn levels_that_cannot_be_used_are_refused_with_the_part_at_fault() {
    let cluster = Cluster::start(1).await;
    let path = format!("/cluster/nodes/{}/log", cluster.nodes[0].id);
    for (input, field, word) in [
        (
            json!({"levels": "info,weir::link=loud"}),
            "levels",
            "`loud` is no level",
        ),
        (json!({"levels": "inof"}), "levels", "`inof` is no level"),
        (
            json!({"levels": "info,my app=debug"}),
            "levels",
            "`my app` is no module",
        ),
        (
            json!({"levels": "debug", "for_s": 0}),
            "for_s",
            "1 to 86400",
        ),
    ] {
        let answer = cluster
            .admin(0)
            .call(Method::PUT, &path, Some(&input))
            .await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["field"]),
            (422, &json!(field)),
            "{problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let log = cluster.admin(0).get(&path).await;
    assert_eq!(log["levels"], "info", "nothing was changed: {log}");
    weir(&cluster, 0, &["log", "loud"]).refused("invalid", &["`loud` is no level"]);
    weir(&cluster, 0, &["log", "--node", "nobody"]).refused("not_found", &["nobody"]);
}

#[tokio::test]
async fn at_the_finest_level_no_secret_no_query_and_no_body_is_logged() {
    let cluster = Cluster::start(2).await;
    let business = cluster.attach(0, APPID).await;
    let all = weir(&cluster, 0, &["log", LOUDEST, "--json"]).json();
    assert!(
        all[0]["held_back"]
            .as_array()
            .unwrap()
            .contains(&json!("h2")),
        "{all}"
    );
    // Planted where they must not be found; each is a word of its own.
    let planted = [
        "cookie-of-li-1f2e3d",
        "bearer-of-li-4c5b6a",
        "query-of-li-7f8e9d",
        "body-of-li-0a1b2c",
        "answer-of-li-3d4e5f",
        "header-of-li-6a7b8c",
        "user-of-li-9d0e1f",
    ];
    let [cookie, bearer, query, body, answer, header, user] = planted;
    let whole = |call: Call| {
        call.header("cookie", &format!("session={cookie}"))
            .header("authorization", &format!("Bearer {bearer}"))
            .header("x-own", header)
            .header("x-wx-user", user)
    };
    // The echo origin sends all of it back, so both ways carry it.
    let path = format!("/echo?key={query}");
    for node in 0..2 {
        let sent = |path: &str| cluster.post(node, &business, path, format!("{body} {answer}"));
        for call in [sent(&path), sent(&path).h2()] {
            let echoed = whole(call).send().await;
            assert_eq!(echoed.status, 200);
            assert!(
                echoed.text().contains(body),
                "the origin has it: {}",
                echoed.text()
            );
        }
        // Refused ones too.
        let refused = whole(sent(&path).header("x-wx-target", "https://nowhere.example"));
        assert_eq!(refused.send().await.status, 404);
        let wrong = Call::get(cluster.nodes[node].admin_addr, "admin", "/admin/v1/spaces");
        let wrong = wrong.header("authorization", &format!("Bearer {bearer}"));
        assert_eq!(wrong.send().await.status, 401);
    }
    cluster
        .admin(0)
        .put("/spaces/other", json!({"name": "Other"}))
        .await;
    let last = cluster.call(1, &business, "/last").send().await;
    let id = last.header("x-wx-call-id").to_owned();
    wait_until("the last call is logged", async || {
        cluster.nodes[1].log().contains(&id).then_some(())
    })
    .await;
    for node in &cluster.nodes {
        let log = node.log();
        // It is loud: the link's own lines are there, and those of a library up to its limit.
        assert!(log.contains("DEBUG weir::link"), "{log}");
        assert!(log.contains(" h2::"), "{log}");
        let too_fine = log
            .lines()
            .find(|line| line.contains("TRACE") && !line.contains(" weir"));
        assert_eq!(too_fine, None);
        let lines = log.lines().filter(|line| {
            planted
                .iter()
                .chain([&cluster.token.as_str()])
                .any(|word| line.contains(word))
        });
        let lines: Vec<_> = lines.collect();
        assert!(lines.is_empty(), "{}: {lines:#?}", node.id);
    }
}
