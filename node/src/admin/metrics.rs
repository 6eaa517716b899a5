//! `/metrics`: figures of this node in the Prometheus text format 0.0.4.

use std::fmt::{Display, Write};

use actix_web::{HttpResponse, web};
use weir_cluster::ledger::Meter;
use weir_cluster::replication::ConfigSnapshot;

use super::{AdminState, cluster, mesh_figures, origins};
use crate::routing::{BusinessFigures, FAULTS, REASONS};

/// Businesses with figures of their own; those of the others are summed up under [`OTHERS`].
const MAX_BUSINESSES: usize = 1_000;
/// No id of a business: those begin with `wx`.
const OTHERS: &str = "other";

/// Figures of this node, in the Prometheus text format
#[utoipa::path(
    get, path = "/metrics", tag = "node",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain")),
)]
pub async fn metrics(state: web::Data<AdminState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(render(&state))
}

/// A page of metrics while it is written.
#[derive(Default)]
pub(super) struct Exposition(String);

fn render(state: &AdminState) -> String {
    let mut page = Exposition::default();
    let node = state.node.as_str();
    page.family(
        "weir_build_info",
        "gauge",
        "The program's version; always 1.",
    );
    page.sample(
        "weir_build_info",
        &[("version", env!("CARGO_PKG_VERSION")), ("node", node)],
        1,
    );
    page.family(
        "weir_uptime_seconds",
        "gauge",
        "Seconds since the node started.",
    );
    page.sample(
        "weir_uptime_seconds",
        &[],
        state.started.elapsed().as_secs(),
    );

    let snapshot = state.config.catalog();
    page.family(
        "weir_config_info",
        "gauge",
        "Digest of the configuration, equal on nodes that agree; always 1.",
    );
    page.sample("weir_config_info", &[("digest", &snapshot.newest_root)], 1);
    page.family(
        "weir_config_objects",
        "gauge",
        "Objects of the configuration, deleted ones included.",
    );
    page.sample("weir_config_objects", &[], snapshot.catalog.len() as u64);
    keeping(state, &snapshot, &mut page);

    let live = state
        .cluster
        .borrow()
        .nodes
        .iter()
        .filter(|node| node.live)
        .count();
    page.family(
        "weir_cluster_live_nodes",
        "gauge",
        "Nodes that gossip, this one included.",
    );
    page.sample("weir_cluster_live_nodes", &[], live as u64);

    page.family(
        "weir_mesh_cut",
        "gauge",
        "1 while a drill cuts this node off from the others.",
    );
    let cut = state.mesh.cut().is_cut_from_all();
    page.sample("weir_mesh_cut", &[], u64::from(cut));

    mesh_figures::figures(state, &mut page);

    page.family(
        "weir_actor_restarts_total",
        "counter",
        "Times an actor was started again after a failure.",
    );
    for (actor, restarts) in &state.restarts {
        page.sample("weir_actor_restarts_total", &[("actor", actor)], restarts());
    }
    page.family(
        "weir_admin_unauthorized_total",
        "counter",
        "Requests to the admin API without a valid token.",
    );
    page.sample(
        "weir_admin_unauthorized_total",
        &[],
        state.failed_attempts.total(),
    );
    gateways(state, &mut page);
    origins::figures(&state.routing.load(), &mut page);
    packages(state, &mut page);
    businesses(state, &mut page);
    page.0
}

/// How the keeping of the configuration fares.
fn keeping(state: &AdminState, snapshot: &ConfigSnapshot, page: &mut Exposition) {
    let health = state.config.health();
    let figures = [
        (
            "weir_config_versions",
            "gauge",
            "Retained versions of all objects.",
            snapshot.index.len() as u64,
        ),
        (
            "weir_config_conflicts",
            "gauge",
            "Retained versions that lost without having been seen by whoever wrote over them.",
            cluster::conflicts(snapshot) as u64,
        ),
        (
            "weir_config_conflicts_found_total",
            "counter",
            "Such versions found since the node started.",
            health.conflicts_found(),
        ),
        (
            "weir_config_flagged_total",
            "counter",
            "Times something was wrong with what a peer sent, or with this node's clock.",
            health.flagged(),
        ),
        (
            "weir_store_writable",
            "gauge",
            "1 while the store takes writes, 0 while changes are refused.",
            u64::from(health.unwritable().is_none()),
        ),
        (
            "weir_store_failed_writes_total",
            "counter",
            "Times the store took no write.",
            health.failed_writes(),
        ),
    ];
    for (name, kind, help, value) in figures {
        page.family(name, kind, help);
        page.sample(name, &[], value);
    }
}

/// Name, help, and how the figure is read.
type MeterFamily = (&'static str, &'static str, fn(&Meter) -> u64);

fn gateways(state: &AdminState, page: &mut Exposition) {
    let table = state.routing.load();
    let families: [MeterFamily; 4] = [
        (
            "weir_gateway_charged_bytes_total",
            "Bytes carried on the link.",
            |meter| meter.charged_bytes(),
        ),
        (
            "weir_gateway_admitted_calls_total",
            "Calls that took the link.",
            |meter| meter.admitted_calls(),
        ),
        (
            "weir_gateway_overflow_calls_total",
            "Calls beyond the package.",
            |meter| meter.overflow_calls(),
        ),
        (
            "weir_gateway_overflow_bytes_total",
            "Bytes relayed beyond the package.",
            |meter| meter.overflow_bytes(),
        ),
    ];
    for (name, help, read) in families {
        page.family(name, "counter", help);
        for (gateway, meter) in table.access.gateways.iter().zip(&table.meters) {
            page.sample(name, &[("gateway", gateway)], read(meter));
        }
    }
}

