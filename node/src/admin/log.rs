//! `/cluster/nodes/{node}/log`: the levels of a node's log, seen and changed while it runs, by way of any node.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_cluster::mesh::MeshError;
use weir_config::NodeId;

use super::auth::Author;
use super::body::Json;
use super::problem::Problem;
use super::query::{NoParameters, Query, parse};
use super::{AdminState, moment, resource};
use crate::config_actor::now_ms;
use crate::settings::LogFormat;
use crate::telemetry::{FOR_S_MAX, Levels, LogControl};

/// The names of the questions that nodes ask each other. A change is asked as a question too: it may be asked twice
/// without harm.
const QUESTION: &str = "log";
const SET: &str = "log_set";
const RESET: &str = "log_reset";

/// What a node logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeLog {
    pub node: String,
    #[schema(example = "info,weir::link=debug")]
    pub levels: String,
    /// As the node's settings have them (`log.level`): what `levels` fall back to.
    pub settings_levels: String,
    /// `text` or `json`.
    pub format: String,
    /// Modules of libraries that are asked for at `trace` and logged at `debug`: their finer lines may show what
    /// calls carry.
    pub held_back: Vec<String>,
    /// Who changed the levels; null where they are the settings'.
    pub changed_by: Option<String>,
    /// When they fall back by themselves, RFC 3339; null: when the node stops, or when told.
    pub until: Option<String>,
    /// Seconds until then.
    pub left_s: Option<u64>,
}

/// Levels to log with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogInput {
    /// `off`, `error`, `warn`, `info`, `debug`, `trace`, and per module: `info,weir::link=debug`.
    #[schema(example = "info,weir::link=debug")]
    pub levels: String,
    /// After so many seconds they fall back to the settings', 1 to 86400; left out: when the node stops.
    #[schema(minimum = 1, maximum = 86400)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// A change as one node passes it to another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passed {
    levels: String,
    for_s: Option<u64>,
    by: String,
}

/// What a node logs, and until when
#[utoipa::path(
    get, path = "/admin/v1/cluster/nodes/{node}/log", tag = "cluster",
    params(("node" = String, Path, description = "The node's id; any live one, by way of the node that is asked")),
    responses((status = 200, description = "The levels of its log", body = NodeLog)),
)]
pub async fn get_log(
    state: web::Data<AdminState>,
    node: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    answer(&state, &node, QUESTION, "", |here| here.told()).await
}

/// Change what a node logs while it runs, for a time or until it stops
#[utoipa::path(
    put, path = "/admin/v1/cluster/nodes/{node}/log", tag = "cluster",
    params(("node" = String, Path, description = "The node's id; any live one, by way of the node that is asked")),
    request_body = LogInput,
    responses((status = 200, description = "The levels of its log now", body = NodeLog)),
)]
pub async fn put_log(
    state: web::Data<AdminState>,
    author: Author,
    node: web::Path<String>,
    _: Query<NoParameters>,
    Json(input): Json<LogInput>,
) -> Result<HttpResponse, Problem> {
    check(&input)?;
    let passed = Passed {
        levels: input.levels,
        for_s: input.for_s,
        by: author.0,
    };
    answer(&state, &node, SET, &passed.query(), |here| {
        here.set(&passed)
    })
    .await
}

/// Log as the node's settings say again
#[utoipa::path(
    delete, path = "/admin/v1/cluster/nodes/{node}/log", tag = "cluster",
    params(("node" = String, Path, description = "The node's id; any live one, by way of the node that is asked")),
    responses((status = 200, description = "The levels of its log now", body = NodeLog)),
)]
pub async fn reset_log(
    state: web::Data<AdminState>,
    node: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    answer(&state, &node, RESET, "", |here| Ok(here.reset())).await
}

/// Answers other nodes that are asked for, or told, this node's levels.
pub fn answer_others(state: &AdminState) {
    let here = Arc::new(Here::of(state));
    let asked = here.clone();
    state
        .mesh
        .answer(QUESTION, move |_: &str| ready(asked.told().ok()));
    let told = here.clone();
    state.mesh.answer(SET, move |query: &str| {
        // The node that was asked has checked it; what comes from another program may be anything.
        let passed = parse::<Passed>(query).ok();
        ready(passed.and_then(|passed| told.set(&passed).ok()))
    });
    state
        .mesh
        .answer(RESET, move |_: &str| ready(Some(here.reset())));
}

