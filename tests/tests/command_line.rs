//! The command line against a running cluster.

use serde_json::{Value, json};
use weir_tests::process::weir_command;
use weir_tests::{Cluster, wait_until};

const APPID: &str = "wx0000000000000101";

/// Runs `weir` against node `node`; what it printed.
fn weir(cluster: &Cluster, node: usize, args: &[&str]) -> String {
    let output = weir_command(args)
        .env(
            "WEIR_ADMIN",
            format!("http://{}", cluster.nodes[node].admin_addr),
        )
        .env("WEIR_TOKEN", &cluster.token)
        .output()
        .expect("weir runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "weir {}: {errors}", args.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// A mini program, its space, and a gateway to attach it to.
fn document(cluster: &Cluster) -> Value {
    json!({
        "mini_programs": [
            { "appid": APPID, "request_domains": [cluster.origin.url()], "versions": { "trial": "1.0.0" } }
        ],
        "spaces": [
            { "id": "acme", "mini_programs": [APPID],
              "agreement": { "version": "1", "accepted_by": "li.lei", "accepted_at_ms": 1_767_225_600_000u64 } }
        ],
        "gateways": [
            { "id": "shop", "space": "acme",
              "package": { "name": "standard", "bandwidth_bps": 20_000_000, "qps": 1000 } }
        ],
    })
}

#[tokio::test]
async fn a_cluster_can_be_run_by_the_command_line_alone() {
    let cluster = Cluster::start(3).await;
    let table = weir(&cluster, 0, &["cluster"]);
    for node in &cluster.nodes {
        assert!(
            table.contains(&node.id) && table.contains(&node.region),
            "{table}"
        );
    }
    let file = cluster.dir().join("config.json");
    std::fs::write(&file, document(&cluster).to_string()).expect("a test's own directory");
    let file = file.to_str().expect("text");
    let plan = weir(&cluster, 0, &["diff", "-f", file]);
    assert!(plan.contains("create  gateway/shop"), "{plan}");
    let applied = weir(&cluster, 0, &["apply", "-f", file]);
    assert!(applied.ends_with("Applied.\n"), "{applied}");
    let again = weir(&cluster, 0, &["apply", "-f", file]);
    assert!(again.contains("there is nothing to change"), "{again}");
    // Whatever node has it by now, all will.
    cluster.agree().await;
    weir(&cluster, 1, &["one-key-access", "shop", APPID]);
    cluster.agree().await;

    let business: Value =
        serde_json::from_str(&weir(&cluster, 2, &["get", "business", APPID, "--json"]))
            .expect("JSON");
    let domain = business["access_domain"]
        .as_str()
        .expect("an access domain")
        .to_owned();
    let status = async || {
        let call = weir_tests::Call::get(cluster.nodes[0].http, &domain, "/x")
            .header("x-wx-env-version", "trial");
        call.try_send()
            .await
            .ok()
            .map(|answer| answer.status.as_u16())
    };
    wait_until("the link is open", async || {
        (status().await == Some(200)).then_some(())
    })
    .await;
    weir(&cluster, 2, &["disconnect", APPID]);
    wait_until("the link is shut", async || {
        (status().await == Some(307)).then_some(())
    })
    .await;
    weir(&cluster, 1, &["connect", APPID]);
    wait_until("the link is open again", async || {
        (status().await == Some(200)).then_some(())
    })
    .await;
    assert!(weir(&cluster, 0, &["get", "spaces"]).contains("acme"));
}

#[tokio::test]
async fn what_was_changed_comes_back_from_the_history_from_a_document_and_from_a_backup() {
    let mut cluster = Cluster::start(1).await;
    let path = |name: &str| {
        let path = cluster.dir().join(name);
        path.to_str().expect("text").to_owned()
    };
    let (by_hand, exported, backup) = (path("hand.json"), path("config.yaml"), path("weir.db"));
    std::fs::write(&by_hand, document(&cluster).to_string()).expect("a test's own directory");
    weir(&cluster, 0, &["apply", "-f", &by_hand]);
    weir(&cluster, 0, &["one-key-access", "shop", APPID]);
    weir(&cluster, 0, &["export", "--out", &exported]);
    weir(&cluster, 0, &["backup", "--out", &backup]);
    let whole = weir(&cluster, 0, &["export", "--format", "json"]);

    // Everything but the mini program's business: what the document by hand does not list goes.
    weir(&cluster, 0, &["apply", "-f", &by_hand, "--prune", "--yes"]);
    assert!(weir(&cluster, 0, &["get", "businesses"]).contains("There are none."));
    let page = weir(&cluster, 0, &["history", "--object", "business", "--json"]);
    let page: Value = serde_json::from_str(&page).expect("JSON");
    assert_eq!(page["items"][0]["action"], "deleted");
    let version = page["items"][1]["version"].as_str().expect("a version");
    weir(&cluster, 0, &["history", "restore", version]);
    assert_eq!(weir(&cluster, 0, &["export", "--format", "json"]), whole);

    weir(&cluster, 0, &["apply", "-f", &by_hand, "--prune", "--yes"]);
    let applied = weir(&cluster, 0, &["apply", "-f", &exported]);
    assert!(
        applied.contains(&format!("create  business/{APPID}")),
        "{applied}"
    );
    assert_eq!(weir(&cluster, 0, &["export", "--format", "json"]), whole);

    weir(&cluster, 0, &["apply", "-f", &by_hand, "--prune", "--yes"]);
    let settings = cluster.nodes[0].settings_file();
    let restore = || {
        let settings = settings.to_str().expect("text");
        let output = weir_command(&["restore", "--config", settings, "--from", &backup]).output();
        let output = output.expect("weir runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (restored, why) = restore();
    assert!(!restored && why.contains("stop it first"), "{why}");
    cluster.nodes[0].stop().await;
    let (restored, why) = restore();
    assert!(restored, "{why}");
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    assert_eq!(weir(&cluster, 0, &["export", "--format", "json"]), whole);
}
