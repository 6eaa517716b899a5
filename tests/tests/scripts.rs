//! What `scripts/cluster.sh` says when it cannot do what it is asked, and what it does to the network of the
//! nodes. It runs on a copy, so that a cluster of this checkout stays as it is; the rest of what it does when it
//! can is the demo's to show.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir_tests::admin::Admin;
use weir_tests::process::weir;
use weir_tests::wait_until;

/// A checkout of the scripts alone.
fn copy() -> TempDir {
    let dir = tempfile::Builder::new()
        .prefix("weir-test-")
        .tempdir()
        .expect("a temporary directory");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(scripts)
        .arg(dir.path())
        .status()
        .expect("cp runs");
    assert!(copied.success());
    dir
}

/// Exit status, and what it said on both outputs.
fn cluster_sh(dir: &TempDir, args: &[&str], path: Option<&str>) -> (i32, String) {
    let mut command = Command::new("bash");
    command
        .arg(dir.path().join("scripts/cluster.sh"))
        .args(args)
        .env_remove("WEIR_BIN")
        .env_remove("WEIR_PORT_OFFSET");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output().expect("bash runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn without_a_cluster_nothing_is_done_and_it_says_how_to_get_one() {
    let dir = copy();
    let (status, said) = cluster_sh(&dir, &["status"], None);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("scripts/cluster.sh up"), "{said}");
    for command in ["kill", "stop", "start", "logs", "cut", "heal"] {
        let (status, said) = cluster_sh(&dir, &[command, "2"], None);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("there is no node 2"), "{said}");
        let (status, said) = cluster_sh(&dir, &[command, "first"], None);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("which node?"), "{said}");
    }
    let (status, said) = cluster_sh(&dir, &["down"], None);
    assert_eq!((status, said.trim()), (0, "nothing is running"));
}

#[test]
fn without_cargo_it_says_how_to_get_it() {
    let dir = copy();
    let tools = dir.path().join("bin");
    std::fs::create_dir(&tools).expect("a test's own directory");
    for tool in ["dirname", "mkdir", "cat", "head", "sed", "cut", "wc", "tr"] {
        let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
        let found = found
            .iter()
            .find(|path| path.exists())
            .expect("a common tool");
        std::os::unix::fs::symlink(found, tools.join(tool)).expect("a test's own directory");
    }
    let bash = ["/usr/bin/bash", "/bin/bash"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("bash");
    std::os::unix::fs::symlink(bash, tools.join("bash")).expect("a test's own directory");
    let (status, said) = cluster_sh(&dir, &["up"], tools.to_str());
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("cargo is missing") && said.contains("rustup"),
        "{said}"
    );
}

#[test]
fn an_unknown_command_gets_the_list_of_the_known_ones() {
    let dir = copy();
    let (status, said) = cluster_sh(&dir, &["demmo"], None);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("demmo") && said.contains("demo  "), "{said}");
    let (status, said) = cluster_sh(&dir, &["up", "three"], None);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("how many nodes?"), "{said}");
}

