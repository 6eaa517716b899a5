//! Keys and join tokens are nowhere but where they have to be: planted, used, and looked for in everything that a
//! cluster writes and says.

use std::path::Path;

use http::Method;
use serde_json::json;
use tempfile::TempDir;
use weir_tests::process::weir_command;
use weir_tests::{Admin, Node, wait_until};

const TRACE: &str = "[log]\nlevel = \"trace\"\n";

fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("weir-test-")
        .tempdir()
        .expect("a temporary directory")
}

async fn started(dir: &TempDir, id: &str, settings: &str, join: Option<String>) -> Node {
    let mut node = Node::new(dir.path(), id, "shanghai", settings);
    node.configure(&[]);
    node.join = join;
    node.start();
    node.ready().await;
    node
}

/// The parts of every key file of a node that are secret.
fn keys(node: &Node) -> Vec<String> {
    let dir = node.data_dir().join("mesh");
    let listed = std::fs::read_dir(dir).expect("its keys");
    let files = listed.map(|file| file.expect("its keys").path());
    let secret = files.filter(|file| !file.ends_with("identity.json"));
    // One may be written, and another be destroyed, this very moment.
    let texts = secret.filter_map(|file| std::fs::read_to_string(file).ok());
    let mut found = Vec::new();
    for text in texts {
        let Some((_, key)) = text.split_once("PRIVATE KEY-----") else {
            continue;
        };
        let key: String = key.replace("\\n", "\n").replace("\\r", "");
        let lines = key.lines().map(str::trim).filter(|line| line.len() > 20);
        found.extend(
            lines
                .filter(|line| !line.starts_with('-'))
                .map(str::to_owned),
        );
    }
    assert!(!found.is_empty());
    found
}

/// Every file under a directory that is no key file, whole.
fn written(dir: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).expect("a test's own directory") {
        let path = entry.expect("a test's own directory").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_key = name == "node-key.pem" || name.starts_with("authority-key-");
        if path.is_dir() {
            written(&path, all);
        } else if !is_key && name != "admin-token" && name != "seal-key" {
            all.push((
                path.display().to_string(),
                std::fs::read(&path).expect("a file"),
            ));
        }
    }
}

async fn token(admin: &Admin, node: &str) -> String {
    admin.join_token(node).await
}

#[tokio::test]
async fn no_key_and_no_token_is_in_a_store_a_backup_an_export_a_log_or_an_error() {
    let dir = directory();
    let first = started(&dir, "shanghai-1", TRACE, None).await;
    let root = first.token().expect("the first token");
    let admin = first.admin(&root);
    let join = token(&admin, "shanghai-2").await;
    let second = started(&dir, "shanghai-2", TRACE, Some(join.clone())).await;
    let mut secrets = vec![join.split_once('@').expect("TOKEN@HOST:PORT").0.to_owned()];
    secrets.extend(keys(&first));
    secrets.extend(keys(&second));

    // Everything that touches them: a token that is used up, one that is never used, rotation, revocation.
    let mut said = Vec::new();
    let mut late = Node::new(dir.path(), "shanghai-3", "shanghai", TRACE);
    late.configure(&[]);
    late.join = Some(join);
    late.start();
    assert!(!late.ended().await.success());
    secrets.push(
        token(&admin, "shanghai-4")
            .await
            .split_once('@')
            .expect("whole")
            .0
            .to_owned(),
    );
    for _ in 0..3 {
        let (answer, _) = wait_until("a step of the rotation", async || {
            let answer = admin.call(Method::POST, "/cluster/rotate-keys", None).await;
            (answer.status == 200).then_some(answer)
        })
        .await;
        said.push(("rotation".to_owned(), answer.text().as_bytes().to_vec()));
        secrets.extend(keys(&first));
        secrets.extend(keys(&second));
    }
    let revoked = admin.post("/cluster/nodes/shanghai-2/revoke", None).await;
    said.push(("revocation".to_owned(), revoked.to_string().into_bytes()));

    for path in [
        "/cluster",
        "/history?limit=500",
        "/export",
        "/apply?dry_run=true",
    ] {
        let method = if path.starts_with("/apply") {
            Method::POST
        } else {
            Method::GET
        };
        let body = json!({});
        let body = (method == Method::POST).then_some(&body);
        let answer = admin.call(method, path, body).await;
        said.push((path.to_owned(), answer.text().as_bytes().to_vec()));
    }
    said.push((
        "metrics".to_owned(),
        admin.metrics().await.expect("it answers").into_bytes(),
    ));
    let backup = dir.path().join("backup.db");
    let taken = weir_command(&["backup", "--out", backup.to_str().expect("text")])
        .env("WEIR_ADMIN", format!("http://{}", first.admin_addr))
        .env("WEIR_TOKEN", &root)
        .output()
        .expect("weir runs");
    assert!(taken.status.success());
    written(dir.path(), &mut said);

    // What may be found is found.
    assert!(
        said.iter()
            .any(|(place, text)| place.starts_with("/history")
                && String::from_utf8_lossy(text).contains("node/shanghai-2"))
    );
    secrets.sort();
    secrets.dedup();
    // Two nodes, two authorities, two tokens.
    assert!(secrets.len() >= 6, "{}", secrets.len());
    let finely = |log: &[u8]| String::from_utf8_lossy(log).contains(" DEBUG ");
    let logs = said.iter().filter(|(name, _)| name.ends_with("node.log"));
    let finely_logged = logs.filter(|(_, log)| finely(log)).count();
    assert!(finely_logged >= 2, "{finely_logged}");
    for (place, bytes) in &said {
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{}… is in {place}", &secret[..12]);
        }
    }
}

#[tokio::test]
async fn with_a_seal_key_from_outside_no_key_lies_in_clear_on_the_disk() {
    let dir = directory();
    let seal = format!("[seal]\nkey = \"{}\"\n", "5e".repeat(32));
    let node = started(&dir, "shanghai-1", &seal, None).await;
    let mut files = 0;
    for file in std::fs::read_dir(node.data_dir().join("mesh")).expect("its keys") {
        let file = file.expect("its keys").path();
        let text = std::fs::read_to_string(&file).expect("its keys");
        assert!(!text.contains("PRIVATE"), "{} is in clear", file.display());
        files += 1;
    }
    assert_eq!(files, 3, "its key, the authority's, and what is no secret");
}
