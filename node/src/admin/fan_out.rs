//! Asking all nodes what each alone knows: the live ones at once, each with the mesh's deadline. Who did not
//! answer is named with the reason, never waited for.

use std::sync::Arc;

use actix_web::web;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use weir_cluster::membership::{ClusterView, NodeView};
use weir_cluster::mesh::{MeshClient, MeshError};

use super::AdminState;

/// Nodes that are asked at once: more than a cluster usually has, less than the ports of a machine.
const ASKED_AT_ONCE: usize = 256;
/// Of a node that knows no such object.
pub const NOT_YET: &str = "it does not have this yet: its configuration is behind";

/// What one node said.
pub struct Answered<T> {
    pub node: String,
    pub answer: T,
}

/// A node whose figures are missing from an answer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Unanswered {
    pub node: String,
    pub region: String,
    /// Why, in words.
    pub reason: String,
}

/// What all nodes said, and who said nothing; each in the order of their names.
pub struct FanOut<T> {
    pub answered: Vec<Answered<T>>,
    pub unanswered: Vec<Unanswered>,
}

/// Asks every other node in view the question `what`; this node's own answer is `here`.
pub async fn ask_all<T: DeserializeOwned>(
    state: &web::Data<AdminState>,
    what: &str,
    query: &str,
    here: Option<T>,
) -> FanOut<T> {
    let view: Arc<ClusterView> = state.cluster.borrow().clone();
    ask_nodes(&view, &state.mesh.client(), what, query, here).await
}

/// The same, for whoever has no admin state.
pub async fn ask_nodes<T: DeserializeOwned>(
    view: &ClusterView,
    client: &MeshClient,
    what: &str,
    query: &str,
    here: Option<T>,
) -> FanOut<T> {
    // Who has left took leave; who died is missed.
    let there = |node: &&NodeView| node.live || !node.leaving;
    let others = view.nodes.iter().filter(|node| node.id != view.me);
    let others = others.filter(there);
    let asking = others.map(|node| ask(client, node, what, query));
    let mut told = FanOut {
        answered: Vec::new(),
        unanswered: Vec::new(),
    };
    let node = view.me.to_string();
    match here {
        Some(answer) => told.answered.push(Answered { node, answer }),
        None => {
            let mut nodes = view.nodes.iter();
            let me = nodes.find(|node| node.id == view.me);
            told.unanswered.push(Unanswered {
                node,
                region: me.map_or_else(String::new, |me| me.region.clone()),
                reason: NOT_YET.to_owned(),
            });
        }
    }
    let mut answers = stream::iter(asking).buffer_unordered(ASKED_AT_ONCE);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answered) => told.answered.push(answered),
            Err(unanswered) => told.unanswered.push(unanswered),
        }
    }
    told.answered.sort_by(|a, b| a.node.cmp(&b.node));
    told.unanswered.sort_by(|a, b| a.node.cmp(&b.node));
    told
}

/// Asks one node.
///
/// # Errors
/// It is dead, did not answer in time, or has nothing to say.
pub async fn ask<T: DeserializeOwned>(
    client: &MeshClient,
    node: &NodeView,
    what: &str,
    query: &str,
) -> Result<Answered<T>, Unanswered> {
    let answer = match node.live {
        true => client.ask_node(node.mesh_addr, what, query).await,
        false => {
            return Err(unanswered(
                node,
                "it is dead: nothing is heard of it".to_owned(),
            ));
        }
    };
    match answer {
        Ok(Some(answer)) => Ok(Answered {
            node: node.id.to_string(),
            answer,
        }),
        Ok(None) => Err(unanswered(node, NOT_YET.to_owned())),
        Err(error) => Err(unanswered(node, reason(&error))),
    }
}

fn unanswered(node: &NodeView, reason: String) -> Unanswered {
    Unanswered {
        node: node.id.to_string(),
        region: node.region.clone(),
        reason,
    }
}

/// For people who know the nodes by their names, not by their addresses.
fn reason(error: &MeshError) -> String {
    match error {
        MeshError::Deadline { after_ms, .. } => format!("no answer within {after_ms} ms"),
        MeshError::Unreachable { reason, .. } => format!("it cannot be reached: {reason}"),
        MeshError::Refused { status, reason, .. } => {
            format!("it refused with status {status}: {}", reason.trim())
        }
        MeshError::Cut(_) => "a drill cuts this node off from it".to_owned(),
        other => other.to_string(),
    }
}
