//! Monitoring: what becomes of calls, counted and recorded; by this node, on its own disk.
//!
//! ```text
//! core:  a call ─▶ Draft, filled as it goes ─▶ Station: counted to the unit ──── every second ──▶ ┐
//!                                              └ its record, where it is kept ── a queue ───────▶ MonitorActor
//! MonitorActor:  seconds of an hour (memory) · minutes of a week, hours of a year, records (monitor.db) · access log
//! MonitorHandle: reads all of that; what other nodes know, it is asked of them by name (`admin::fan_out`)
//! ```
//!
//! Figures are of all calls, and lose none; records are of those that are kept. A call is counted in the second in
//! which it ends.

mod access_log;
mod actor;
mod carried;
mod disk;
mod draft;
mod figures;
#[cfg(test)]
mod flood_tests;
mod frame;
mod handle;
mod histogram;
mod peers;
mod recent;
mod record;
mod rollup;
mod series;
mod span;
mod station;
mod tally;
mod varint;

use std::sync::Arc;

use actix::ArbiterHandle;

use crate::routing::SharedRouting;
use crate::settings::Settings;
use crate::supervise::supervise;

pub use actor::MonitorActor;
pub use carried::{Carried, CarriedQuery, CarriedSeries};
use disk::MINUTES_KEPT_S;
pub use disk::{Filter, Found, Page};
pub use draft::{CLIENT_GONE, Draft, Passed, Recorder, Recording};
pub use figures::{Counted, Figures, Outcome};
pub use handle::{Limits, MonitorHandle, POINTS_MAX, POINTS_OF_GROUP_MAX, ReadError, Totals};
pub use histogram::{Histogram, RELATIVE_ERROR};
pub use peers::{ClusterMonitor, Together};
pub use record::{AttemptRecord, CallRecord, Timings, hidden_user};
pub use series::{Dimension, OTHER, Packed, Scope, Series, SeriesKey, SeriesQuery};
pub use station::{Station, hand_over, install};

// === impl MonitorHandle ===

impl MonitorHandle {
    /// Starts the MonitorActor, unless monitoring is off: then there is nothing to read.
    pub fn start(arbiter: &ArbiterHandle, settings: &Settings, routing: SharedRouting) -> Self {
        let origin = record::Origin {
            node: settings.node.id.clone(),
            region: settings.node.region.clone(),
            cluster: settings.node.cluster.clone(),
        };
        let data_dir = settings.node.data_dir.clone();
        let now_s = station::now_ms() / 1_000;
        let shared = handle::Shared::new(settings.monitor.clone(), origin, data_dir, now_s);
        let shared = Arc::new(shared);
        let for_actor = shared.clone();
        let actor = settings.monitor.enabled.then(|| {
            supervise(arbiter, "MonitorActor", move || {
                MonitorActor::new(for_actor.clone(), routing.clone())
            })
        });
        MonitorHandle { shared, actor }
    }
}