/// What this node mints, and what it may spend of each gateway's package.
fn packages(state: &AdminState, page: &mut Exposition) {
    let plan = state.quota.plan();
    page.family(
        "weir_mint_share",
        "gauge",
        "This node's part of the minting of every package, 0 to 1.",
    );
    page.sample("weir_mint_share", &[], plan.share);
    page.family(
        "weir_mint_fenced",
        "gauge",
        "1 while this node has a share and mints nothing, since too few others hear it.",
    );
    page.sample("weir_mint_fenced", &[], u64::from(plan.fenced.is_some()));
    page.family(
        "weir_package_flagged_total",
        "counter",
        "Times a node was found to give away more of a package than it can have.",
    );
    page.sample("weir_package_flagged_total", &[], state.quota.flagged().1);
    page.family(
        "weir_gateway_balance_bytes",
        "gauge",
        "Bytes this node may carry now; negative is debt.",
    );
    let table = state.routing.load();
    for (gateway, meter) in table.access.gateways.iter().zip(&table.meters) {
        let labels = [("gateway", gateway.as_str())];
        page.sample("weir_gateway_balance_bytes", &labels, meter.balance_bytes());
    }
}

/// The figures of each business.
fn by_business(state: &AdminState) -> Vec<(String, BusinessFigures)> {
    let table = state.routing.load();
    let all = table.all_counters();
    summed_up(all.map(|(business, counters)| (business.to_owned(), counters.figures())))
}

/// The first [`MAX_BUSINESSES`] by id, and the rest together, so that a scrape has a limit.
fn summed_up(
    all: impl Iterator<Item = (String, BusinessFigures)>,
) -> Vec<(String, BusinessFigures)> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if all.len() > MAX_BUSINESSES {
        let mut others = BusinessFigures::default();
        for (_, figures) in all.drain(MAX_BUSINESSES..) {
            others += figures;
        }
        all.push((OTHERS.to_owned(), others));
    }
    all
}

/// What became of the calls of each business. Reasons and faults that never happened have no sample.
fn businesses(state: &AdminState, page: &mut Exposition) {
    let figures = by_business(state);
    page.family(
        "weir_business_link_calls_total",
        "counter",
        "Calls that took the link.",
    );
    for (business, figures) in &figures {
        let labels = [("business", business.as_str())];
        page.sample(
            "weir_business_link_calls_total",
            &labels,
            figures.link.calls,
        );
    }
    page.family(
        "weir_business_link_bytes_total",
        "counter",
        "Bytes carried on the link.",
    );
    for (business, figures) in &figures {
        let labels = [("business", business.as_str())];
        page.sample(
            "weir_business_link_bytes_total",
            &labels,
            figures.link.bytes,
        );
    }
    page.family(
        "weir_business_public_calls_total",
        "counter",
        "Calls that took the public link, by reason.",
    );
    public(page, "weir_business_public_calls_total", &figures, |used| {
        used.calls
    });
    page.family(
        "weir_business_public_bytes_total",
        "counter",
        "Bytes of calls on the public link: all of relayed ones, what is known of the request of others.",
    );
    public(page, "weir_business_public_bytes_total", &figures, |used| {
        used.bytes
    });
    page.family(
        "weir_business_errors_total",
        "counter",
        "Calls that ended with an error of the gateway's own, by whose fault it was.",
    );
    for (business, figures) in &figures {
        for ((_, source), errors) in FAULTS.iter().zip(figures.errors) {
            if errors > 0 {
                let labels = [("business", business.as_str()), ("source", source)];
                page.sample("weir_business_errors_total", &labels, errors);
            }
        }
    }
}

fn public(
    page: &mut Exposition,
    name: &str,
    figures: &[(String, BusinessFigures)],
    read: impl Fn(&crate::routing::UseFigures) -> u64,
) {
    for (business, figures) in figures {
        for (reason, used) in REASONS.iter().zip(&figures.public) {
            if used.calls > 0 {
                let labels = [("business", business.as_str()), ("reason", reason.as_str())];
                page.sample(name, &labels, read(used));
            }
        }
    }
}

// === impl Exposition ===

impl Exposition {
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let open = if i == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_businesses_are_named_and_the_others_summed_up() {
        let figures = |n: u64| {
            let mut figures = BusinessFigures::default();
            figures.link.calls = n;
            (format!("wx{n:04}"), figures)
        };
        let all = summed_up((0..MAX_BUSINESSES as u64 + 3).rev().map(figures));
        assert_eq!(all.len(), MAX_BUSINESSES + 1);
        assert_eq!(all[0].0, "wx0000");
        let (name, others) = &all[MAX_BUSINESSES];
        assert_eq!(
            (name.as_str(), others.link.calls),
            ("other", 1_000 + 1_001 + 1_002)
        );
        assert_eq!(summed_up((0..2).map(figures)).len(), 2);
    }
}
