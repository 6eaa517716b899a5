//! A copy of the store taken while it is written, and a node brought back from nothing, from a peer, from a
//! copy.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use serde_json::{Value, json};
use weir_tests::process::weir_command;
use weir_tests::{Admin, Cluster, Random, wait_until};

/// Writes mini programs one after the other; those that a node has taken, in order.
async fn write(admin: Admin, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let appid = format!("wx{number:016x}");
        let body = json!({ "name": appid, "request_domains": [], "versions": {} });
        let path = format!("/platform/mini-programs/{appid}");
        admin.put(&path, body).await;
        taken.push(appid);
    }
    taken
}

fn weir(cluster: &Cluster, args: &[&str]) -> (bool, String) {
    let output = weir_command(args)
        .env(
            "WEIR_ADMIN",
            format!("http://{}", cluster.nodes[0].admin_addr),
        )
        .env("WEIR_TOKEN", &cluster.token)
        .output()
        .expect("weir runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

async fn export(cluster: &Cluster, node: usize) -> Value {
    cluster.admin(node).get("/export").await
}

async fn programs(cluster: &Cluster, node: usize) -> usize {
    cluster
        .admin(node)
        .list("/platform/mini-programs")
        .await
        .len()
}

#[tokio::test]
async fn a_backup_taken_while_changes_are_made_opens_and_holds_all_that_was_taken_before_it() {
    let mut cluster = Cluster::start(1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(cluster.admin(0), stop.clone()));
    let mut held = Vec::new();
    let mut last = 0;
    for i in 0..3 {
        let (before, _) = wait_until("changes go on between copies", async || {
            let now = programs(&cluster, 0).await;
            (now > last).then_some(now)
        })
        .await;
        last = before;
        let file = cluster.dir().join(format!("copy-{i}.db"));
        let (done, said) = weir(&cluster, &["backup", "--out", text(&file)]);
        assert!(done, "{said}");
        held.push((file, before, programs(&cluster, 0).await));
    }
    stop.store(true, Ordering::Relaxed);
    let taken = writer.await.expect("the writer ends");
    println!("{} changes made meanwhile", taken.len());
    assert!(held[2].1 > held[0].1, "changes were made while copies were");

    // While it runs, nothing is put under it.
    let settings = cluster.nodes[0].settings_file();
    let restore = |file: &Path| {
        vec![
            "restore".to_owned(),
            "--config".to_owned(),
            text(&settings).to_owned(),
            "--from".to_owned(),
            text(file).to_owned(),
        ]
    };
    let run = |args: Vec<String>| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        weir(&cluster, &args)
    };
    let (done, said) = run(restore(&held[0].0));
    assert!(!done && said.contains("a node is running"), "{said}");
    let commands: Vec<_> = held
        .iter()
        .map(|(file, before, after)| (restore(file), *before, *after))
        .collect();
    for (command, before, after) in commands {
        cluster.nodes[0].kill().await;
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let (done, said) = weir(&cluster, &args);
        assert!(done, "{said}");
        cluster.nodes[0].configure(&[]);
        cluster.nodes[0].start();
        cluster.nodes[0].ready().await;
        let now = programs(&cluster, 0).await;
        println!("a copy holds {now}, {before} before it was taken and {after} after");
        assert!(
            (before..=after).contains(&now),
            "{before} ≤ {now} ≤ {after}"
        );
    }
}

#[tokio::test]
async fn a_store_copied_at_random_moments_as_a_power_cut_leaves_it_holds_all_that_was_acknowledged()
{
    let mut random = Random::seeded();
    let cluster = Cluster::start(1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(cluster.admin(0), stop.clone()));
    let mut copies = Vec::new();
    for i in 0..5 {
        tokio::time::sleep(random.millis(20..300)).await;
        let acknowledged = programs(&cluster, 0).await;
        let copy = cluster.dir().join(format!("cut-{i}"));
        cut_power(&cluster.nodes[0].data_dir(), &copy);
        copies.push((copy, acknowledged));
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.expect("the writer ends");
    for (copy, acknowledged) in copies {
        let mut after = weir_tests::Node::new(&copy, "shanghai-1", "shanghai", "");
        after.configure(&[]);
        after.start();
        after.ready().await;
        let held = after
            .admin(&cluster.token)
            .list("/platform/mini-programs")
            .await
            .len();
        println!("{acknowledged} were acknowledged before the cut, {held} are there after it");
        assert!(held >= acknowledged);
        after.kill().await;
    }
}

/// Copies a store as it lies on the disk at this moment. The log goes first: what is moved from it into the
/// main file meanwhile is then in both.
fn cut_power(data: &Path, copy: &Path) {
    let to = copy.join("shanghai-1").join("data");
    std::fs::create_dir_all(&to).expect("a test's own directory");
    for name in ["weir.db-wal", "weir.db"] {
        let from = data.join(name);
        if from.exists() {
            std::fs::copy(from, to.join(name)).expect("a test's own directory");
        }
    }
    std::fs::create_dir_all(to.join("mesh")).expect("a test's own directory");
    for file in std::fs::read_dir(data.join("mesh")).expect("the node's keys") {
        let file = file.expect("the node's keys");
        let to = to.join("mesh").join(file.file_name());
        std::fs::copy(file.path(), to).expect("a test's own directory");
    }
}

#[tokio::test]
async fn a_node_comes_back_from_nothing_from_a_peer_and_from_an_old_backup() {
    let mut cluster = Cluster::start(3).await;
    let file = cluster.dir().join("copy.db");
    let put = async |cluster: &Cluster, number: u64| {
        let path = format!("/platform/mini-programs/wx{number:016x}");
        let body = json!({ "request_domains": [], "versions": {} });
        cluster.admin(0).put(&path, body).await;
        cluster.agree().await;
    };
    for number in 0..5 {
        put(&cluster, number).await;
    }
    let (done, said) = weir(&cluster, &["backup", "--out", text(&file)]);
    assert!(done, "{said}");
    let settings = cluster.nodes[2].settings_file();
    let settings = text(&settings);

    for (number, way) in [(5, "nothing"), (6, "peer"), (7, "backup")] {
        put(&cluster, number).await;
        cluster.nodes[2].kill().await;
        match way {
            "nothing" => cluster.nodes[2].lose_data(),
            "peer" => {
                let (done, said) =
                    weir(&cluster, &["restore", "--config", settings, "--from-peer"]);
                assert!(done, "{said}");
            }
            _ => {
                let from = ["restore", "--config", settings, "--from", text(&file)];
                let (done, said) = weir(&cluster, &from);
                assert!(done, "{said}");
            }
        }
        if way == "nothing" {
            cluster.start_anew(2).await;
        } else {
            cluster.nodes[2].start();
        }
        cluster.nodes[2].ready().await;
        let took = cluster.agree().await;
        println!("back from {way} {took:?} after it was ready");
        assert_eq!(
            export(&cluster, 2).await,
            export(&cluster, 0).await,
            "{way}"
        );
        assert_eq!(
            programs(&cluster, 2).await,
            usize::try_from(number).expect("few") + 1
        );
        // It takes changes again, under its own name.
        let body = json!({ "name": way });
        let answer = cluster
            .admin(2)
            .call(Method::PUT, "/spaces/shop?ack=all", Some(&body))
            .await;
        assert!(
            answer.status.is_success() && answer.status != 202,
            "{}",
            answer.text()
        );
    }
}
