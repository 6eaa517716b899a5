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
    let document = json!([
        { "kind": "gateway", "id": "shop", "space": "acme", "package": { "name": "standard" } },
        { "kind": "space", "id": "acme", "agreement": { "version": "1", "accepted_by": "li.lei" } },
        { "kind": "mini_program", "id": APPID, "request_domains": [cluster.origin.url()],
          "versions": { "trial": "1.0.0" } },
    ]);
    let file = cluster.dir().join("config.json");
    std::fs::write(&file, document.to_string()).expect("a test's own directory");
    let file = file.to_str().expect("text");
    weir(&cluster, 0, &["apply", "-f", file]);
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
