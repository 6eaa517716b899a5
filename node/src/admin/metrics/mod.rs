//! `/metrics`: figures of this node, in the text format 0.0.4 or as OpenMetrics, whichever the scraper likes best.
//!
//! Written by hand (`docs/adr/0017-metrics-and-traces.md`): the figures are kept elsewhere, and a page is a look at them.
//! Every set of labels has a bound: of gateways and businesses the first [`NAMED_MAX`] by id, the rest summed up.

mod businesses;
pub mod families;
mod gateways;
mod mesh;
mod page;
mod process;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::operation;

use super::{AdminState, cluster, origins};
use crate::trace::Tracing;
use families as f;
pub(super) use page::{Format, Page};

/// Gateways, and businesses, with figures of their own; those of the others are summed up under [`OTHERS`].
const NAMED_MAX: usize = 1_000;
/// Nobody's id: those have no `_`.
const OTHERS: &str = "_other";

/// Figures of this node, in the Prometheus text format or as OpenMetrics
#[utoipa::path(
    get, path = "/metrics", tag = "node",
    responses((status = 200, description = "The figures; OpenMetrics where `Accept` likes it better", body = String,
        content_type = "text/plain")),
)]
pub async fn metrics(state: web::Data<AdminState>, request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get_all(header::ACCEPT);
    let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    HttpResponse::Ok()
        .content_type(format.content_type())
        .insert_header((header::VARY, "accept"))
        .body(render(&state, format))
}

fn render(state: &AdminState, format: Format) -> String {
    let mut page = Page::new(format);
    let node = state.node.as_str();
    page.family(&f::BUILD_INFO);
    page.sample(&f::BUILD_INFO, &[env!("CARGO_PKG_VERSION"), node], 1);
    page.single(&f::UPTIME, state.started.elapsed().as_secs());
    let snapshot = state.config.catalog();
    config(state, &snapshot, &mut page);
    let view = state.cluster.borrow().clone();
    let live = view.nodes.iter().filter(|node| node.live).count();
    page.single(&f::LIVE_NODES, live);
    let agrees = cluster::agree(&view, &snapshot);
    page.single(&f::CLUSTER_AGREES, u64::from(agrees));
    let cut = state.mesh.cut().is_cut_from_all();
    page.single(&f::MESH_CUT, u64::from(cut));
    mesh::figures(state, &mut page);
    page.family(&f::ACTOR_RESTARTS);
    for (actor, restarts) in &state.restarts {
        page.sample(&f::ACTOR_RESTARTS, &[actor], restarts());
    }
    page.single(&f::UNAUTHORIZED, state.failed_attempts.total());
    page.family(&f::LINK_CONNECTIONS);
    for (core, connections) in state.connections.iter().enumerate() {
        page.sample(
            &f::LINK_CONNECTIONS,
            &[&core.to_string()],
            connections.count(),
        );
    }
    gateways::figures(state, &snapshot, &mut page);
    let plan = state.quota.plan();
    page.single(&f::MINT_SHARE, plan.share);
    page.single(&f::MINT_FENCED, u64::from(plan.fenced.is_some()));
    page.single(&f::PACKAGE_FLAGGED, state.quota.flagged().1);
    origins::figures(&state.routing.load(), &mut page);
    businesses::figures(state, &mut page);
    monitoring(state, &mut page);
    alarms(state, &snapshot, &mut page);
    page.family(&f::TRACE_SPANS);
    if let Some(spans) = state.tracing.as_ref().map(Tracing::figures) {
        page.sample(&f::TRACE_SPANS, &["exported"], spans.exported);
        page.sample(&f::TRACE_SPANS, &["dropped"], spans.dropped);
        page.sample(&f::TRACE_SPANS, &["rejected"], spans.rejected);
        page.sample(&f::TRACE_SPANS, &["failed"], spans.failed);
    }
    process::figures(&mut page);
    page.finish()
}

