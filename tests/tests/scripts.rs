//! What `scripts/cluster.sh` says when it cannot do what it is asked. It runs on a copy, so that a cluster
//! of this checkout stays as it is; what it does when it can is the demo's to show.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

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
        .env_remove("WEIR_BIN");
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
fn what_comes_later_is_refused_by_its_own_status() {
    let dir = copy();
    for command in ["cut", "heal"] {
        let (status, said) = cluster_sh(&dir, &[command, "1"], None);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("not available yet"), "{said}");
    }
}

#[test]
fn without_a_cluster_nothing_is_done_and_it_says_how_to_get_one() {
    let dir = copy();
    let (status, said) = cluster_sh(&dir, &["status"], None);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("scripts/cluster.sh up"), "{said}");
    for command in ["kill", "stop", "start", "logs"] {
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
