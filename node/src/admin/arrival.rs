//! `/cluster/config/{version}`: which nodes have a change, and since when.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::Stamp;

use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::{AdminState, history, moment};
use crate::config_actor::NodeHas;

/// How far a change has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct Arrival {
    #[schema(value_type = String, example = "019234567abc0000-n1")]
    pub version: Stamp,
    /// When it was made, by the clock of the node that made it.
    pub at: String,
    /// Every node that answered has it, and every node answered.
    pub everywhere: bool,
    /// Every node in view, the one that answers first.
    pub nodes: Vec<NodeArrival>,
    /// Nodes that did not answer in time: whether they have it is not known.
    pub unanswered: Vec<String>,
}

/// Whether one node has a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeArrival {
    pub node: String,
    /// Null where the node did not answer.
    pub has: Option<bool>,
    /// When it stored it, by its own clock.
    pub since: Option<String>,
}

/// Which nodes have a version, and since when
#[utoipa::path(
    get, path = "/admin/v1/cluster/config/{version}", tag = "cluster",
    params(("version" = String, Path, description = "A version: `x-wx-conf-version`, or one of `/history`")),
    responses((status = 200, description = "Node by node", body = Arrival)),
)]
pub async fn get_arrival(
    state: web::Data<AdminState>,
    version: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let version = history::stamp(&version)?;
    let nodes = state.config.version_on_nodes(&version).await;
    Ok(HttpResponse::Ok().json(arrival(version, &nodes)))
}

fn arrival(version: Stamp, nodes: &[NodeHas]) -> Arrival {
    let unanswered = nodes.iter().filter(|node| node.has.is_none());
    Arrival {
        at: moment::text(version.wall_ms),
        everywhere: nodes.iter().all(|node| node.has == Some(true)),
        unanswered: unanswered.map(|node| node.node.to_string()).collect(),
        nodes: nodes
            .iter()
            .map(|node| NodeArrival {
                node: node.node.to_string(),
                has: node.has,
                since: node.since_ms.map(moment::text),
            })
            .collect(),
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, has: Option<bool>) -> NodeHas {
        NodeHas {
            node: id.parse().unwrap(),
            has,
            since_ms: has.filter(|has| *has).map(|_| 1_000),
        }
    }

    #[test]
    fn a_node_that_did_not_answer_is_named_and_keeps_a_change_from_being_everywhere() {
        let version: Stamp = "0000000003e80000-n1".parse().unwrap();
        let all = arrival(
            version.clone(),
            &[node("n1", Some(true)), node("n2", Some(true))],
        );
        assert!(all.everywhere && all.unanswered.is_empty());
        assert_eq!(all.nodes[0].since.as_deref(), Some("1970-01-01T00:00:01Z"));
        let some = arrival(version, &[node("n1", Some(true)), node("n2", None)]);
        assert!(!some.everywhere);
        assert_eq!(some.unanswered, ["n2"]);
    }
}
