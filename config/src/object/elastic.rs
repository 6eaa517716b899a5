use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Gateway;

/// Bandwidth and calls that come on top of a gateway's package for a while: for a sale, for a launch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ElasticPack {
    /// The pack's name within its gateway.
    pub id: String,
    /// Bits a second on top of the package. At least 8, or 0 where it adds calls alone.
    #[serde(default)]
    pub bandwidth_bps: u64,
    /// Calls a second on top; of no effect on a gateway without a limit on calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qps: Option<u64>,
    /// When it begins; in memory, milliseconds since 1970-01-01 UTC.
    #[serde(rename = "from", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub from_ms: u64,
    /// When it ends; from this moment on it adds nothing.
    #[serde(rename = "until", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-02-01T08:30:00Z")]
    pub until_ms: u64,
}

/// What a gateway may carry at a moment, over all regions together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// Bits a second, request plus response, heads and bodies.
    pub bandwidth_bps: u64,
    /// Calls a second; null: no limit on calls.
    pub qps: Option<u64>,
}

// === impl ElasticPack ===

impl ElasticPack {
    pub fn is_in_force(&self, now_ms: u64) -> bool {
        (self.from_ms..self.until_ms).contains(&now_ms)
    }

    pub fn has_ended(&self, now_ms: u64) -> bool {
        self.until_ms <= now_ms
    }
}

// === impl Limit ===

impl Limit {
    /// Bytes a second: 1 Mbps is 125,000 B/s.
    pub fn bytes_per_second(&self) -> u64 {
        self.bandwidth_bps / 8
    }
}

// === impl Gateway ===

impl Gateway {
    /// The package and the elastic packs in force. A gateway without a limit on calls stays without.
    pub fn limit_at(&self, now_ms: u64) -> Limit {
        let package = Limit {
            bandwidth_bps: self.package.bandwidth_bps,
            qps: self.package.qps,
        };
        self.packs_in_force(now_ms)
            .fold(package, |limit, pack| Limit {
                bandwidth_bps: limit.bandwidth_bps.saturating_add(pack.bandwidth_bps),
                qps: limit
                    .qps
                    .map(|qps| qps.saturating_add(pack.qps.unwrap_or(0))),
            })
    }

    pub fn packs_in_force(&self, now_ms: u64) -> impl Iterator<Item = &ElasticPack> {
        let packs = self.elastic_packs.iter();
        packs.filter(move |pack| pack.is_in_force(now_ms))
    }

    /// When [`Gateway::limit_at`] next answers differently by time alone; `None`: never.
    pub fn limit_changes_at(&self, now_ms: u64) -> Option<u64> {
        let edges = self.elastic_packs.iter();
        let edges = edges.flat_map(|pack| [pack.from_ms, pack.until_ms]);
        edges.filter(|&edge_ms| edge_ms > now_ms).min()
    }
}
