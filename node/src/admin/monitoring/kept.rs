//! `/monitoring`: what the monitoring itself takes and has lost, node by node.

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::AdminState;
use crate::admin::fan_out::{Unanswered, ask_all};
use crate::admin::problem::Problem;
use crate::admin::query::{NoParameters, Query};
use crate::monitor::MonitorHandle;

/// The name of the question that nodes ask each other.
const QUESTION: &str = "monitor_kept";

/// The monitoring of all nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct MonitoringNodes {
    pub nodes: Vec<MonitoringNode>,
    /// Nodes that did not answer, and why.
    pub unanswered: Vec<Unanswered>,
}

/// The monitoring of one node, since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonitoringNode {
    pub node: String,
    /// `monitor.enabled`; where it is off, all else is 0.
    pub enabled: bool,
    pub calls_counted: u64,
    pub records_written: u64,
    /// Records that a queue or the disk did not take; their calls are counted all the same.
    pub records_dropped: u64,
    pub lines_logged: u64,
    /// Records that are kept now.
    pub records_kept: u64,
    /// Of `monitor.db`, in use.
    pub disk_bytes: u64,
    pub disk_limit_bytes: u64,
    /// Of the figures by second.
    pub memory_bytes: u64,
    pub memory_limit_bytes: u64,
    pub actor_restarts: u64,
}

/// What the monitoring takes and has lost, on each node
#[utoipa::path(
    get, path = "/admin/v1/monitoring", tag = "monitoring",
    responses((status = 200, description = "Node by node", body = MonitoringNodes)),
)]
pub async fn get_monitoring(
    state: web::Data<AdminState>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let here = match &state.monitor {
        Some(monitor) => told(&monitor.here).await,
        None => MonitoringNode::default(),
    };
    let all = ask_all(&state, QUESTION, "", Some(here)).await;
    let nodes = all.answered.into_iter().map(|answered| MonitoringNode {
        // As this node knows it, whatever it calls itself.
        node: answered.node,
        ..answered.answer
    });
    Ok(HttpResponse::Ok().json(MonitoringNodes {
        nodes: nodes.collect(),
        unanswered: all.unanswered,
    }))
}

/// Answers other nodes that ask how this one's monitoring is.
pub fn answer_others(state: &AdminState) {
    let Some(monitor) = &state.monitor else {
        return;
    };
    let here = monitor.here.clone();
    state.mesh.answer(QUESTION, move |_: &str| {
        let here = here.clone();
        async move { serde_json::to_vec(&told(&here).await).ok() }.boxed_local()
    });
}

async fn told(here: &MonitorHandle) -> MonitoringNode {
    let (totals, limits) = (here.totals(), here.limits());
    let counting = here.clone();
    let counted = web::block(move || match counting.is_enabled() {
        true => counting.records_kept().unwrap_or(0),
        false => 0,
    });
    MonitoringNode {
        node: String::new(),
        enabled: here.is_enabled(),
        calls_counted: totals.calls,
        records_written: totals.records_written,
        records_dropped: totals.records_dropped,
        lines_logged: totals.lines_logged,
        records_kept: counted.await.unwrap_or(0),
        disk_bytes: totals.disk_bytes,
        disk_limit_bytes: limits.disk_bytes,
        memory_bytes: totals.memory_bytes,
        memory_limit_bytes: limits.memory_bytes,
        actor_restarts: here.restarts(),
    }
}
