//! `/cluster/join-tokens`, `/cluster/nodes/{node}/revoke`, `/cluster/rotate-keys`: who is let into the cluster.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_cluster::trust::JoinToken;
use weir_config::{NodeId, operation};

use super::auth::Author;
use super::body::Json;
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::{AdminState, moment, resource};
use crate::config_actor::{Ack, WriteOptions, now_ms};
use crate::identity::{self, IdentityParts, NewToken, NotRedeemed, Rotated};
use crate::seal::Secret;

/// How long a token holds where nothing is said, seconds.
const VALID_FOR_S: u64 = 600;
/// The least and the most, seconds.
const VALID_FOR_S_RANGE: std::ops::RangeInclusive<u64> = 1..=86_400;

/// A join token that is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JoinTokenInput {
    /// Only a node of this name may use it; any node when left out.
    pub node: Option<String>,
    /// After so many seconds it lets nobody in, 1 to 86400; 600 when left out.
    pub valid_for_s: Option<u64>,
    /// Whoever joins with it gets the keys of the cluster's authorities: it may let others in and renew their
    /// certificates.
    pub issuer: bool,
}

/// A join token. It is shown this once.
#[derive(Serialize, ToSchema)]
pub struct JoinTokenMade {
    /// The secret itself. It lets one node in, once.
    pub token: String,
    /// A node's mesh address at which the token can be used: `weir node --join TOKEN@HOST:PORT`.
    pub address: String,
    /// Both, as `--join` takes them.
    pub join: String,
    pub expires_at: String,
    pub node: Option<String>,
    pub issuer: bool,
}

/// A node whose certificates are worthless from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Revoked {
    pub node: String,
    /// The version of the configuration that says so.
    pub version: String,
    /// What is left to do, and why.
    pub advice: String,
}

/// Make a join token: it lets one node into the cluster, once and soon
///
/// Made by a node that has the keys of the cluster's authorities, and redeemed by that node alone; it may be used at
/// any node of the cluster. The token names the authority's fingerprint, so that the node that joins sends its secret
/// to nobody else.
#[utoipa::path(
    post, path = "/admin/v1/cluster/join-tokens", tag = "cluster",
    request_body = JoinTokenInput,
    responses((status = 201, description = "The token, shown this once", body = JoinTokenMade)),
)]
pub async fn make_join_token(
    state: web::Data<AdminState>,
    author: Author,
    _: Query<NoParameters>,
    input: Json<JoinTokenInput>,
) -> Result<HttpResponse, Problem> {
    let identity = parts(&state)?;
    let granter = &identity.granter;
    let input = input.0;
    let valid_for_s = input.valid_for_s.unwrap_or(VALID_FOR_S);
    if !VALID_FOR_S_RANGE.contains(&valid_for_s) {
        let (least, most) = VALID_FOR_S_RANGE.into_inner();
        let detail = format!("A token holds for {least} to {most} seconds, not {valid_for_s}.");
        return Err(invalid("valid_for_s", detail));
    }
    let node = input.node.map(|node| {
        let parsed: Result<NodeId, _> = node.parse();
        parsed.map_err(|error| invalid("node", format!("{error}.")))
    });
    let node = node.transpose()?;
    let authority = granter.issuing().map_err(|why| {
        let detail = format!("{}.", why.why);
        Problem::new(StatusCode::CONFLICT, "not_an_issuer", detail)
    })?;
    let token = JoinToken::generate(authority.id(), state.node.clone());
    let now_ms = now_ms();
    let new = NewToken {
        node: node.clone(),
        issuer: input.issuer,
        valid_for_s,
        author: author.0.clone(),
    };
    let (tokens, digest) = (granter.tokens.clone(), token.digest());
    let added = web::block(move || tokens.add(digest, new, now_ms)).await;
    added
        .map_err(|error| unstored(&error))?
        .map_err(|error| match &error {
            NotRedeemed::TooMany => {
                Problem::new(StatusCode::CONFLICT, "too_many_tokens", format!("{error}."))
            }
            error => unstored(error),
        })?;
    let view = state.cluster.borrow().clone();
    let me = view
        .node(&state.node)
        .map(|node| node.mesh_addr.to_string());
    let address = me.unwrap_or_else(|| state.settings.mesh.listen.to_string());
    tracing::info!(
        author = author.0,
        node = node.as_ref().map(NodeId::as_str),
        issuer = input.issuer,
        valid_for_s,
        "a join token was made"
    );
    let text = token.expose();
    Ok(HttpResponse::Created()
        .insert_header(("cache-control", "no-store"))
        .json(JoinTokenMade {
            join: format!("{text}@{address}"),
            token: text,
            address,
            expires_at: moment::text(now_ms.saturating_add(valid_for_s * 1_000)),
            node: node.map(|node| node.to_string()),
            issuer: input.issuer,
        }))
}

