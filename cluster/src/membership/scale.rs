//! What gossip of many nodes costs at rest: the whole of membership, with its framing, its guard and its
//! signatures, over queues in memory in place of the mesh's connections. Prints the table of `docs/gossip.md`: figures
//! are of one node in one gossip interval, so that the interval can be as long as this machine needs.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep;
use weir_config::NodeId;
use weir_config::digest::Buckets;

use super::frame::{DigestEntry, Frame, Message};
use super::signed::Said;
use super::tests::trust_of;
use super::transport::Carrier;
use super::{Membership, MembershipConfig, MembershipHandle};
use crate::mesh::Inbound;
use crate::trust::SharedTrust;

/// Every node gossips with a seed in every interval.
const SEEDS: usize = 5;

#[derive(Default)]
struct Fabric {
    queues: HashMap<SocketAddr, mpsc::Sender<Inbound>>,
    frames: AtomicU64,
    bytes: AtomicU64,
    longest: AtomicU64,
}

struct Port {
    fabric: Arc<Fabric>,
    at: SocketAddr,
    node: NodeId,
    trust: SharedTrust,
}

impl Carrier for Port {
    fn send(&self, to: SocketAddr, frame: Bytes) {
        let length = frame.len() as u64;
        self.fabric.frames.fetch_add(1, Ordering::Relaxed);
        self.fabric.bytes.fetch_add(length, Ordering::Relaxed);
        self.fabric.longest.fetch_max(length, Ordering::Relaxed);
        if let Some(queue) = self.fabric.queues.get(&to) {
            let _ = queue.try_send(Inbound {
                from: self.at,
                node: self.node.clone(),
                frame,
            });
        }
    }

    fn expect(&self, _: Vec<(NodeId, SocketAddr)>) {}

    fn trust(&self) -> &SharedTrust {
        &self.trust
    }
}

fn address(n: usize) -> SocketAddr {
    ([10, 0, (n / 250) as u8, (n % 250) as u8 + 1], 7_000).into()
}

fn cluster(nodes: usize, interval: Duration) -> (Arc<Fabric>, Vec<MembershipHandle>) {
    let (mut queues, mut inbounds) = (HashMap::new(), Vec::new());
    for n in 0..nodes {
        let (queue, inbound) = mpsc::channel(1_024);
        queues.insert(address(n), queue);
        inbounds.push(inbound);
    }
    let fabric = Arc::new(Fabric {
        queues,
        ..Fabric::default()
    });
    let start = |(n, inbound)| {
        let (at, id) = (address(n), format!("node-{n}"));
        let port = Port {
            fabric: fabric.clone(),
            at,
            node: id.parse().unwrap(),
            trust: trust_of(&id),
        };
        let config = MembershipConfig {
            cluster: "test".to_owned(),
            node: id.parse().unwrap(),
            region: "shanghai".to_owned(),
            version: "0.1.0".to_owned(),
            mesh_addr: at,
            seeds: (0..SEEDS).map(|n| address(n).to_string()).collect(),
            gossip_interval: interval,
            admin: Some(at),
            link_http: Some(at),
            link_https: Some(at),
        };
        let membership = Membership::start_over(config, Arc::new(port), inbound);
        membership.publish_config(&Buckets::default(), "0123456789abcdef", None);
        membership
    };
    let all = inbounds.into_iter().enumerate().map(start).collect();
    (fabric, all)
}

fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn rss_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "takes two minutes, and a core"]
async fn what_gossip_costs_at_rest() {
    println!("| nodes | interval | frames | kB | longest frame | memory | CPU | all live after |");
    for (nodes, interval_ms) in [(3, 100), (10, 250), (30, 1_000), (100, 3_000)] {
        let interval = Duration::from_millis(interval_ms);
        let before_kib = rss_kib();
        let begun = Instant::now();
        let (fabric, all) = cluster(nodes, interval);
        let live = |one: &MembershipHandle| one.view().borrow().live_peers().count() + 1;
        while !all.iter().all(|one| live(one) == nodes) {
            assert!(
                begun.elapsed() < interval * 100,
                "{nodes} nodes do not meet"
            );
            sleep(Duration::from_millis(20)).await;
        }
        let met = begun.elapsed();
        sleep(interval * 5).await;
        let (frames, bytes, cpu) = (
            fabric.frames.load(Ordering::Relaxed),
            fabric.bytes.load(Ordering::Relaxed),
            cpu_ticks(),
        );
        fabric.longest.store(0, Ordering::Relaxed);
        let watch = Instant::now();
        sleep((interval * 6).max(Duration::from_secs(4))).await;
        let seconds = watch.elapsed().as_secs_f64();
        let intervals = seconds / interval.as_secs_f64();
        let each = |total: u64| total as f64 / intervals / nodes as f64;
        println!(
            "| {nodes} | {interval_ms} ms | {:.0} | {:.1} | {:.1} kB | {} KiB | {:.2} ms | {:.1} intervals |",
            each(fabric.frames.load(Ordering::Relaxed) - frames),
            each(fabric.bytes.load(Ordering::Relaxed) - bytes) / 1_000.0,
            fabric.longest.load(Ordering::Relaxed) as f64 / 1_000.0,
            rss_kib().saturating_sub(before_kib) / nodes as u64,
            each((cpu_ticks() - cpu) * 10),
            met.as_secs_f64() / interval.as_secs_f64(),
        );
        assert!(
            all.iter().all(|one| live(one) == nodes),
            "at rest nobody flaps"
        );
        for one in &all {
            assert_eq!(one.refused().iter().map(|(_, count)| count).sum::<u64>(), 0);
        }
    }
}

/// The same by the piece, for more nodes than fit one machine.
#[test]
#[ignore = "measures"]
fn what_the_pieces_cost() {
    let trust = trust_of("node-1");
    let credentials = trust.credentials();
    let id = chitchat::ChitchatId::new("node-1", 1_700_000_000_000, address(1));
    let row = "r".repeat(200);
    let said = |version| Said {
        cluster: "test",
        id: &id,
        key: "q.AAAAAAAAAAA",
        version,
        sum: Default::default(),
        payload: &row,
    };
    let time = |times: u64, mut what: Box<dyn FnMut(u64) + '_>| {
        let begun = Instant::now();
        (0..times).for_each(&mut what);
        begun.elapsed().as_nanos() as u64 / times
    };
    let sign = time(2_000, Box::new(|n| drop(said(n).sign(&credentials))));
    let value = said(7).sign(&credentials);
    let key = credentials.public();
    let verify = time(
        2_000,
        Box::new(|_| assert!(said(7).is_signed(&value, &key))),
    );
    println!(
        "sign a row of 200 bytes: {sign} ns; verify: {verify} ns; {} bytes more",
        value.len() - row.len()
    );
    for nodes in [100u64, 1_000] {
        let entry = |n: u64| DigestEntry {
            id: chitchat::ChitchatId::new(
                format!("node-{n}"),
                1_700_000_000_000 + n * 977,
                address(n as usize),
            ),
            heartbeat: 5_000_000 + n * 31,
            collected: 0,
            version: 40_000 + n * 7,
        };
        let message = Message::Syn {
            cluster: "test".to_owned(),
            digest: (0..nodes).map(entry).collect(),
        };
        let bytes = Frame {
            version: 1,
            message,
        }
        .write();
        let packed = zstd::bulk::compress(&bytes, 0).unwrap().len();
        let read = time(200, Box::new(|_| assert!(Frame::read(&bytes).is_ok())));
        println!(
            "digest of {nodes} nodes: {} bytes, packed {packed}; read in {} us",
            bytes.len(),
            read / 1_000
        );
    }
}
