//! What `/gateways/{gateway}/package` shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_config::object::{ElasticPack, Package};

use super::super::fan_out::Unanswered;
use super::super::moment;
use super::past::{ForecastView, PeaksView};
use crate::quota::{OverflowFigures, PackageFigures, UseFigures, UsedFigures};

/// A gateway's package: its limit over all regions together, and what is used of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageUse {
    pub gateway: String,
    /// When this was asked, RFC 3339.
    pub at: String,
    pub limit: LimitView,
    /// Over all nodes that answered.
    pub used: Windows<UseView>,
    /// Calls beyond the package, of all nodes that answered, since each started.
    pub overflow: OverflowView,
    /// By business, since each node started: those with the most overflow first, at most 200; what the others
    /// have together stands under `other`.
    pub businesses: Vec<BusinessUse>,
    /// The greatest seconds of the past, of all nodes that answered; null where monitoring is off.
    pub peaks: Option<PeaksView>,
    /// When the package is used up if its use goes on growing; null where monitoring is off.
    pub forecast: Option<ForecastView>,
    pub nodes: Vec<NodeUse>,
    /// Nodes whose figures are missing here, and why.
    pub unanswered: Vec<Unanswered>,
}

/// The limit of a gateway now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LimitView {
    pub package: Package,
    /// In force now, each with its end.
    pub elastic_packs: Vec<ElasticPack>,
    /// Package and packs together, bits a second.
    pub bandwidth_bps: u64,
    pub bytes_per_second: u64,
    /// Calls a second; null: no limit on calls.
    pub qps: Option<u64>,
    /// When a pack that begins or ends changes it next; null: never.
    pub changes_at: Option<String>,
}

/// The same figure over the last second and over longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Windows<T> {
    pub now: T,
    pub last_10_s: T,
    pub last_1_min: T,
    pub last_5_min: T,
    pub last_15_min: T,
}

/// What passed, each second of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub bytes: f64,
    pub calls: f64,
    pub overflow_calls: f64,
    pub overflow_bytes: f64,
}

/// What passed, against the limit of the whole cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct UseView {
    pub bytes_per_second: f64,
    pub mbps: f64,
    /// Of the bandwidth that the package allows.
    pub percent: f64,
    pub calls_per_second: f64,
    /// Of the calls that the package allows; null: no limit on calls.
    pub calls_percent: Option<f64>,
    /// Calls a second that took the public link because the package was used up.
    pub overflow_calls_per_second: f64,
    pub overflow_bytes_per_second: f64,
}

/// Calls beyond the package, by the limit that they met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct OverflowView {
    pub bandwidth_calls: u64,
    pub qps_calls: u64,
    /// Bytes that nodes relayed over the public link.
    pub relayed_bytes: u64,
}

/// Calls and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Carried {
    pub calls: u64,
    /// Of calls that were sent elsewhere, what is known of their requests.
    pub bytes: u64,
}

/// What one business had of the link, and what was beyond the package, by the limit that it met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BusinessUse {
    pub business: String,
    pub link: Carried,
    pub beyond_bandwidth: Carried,
    pub beyond_qps: Carried,
}

/// One node's part of a package.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NodeUse {
    pub node: String,
    pub region: String,
    /// Its part of the minting by the plan, 0 to 1.
    pub weight: f64,
    /// Whether it mints now.
    pub minting: bool,
    /// Why it has a weight and does not mint; null else.
    pub fenced: Option<FencedView>,
    pub bytes: BytesHeld,
    /// Null: no limit on calls.
    pub calls: Option<CallsHeld>,
    pub used: Windows<UseView>,
    pub overflow: OverflowView,
}

/// Why a node mints nothing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FencedView {
    /// RFC 3339.
    pub since: String,
    pub why: String,
}

/// The bytes that a node may carry, and where they came from since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct BytesHeld {
    /// May be carried at once; negative is debt that is earned back first.
    pub balance: i64,
    /// What it mints of the limit now, a second.
    pub mints_per_second: u64,
    /// What it expects to be asked for, a second.
    pub demand_per_second: u64,
    /// What it expects to lack, and asks the others for.
    pub need: u64,
    /// What it expects to have over, and offers them.
    pub surplus: u64,
    pub minted: u64,
    pub given: u64,
    pub received: u64,
    /// Minted or received, and neither used nor given in time.
    pub lost: u64,
}

/// The calls that a node may admit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct CallsHeld {
    pub balance: i64,
    pub mints_per_second: f64,
    pub demand_per_second: f64,
}

/// What one node says of a gateway to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    pub figures: PackageFigures,
    pub businesses: Vec<BusinessUse>,
}

// === impl Windows ===

impl<T> Windows<T> {
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Windows<U> {
        Windows {
            now: change(self.now),
            last_10_s: change(self.last_10_s),
            last_1_min: change(self.last_1_min),
            last_5_min: change(self.last_5_min),
            last_15_min: change(self.last_15_min),
        }
    }
}

