//! What a person reads when something is wrong: what happened, and how to mend it.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use weir_tests::process::{Process, weir_command};
use weir_tests::sentence::assert_clear;
use weir_tests::{Call, Cluster, Node};

/// Longer than any start takes that is going to fail.
const PATIENCE: Duration = Duration::from_secs(20);

fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("weir-test-")
        .tempdir()
        .expect("a temporary directory")
}

/// Runs `weir` to its end: how it ended, and the last line it left, which is what a person reads.
async fn run(dir: &Path, args: &[&str]) -> (ExitStatus, String) {
    let log = dir.join(format!("run-{}.log", args.join("-").replace('/', "_")));
    let mut process = Process::start("weir", weir_command(args), &log);
    let status = process.ended_within(PATIENCE).await;
    let text = process.log();
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    (status, errors.last().copied().unwrap_or("").to_owned())
}

async fn refused_start(node: &Node, dir: &Path) -> String {
    let settings = node.settings_file();
    let (status, message) = run(dir, &["node", "--config", settings.to_str().expect("text")]).await;
    assert!(!status.success(), "it started: {message}");
    message
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_setting() {
    let dir = directory();
    let node = Node::new(dir.path(), "shanghai-1", "shanghai", "");
    node.configure(&[]);
    for (addr, setting) in [
        (node.admin_addr, "admin.listen"),
        (node.http, "link.http"),
        (node.https, "link.https"),
        (node.mesh, "mesh.listen"),
    ] {
        let taken = TcpListener::bind(addr).expect("a free port");
        let message = refused_start(&node, dir.path()).await;
        assert_clear(&message, &[&addr.to_string(), setting]);
        drop(taken);
    }
}

#[tokio::test]
async fn an_unknown_setting_is_named_with_the_nearest_known_one() {
    let dir = directory();
    let node = Node::new(
        dir.path(),
        "shanghai-1",
        "shanghai",
        "[limits]\nbody_bites = 5\n",
    );
    node.configure(&[]);
    let message = refused_start(&node, dir.path()).await;
    assert_clear(&message, &["body_bites", "body_bytes", "node.toml"]);
}

#[tokio::test]
async fn settings_that_are_missing_or_no_toml_say_where() {
    let dir = directory();
    let missing = dir.path().join("missing.toml");
    let (status, message) = run(
        dir.path(),
        &["node", "--config", missing.to_str().expect("text")],
    )
    .await;
    assert!(!status.success());
    assert_clear(&message, &["missing.toml", "--config"]);
    let broken = dir.path().join("broken.toml");
    std::fs::write(&broken, "[node\nid = \"a\"\n").expect("a test's own directory");
    let (status, message) = run(
        dir.path(),
        &["node", "--config", broken.to_str().expect("text")],
    )
    .await;
    assert!(!status.success());
    assert_clear(&message, &["broken.toml", "line"]);
}

#[tokio::test]
async fn a_broken_store_is_named_and_nothing_is_overwritten() {
    let dir = directory();
    let node = Node::new(dir.path(), "shanghai-1", "shanghai", "");
    node.configure(&[]);
    std::fs::create_dir_all(node.data_dir()).expect("a test's own directory");
    let file = node.data_dir().join("weir.db");
    let rubbish = b"this is not a database, whatever its name says ".repeat(200);
    std::fs::write(&file, &rubbish).expect("a test's own directory");
    let message = refused_start(&node, dir.path()).await;
    assert_clear(&message, &["weir.db", "broken"]);
    assert_eq!(std::fs::read(&file).expect("it is there still"), rubbish);
}

#[tokio::test]
async fn a_second_node_on_the_same_data_is_refused() {
    let cluster = Cluster::start(1).await;
    let first = &cluster.nodes[0];
    let dir = directory();
    let second = Node::new(dir.path(), "shanghai-2", "shanghai", "");
    second.configure(&[first.mesh]);
    let settings = std::fs::read_to_string(second.settings_file()).expect("written above");
    let own = second.data_dir().display().to_string();
    let settings = settings.replace(&own, &first.data_dir().display().to_string());
    std::fs::write(second.settings_file(), settings).expect("a test's own directory");
    let message = refused_start(&second, dir.path()).await;
    assert_clear(&message, &["data_dir"]);
}

#[tokio::test]
async fn the_admin_api_says_what_is_wrong_with_a_request() {
    let cluster = Cluster::start(1).await;
    let addr = cluster.nodes[0].admin_addr;
    let put = async |path: &str, body: &str| {
        let answer = Call::new(
            http::Method::PUT,
            addr,
            &addr.to_string(),
            &format!("/admin/v1{path}"),
        )
        .header("authorization", &format!("Bearer {}", cluster.token))
        .header("content-type", "application/json")
        .body(weir_tests::client::whole(body.to_owned().into()))
        .send()
        .await;
        assert!(
            answer.status.is_client_error(),
            "{} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    };
    let wrong_json = put("/spaces/shop", "{\"name\": ").await;
    assert_clear(wrong_json["detail"].as_str().unwrap_or(""), &["JSON"]);
    let missing = put("/gateways/first", "{}").await;
    assert_clear(missing["detail"].as_str().unwrap_or(""), &["space"]);
    let unknown = put("/spaces/shop", "{\"nam\": \"x\"}").await;
    assert_clear(unknown["detail"].as_str().unwrap_or(""), &["nam"]);
    let no_space = put("/gateways/first", "{\"space\":\"nowhere\"}").await;
    assert_clear(no_space["detail"].as_str().unwrap_or(""), &["nowhere"]);
    let bad_appid = put(
        "/platform/mini-programs/shop",
        "{\"request_domains\":[],\"versions\":{}}",
    )
    .await;
    assert_clear(bad_appid["detail"].as_str().unwrap_or(""), &["wx", "16"]);
    let bad_domain = json!({ "request_domains": ["no domain"], "versions": {} }).to_string();
    let bad_domain = put("/platform/mini-programs/wx0123456789abcdef", &bad_domain).await;
    assert_clear(bad_domain["detail"].as_str().unwrap_or(""), &["no domain"]);
    assert!(
        bad_domain["field"]
            .as_str()
            .is_some_and(|field| field.contains("request_domains")),
        "{bad_domain}"
    );
}

#[tokio::test]
async fn an_unknown_host_on_the_link_is_told_what_it_should_be() {
    let cluster = Cluster::start(1).await;
    let answer = Call::get(cluster.nodes[0].http, "shop.example", "/x")
        .send()
        .await;
    let document = answer.json();
    assert_eq!(
        (answer.status.as_u16(), document["errCode"].as_i64()),
        (404, Some(102_016))
    );
    let message = document["detail"].as_str().unwrap_or("");
    assert_clear(message, &["shop.example", "access domain"]);
}

#[tokio::test]
async fn the_origin_and_the_command_line_say_what_is_wrong_too() {
    let dir = directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("bound").to_string();
    let (status, message) = run(dir.path(), &["origin", "--listen", &addr]).await;
    assert!(!status.success());
    assert_clear(&message, &[&addr, "--listen"]);
    let nobody = weir_tests::ports::free_addr();
    let url = format!("http://{nobody}");
    let (status, message) = run(dir.path(), &["cluster", "--admin", &url, "--token", "t"]).await;
    assert!(!status.success());
    assert_clear(&message, &[&nobody.to_string()]);
}
