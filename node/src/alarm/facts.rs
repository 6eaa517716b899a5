//! What one node alone knows of what alarms watch, as it tells the node whose turn it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use weir_config::Catalog;
use weir_config::object::Window;

use crate::config_actor::now_ms;
use crate::monitor::{Dimension, Figures, MonitorHandle, Packed, Scope, SeriesQuery};
use crate::quota::QuotaHandle;
use crate::routing::SharedRouting;
use crate::tls::CertificateEnd;

/// Businesses whose calls one node tells of, those with the most calls.
const BUSINESSES_MAX: usize = 1_000;
/// The mesh takes an answer of one MiB; what is told of calls has this of it, bytes.
const CALLS_BYTES: usize = 700 * 1024;

/// Of one node, or of several together.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Why it mints nothing though it has a share.
    pub fenced: Option<String>,
    pub certificates: Vec<CertificateEnd>,
    /// By window, seconds, and gateway.
    pub packages: BTreeMap<u64, BTreeMap<String, Carried>>,
    /// By window, seconds, and business.
    pub calls: BTreeMap<u64, BTreeMap<String, Packed>>,
}

/// What a gateway carried in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Carried {
    pub bytes: u64,
    pub calls: u64,
    /// Calls that took the public link since the package was used up.
    pub overflow_calls: u64,
}

/// Where a node's facts come from.
#[derive(Clone)]
pub struct FactSources {
    quota: QuotaHandle,
    routing: SharedRouting,
    monitor: MonitorHandle,
    certificates: Arc<Vec<CertificateEnd>>,
    /// Seconds since 1970-01-01 UTC.
    started_s: u64,
}

// === impl FactSources ===

impl FactSources {
    pub fn new(
        quota: &QuotaHandle,
        routing: &SharedRouting,
        monitor: &MonitorHandle,
        certificates: Vec<CertificateEnd>,
    ) -> Self {
        FactSources {
            quota: quota.clone(),
            routing: routing.clone(),
            monitor: monitor.clone(),
            certificates: Arc::new(certificates),
            started_s: now_ms() / 1_000,
        }
    }

    /// Over these windows, up to the second that ended last. Blocks for the disk where the memory does not reach
    /// back far enough.
    pub fn facts(&self, windows: &BTreeSet<u64>, catalog: &Catalog, now_s: u64) -> Facts {
        let known = Window::ALL.map(|window| window.0);
        let mut facts = Facts {
            fenced: self.quota.plan().fenced.map(|fenced| fenced.why),
            certificates: self.certificates.to_vec(),
            ..Facts::default()
        };
        let mut left = CALLS_BYTES;
        for window in windows
            .iter()
            .copied()
            .filter(|window| known.contains(window))
        {
            let calls = self.calls(window, now_s);
            facts
                .packages
                .insert(window, self.packages(window, calls.as_ref(), catalog));
            facts
                .calls
                .insert(window, within(calls.unwrap_or_default(), &mut left));
        }
        facts
    }

    /// `None` where calls are not recorded.
    fn calls(&self, window_s: u64, now_s: u64) -> Option<BTreeMap<String, Figures>> {
        if !self.monitor.is_enabled() {
            return None;
        }
        // The cores hand over a second when it is over.
        let to_s = now_s.saturating_sub(1);
        let query = SeriesQuery {
            scope: Scope::All,
            from_s: to_s.saturating_sub(window_s).max(self.started_s),
            to_s,
            step_s: window_s,
            by: Some(Dimension::Business),
            decision: None,
        };
        let series = self.monitor.series(&query).ok()?;
        let summed = series.groups.into_iter().map(|(business, points)| {
            let mut sum = Figures::default();
            points.values().for_each(|point| sum.merge(&point.0));
            (business, sum)
        });
        Some(
            summed
                .filter(|(business, _)| !business.is_empty())
                .collect(),
        )
    }

    fn packages(
        &self,
        window_s: u64,
        calls: Option<&BTreeMap<String, Figures>>,
        catalog: &Catalog,
    ) -> BTreeMap<String, Carried> {
        let mut overflow: BTreeMap<&str, u64> = BTreeMap::new();
        for (business, figures) in calls.into_iter().flatten() {
            if let Some(business) = catalog.business(business) {
                *overflow.entry(&business.gateway).or_default() += figures.overflow;
            }
        }
        let table = self.routing.load();
        let used = table.access.gateways.iter().zip(&table.meters);
        let used =
            used.filter(|(_, meter)| meter.charged_bytes() > 0 || meter.overflow_calls() > 0);
        let carried = used.filter_map(|(gateway, _)| {
            let used = self.quota.figures(gateway)?.used;
            let used = match window_s {
                10 => used.last_10_seconds,
                60 => used.last_minute,
                300 => used.last_5_minutes,
                _ => used.last_15_minutes,
            };
            // Without records, calls relayed for other reasons are among them.
            let overflow_calls = match calls {
                Some(_) => overflow.get(gateway.as_str()).copied().unwrap_or(0),
                None => used.overflow_calls,
            };
            let carried = Carried {
                bytes: used.bytes,
                calls: used.calls,
                overflow_calls,
            };
            Some((gateway.clone(), carried))
        });
        carried.collect()
    }
}

/// Those with the most calls, as many as there is room for.
fn within(calls: BTreeMap<String, Figures>, left: &mut usize) -> BTreeMap<String, Packed> {
    let mut calls: Vec<(String, Figures)> = calls.into_iter().collect();
    calls.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.requests));
    let mut kept = BTreeMap::new();
    for (business, figures) in calls.into_iter().take(BUSINESSES_MAX) {
        let packed = Packed(figures);
        let bytes = business.len() + serde_json::to_vec(&packed).map_or(0, |text| text.len()) + 8;
        match left.checked_sub(bytes) {
            Some(rest) => *left = rest,
            None => break,
        }
        kept.insert(business, packed);
    }
    kept
}

// === impl Facts ===

impl Facts {
    /// Adds what another node says of calls and packages.
    pub fn add(&mut self, other: &Facts) {
        for (window, packages) in &other.packages {
            let mine = self.packages.entry(*window).or_default();
            for (gateway, carried) in packages {
                let sum = mine.entry(gateway.clone()).or_default();
                sum.bytes = sum.bytes.saturating_add(carried.bytes);
                sum.calls = sum.calls.saturating_add(carried.calls);
                sum.overflow_calls = sum.overflow_calls.saturating_add(carried.overflow_calls);
            }
        }
        for (window, calls) in &other.calls {
            let mine = self.calls.entry(*window).or_default();
            for (business, figures) in calls {
                mine.entry(business.clone())
                    .or_default()
                    .0
                    .merge(&figures.0);
            }
        }
    }
}