impl std::ops::AddAssign for Windows<Rates> {
    fn add_assign(&mut self, other: Self) {
        self.now += other.now;
        self.last_10_s += other.last_10_s;
        self.last_1_min += other.last_1_min;
        self.last_5_min += other.last_5_min;
        self.last_15_min += other.last_15_min;
    }
}

// === impl Rates ===

impl Rates {
    /// Against the limit of the whole cluster.
    pub fn of(&self, limit: &LimitView) -> UseView {
        let percent = |of: f64, limit: u64| match limit {
            0 => 0.0,
            limit => of / limit as f64 * 100.0,
        };
        UseView {
            bytes_per_second: self.bytes,
            mbps: self.bytes * 8.0 / 1e6,
            percent: percent(self.bytes * 8.0, limit.bandwidth_bps),
            calls_per_second: self.calls,
            calls_percent: limit.qps.map(|qps| percent(self.calls, qps)),
            overflow_calls_per_second: self.overflow_calls,
            overflow_bytes_per_second: self.overflow_bytes,
        }
    }
}

impl std::ops::AddAssign for Rates {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.calls += other.calls;
        self.overflow_calls += other.overflow_calls;
        self.overflow_bytes += other.overflow_bytes;
    }
}

impl From<(UsedFigures, u64)> for Rates {
    /// Of what was used in so many seconds.
    fn from((used, seconds): (UsedFigures, u64)) -> Self {
        let each_second = |sum: u64| sum as f64 / seconds as f64;
        Rates {
            bytes: each_second(used.bytes),
            calls: each_second(used.calls),
            overflow_calls: each_second(used.overflow_calls),
            overflow_bytes: each_second(used.overflow_bytes),
        }
    }
}

impl From<UseFigures> for Windows<Rates> {
    fn from(used: UseFigures) -> Self {
        Windows {
            now: (used.last_second, 1).into(),
            last_10_s: (used.last_10_seconds, 10).into(),
            last_1_min: (used.last_minute, 60).into(),
            last_5_min: (used.last_5_minutes, 300).into(),
            last_15_min: (used.last_15_minutes, 900).into(),
        }
    }
}

// === impl OverflowView ===

impl From<OverflowFigures> for OverflowView {
    fn from(figures: OverflowFigures) -> Self {
        OverflowView {
            bandwidth_calls: figures.package_bandwidth,
            qps_calls: figures.package_qps,
            relayed_bytes: figures.bytes,
        }
    }
}

impl std::ops::AddAssign for OverflowView {
    fn add_assign(&mut self, other: Self) {
        self.bandwidth_calls += other.bandwidth_calls;
        self.qps_calls += other.qps_calls;
        self.relayed_bytes += other.relayed_bytes;
    }
}

impl std::ops::AddAssign for Carried {
    fn add_assign(&mut self, other: Self) {
        // Another node's figures are as large as it says.
        self.calls = self.calls.saturating_add(other.calls);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

// === impl BusinessUse ===

impl BusinessUse {
    /// Calls beyond the package.
    pub fn overflow_calls(&self) -> u64 {
        let (bandwidth, qps) = (self.beyond_bandwidth.calls, self.beyond_qps.calls);
        bandwidth.saturating_add(qps)
    }
}

impl std::ops::AddAssign<&BusinessUse> for BusinessUse {
    fn add_assign(&mut self, other: &Self) {
        self.link += other.link;
        self.beyond_bandwidth += other.beyond_bandwidth;
        self.beyond_qps += other.beyond_qps;
    }
}

// === impl NodeUse ===

impl NodeUse {
    pub fn new(figures: PackageFigures, limit: &LimitView) -> Self {
        let rates = Windows::<Rates>::from(figures.used);
        NodeUse {
            node: figures.node,
            region: figures.region,
            weight: figures.share,
            minting: figures.minting,
            fenced: figures.fenced.map(|fenced| FencedView {
                since: moment::text(fenced.since_ms),
                why: fenced.why,
            }),
            bytes: BytesHeld {
                balance: figures.balance_bytes,
                mints_per_second: figures.rate_bytes_per_second,
                demand_per_second: figures.demand_bytes_per_second,
                need: figures.need_bytes,
                surplus: figures.surplus_bytes,
                minted: figures.minted_bytes,
                given: figures.given_bytes,
                received: figures.received_bytes,
                lost: figures.lost_bytes,
            },
            calls: figures.balance_requests.map(|balance| CallsHeld {
                balance,
                mints_per_second: figures.rate_requests_per_second.unwrap_or(0.0),
                demand_per_second: figures.demand_requests_per_second.unwrap_or(0.0),
            }),
            used: rates.map(|rates| rates.of(limit)),
            overflow: figures.overflow.into(),
        }
    }
}