#[test]
fn ports_that_cannot_be_are_refused_and_a_cluster_keeps_its_own() {
    let dir = copy();
    let script = dir.path().join("scripts/cluster.sh");
    let with = |offset: &str| {
        let mut command = Command::new("bash");
        command.arg(&script).arg("status");
        let output = command.env("WEIR_PORT_OFFSET", offset).output();
        let output = output.expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    for wrong in ["-1", "many", "50001"] {
        let (done, said) = with(wrong);
        assert!(!done && said.contains("0 to 50000"), "{said}");
    }
    std::fs::create_dir(dir.path().join(".cluster")).expect("a test's own directory");
    let remembered = dir.path().join(".cluster/port-offset");
    std::fs::write(remembered, "300\n").expect("a test's own directory");
    let (done, said) = with("400");
    assert!(!done && said.contains("moved by 300, not by 400"), "{said}");
    assert!(with("300").0);
}

/// A cluster of the script's own, on ports that are free; taken down when the test ends.
struct ScriptCluster {
    dir: TempDir,
    offset: u16,
}

impl ScriptCluster {
    fn up(nodes: usize) -> Self {
        // Another run may take a port between the look and the use.
        for attempt in 0..5 {
            let cluster = ScriptCluster {
                dir: copy(),
                offset: free_offset(nodes, attempt),
            };
            let (status, said) = cluster.run(&["up", &nodes.to_string()]);
            if status == 0 {
                return cluster;
            }
            assert!(said.contains("is taken by"), "{said}");
        }
        panic!("no free ports for a cluster");
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        let mut command = Command::new("bash");
        let output = command
            .arg(self.dir.path().join("scripts/cluster.sh"))
            .args(args)
            .env("WEIR_BIN", weir())
            .env("WEIR_PORT_OFFSET", self.offset.to_string())
            .output()
            .expect("bash runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (output.status.code().unwrap_or(-1), said)
    }

    fn done(&self, args: &[&str]) -> String {
        let (status, said) = self.run(args);
        assert_eq!(status, 0, "{args:?}: {said}");
        said
    }

    fn admin(&self, node: u16) -> Admin {
        let token = self.dir.path().join(".cluster/node-1/admin-token");
        let token = std::fs::read_to_string(token).expect("the first node has made it");
        let addr = ([127, 0, 0, 1], 9_000 + self.offset + node);
        Admin::new(addr.into(), token.trim())
    }
}

impl Drop for ScriptCluster {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

/// Away from the ports of the documents and below those that the system gives to others, such that all ports of
/// the nodes are free now. Runs at the same time begin to look at different places.
fn free_offset(nodes: usize, attempt: u32) -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let bases = [7_000, 8_000, 8_440, 9_000];
    let nodes = nodes as u16;
    let begin = std::process::id() + attempt * 131;
    (0..1_200)
        .map(|step| 10_000 + ((begin + step) % 1_200) as u16 * 10)
        .find(|offset| {
            let all = bases
                .iter()
                .flat_map(|base| (1..=nodes).map(move |i| base + i));
            free(8_900 + offset) && all.into_iter().all(|port| free(offset + port))
        })
        .expect("free ports")
}

/// Whether a node sees another live.
async fn sees(admin: &Admin, id: &str) -> Option<bool> {
    let cluster = admin.cluster().await?;
    let nodes = cluster["nodes"].as_array()?.clone();
    let node = nodes.into_iter().find(|node| node["id"] == id);
    Some(node.is_some_and(|node| node["live"] == true))
}

#[tokio::test]
async fn a_node_is_cut_off_and_healed_by_the_script() {
    let cluster = ScriptCluster::up(3);
    let said = cluster.done(&["cut", "3", "900"]);
    assert!(
        said.contains("node 3 is cut off") && said.contains("heal 3"),
        "{said}"
    );
    let [first, second, third] = [1, 2, 3].map(|node| cluster.admin(node));
    for other in [&first, &second] {
        assert_eq!(sees(other, "tianjin-1").await, Some(false));
    }
    wait_until("the one that is cut off sees nobody", async || {
        let [a, b] = [
            sees(&third, "shanghai-1").await?,
            sees(&third, "shenzhen-1").await?,
        ];
        (!a && !b).then_some(())
    })
    .await;
    let shown = third.cluster().await.expect("its admin API goes on");
    assert_eq!(shown["drill"]["cut"], true);
    let status = cluster.done(&["status"]);
    assert!(status.contains("node 3 is cut off"), "{status}");
    assert!(
        status.contains("as node 1 sees it, the nodes that run agree"),
        "{status}"
    );

    let (_, wrong) = cluster.run(&["cut", "3", "long"]);
    assert!(wrong.contains("how long?"), "{wrong}");
    let (_, wrong) = cluster.run(&["cut", "3", "3601"]);
    assert!(wrong.contains("1 to 3600 seconds"), "{wrong}");

    first.put("/spaces/acme", json!({"name": "Acme"})).await;
    wait_until("the change is where it can be", async || {
        let there = second
            .try_call(http::Method::GET, "/spaces/acme", None)
            .await;
        (there.ok()?.status == 200).then_some(())
    })
    .await;
    let missing = third.call(http::Method::GET, "/spaces/acme", None).await;
    assert_eq!(missing.status, 404, "{}", missing.text());

    let said = cluster.done(&["heal", "3"]);
    assert!(said.contains("they agree"), "{said}");
    let space: Value = third.get("/spaces/acme").await;
    assert_eq!(space["name"], "Acme");
    assert!(third.cluster().await.expect("it answers")["drill"].is_null());
}
