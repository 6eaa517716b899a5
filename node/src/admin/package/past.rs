//! The past of a package: its peaks, and when it is used up if its use goes on growing.

use serde::Serialize;
use utoipa::ToSchema;

use super::view::LimitView;
use crate::admin::moment;
use crate::monitor::{Carried, CarriedQuery, CarriedSeries, ClusterMonitor};

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;
/// Whole days that a forecast looks at, and that it needs.
const DAYS: u64 = 28;
const DAYS_NEEDED: usize = 3;
/// Beyond, a line through some weeks says nothing.
const FARTHEST_DAYS: f64 = 365.0;
const METHOD: &str = "a straight line through the busiest hour of each whole day (UTC) of the last 28, by least squares; \
                      the package is used up where it reaches the limit of now";

/// The greatest seconds, as the meters of all nodes counted them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct PeaksView {
    pub last_hour: PeakView,
    pub last_day: PeakView,
    pub last_week: PeakView,
}

/// The greatest second of some time: up and down together, heads and bodies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct PeakView {
    pub bytes_per_second: u64,
    pub mbps: f64,
    /// Of the bandwidth that the package allows now.
    pub percent: f64,
    /// When it was: the second, or the hour it was in; null where nothing was carried.
    pub at: Option<String>,
    pub calls_per_second: u64,
    /// Of the calls that the package allows now; null: no limit on calls.
    pub calls_percent: Option<f64>,
    /// Whether it is one second of all nodes together. Else each node's greatest second of the same hour was added up,
    /// which is the most that it can have been.
    pub exact: bool,
    /// Calls beyond the package in this time, and bytes of those that nodes relayed.
    pub overflow_calls: u64,
    pub overflow_bytes: u64,
}

/// When the package is used up if its use goes on growing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct ForecastView {
    /// RFC 3339; null: see `why`.
    pub used_up_at: Option<String>,
    /// Why no moment is given; null where one is.
    pub why: Option<String>,
    /// By how much the busiest hour grows a day, bytes a second; null with too little to see.
    pub growth_bytes_per_second_per_day: Option<f64>,
    /// The busiest hour of the last whole day, of the limit.
    pub busiest_hour_percent: Option<f64>,
    /// Whole days that were looked at.
    pub days: usize,
    pub method: String,
}

/// Peaks and forecast, as far as nodes remember.
pub async fn past(
    monitor: &ClusterMonitor,
    gateway: &str,
    limit: &LimitView,
    now_s: u64,
) -> (PeaksView, ForecastView) {
    let query = |last_s: u64, step_s| CarriedQuery {
        gateway: gateway.to_owned(),
        from_s: now_s.saturating_sub(last_s),
        to_s: now_s + 1,
        step_s,
    };
    // A little less than an hour: what nodes have by the second.
    let seconds = monitor.carried(&query(HOUR_S - 10, 1)).await.whole;
    let hours = monitor
        .carried(&query((DAYS + 1) * DAY_S, HOUR_S))
        .await
        .whole;
    let since = |last_s: u64| {
        let from_s = now_s.saturating_sub(last_s) / HOUR_S * HOUR_S;
        let points = hours.points.range(from_s..);
        CarriedSeries {
            step_s: hours.step_s,
            points: points.map(|(at_s, point)| (*at_s, *point)).collect(),
        }
    };
    let peaks = PeaksView {
        last_hour: PeakView::of(&seconds, limit),
        last_day: PeakView::of(&since(DAY_S), limit),
        last_week: PeakView::of(&since(7 * DAY_S), limit),
    };
    (peaks, forecast(&busiest_hours(&hours, now_s), limit))
}

/// Of each whole day, how many days before today it was, and its busiest hour's bytes a second; the oldest first.
fn busiest_hours(hours: &CarriedSeries, now_s: u64) -> Vec<(f64, f64)> {
    let today = now_s / DAY_S;
    let mut days: std::collections::BTreeMap<u64, u64> = Default::default();
    for (at_s, point) in &hours.points {
        let busiest = days.entry(at_s / DAY_S).or_default();
        *busiest = (*busiest).max(point.bytes);
    }
    // Days without use between others are days of no use; those before the first are not known.
    let Some(first) = days.keys().next().copied() else {
        return Vec::new();
    };
    let whole = (first + 1).max(today.saturating_sub(DAYS))..today;
    whole
        .map(|day| {
            let bytes = days.get(&day).copied().unwrap_or(0);
            (day as f64 - today as f64, bytes as f64 / HOUR_S as f64)
        })
        .collect()
}

