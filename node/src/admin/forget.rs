//! `/cluster/nodes/{node}/forget`: an operator says that a node is gone for good, where the others cannot agree
//! on it by themselves.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_cluster::plan::ForgetError;
use weir_config::NodeId;

use super::AdminState;
use super::auth::Author;
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::resource;
use crate::quota::ForgetRefusal;

/// A node that is planned without from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    pub node: String,
    /// What may happen if it is not gone for good.
    pub risk: String,
}

/// Say that a node is gone for good: the mint plan goes on without it
///
/// Needed where no side has more than half of the nodes, for instance of two nodes one is lost. Elsewhere the
/// others drop a dead node by themselves. Refused while the node is live.
#[utoipa::path(
    post, path = "/admin/v1/cluster/nodes/{node}/forget", tag = "cluster",
    params(("node" = String, Path, description = "The node's id")),
    responses((status = 200, description = "It is planned without, and what that risks", body = Forgotten)),
)]
pub async fn forget(
    state: web::Data<AdminState>,
    author: Author,
    node: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let node = node.into_inner();
    let id: NodeId = node.parse().map_err(|_| resource::no_such("node", &node))?;
    state.quota.forget(&id).await.map_err(problem)?;
    tracing::warn!(
        author = author.0,
        forgotten = id.as_str(),
        "an operator says that a node is gone for good"
    );
    let risk = format!(
        "If `{id}` is not gone for good but only cut off from this node, it may go on minting its share of every \
         package beside the nodes that are planned without it: until they meet again, more than the packages may \
         be carried. Keep it switched off; started again, it joins as a new node."
    );
    Ok(HttpResponse::Ok().json(Forgotten {
        node: id.to_string(),
        risk,
    }))
}

fn problem(refusal: ForgetRefusal) -> Problem {
    let (status, code) = match &refusal {
        ForgetRefusal::Plan(ForgetError::Unknown(_)) => (StatusCode::NOT_FOUND, "not_in_plan"),
        ForgetRefusal::Plan(ForgetError::Live(_)) => (StatusCode::CONFLICT, "node_live"),
        ForgetRefusal::Actor(_) | ForgetRefusal::Late => {
            (StatusCode::SERVICE_UNAVAILABLE, "ledger_busy")
        }
    };
    Problem::new(status, code, format!("{refusal}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_code() {
        let node: NodeId = "n2".parse().unwrap();
        for (refusal, status, code) in [
            (
                ForgetError::Unknown(node.clone()).into(),
                404,
                "not_in_plan",
            ),
            (ForgetError::Live(node).into(), 409, "node_live"),
            (ForgetRefusal::Late, 503, "ledger_busy"),
        ] {
            let problem = problem(refusal);
            assert_eq!((problem.status, problem.code.as_str()), (status, code));
        }
    }
}