/// How the monitoring itself fares.
fn monitoring(state: &AdminState, page: &mut Page) {
    let totals = state.monitor.as_ref().map(|monitor| monitor.here.totals());
    let totals = totals.unwrap_or_default();
    page.single(&f::MONITOR_CALLS, totals.calls);
    page.family(&f::MONITOR_RECORDS);
    page.sample(&f::MONITOR_RECORDS, &["written"], totals.records_written);
    page.sample(&f::MONITOR_RECORDS, &["dropped"], totals.records_dropped);
    page.single(&f::MONITOR_MEMORY, totals.memory_bytes);
    page.single(&f::MONITOR_DISK, totals.disk_bytes);
}

/// What is watched, what fires, and whether it is told.
fn alarms(state: &AdminState, snapshot: &ConfigSnapshot, page: &mut Page) {
    let shown = state.alarms.as_ref().map(|alarms| alarms.shown());
    let here = shown.as_ref().is_some_and(|shown| shown.here);
    page.single(&f::ALARMS_WATCHED, u64::from(here));
    page.family(&f::ALARMS_FIRING);
    // At most as many as can be configured, see `weir_config::operation::ALARMS_MAX`.
    for alarm in operation::effective_alarms(&snapshot.catalog) {
        let firing = shown.iter().flat_map(|shown| shown.state.firing());
        let firing = firing.filter(|(of, _, _)| *of == alarm.id).count();
        page.sample(&f::ALARMS_FIRING, &[&alarm.id], firing);
    }
    page.family(&f::ALARM_NOTICES);
    if let Some(alarms) = &state.alarms {
        let (delivered, refused, dropped) = alarms.counts();
        page.sample(&f::ALARM_NOTICES, &["delivered"], delivered);
        page.sample(&f::ALARM_NOTICES, &["refused"], refused);
        page.sample(&f::ALARM_NOTICES, &["dropped"], dropped);
    }
}

/// What is configured, and how the keeping of it fares.
fn config(state: &AdminState, snapshot: &ConfigSnapshot, page: &mut Page) {
    let health = state.config.health();
    page.family(&f::CONFIG_INFO);
    page.sample(&f::CONFIG_INFO, &[&snapshot.newest_root], 1);
    page.single(&f::CONFIG_OBJECTS, snapshot.catalog.len());
    page.single(&f::CONFIG_VERSIONS, snapshot.index.len());
    page.single(&f::CONFIG_CONFLICTS, cluster::conflicts(snapshot));
    page.single(&f::CONFIG_CONFLICTS_FOUND, health.conflicts_found());
    page.single(&f::CONFIG_FLAGGED, health.flagged());
    page.single(&f::STORE_WRITABLE, u64::from(health.unwritable().is_none()));
    page.single(&f::STORE_FAILED_WRITES, health.failed_writes());
}

/// The first [`NAMED_MAX`] by id, and the rest together, so that a page has a bound.
fn summed_up<T: Default>(
    all: impl Iterator<Item = (String, T)>,
    add: impl Fn(&mut T, T),
) -> Vec<(String, T)> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if all.len() > NAMED_MAX {
        let mut others = T::default();
        for (_, figures) in all.drain(NAMED_MAX..) {
            add(&mut others, figures);
        }
        all.push((OTHERS.to_owned(), others));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_named_and_the_others_summed_up() {
        let add = |sum: &mut u64, n: u64| *sum += n;
        let named = |n: u64| (format!("wx{n:04}"), n);
        let all = summed_up((0..NAMED_MAX as u64 + 3).rev().map(named), add);
        assert_eq!(all.len(), NAMED_MAX + 1);
        assert_eq!(all[0], ("wx0000".to_owned(), 0));
        assert_eq!(all[NAMED_MAX], ("_other".to_owned(), 1_000 + 1_001 + 1_002));
        assert_eq!(summed_up((0..2).map(named), add).len(), 2);
    }
}
