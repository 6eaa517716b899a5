//! `/metrics`: figures of this node in the Prometheus text format 0.0.4.

use std::fmt::Write;

use actix_web::{HttpResponse, web};
use weir_cluster::ledger::Meter;
use weir_cluster::replication::ConfigSnapshot;

use super::{AdminState, cluster};

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
struct Exposition(String);

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

// === impl Exposition ===

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
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
