//! Going live step by step, as an operator does it: each step in effect on every node, and each taken back.

use std::collections::BTreeSet;

use serde_json::json;
use weir_tests::command::weir;
use weir_tests::{Business, Call, Cluster, wait_until};

const APPID: &str = "wx00000000000000d1";
const NODES: usize = 3;
const USERS: usize = 60;

/// A call of the online version by this user.
fn release(cluster: &Cluster, node: usize, business: &Business, path: &str, user: &str) -> Call {
    Call::get(cluster.nodes[node].http, &business.access_domain, path).header("x-wx-user", user)
}

/// The status of a call of the online version, on every node the same.
async fn everywhere(cluster: &Cluster, business: &Business, path: &str) -> u16 {
    let mut statuses = BTreeSet::new();
    for node in 0..NODES {
        let answer = release(cluster, node, business, path, "user-0")
            .send()
            .await;
        statuses.insert(answer.status.as_u16());
    }
    assert_eq!(statuses.len(), 1, "nodes differ over {path}: {statuses:?}");
    statuses.pop_first().expect("one")
}

/// The users whose calls take the link through this node.
async fn on_link(cluster: &Cluster, node: usize, business: &Business) -> BTreeSet<usize> {
    let mut users = BTreeSet::new();
    for user in 0..USERS {
        let name = format!("user-{user}");
        let answer = release(cluster, node, business, "/api/order", &name)
            .send()
            .await;
        match answer.status.as_u16() {
            200 => users.insert(user),
            307 => false,
            other => panic!("{other}: {}", answer.text()),
        };
    }
    users
}

#[tokio::test]
async fn a_mini_program_goes_live_step_by_step_and_each_step_holds_on_every_node() {
    let cluster = Cluster::start(NODES).await;
    let business = cluster.attach(0, APPID).await;
    let business = &business;

    // 1. Attached: the trial version alone.
    assert_eq!(everywhere(&cluster, business, "/api/order").await, 307);
    let trial = cluster.call(2, business, "/api/order").send().await;
    assert_eq!(trial.status, 200, "{}", trial.text());

    // 2. The online version too, for chosen URLs.
    let rules = json!([{"domain": cluster.origin.url(), "paths": ["/api"]}]);
    cluster
        .patch(
            business,
            json!({"access": {"versions": ["trial", "release"], "urls": rules}}),
        )
        .await;
    assert_eq!(everywhere(&cluster, business, "/api/order").await, 200);
    assert_eq!(
        everywhere(&cluster, business, "/other").await,
        404,
        "not among the rules"
    );

    // 3. Gray: some users, the same on every node, none of whom leaves as it rises.
    let mut before = BTreeSet::new();
    for percent in [10.0, 50.0] {
        cluster
            .patch(business, json!({"access": {"gray": {"percent": percent}}}))
            .await;
        let users = on_link(&cluster, 0, business).await;
        for node in 1..NODES {
            assert_eq!(
                on_link(&cluster, node, business).await,
                users,
                "at {percent} %"
            );
        }
        assert!(
            before.is_subset(&users),
            "a user was moved out at {percent} %"
        );
        assert!(
            users.len() < USERS,
            "{} of {USERS} at {percent} %",
            users.len()
        );
        before = users;
    }
    assert!(!before.is_empty(), "nobody of {USERS} users at 50 %");

    // 4. A user out and a user in by name.
    let (inside, outside) = (
        before.first().copied().expect("at 50 % somebody is in"),
        (0..USERS)
            .find(|user| !before.contains(user))
            .expect("somebody is out"),
    );
    let named = |user: usize| format!("/businesses/{APPID}/gray/users/user-{user}");
    let admin = cluster.admin(1);
    admin.put(&named(inside), json!({"side": "out"})).await;
    let after = admin.put(&named(outside), json!({"side": "in"})).await;
    let version = after["version"].as_str().expect("a version").to_owned();
    for node in 0..NODES {
        wait_until("users by name are in effect", async || {
            let answer = release(&cluster, node, business, "/api/order", "user-0")
                .try_send()
                .await
                .ok()?;
            (answer.header("x-wx-conf-version") >= version.as_str()).then_some(())
        })
        .await;
        let of = |user: usize| {
            release(
                &cluster,
                node,
                business,
                "/api/order",
                &format!("user-{user}"),
            )
            .send()
        };
        assert_eq!(of(inside).await.status, 307);
        assert_eq!(of(outside).await.status, 200);
    }

    // 5. Everybody, all URLs.
    let whole = json!([{"domain": cluster.origin.url()}]);
    cluster
        .patch(
            business,
            json!({"access": {"urls": whole, "gray": {"percent": 100, "exclude": []}}}),
        )
        .await;
    assert_eq!(on_link(&cluster, 1, business).await.len(), USERS);
    assert_eq!(everywhere(&cluster, business, "/other").await, 200);

    // 6. Quick disconnect, and back to all of it.
    cluster.switch(business, "disconnect").await;
    assert_eq!(everywhere(&cluster, business, "/other").await, 307);
    cluster.switch(business, "connect").await;
    assert_eq!(everywhere(&cluster, business, "/other").await, 200);
}