/// Revoke a node: its certificates are worthless from now on, on every node
///
/// Connections to and from it close at once. It can only come back with a new join token.
#[utoipa::path(
    post, path = "/admin/v1/cluster/nodes/{node}/revoke", tag = "cluster",
    params(("node" = String, Path, description = "The node's id")),
    responses((status = 200, description = "It is revoked", body = Revoked)),
)]
pub async fn revoke(
    state: web::Data<AdminState>,
    author: Author,
    node: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let node = node.into_inner();
    let id: NodeId = node.parse().map_err(|_| resource::no_such("node", &node))?;
    if id == state.node {
        let detail =
            "This node would revoke itself, and nobody would hear of it: ask another node.";
        return Err(Problem::new(StatusCode::CONFLICT, "own_node", detail));
    }
    let was_issuer = state
        .config
        .catalog()
        .catalog
        .node(&node)
        .is_some_and(|n| n.issuer);
    let options = WriteOptions {
        author: author.0.clone(),
        ack: Ack::One,
        request: None,
    };
    let named = id.clone();
    let applied = state.config.apply(options, move |catalog, _| {
        operation::revoke_node(catalog, named.as_str()).map(|change| (change, ()))
    });
    let applied = applied.await.map_err(Problem::from)?;
    tracing::warn!(
        author = author.0,
        revoked = id.as_str(),
        "a node was revoked"
    );
    let advice = if was_issuer {
        format!(
            "`{id}` had the keys of the cluster's authorities: whoever has its disk can still certify nodes of any other \
             name. Rotate the keys now: weir cluster rotate-keys."
        )
    } else {
        format!(
            "`{id}` is not spoken to any more. If it is gone for good and the packages wait for it, say so too: weir \
             cluster forget {id}."
        )
    };
    Ok(HttpResponse::Ok().json(Revoked {
        node: id.to_string(),
        version: applied.version.to_string(),
        advice,
    }))
}

/// Rotate the cluster's keys: take the next of three steps
///
/// `introduced`: a new authority, which all nodes believe beside the old one. `issuing`: certificates are of the new one,
/// and every node renews its own. `retired`: the old one is believed no more. Ask again for the next step; 409
/// `nodes_lag` names the live nodes that are not ready for it. The node asked has to have the authorities' keys.
#[utoipa::path(
    post, path = "/admin/v1/cluster/rotate-keys", tag = "cluster",
    responses((status = 200, description = "The step that was taken", body = Rotated)),
)]
pub async fn rotate_keys(
    state: web::Data<AdminState>,
    author: Author,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let identity = parts(&state)?;
    let rotated = identity::rotate(&identity.granter, &identity.files, &author.0).await;
    let rotated = rotated.map_err(Problem::from)?;
    tracing::warn!(
        author = author.0,
        step = ?rotated.step,
        authority = rotated.authority,
        "the cluster's keys are rotated"
    );
    Ok(HttpResponse::Ok().json(rotated))
}

fn parts(state: &AdminState) -> Result<&IdentityParts, Problem> {
    state.identity.as_ref().ok_or_else(|| {
        let detail = "This node does not let anyone in yet: it is starting.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail)
    })
}

fn invalid(field: &str, detail: String) -> Problem {
    Problem::from(weir_config::Refusal::invalid(field, detail))
}

fn unstored(error: &impl ToString) -> Problem {
    let detail = format!("The token could not be kept: {}.", error.to_string());
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unwritable", detail)
}

// === impl JoinTokenMade ===

impl fmt::Debug for JoinTokenMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = Secret::new(&*self.token);
        write!(f, "JoinTokenMade({token})")
    }
}
