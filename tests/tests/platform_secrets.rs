//! What the open platform entrusts to us: shown nowhere, sealed with a key that every node has to have.

use http::Method;
use serde_json::Value;
use weir_tests::open_platform::GATEWAY;
use weir_tests::sentence::assert_clear;
use weir_tests::{Call, Node, OpenPlatform};

const APPID: &str = "wx00000000000000d2";

#[tokio::test]
async fn no_log_file_export_history_or_error_shows_a_secret() {
    let platform = OpenPlatform::start().await;
    let mut cluster = platform.authorised(2, APPID).await;
    cluster.admin(0).one_key_access(GATEWAY, APPID).await;
    platform.refuse(
        "/wxa/getversioninfo",
        45009,
        "reach max api daily quota limit",
        1,
    );
    let mut shown = cluster.admin(0).refresh(APPID).await.text().to_owned();
    for path in [
        "/export",
        "/history?limit=500",
        "/history?object=platform_secret/wechat-component&limit=5",
        "/platform",
        "/cluster",
    ] {
        shown += cluster.admin(1).call(Method::GET, path, None).await.text();
    }
    let history = cluster
        .admin(1)
        .list("/history?object=platform_secret/wechat-component")
        .await;
    assert!(
        (1..=2).contains(&history.len()),
        "no long history of tokens: {history:?}"
    );
    let version = history[0]["version"]
        .as_str()
        .expect("a version")
        .to_owned();
    let entry = cluster.admin(1).get(&format!("/history/{version}")).await;
    assert!(entry["document"]["sealed"].is_null(), "{entry}");
    shown += &entry.to_string();
    let restored = format!("/history/{version}/restore");
    let restored = cluster.admin(1).call(Method::POST, &restored, None).await;
    assert_eq!(
        restored.json()["code"],
        "not_restorable",
        "{}",
        restored.text()
    );
    let metrics = Call::get(cluster.nodes[0].admin_addr, "n", "/metrics")
        .send()
        .await;
    shown += metrics.text();
    for node in &mut cluster.nodes {
        shown += &node.log();
        node.stop().await;
    }
    let secrets = platform.secrets();
    assert!(secrets.len() >= 8, "{}", secrets.len());
    for secret in &secrets {
        assert!(!shown.contains(secret), "{secret} is shown");
        for node in &cluster.nodes {
            let dirs = [node.data_dir(), node.data_dir().join("mesh")];
            let files = dirs
                .iter()
                .flat_map(|dir| std::fs::read_dir(dir).expect("its data"));
            let files = files.map(|file| file.expect("an entry").path());
            for file in files.filter(|file| file.is_file()) {
                let bytes = std::fs::read(&file).expect("a file");
                let found = bytes
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes());
                assert!(!found, "{secret} lies in {}", file.display());
            }
        }
    }
}

#[tokio::test]
async fn a_node_without_the_seal_key_or_a_secret_does_not_start_and_names_the_setting() {
    let platform = OpenPlatform::start().await;
    let settings = platform.settings();
    let without = |line: &str| {
        let kept = settings.lines().filter(|there| !there.starts_with(line));
        kept.collect::<Vec<_>>().join("\n")
    };
    for (line, setting) in [
        ("key = ", "seal.key"),
        ("component_appid", "platform.wechat.component_appid"),
        ("component_secret", "platform.wechat.component_secret"),
        ("message_token", "platform.wechat.message_token"),
        ("encoding_aes_key", "platform.wechat.encoding_aes_key"),
    ] {
        let message = refused_start(&without(line)).await;
        assert_clear(&message, &[setting]);
    }
    let wrong_key = settings.replace(&"5e".repeat(32), "planted-no-key");
    let message = refused_start(&wrong_key).await;
    assert_clear(&message, &["seal.key", "openssl"]);
    assert!(!message.contains("planted"), "{message}");
}

async fn refused_start(settings: &str) -> String {
    let dir = tempfile::Builder::new()
        .prefix("weir-test-")
        .tempdir()
        .expect("a temporary directory");
    let mut node = Node::new(dir.path(), "shanghai-1", "shanghai", settings);
    node.configure(&[]);
    node.start();
    let status = node.ended().await;
    assert!(!status.success(), "it started");
    let log = node.log();
    log.lines().last().unwrap_or("").to_owned()
}

#[tokio::test]
async fn nodes_with_different_seal_keys_say_so() {
    let platform = OpenPlatform::start().await;
    let mut cluster = platform.authorised(1, APPID).await;
    let settings = platform
        .settings()
        .replace(&"5e".repeat(32), &"6f".repeat(32));
    let mut node = Node::new(cluster.dir(), "tianjin-1", "tianjin", &settings);
    node.configure(&[]);
    node.join = Some(cluster.admin(0).join_token("tianjin-1").await);
    node.start();
    node.ready().await;
    cluster.nodes.push(node);
    cluster.agree().await;
    let refused = cluster.admin(1).refresh(APPID).await;
    assert_eq!(
        refused.json()["code"],
        "seal_key_differs",
        "{}",
        refused.text()
    );
    let message: Value = refused.json()["detail"].clone();
    assert_clear(
        message.as_str().unwrap_or(""),
        &["WEIR_SEAL_KEY", "every node"],
    );

    // A node whose own key was changed says so before it starts: its certificate's key is sealed with the one before.
    cluster.nodes[1].stop().await;
    let file = cluster.nodes[1].settings_file();
    let settings = std::fs::read_to_string(&file).expect("its settings");
    std::fs::write(&file, settings.replace(&"6f".repeat(32), &"5e".repeat(32)))
        .expect("its settings");
    cluster.nodes[1].start();
    let status = cluster.nodes[1].ended().await;
    assert!(!status.success(), "it started");
    let log = cluster.nodes[1].log();
    assert_clear(
        log.lines().last().unwrap_or(""),
        &["another seal key", "WEIR_SEAL_KEY"],
    );
}
