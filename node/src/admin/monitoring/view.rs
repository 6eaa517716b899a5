//! How figures are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::fan_out::Unanswered;
use crate::admin::moment;
use crate::monitor::{
    Carried, Dimension, Figures, Packed, RELATIVE_ERROR, Series, SeriesQuery, Together,
};

/// Figures of calls over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Monitored {
    /// Whose calls; null of a gateway.
    pub business: Option<String>,
    pub gateway: Option<String>,
    /// RFC 3339; points stand at multiples of the step, so that the first may begin before this.
    pub from: String,
    pub to: String,
    /// How far the points are apart, seconds; at least what was asked.
    pub step_s: u64,
    /// Every call that ended before is counted, on the nodes that answered; later points still grow.
    pub complete_to: String,
    /// The most that a percentile differs from the exact one, as a part of it.
    pub percentile_error: f64,
    pub total: FiguresView,
    /// By what the groups are told apart; null: one group of all.
    pub by: Option<Dimension>,
    /// Those with the most requests first; the fifty with the most, and the others under `other`.
    pub groups: Vec<GroupView>,
    /// Of a gateway: what its package carried, as it flowed; null of a business.
    pub carried: Option<Vec<CarriedPoint>>,
    /// The nodes whose calls are counted here.
    pub nodes: Vec<String>,
    /// Nodes whose calls are missing, and why.
    pub unanswered: Vec<Unanswered>,
}

/// Calls that have something in common.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupView {
    /// The value they have in common; empty where they have none, or where nothing was told apart.
    pub name: String,
    pub total: FiguresView,
    /// Only points with something in them.
    pub points: Vec<PointView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PointView {
    /// Its beginning, RFC 3339.
    pub at: String,
    #[serde(flatten)]
    pub figures: FiguresView,
}

/// Calls that ended in some time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct FiguresView {
    /// All of them: the sum of the next six.
    pub requests: u64,
    /// The origin answered with a status below 500, and the answer arrived whole.
    pub ok: u64,
    /// Rows 1 to 5 of the decision, and illegal heads.
    pub refused: u64,
    /// Told to take the public link.
    pub public: u64,
    /// The client went away, or sent what could not be used.
    pub client_faults: u64,
    pub gateway_faults: u64,
    /// No connection, no answer in time, one that broke off, or a status of 500 and above.
    pub origin_faults: u64,
    /// Of these: no answer in time.
    pub origin_timeouts: u64,
    /// Passed on over the public link, whatever became of them.
    pub relayed: u64,
    /// Beyond the package, relayed or told to go by themselves.
    pub overflow: u64,
    /// `ok` of `ok`, `gateway_faults` and `origin_faults`, 0 to 1; null without any.
    pub success_rate: Option<f64>,
    /// From arrival to the last byte, milliseconds, of calls that went to an origin; null without any.
    pub mean_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// From arrival to the head of the origin's answer.
    pub first_byte_p50_ms: Option<f64>,
    pub first_byte_p95_ms: Option<f64>,
    /// Head and body.
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// Null without requests.
    pub mean_request_bytes: Option<f64>,
    pub mean_response_bytes: Option<f64>,
    pub largest_request_bytes: u64,
    pub largest_response_bytes: u64,
}

/// What a package carried in one step.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct CarriedPoint {
    pub at: String,
    /// On the link, up and down.
    pub bytes: u64,
    pub calls: u64,
    /// The greatest second of the step; over several nodes exact in the last hour, else at most this.
    pub peak_bytes_per_second: u64,
    pub peak_calls_per_second: u64,
    pub overflow_calls: u64,
    /// Of those that nodes relayed.
    pub overflow_bytes: u64,
}

// === impl Monitored ===

impl Monitored {
    pub fn new(
        query: &SeriesQuery,
        business: Option<String>,
        gateway: Option<String>,
        told: Together<Series>,
    ) -> Self {
        let Together {
            whole,
            nodes,
            unanswered,
        } = told;
        let second = |at_s: u64| moment::text(at_s.saturating_mul(1_000));
        Monitored {
            business,
            gateway,
            from: second(query.from_s),
            to: second(query.to_s),
            step_s: whole.step_s.max(query.step_s),
            complete_to: second(whole.complete_to_s),
            percentile_error: RELATIVE_ERROR,
            total: FiguresView::of(&whole.total(None)),
            by: query.by,
            groups: groups(whole.groups),
            carried: None,
            nodes,
            unanswered,
        }
    }
}

/// The groups, those with the most requests first.
pub fn groups(groups: BTreeMap<String, BTreeMap<u64, Packed>>) -> Vec<GroupView> {
    let mut views: Vec<GroupView> = groups.into_iter().map(GroupView::of).collect();
    // The sort keeps the order of the names where the figures are alike.
    views.sort_by_key(|group| std::cmp::Reverse(group.total.requests));
    views
}

impl GroupView {
    fn of((name, points): (String, BTreeMap<u64, Packed>)) -> Self {
        let mut total = Figures::default();
        let mut views = Vec::with_capacity(points.len());
        for (at_s, Packed(figures)) in points {
            total.merge(&figures);
            views.push(PointView {
                at: moment::text(at_s.saturating_mul(1_000)),
                figures: FiguresView::of(&figures),
            });
        }
        GroupView {
            name,
            total: FiguresView::of(&total),
            points: views,
        }
    }
}

// === impl FiguresView ===

impl FiguresView {
    pub fn of(figures: &Figures) -> Self {
        let each =
            |bytes: u64| (figures.requests > 0).then(|| bytes as f64 / figures.requests as f64);
        FiguresView {
            requests: figures.requests,
            ok: figures.ok,
            refused: figures.refused,
            public: figures.public,
            client_faults: figures.client_faults,
            gateway_faults: figures.gateway_faults,
            origin_faults: figures.origin_faults,
            origin_timeouts: figures.origin_timeouts,
            relayed: figures.relayed,
            overflow: figures.overflow,
            success_rate: figures.success_rate(),
            mean_ms: figures.mean_ms(),
            p50_ms: figures.percentile_ms(0.5),
            p95_ms: figures.percentile_ms(0.95),
            p99_ms: figures.percentile_ms(0.99),
            first_byte_p50_ms: figures.first_byte_ms(0.5),
            first_byte_p95_ms: figures.first_byte_ms(0.95),
            request_bytes: figures.request_bytes,
            response_bytes: figures.response_bytes,
            mean_request_bytes: each(figures.request_bytes),
            mean_response_bytes: each(figures.response_bytes),
            largest_request_bytes: figures.largest_request_bytes,
            largest_response_bytes: figures.largest_response_bytes,
        }
    }
}

// === impl CarriedPoint ===

impl CarriedPoint {
    pub fn of((at_s, carried): (&u64, &Carried)) -> Self {
        CarriedPoint {
            at: moment::text(at_s.saturating_mul(1_000)),
            bytes: carried.bytes,
            calls: carried.calls,
            peak_bytes_per_second: carried.peak_bytes,
            peak_calls_per_second: carried.peak_calls,
            overflow_calls: carried.overflow_calls,
            overflow_bytes: carried.overflow_bytes,
        }
    }
}