fn ready(answer: Option<NodeLog>) -> weir_cluster::mesh::AskAnswer {
    let answer = answer.and_then(|log| serde_json::to_vec(&log).ok());
    async move { answer }.boxed_local()
}

/// This node's log.
struct Here {
    node: String,
    format: &'static str,
    control: LogControl,
}

/// Of the node in the path, by this node or by way of it.
async fn answer(
    state: &web::Data<AdminState>,
    node: &str,
    what: &str,
    query: &str,
    here: impl FnOnce(&Here) -> Result<NodeLog, Problem>,
) -> Result<HttpResponse, Problem> {
    let id: NodeId = node.parse().map_err(|_| resource::no_such("node", node))?;
    if id == state.node {
        return Ok(HttpResponse::Ok().json(here(&Here::of(state))?));
    }
    let view = state.cluster.borrow().clone();
    let there = view
        .node(&id)
        .ok_or_else(|| resource::no_such("node", node))?;
    let client = state.mesh.client();
    let log = match there.live {
        true => {
            client
                .ask_node::<NodeLog>(there.mesh_addr, what, query)
                .await
        }
        false => return Err(unanswered(&id, "it is dead: nothing is heard of it")),
    };
    match log {
        Ok(Some(log)) => Ok(HttpResponse::Ok().json(log)),
        Ok(None) => Err(unanswered(
            &id,
            "it does not take these levels; it may run another version of Weir",
        )),
        Err(MeshError::Deadline { after_ms, .. }) => Err(unanswered(
            &id,
            &format!("no answer came within {after_ms} ms"),
        )),
        Err(error) => Err(unanswered(&id, &error.to_string())),
    }
}

fn unanswered(node: &NodeId, why: &str) -> Problem {
    let detail = format!(
        "Node `{node}` did not answer: {why}. Ask again, or ask the node itself at its admin port."
    );
    Problem::new(StatusCode::BAD_GATEWAY, "node_unanswered", detail)
}

/// # Errors
/// 422 `invalid`, with the field and its part at fault.
fn check(input: &LogInput) -> Result<(Levels, Option<Duration>), Problem> {
    let invalid = |field: &str, detail: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).field(field)
    };
    let levels = input.levels.parse::<Levels>();
    let levels = levels.map_err(|error| {
        let error = error.to_string();
        let mut letters = error.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        let detail = format!("{}{}.", first.unwrap_or_default(), letters.as_str());
        invalid("levels", detail)
    })?;
    match input.for_s {
        Some(for_s) if !(1..=FOR_S_MAX).contains(&for_s) => {
            let detail =
                format!("`for_s` is {for_s}; levels can be set for 1 to {FOR_S_MAX} seconds.");
            Err(invalid("for_s", detail))
        }
        for_s => Ok((levels, for_s.map(Duration::from_secs))),
    }
}

// === impl Passed ===

impl Passed {
    fn query(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query = format!("levels={}&by={}", encoded(&self.levels), encoded(&self.by));
        if let Some(for_s) = self.for_s {
            query.push_str(&format!("&for_s={for_s}"));
        }
        query
    }
}

// === impl Here ===

impl Here {
    fn of(state: &AdminState) -> Self {
        Here {
            node: state.node.to_string(),
            format: match state.settings.log.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            },
            control: state.log.clone(),
        }
    }

    fn told(&self) -> Result<NodeLog, Problem> {
        Ok(self.now())
    }

    fn set(&self, passed: &Passed) -> Result<NodeLog, Problem> {
        let (levels, lasting) = check(&LogInput {
            levels: passed.levels.clone(),
            for_s: passed.for_s,
        })?;
        tracing::info!(author = passed.by, %levels, for_s = passed.for_s, "the levels of the log are changed");
        self.control.set(levels, &passed.by, lasting);
        Ok(self.now())
    }

    fn reset(&self) -> NodeLog {
        self.control.reset();
        tracing::info!("the levels of the log are those of the settings again");
        self.now()
    }

    fn now(&self) -> NodeLog {
        let state = self.control.state();
        let ends_at = |left: Duration| moment::text(now_ms() + left.as_millis() as u64);
        NodeLog {
            node: self.node.clone(),
            levels: state.levels.to_string(),
            settings_levels: state.settings.to_string(),
            format: self.format.to_owned(),
            held_back: state
                .levels
                .held_back()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            changed_by: state.changed_by,
            until: state.left.map(ends_at),
            left_s: state
                .left
                .map(|left| left.as_millis().div_ceil(1_000) as u64),
        }
    }
}
