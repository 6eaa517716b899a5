//! A package under real load: a cluster, an origin and a client that count, and what they counted beside what
//! the ledger promises (`QUOTA.md`, "What must hold").

use std::time::Duration;

use serde_json::json;

use crate::load::{Body, CountingOrigin, Load, OriginCount, Pace, Series, Stream, Tally};
use crate::{Business, Cluster, wait_until};

const APPID: &str = "wx00000000000000aa";
/// Rule 1: what may pass beyond `L × W` in any window, besides the calls in flight when a bucket ran dry.
pub const BURST: Duration = Duration::from_secs(1);
/// Rule 2.
pub const USE_WANTED: f64 = 0.98;

/// A package and the calls that fit its size.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub bandwidth_bps: u64,
    pub body_bytes: usize,
    /// Of each node.
    pub connections: usize,
}

/// The sizes that are tested.
pub const ONE_MBPS: Size = Size::new(1_000_000, 2_000, 4);
pub const TWENTY_MBPS: Size = Size::new(20_000_000, 16_000, 6);
pub const TWO_HUNDRED_MBPS: Size = Size::new(200_000_000, 120_000, 6);

/// Heads of a call, both ways, about.
const HEADS_BYTES: usize = 650;

/// A cluster with one business under one package.
pub struct PackageRun {
    pub cluster: Cluster,
    pub origin: CountingOrigin,
    pub business: Business,
    pub size: Size,
}

/// Load on all nodes of a run, whose paces may be changed.
pub struct RunningLoad {
    load: Load,
    paces: Vec<Pace>,
    size: Size,
}

/// What a whole run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub tally: Tally,
    pub by_node: Vec<Tally>,
    pub origin: OriginCount,
    pub size: Size,
}

// === impl Size ===

impl Size {
    pub const fn new(bandwidth_bps: u64, body_bytes: usize, connections: usize) -> Self {
        Size {
            bandwidth_bps,
            body_bytes,
            connections,
        }
    }

    /// Bytes a second.
    pub fn limit(&self) -> u64 {
        self.bandwidth_bps / 8
    }

    /// About what one call costs.
    pub fn call_bytes(&self) -> usize {
        self.body_bytes + HEADS_BYTES
    }

    /// Calls a second that want `share` of the package.
    fn pace(&self, share: f64) -> f64 {
        share * self.limit() as f64 / self.call_bytes() as f64
    }
}

// === impl PackageRun ===

impl PackageRun {
    /// `nodes` nodes that agree, with wires that can be cut; `extra` are sections of their settings.
    pub async fn start(nodes: usize, size: Size, extra: &str) -> Self {
        let cluster = Cluster::start_wired(nodes, extra).await;
        let origin = CountingOrigin::start().await;
        let package = json!({ "bandwidth_bps": size.bandwidth_bps });
        let business = cluster
            .attach_domains(0, APPID, &[&origin.url()], package)
            .await;
        PackageRun {
            cluster,
            origin,
            business,
            size,
        }
    }

    pub fn gateway(&self) -> String {
        format!("gw-{APPID}")
    }

    /// Begins load: each node's demand as a share of the whole package. Calls carry their bytes down.
    pub fn load(&self, shares: &[f64]) -> RunningLoad {
        self.load_of(shares, Body::Down(self.size.body_bytes))
    }

    pub fn load_of(&self, shares: &[f64], body: Body) -> RunningLoad {
        let paces: Vec<Pace> = shares
            .iter()
            .map(|share| Pace::new(self.size.pace(*share)))
            .collect();
        let nodes = self.cluster.nodes.iter().zip(&paces);
        let streams: Vec<Stream> = nodes
            .map(|(node, pace)| Stream {
                node: node.http,
                pace: pace.clone(),
                connections: self.size.connections,
                body,
            })
            .collect();
        RunningLoad {
            load: Load::start(&self.business, &streams),
            paces,
            size: self.size,
        }
    }

