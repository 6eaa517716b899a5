//! What the size of the configuration, and changing it, cost a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use weir_tests::{Admin, Business, Cluster};

use crate::caller::Caller;
use crate::scale::{self, FEW, MANY};
use weir_benches::figures::{Table, Times, ms};

const APPID: &str = "wxffffffffffffffff";
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 1000\n";
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 8;
/// While a node swaps its table: few callers, so that the time of a call is the node's and not the queue's.
const LISTENERS: usize = 2;

/// What calls for some time came to.
#[derive(Default)]
struct Load {
    times: Times,
    lasted: Duration,
    cpu: Duration,
}

pub async fn measure() {
    let mut nodes = Vec::new();
    for businesses in [FEW, MANY] {
        eprintln!("a node with {businesses} businesses");
        let cluster = Cluster::start_with(1, LIMITS).await;
        scale::apply(&cluster, businesses).await;
        let business = cluster.attach(0, APPID).await;
        nodes.push((businesses, cluster, business, Load::default()));
    }
    for round in 0..=ROUNDS {
        for (_, cluster, business, sum) in &mut nodes {
            let load = load(cluster, business, CONNECTIONS, ROUND).await;
            // The first round warms up.
            if round > 0 {
                sum.add(load);
            }
        }
    }
    let mut table = Table::new(format!(
        "Hot path: {ROUNDS} rounds of {} s in turn, {CONNECTIONS} connections",
        ROUND.as_secs()
    ));
    for (businesses, _, _, sum) in &mut nodes {
        sum.lines(&mut table, &format!("{businesses} businesses"));
    }
    let cost = |load: &Load| load.cpu.as_secs_f64() / load.times.count() as f64;
    let (few, many) = (cost(&nodes[0].3), cost(&nodes[1].3));
    let more = format!("{:+.1} %", (many / few - 1.0) * 100.0);
    table.line(
        format!("CPU a call, {MANY} beside {FEW}"),
        more,
        "nothing measurable",
    );
    table.print();

    let (_, cluster, business, _) = &nodes[1];
    swaps(cluster, business).await;
}

/// Calls at rest and while the configuration changes as fast as it can be changed, in turn.
async fn swaps(cluster: &Cluster, business: &Business) {
    let mut table = Table::new(format!(
        "Table swap with {MANY} businesses: {ROUNDS} rounds of {} s in turn, {LISTENERS} connections",
        ROUND.as_secs()
    ));
    let (mut rest, mut changing) = (Load::default(), Load::default());
    let changes = Arc::new(AtomicUsize::new(0));
    for _ in 0..ROUNDS {
        rest.add(load(cluster, business, LISTENERS, ROUND).await);
        let stop = Arc::new(AtomicBool::new(false));
        let task = change(
            cluster.admin(0),
            business.id.clone(),
            stop.clone(),
            changes.clone(),
        );
        let task = tokio::spawn(task);
        changing.add(load(cluster, business, LISTENERS, ROUND).await);
        stop.store(true, Ordering::Relaxed);
        task.await.expect("a task that ends");
    }
    rest.lines(&mut table, "at rest");
    let count = changes.load(Ordering::Relaxed);
    changing.lines(&mut table, &format!("{count} changes"));
    let longest = format!("{} → {}", ms(rest.times.max()), ms(changing.times.max()));
    table.line(
        "longest call, at rest → while changing",
        longest,
        "no pause",
    );
    table.print();
}

async fn change(admin: Admin, id: String, stop: Arc<AtomicBool>, changes: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        let number = changes.fetch_add(1, Ordering::Relaxed);
        let patch = json!({ "timeout_ms": 5_000 + number });
        admin
            .patch(&format!("/businesses/{id}?ack=local"), patch)
            .await;
    }
}

async fn load(
    cluster: &Cluster,
    business: &Business,
    connections: usize,
    lasting: Duration,
) -> Load {
    let process = cluster.nodes[0].process();
    let (cpu, begin) = (process.cpu(), Instant::now());
    let callers = (0..connections).map(|_| {
        let (addr, business) = (cluster.nodes[0].http, business.clone());
        tokio::spawn(async move {
            let mut times = Times::default();
            let caller = Caller::connect(addr, &business).await;
            let mut caller = caller.expect("the link is open");
            while begin.elapsed() < lasting {
                let call = caller.call("/bytes/1024", None).await;
                let (status, _, time) = call.expect("the call is answered");
                assert_eq!(status, 200);
                times.add(time);
            }
            times
        })
    });
    let mut load = Load::default();
    for caller in callers.collect::<Vec<_>>() {
        load.times.extend(caller.await.expect("a task that ends"));
    }
    load.lasted = begin.elapsed();
    load.cpu = process.cpu() - cpu;
    load
}

// === impl Load ===

impl Load {
    fn add(&mut self, other: Load) {
        self.times.extend(other.times);
        self.lasted += other.lasted;
        self.cpu += other.cpu;
    }

    fn lines(&mut self, table: &mut Table, what: &str) {
        let count = self.times.count();
        let rate = format!("{:.0} calls/s", count as f64 / self.lasted.as_secs_f64());
        table.line(format!("{what}: {count} calls"), rate, "");
        let cpu = self.cpu.as_secs_f64() * 1e6 / count as f64;
        table.line(format!("{what}: CPU a call"), format!("{cpu:.1} µs"), "");
        let p = |times: &mut Times, share: f64| ms(times.percentile(share));
        let spread = [0.5, 0.99, 0.999].map(|share| p(&mut self.times, share));
        let longest = ms(self.times.max());
        table.line(
            format!("{what}: p50 / p99 / p99.9 / longest"),
            format!("{} / {longest}", spread.join(" / ")),
            "",
        );
    }
}
