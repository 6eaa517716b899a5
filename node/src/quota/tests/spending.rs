//! What the nodes together let through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weir_cluster::ledger::Meter;
use weir_cluster::mesh::server;

use super::nodes::{TestNode, eventually, three_nodes};

const LIMIT: f64 = 1_000_000.0;
const CALL_BYTES: u64 = 2_000;

/// Clients that ask as much as they are let, until dropped.
struct Clients {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Clients {
    fn of(node: &TestNode) -> Self {
        let (meter, stop) = (node.meter(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Four times the limit is asked for.
                for _ in 0..4 {
                    call(&meter);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let thread = Some(thread);
        Clients { stop, thread }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn call(meter: &Arc<Meter>) {
    match meter.admit(CALL_BYTES) {
        Ok(charge) => charge.add(CALL_BYTES),
        Err(_) => meter.count_overflow(1, 0),
    }
}

/// Watches what all meters together let through.
struct Watch {
    meters: Vec<Arc<Meter>>,
    began: Instant,
    /// When, and what had been charged by then.
    marks: Vec<(f64, u64)>,
}

impl Watch {
    fn of(nodes: &[&TestNode]) -> Self {
        Watch {
            meters: nodes.iter().map(|node| node.meter()).collect(),
            began: Instant::now(),
            marks: Vec::new(),
        }
    }

    fn also(&mut self, node: &TestNode) {
        self.meters.push(node.meter());
    }

    /// Looks, and holds the limit: over any window the limit, a burst, and a call for each node.
    fn look(&mut self) {
        // The time is taken before the bytes are first seen and after they are last, so that a pause of this
        // thread is no excess.
        let before = self.began.elapsed().as_secs_f64();
        let charged = self.meters.iter().map(|meter| meter.charged_bytes()).sum();
        let after = self.began.elapsed().as_secs_f64();
        let burst = LIMIT + (CALL_BYTES * self.meters.len() as u64) as f64;
        for &(at, had) in &self.marks {
            let used = (charged - had) as f64;
            assert!(
                used <= LIMIT * (after - at) + burst,
                "{used} bytes in {} s",
                after - at
            );
        }
        self.marks.push((before, charged));
    }

    /// Use of the limit over the last while.
    fn use_over(&self, seconds: f64) -> f64 {
        let Some(&(now, charged)) = self.marks.last() else {
            return 0.0;
        };
        let from = self.marks.iter().rev().find(|(at, _)| now - at >= seconds);
        from.map_or(0.0, |(at, had)| (charged - had) as f64 / (now - at) / LIMIT)
    }

    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let took = eventually(what, || {
            std::thread::sleep(Duration::from_millis(8));
            self.look();
            holds(self)
        });
        eprintln!("{what}: {took:?}");
    }
}

#[test]
fn all_demand_on_one_node_gets_the_whole_package_and_never_more() {
    let nodes = three_nodes();
    let mut watch = Watch::of(&[&nodes[0], &nodes[1], &nodes[2]]);
    let clients = Clients::of(&nodes[0]);
    watch.until("nine tenths of the package is used on a", |watch| {
        watch.use_over(1.0) > 0.9
    });
    let a = nodes[0].figures();
    assert!(a.received_bytes > 0 && a.overflow.package_bandwidth > 0);
    assert!(nodes[1].figures().given_bytes > 0);
    drop(clients);
    let _clients = Clients::of(&nodes[2]);
    let from = nodes[2].meter().charged_bytes();
    watch.until("and on c, when it moves there", |watch| {
        nodes[2].meter().charged_bytes() > from + 1_000_000 && watch.use_over(1.0) > 0.9
    });
}

#[test]
fn a_restarted_node_mints_no_free_burst() {
    let [a, b, c] = three_nodes();
    let mut watch = Watch::of(&[&a, &b, &c]);
    let clients = [Clients::of(&a), Clients::of(&b)];
    watch.until("half the package is used", |watch| {
        watch.use_over(0.5) > 0.5
    });
    eventually("c holds what it may", || c.meter().balance_bytes() > 0);
    let (addr, disk) = c.kill();
    let c = TestNode::start_on(server::bind(addr).unwrap(), "c", disk, &[a.addr]);
    watch.also(&c);
    let of_c = Clients::of(&c);
    watch.until("c uses its part again", |watch| {
        c.mints(1.0 / 3.0) && watch.meters[3].charged_bytes() > 300_000
    });
    drop((clients, of_c));
}

#[test]
fn a_partition_lets_no_more_through_and_whoever_is_alone_stops_minting() {
    let [a, b, c] = three_nodes();
    let mut watch = Watch::of(&[&a, &b, &c]);
    let clients = [&a, &b, &c].map(Clients::of);
    watch.until("the package is used", |watch| watch.use_over(1.0) > 0.8);
    c.mesh.cut().cut_all();
    watch.until("c is fenced, and the others have its share", |_| {
        let fenced = c.figures().fenced.is_some();
        fenced && a.mints(0.5) && b.mints(0.5)
    });
    watch.until("the others use the package", |watch| {
        watch.use_over(1.0) > 0.8
    });
    c.mesh.cut().heal();
    watch.until("c has a third again", |_| {
        [&a, &b, &c].iter().all(|n| n.mints(1.0 / 3.0))
    });
    drop(clients);
}