    /// Lets calls under way end, and counts.
    pub async fn finish(&self, running: RunningLoad) -> Outcome {
        running.paces.iter().for_each(|pace| pace.set(0.0));
        wait_until("the last call has ended at both ends", async || {
            (running.load.under_way() == 0 && self.origin.under_way() == 0).then_some(())
        })
        .await;
        let by_node = running.load.stop().await;
        Outcome {
            tally: by_node.iter().fold(Tally::default(), Tally::and),
            by_node,
            origin: self.origin.count(),
            size: self.size,
        }
    }
}

// === impl RunningLoad ===

impl RunningLoad {
    /// New demand, each node's as a share of the whole package.
    pub fn set(&self, shares: &[f64]) {
        for (pace, share) in self.paces.iter().zip(shares) {
            pace.set(self.size.pace(*share));
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.load.elapsed()
    }

    /// Lets it run for a while.
    pub async fn run_for(&self, time: Duration) {
        self.load.until(self.load.elapsed() + time).await;
    }

    /// Waits until the link carries this share of the package; when that was. The share is taken over the last
    /// second.
    pub async fn carries(&self, share: f64) -> Duration {
        let window = Duration::from_secs(1);
        let wanted = share * self.size.limit() as f64;
        let begun = self.load.elapsed();
        wait_until(
            &format!("the link carries {share} of the package"),
            async || {
                let now = self.load.elapsed();
                let carried = self
                    .load
                    .tally()
                    .link_bytes
                    .rate(now.checked_sub(window)?, now);
                (now >= begun + window && carried >= wanted).then_some(())
            },
        )
        .await;
        self.load.elapsed()
    }

    pub fn series(&self) -> Series {
        self.load.tally().link_bytes
    }

    /// The use between two moments, as a share of the package.
    pub fn used(&self, from: Duration, to: Duration) -> f64 {
        self.series().rate(from, to) / self.size.limit() as f64
    }
}

// === impl Outcome ===

impl Outcome {
    /// The largest excess over any window, in seconds of the limit.
    pub fn excess_seconds(&self) -> f64 {
        self.tally.link_bytes.excess(self.size.limit()) / self.size.limit() as f64
    }

    /// What rule 1 allows: one burst, and the calls in flight when a bucket ran dry, which are at most one a
    /// connection.
    pub fn allowed_excess_seconds(&self) -> f64 {
        let in_flight = self.by_node.len() * self.size.connections * self.size.call_bytes();
        BURST.as_secs_f64() + in_flight as f64 / self.size.limit() as f64
    }

    /// Rules 1 and 4, and that client and origin counted the same.
    ///
    /// # Panics
    /// Where one does not hold.
    pub fn assert_sound(&self, what: &str) {
        println!("{}", self.line(what));
        assert!(
            self.excess_seconds() <= self.allowed_excess_seconds(),
            "over the package: {}",
            self.line(what)
        );
        assert_eq!(
            self.tally.odd, None,
            "an answer that is neither the link nor the public link"
        );
    }

    /// Every byte of a body that the client got on the link, the origin sent, and the other way round.
    ///
    /// # Panics
    /// Where they counted differently.
    pub fn assert_counts_agree(&self) {
        assert_eq!(
            self.tally.failed_calls, 0,
            "no call fails here: {:?}",
            self.tally.odd
        );
        assert_eq!(self.tally.link_calls, self.origin.calls, "calls");
        assert_eq!(
            self.tally.link_body_bytes, self.origin.body_bytes,
            "bytes of bodies"
        );
    }

    /// Measured beside wanted, in one line.
    pub fn line(&self, what: &str) -> String {
        format!(
            "{what}: {} Mbps · excess {:.3} s of L (allowed {:.3}) · link {} calls {} bytes at the client, \
             origin {} calls {} body bytes (client {}) · public {} calls · failed {} {}",
            self.size.bandwidth_bps / 1_000_000,
            self.excess_seconds(),
            self.allowed_excess_seconds(),
            self.tally.link_calls,
            self.tally.link_bytes.total(),
            self.origin.calls,
            self.origin.body_bytes,
            self.tally.link_body_bytes,
            self.tally.public_calls,
            self.tally.failed_calls,
            self.tally.failure.as_deref().unwrap_or_default(),
        )
    }
}
