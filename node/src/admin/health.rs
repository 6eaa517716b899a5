//! `/healthz` and `/readyz`: for whoever decides whether to restart the node or to send it calls.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::AdminState;

/// Whether the link takes calls; the node's start and stop say so.
#[derive(Debug, Default)]
pub struct Readiness {
    link_up: AtomicBool,
    draining: AtomicBool,
}

/// The state of this node.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `not_ready`.
    pub status: &'static str,
    pub node: String,
    /// The program's version.
    pub program: &'static str,
    pub uptime_ms: u64,
    /// Why the node is not ready; empty when it is.
    pub reasons: Vec<&'static str>,
}

/// The process runs and answers
#[utoipa::path(
    get, path = "/healthz", tag = "node",
    responses((status = 200, description = "It does", body = Health)),
)]
pub async fn healthz(state: web::Data<AdminState>) -> HttpResponse {
    HttpResponse::Ok().json(health(&state, Vec::new()))
}

/// The node takes calls
#[utoipa::path(
    get, path = "/readyz", tag = "node",
    responses((status = 200, description = "It does", body = Health),
              (status = 503, description = "Not yet, or no longer: see `reasons`", body = Health)),
)]
pub async fn readyz(state: web::Data<AdminState>) -> HttpResponse {
    let reasons = reasons(&state);
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    HttpResponse::build(status).json(health(&state, reasons))
}

fn health(state: &AdminState, reasons: Vec<&'static str>) -> Health {
    Health {
        status: if reasons.is_empty() {
            "ok"
        } else {
            "not_ready"
        },
        node: state.node.to_string(),
        program: env!("CARGO_PKG_VERSION"),
        uptime_ms: u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        reasons,
    }
}

fn reasons(state: &AdminState) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if state.readiness.draining.load(Ordering::Acquire) {
        reasons.push("the node is stopping: it finishes the calls it has and takes no new ones");
    } else if !state.readiness.link_up.load(Ordering::Acquire) {
        reasons.push("the link is not listening yet");
    }
    if joins(state) && !has_seen_a_peer(state) && !holds_configuration(state) {
        reasons.push("no seed (mesh.seeds) has answered yet and the store is empty, so there is nothing to route by");
    }
    reasons
}

fn joins(state: &AdminState) -> bool {
    !state.settings.mesh.seeds.is_empty()
}

fn has_seen_a_peer(state: &AdminState) -> bool {
    let view = state.cluster.borrow();
    view.nodes
        .iter()
        .any(|node| node.live && node.id != view.me)
}

/// Whether there is anything besides tokens, which every node begins with.
fn holds_configuration(state: &AdminState) -> bool {
    let snapshot = state.config.catalog();
    snapshot
        .catalog
        .records()
        .any(|record| !record.key.kind.is_secret())
}

// === impl Readiness ===

impl Readiness {
    /// The link listens on its ports.
    pub fn link_is_up(&self) {
        self.link_up.store(true, Ordering::Release);
    }

    /// The node has begun to stop; there is no way back.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}
