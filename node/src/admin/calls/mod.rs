//! `/calls`: what became of calls, from whichever node has it. The id of a call names the node that served it, so that
//! one call is asked of one node; a search asks all.

mod advice;
mod list;
mod story;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use uuid::Uuid;
use weir_cluster::membership::NodeView;

pub use list::{__path_list_calls, list_calls};
pub(super) use list::{CallsParameters, newest};
pub use story::CallStory;

use super::AdminState;
use super::fan_out;
use super::problem::Problem;
use super::query::{NoParameters, Query};
use crate::call_id::{node_tag, tag_of};
use crate::monitor::{CallRecord, ClusterMonitor, MonitorHandle};

/// The name of the question for one call.
const QUESTION: &str = "call";

/// One call, with its story in words
///
/// Any node answers for every call: the id names the node that served it. Kept are errors, calls beyond the package and
/// slow ones, and of the others a sample; a call is there within a second of its end.
#[utoipa::path(
    get, path = "/admin/v1/calls/{call_id}", tag = "monitoring",
    params(("call_id" = String, Path, description = "As the client got it in `x-wx-call-id` or `callID`")),
    responses((status = 200, description = "The call and its story", body = CallStory)),
)]
pub async fn get_call(
    state: web::Data<AdminState>,
    call_id: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let id = parse_id(&call_id)?;
    let monitor = monitoring(&state)?;
    let view = state.cluster.borrow().clone();
    let tag = node_tag(id);
    let named: Vec<NodeView> = view
        .nodes
        .iter()
        .filter(|node| tag_of(&node.id) == tag)
        .cloned()
        .collect();
    if named.is_empty() && tag_of(&state.node) != tag {
        return Err(unknown_node(id));
    }
    if tag_of(&state.node) == tag
        && let Some(record) = record_here(&monitor.here, id).await?
    {
        return Ok(HttpResponse::Ok().json(CallStory::of(record)));
    }
    let client = state.mesh.client();
    let mut missing = Vec::new();
    for node in &named {
        if node.id == state.node {
            missing.push(node.id.to_string());
            continue;
        }
        let query = format!("id={id}");
        let told = fan_out::ask::<Option<CallRecord>>(&client, node, QUESTION, &query).await;
        match told {
            Ok(answered) => match answered.answer {
                Some(record) => return Ok(HttpResponse::Ok().json(CallStory::of(record))),
                None => missing.push(answered.node),
            },
            Err(unanswered) => return Err(unreachable(id, &unanswered)),
        }
    }
    if missing.is_empty() {
        missing.push(state.node.to_string());
    }
    Err(not_kept(&missing.join(", "), &state))
}

/// Answers other nodes that ask for a call, or for the newest ones of a kind.
pub fn answer_others(state: &AdminState) {
    let Some(monitor) = &state.monitor else {
        return;
    };
    let here = monitor.here.clone();
    state.mesh.answer(QUESTION, move |query: &str| {
        let id = query.strip_prefix("id=").and_then(|id| id.parse().ok());
        let here = here.clone();
        async move {
            let record = record_here(&here, id?).await.ok()?;
            serde_json::to_vec(&record).ok()
        }
        .boxed_local()
    });
    list::answer_others(state, monitor);
}

/// The monitoring, where there is one.
pub fn monitoring(state: &AdminState) -> Result<&ClusterMonitor, Problem> {
    let on = state.monitor.as_ref().filter(|it| it.here.is_enabled());
    on.ok_or_else(|| {
        let detail = "This node neither counts nor records calls: monitoring is off (monitor.enabled). Ask another \
                      node, or turn it on.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "monitoring_off", detail)
    })
}

async fn record_here(here: &MonitorHandle, id: Uuid) -> Result<Option<CallRecord>, Problem> {
    let here = here.clone();
    blocking(move || here.record(id)).await
}

/// Reads the disk where that holds up nobody.
pub async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, crate::monitor::ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let unreadable =
        |why: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "records_unreadable", why);
    let read = web::block(read).await;
    let read = read.map_err(|_| unreadable("The node is stopping; ask another one.".to_owned()))?;
    read.map_err(|error| unreadable(format!("{error}.")))
}

fn parse_id(text: &str) -> Result<Uuid, Problem> {
    let id = Uuid::parse_str(text).ok();
    let id = id.filter(|id| id.get_version_num() == 7);
    id.ok_or_else(|| {
        let detail = format!(
            "`{}` is no call id. One looks like 019234567abc-…: it is in the answer's header x-wx-call-id, or \
             callID in its JSON.",
            text.chars().take(100).collect::<String>()
        );
        Problem::new(StatusCode::BAD_REQUEST, "invalid_call_id", detail).field("call_id")
    })
}

fn unknown_node(id: Uuid) -> Problem {
    let detail = format!(
        "No node of this cluster made the call id {id}: it is another cluster's, or of a node that is gone for good."
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown_call", detail)
}

fn unreachable(id: Uuid, unanswered: &fan_out::Unanswered) -> Problem {
    let (node, region) = (&unanswered.node, &unanswered.region);
    let detail = format!(
        "Call {id} was served by node {node} in {region}, and what became of it is on that node's disk alone; it \
         does not answer: {}. Ask again once it is back.",
        unanswered.reason
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "node_unreachable", detail)
}

fn not_kept(node: &str, state: &AdminState) -> Problem {
    let settings = &state.settings.monitor;
    let detail = format!(
        "Node {node} served this call and has no record of it: it is still under way, it went well and was not in the \
         sample ({} in 100, at most {} a second), or it is older than what is kept ({} days, {} records).",
        settings.sample_percent,
        settings.records_per_second,
        settings.record_days,
        settings.records
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown_call", detail)
}
