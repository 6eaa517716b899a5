//! What a full mesh costs at rest: nodes in one process over the real framing, TLS included. Long; run by
//! `scripts/test.sh --long`. `WEIR_MESH_NODES` sets how many (100).

mod nodes;

use std::time::{Duration, Instant};

use nodes::{TestNode, any_port};

/// Gossip of the test; traffic goes with its inverse.
const INTERVAL: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(180);

/// What this process has of its own, bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1_024
}

/// Gossip bytes sent, frames sent, and pairs that are or were connected, over all nodes.
fn sums(nodes: &[TestNode]) -> (u64, u64, usize) {
    let counters = nodes.iter().flat_map(|node| node.mesh.counters());
    counters.fold((0, 0, 0), |(bytes, frames, pairs), (_, n)| {
        let connected = usize::from(n.connections > 0);
        (
            bytes + n.bytes_out,
            frames + n.frames_out,
            pairs + connected,
        )
    })
}

#[test]
#[ignore = "some minutes and some thousand connections"]
fn a_full_mesh_at_rest() {
    let count: usize = std::env::var("WEIR_MESH_NODES").map_or(100, |n| n.parse().unwrap());
    let before = memory();
    let seed = any_port();
    let seed_addr = seed.local_addr().unwrap();
    let mut nodes = vec![TestNode::start_slow("n0", seed, &[], INTERVAL)];
    for n in 1..count {
        let id = format!("n{n}");
        nodes.push(TestNode::start_slow(
            &id,
            any_port(),
            &[seed_addr],
            INTERVAL,
        ));
    }
    let begun = Instant::now();
    let wait = |what: &str, holds: &dyn Fn() -> bool| {
        while !holds() {
            assert!(
                begun.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    wait("all see all", &|| {
        nodes
            .iter()
            .all(|node| node.view().nodes.iter().filter(|n| n.live).count() == count)
    });
    let seen = begun.elapsed();
    // Each talks to some peers a round, so that all pairs are connected after a while.
    wait("nearly all pairs are connected", &|| {
        sums(&nodes).2 >= count * (count - 1) * 9 / 10
    });
    let connected = begun.elapsed();
    let (bytes, frames, _) = sums(&nodes);
    let from = Instant::now();
    std::thread::sleep(MEASURED);
    let took = from.elapsed().as_secs_f64();
    let (bytes_now, frames_now, pairs) = sums(&nodes);
    let each = |sum: u64| sum as f64 / took / count as f64;
    println!(
        "{count} nodes, gossip each {INTERVAL:?}: all see all after {seen:?}, connected after {connected:?}; \
         {} connections ({} a node), memory {:.1} MiB a node, {:.0} B/s and {:.1} frames/s sent by each",
        pairs / 2,
        pairs / count,
        (memory() - before) as f64 / count as f64 / f64::from(1 << 20),
        each(bytes_now - bytes),
        each(frames_now - frames),
    );
    for node in &nodes {
        assert_eq!(node.view().nodes.iter().filter(|n| n.live).count(), count);
    }
}