/// `days`: how long ago, in days below zero, and the bytes a second.
fn forecast(days: &[(f64, f64)], limit: &LimitView) -> ForecastView {
    let mut view = ForecastView {
        days: days.len(),
        method: METHOD.to_owned(),
        ..ForecastView::default()
    };
    let allowed = limit.bytes_per_second as f64;
    if days.len() < DAYS_NEEDED || allowed <= 0.0 {
        view.why = Some(format!(
            "that takes {DAYS_NEEDED} whole days of use, and {} are known",
            days.len()
        ));
        return view;
    }
    let count = days.len() as f64;
    let mean_x = days.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = days.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = days.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = days.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = covariance / variance;
    view.growth_bytes_per_second_per_day = Some(slope);
    let last = days.last().map_or(0.0, |(_, y)| *y);
    view.busiest_hour_percent = Some(last / allowed * 100.0);
    // On the line, today is 0.
    let today = mean_y - slope * mean_x;
    let ahead_days = (allowed - today) / slope;
    view.why = if today >= allowed {
        Some("the busiest hours already use all of it".to_owned())
    } else if slope <= 0.0 {
        Some("the use is not growing".to_owned())
    } else if ahead_days > FARTHEST_DAYS {
        Some("not within a year, at this growth".to_owned())
    } else {
        let at_ms = crate::config_actor::now_ms() as f64 + ahead_days * DAY_S as f64 * 1_000.0;
        view.used_up_at = Some(moment::text(at_ms as u64));
        None
    };
    view
}

// === impl PeakView ===

impl PeakView {
    fn of(carried: &CarriedSeries, limit: &LimitView) -> Self {
        let mut all = Carried::default();
        let mut at = None;
        for (at_s, point) in &carried.points {
            if point.peak_bytes > all.peak_bytes {
                at = Some(moment::text(at_s * 1_000));
            }
            all.then(point);
        }
        let percent = |of: f64, limit: u64| match limit {
            0 => 0.0,
            limit => of / limit as f64 * 100.0,
        };
        PeakView {
            bytes_per_second: all.peak_bytes,
            mbps: all.peak_bytes as f64 * 8.0 / 1e6,
            percent: percent(all.peak_bytes as f64, limit.bytes_per_second),
            at,
            calls_per_second: all.peak_calls,
            calls_percent: limit.qps.map(|qps| percent(all.peak_calls as f64, qps)),
            exact: carried.step_s == 1,
            overflow_calls: all.overflow_calls,
            overflow_bytes: all.overflow_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_actor::now_ms;

    fn limit(bytes_per_second: u64) -> LimitView {
        let package = serde_json::json!({"name": "custom", "bandwidth_bps": bytes_per_second * 8});
        LimitView {
            package: serde_json::from_value(package).unwrap(),
            elastic_packs: Vec::new(),
            bandwidth_bps: bytes_per_second * 8,
            bytes_per_second,
            qps: Some(100),
            changes_at: None,
        }
    }

    fn days(figures: &[f64]) -> Vec<(f64, f64)> {
        let count = figures.len() as f64;
        let days = figures.iter().enumerate();
        days.map(|(at, figure)| (at as f64 - count, *figure))
            .collect()
    }

    #[test]
    fn a_package_that_is_used_ever_more_is_used_up_where_the_line_meets_its_limit() {
        // Ten more each day; 130 today, so the limit of 180 is five days off.
        let view = forecast(&days(&[100.0, 110.0, 120.0]), &limit(180));
        let at_ms = moment::parse(&view.used_up_at.unwrap()).unwrap();
        let ahead_days = (at_ms - now_ms()) as f64 / 86_400_000.0;
        assert!((ahead_days - 5.0).abs() < 0.001, "{ahead_days}");
        assert_eq!(view.why, None);
        assert!((view.growth_bytes_per_second_per_day.unwrap() - 10.0).abs() < 1e-9);
        assert!((view.busiest_hour_percent.unwrap() - 66.666).abs() < 0.01);
    }

    #[test]
    fn where_no_moment_can_be_said_it_is_said_why() {
        let why = |figures: &[f64], allowed| {
            let view = forecast(&days(figures), &limit(allowed));
            assert_eq!(view.used_up_at, None);
            view.why.unwrap()
        };
        assert!(why(&[1.0, 2.0], 100).contains("3 whole days of use, and 2 are known"));
        assert!(why(&[3.0, 2.0, 1.0], 100).contains("not growing"));
        assert!(why(&[5.0, 5.0, 5.0], 100).contains("not growing"));
        assert!(why(&[90.0, 120.0, 150.0], 100).contains("already"));
        assert!(why(&[1.0, 1.1, 1.2], 1_000).contains("not within a year"));
    }

    #[test]
    fn a_day_counts_with_its_busiest_hour_and_days_that_are_not_whole_do_not_count() {
        let now_s = 20 * DAY_S + 5 * HOUR_S;
        let mut hours = CarriedSeries {
            step_s: HOUR_S,
            ..CarriedSeries::default()
        };
        let mut add = |day: u64, hour: u64, bytes: u64| {
            let point = Carried {
                bytes,
                peak_bytes: bytes / 100,
                ..Carried::default()
            };
            hours.points.insert(day * DAY_S + hour * HOUR_S, point);
        };
        add(16, 3, 9 * HOUR_S);
        add(17, 3, HOUR_S);
        add(17, 4, 2 * HOUR_S);
        add(19, 1, 4 * HOUR_S);
        add(20, 1, 50 * HOUR_S);
        let days = busiest_hours(&hours, now_s);
        assert_eq!(days, [(-3.0, 2.0), (-2.0, 0.0), (-1.0, 4.0)]);
        let peak = PeakView::of(&hours, &limit(1_000));
        assert_eq!(peak.bytes_per_second, 50 * HOUR_S / 100);
        assert_eq!(
            (peak.at.as_deref(), peak.exact),
            (Some("1970-01-21T01:00:00Z"), false)
        );
    }
}