#[tokio::test]
async fn the_same_way_by_the_command_line_with_every_refusal_in_words() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    let run = |args: &[&str]| weir(&cluster, 0, args);
    let origin = cluster.origin.url();
    let domain = origin.as_str();

    let shown = run(&["access", APPID]).done();
    assert!(shown.contains("versions       trial"), "{shown}");
    let rule = format!("{domain}/api");
    let args = [
        "access",
        APPID,
        "--versions",
        "release,trial",
        "--urls",
        &rule,
        "--gray",
        "10",
    ];
    let shown = run(&args).done();
    for line in ["versions       release, trial", "10% of users", "/api"] {
        assert!(shown.contains(line), "no `{line}`: {shown}");
    }
    let said = run(&["gray", APPID, "in", "li lei/1"]).done();
    assert!(
        said.contains("User li lei/1") && said.contains("on the link by name."),
        "{said}"
    );
    let said = run(&["gray", APPID, "in", "li lei/1"]).done();
    assert!(said.contains("by name, as before."), "{said}");
    let included = run(&["get", "business", APPID, "--json"]).json();
    assert_eq!(included["access"]["gray"]["include"], json!(["li lei/1"]));
    run(&["gray", APPID, "share", "li lei/1"]).done();
    let shown = run(&["access", APPID, "--urls", "all", "--gray", "100"]).done();
    assert!(
        shown.contains("all of it") && shown.contains("0 in and 0 out"),
        "{shown}"
    );
    wait_until("all of the online version is on the link", async || {
        let answer = release(&cluster, 0, &business, "/other", "user-0")
            .try_send()
            .await
            .ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    run(&["access", APPID, "--versions", "none"]).done();

    run(&["connect", APPID]).refused("no_version_attached", &["access.versions"]);
    let wrong = ["access", APPID, "--versions", "beta"];
    run(&wrong).refused(
        "invalid",
        &["field `access.versions[0]`", "release, trial, develop"],
    );
    let wrong = ["access", APPID, "--gray", "10.123"];
    run(&wrong).refused("invalid", &["field `access.gray.percent`", "two decimals"]);
    let wrong = ["access", APPID, "--urls", "https://elsewhere.example/v1"];
    run(&wrong).refused(
        "invalid",
        &[
            "field `access.urls[0].domain`",
            "elsewhere.example",
            "request_domains",
        ],
    );
    let wrong = [
        "access",
        APPID,
        "--manual-domains",
        "https://elsewhere.example",
    ];
    run(&wrong).refused("invalid", &["field `access.manual_domains[0]`"]);
    let wrong = ["access", APPID, "--min-sdk-version", "new"];
    run(&wrong).refused("invalid", &["field `access.min_sdk_version`", "3.0.2"]);
    run(&["gray", APPID, "out", ""]).refused("unknown_path", &["nothing at"]);
    let long = "u".repeat(129);
    run(&["gray", APPID, "out", &long]).refused("invalid", &["1 to 128 bytes"]);
    for args in [
        ["access", "wx00000000000000ff", "--gray", "5"].as_slice(),
        &["gray", "wx00000000000000ff", "in", "u"],
        &["disconnect", "wx00000000000000ff"],
        &["business", "remove", "wx00000000000000ff", "--yes"],
    ] {
        run(args).refused("not_found", &["`wx00000000000000ff`"]);
    }
}

#[tokio::test]
async fn regions_are_kept_by_the_command_line_and_one_in_use_stays() {
    let cluster = Cluster::start(1).await;
    cluster.attach(0, APPID).await;
    let run = |args: &[&str]| weir(&cluster, 0, args);
    let args = [
        "region",
        "put",
        "beijing",
        "--name",
        "Beijing",
        "--distance",
        "tianjin=110",
    ];
    assert!(run(&args).done().contains("distances: tianjin 110"));
    let said = run(&["region", "put", "beijing", "--distance", "shanghai=1070"]).done();
    assert!(
        said.contains("shanghai 1070, tianjin 110"),
        "what was not said stays: {said}"
    );
    let list = run(&["get", "regions"]).done();
    assert!(
        list.contains("beijing") && list.contains("Beijing") && list.contains("shenzhen"),
        "{list}"
    );
    assert!(
        run(&["region", "remove", "beijing"])
            .done()
            .contains("Region beijing is gone.")
    );
    run(&["region", "remove", "beijing"]).refused("not_found", &["`beijing`", "The regions are"]);
    run(&["region", "remove", "shanghai"]).refused("region_in_use", &["1 businesses", APPID]);
    let wrong = ["region", "put", "wuhan", "--distance", "nowhere=1"];
    run(&wrong).refused("invalid", &["field `distances.nowhere`", "Known regions"]);
    run(&["region", "put", "Wuhan!"]).refused("invalid", &["field `region`"]);
}

#[tokio::test]
async fn one_key_access_tells_each_refusal_on_the_command_line_too() {
    let cluster = Cluster::start(1).await;
    let admin = cluster.admin(0);
    let origin = cluster.origin.url();
    let run = |gateway: &str| weir(&cluster, 0, &["one-key-access", gateway, APPID]);
    let program = async |domains: serde_json::Value, versions: serde_json::Value| {
        let body = json!({"request_domains": domains, "versions": versions});
        let path = format!("/platform/mini-programs/{APPID}");
        admin.put(&path, body).await;
    };
    admin.put("/spaces/acme", json!({})).await;
    for gateway in ["/gateways/shop", "/gateways/other"] {
        admin.put(gateway, json!({"space": "acme"})).await;
    }
    run("shop").refused("agreement_not_accepted", &["`acme`", "version 1"]);
    let agreement = json!({"version": "1", "accepted_by": "li.lei"});
    admin.put("/spaces/acme/agreement", agreement).await;
    run("shop").refused("not_authorized", &[APPID]);
    program(json!([origin]), json!({"release": "1.0.0"})).await;
    run("shop").refused("no_trial_version", &["trial"]);
    program(json!([]), json!({"trial": "1.0.0"})).await;
    run("shop").refused("no_request_domain", &["domain"]);
    program(json!([origin]), json!({"trial": "1.0.0"})).await;
    run("shop").done();
    run("other").refused("bound_elsewhere", &["`shop`"]);
    run("nowhere").refused("not_found", &["`nowhere`"]);
    let wrong = weir(&cluster, 0, &["one-key-access", "shop", "shop"]);
    wrong.refused("invalid", &["field `appid`", "16"]);
}
