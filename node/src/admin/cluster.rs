//! `/cluster`: the nodes, whether they hold the same configuration, and who mints.

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_cluster::membership::{ClusterView, NodeView};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::Stamp;
use weir_config::history::{self, Version};

use super::AdminState;
use super::drill::{Drill, drill};
use super::fan_out::ask_all;
use super::problem::Problem;
use super::query::Query;
use crate::quota::{FLAGGED, PlanFigures};

/// The name of the question that nodes ask each other.
const QUESTION: &str = "plan";

/// Parameters of the cluster.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClusterQuery {
    /// `true`: ask every live node how it mints, which takes as long as the slowest, at most 1.5 s.
    #[serde(default)]
    pub minting: bool,
}

/// The cluster as the node that answers sees it.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ClusterStatus {
    /// The node that answers.
    pub node: String,
    /// Whether every live node holds the same configuration as this one.
    pub agree: bool,
    /// Digest of this node's configuration: equal on nodes that agree.
    pub config_digest: String,
    /// The newest change this node knows.
    #[schema(value_type = Option<String>)]
    pub newest_version: Option<Stamp>,
    /// Versions that lost without having been seen by whoever wrote over them; `/history?conflicts=true` lists them.
    pub conflicts: usize,
    /// Why this node's store takes no writes at present; null while it takes them.
    pub store_unwritable: Option<String>,
    /// How far this node's clock is behind the newest change, milliseconds, where that is too far; else null.
    pub clock_behind_ms: Option<u64>,
    /// The drill that has cut this node off from the others (`/drill/cut`); null while there is none.
    pub drill: Option<Drill>,
    /// Whose certificates the nodes believe; two while the cluster's keys are rotated.
    pub authorities: Vec<AuthorityStatus>,
    /// Every node heard of lately, by name.
    pub nodes: Vec<NodeStatus>,
}

/// An authority that certifies nodes.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AuthorityStatus {
    /// The beginning of its fingerprint, by which nodes name it.
    pub id: String,
    /// SHA-256 of its certificate.
    pub fingerprint: String,
    /// New certificates are of this one.
    pub issuing: bool,
}

/// What a node says of its certificate.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct TrustStatus {
    /// The authority of its certificate.
    pub certified_by: String,
    /// The authorities it believes.
    pub trusts: Vec<String>,
    /// It has their keys: it may let nodes in and renew certificates.
    pub issuer: bool,
    /// It was revoked.
    pub revoked: bool,
}

/// One node.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct NodeStatus {
    pub id: String,
    pub region: String,
    /// It gossips.
    pub live: bool,
    /// It has been asked to stop and takes no new calls.
    pub leaving: bool,
    /// It holds the same configuration as the node that answers.
    pub agrees: bool,
    pub config_digest: Option<String>,
    #[schema(value_type = Option<String>)]
    pub newest_version: Option<Stamp>,
    pub addresses: Addresses,
    pub trust: TrustStatus,
    /// What the node that answers does not believe of this one, in words: stamps from the far future, records that
    /// are none, more given away of a package than there can be. Empty where all is well.
    pub flagged: Vec<String>,
    /// The program's version.
    pub program: String,
    /// How the node mints and what it knows of the mint plan; null where it was not asked (`?minting=true`) or
    /// did not answer. Of the node that answers, always there.
    pub minting: Option<PlanFigures>,
    /// Why the node did not answer how it mints.
    pub minting_unanswered: Option<String>,
}

/// Where a node listens, `host:port`.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Addresses {
    pub mesh: String,
    pub admin: Option<String>,
    pub link_http: Option<String>,
    pub link_https: Option<String>,
}

/// The nodes, their liveness, whether they agree, and who mints
#[utoipa::path(
    get, path = "/admin/v1/cluster", tag = "cluster",
    params(ClusterQuery),
    responses((status = 200, description = "The cluster as this node sees it", body = ClusterStatus)),
)]
pub async fn get_cluster(
    state: web::Data<AdminState>,
    Query(query): Query<ClusterQuery>,
) -> Result<HttpResponse, Problem> {
    let snapshot = state.config.catalog();
    let view = state.cluster.borrow().clone();
    let health = state.config.health();
    let mut status = ClusterStatus {
        conflicts: conflicts(&snapshot),
        store_unwritable: health.unwritable(),
        clock_behind_ms: health.clock_behind_ms(),
        drill: Some(drill(&state)).filter(|drill| drill.cut),
        authorities: authorities(&snapshot),
        ..status(&view, &snapshot)
    };
    for (node, reason) in health.flags() {
        if let Some(node) = status.node_mut(node.as_str()) {
            node.flagged.push(reason);
        }
    }
    for node in state.quota.flagged().0 {
        if let Some(node) = status.node_mut(node.as_str()) {
            node.flagged.push(FLAGGED.to_owned());
        }
    }
    let here = state.quota.plan();
    if query.minting {
        let told = ask_all(&state, QUESTION, "", Some(here)).await;
        for answered in told.answered {
            if let Some(node) = status.node_mut(&answered.node) {
                node.minting = Some(answered.answer);
            }
        }
        for unanswered in told.unanswered {
            if let Some(node) = status.node_mut(&unanswered.node) {
                node.minting_unanswered = Some(unanswered.reason);
            }
        }
    } else if let Some(node) = status.node_mut(state.node.as_str()) {
        node.minting = Some(here);
    }
    Ok(HttpResponse::Ok().json(status))
}

/// The cluster from the gossip and from what this node itself holds, which is newer than its gossip.
fn status(view: &ClusterView, snapshot: &ConfigSnapshot) -> ClusterStatus {
    let (digest, newest) = (snapshot.newest_root.clone(), snapshot.newest.clone());
    let nodes: Vec<NodeStatus> = view
        .nodes
        .iter()
        .map(|node| {
            if node.id == view.me {
                node_status(node, &digest, Some(digest.clone()), newest.clone())
            } else {
                node_status(node, &digest, node.config_root.clone(), node.newest.clone())
            }
        })
        .map(|mut status| {
            let registered = snapshot.catalog.node(&status.id);
            status.trust.revoked = registered.is_some_and(|node| node.revoked);
            status
        })
        .collect();
    ClusterStatus {
        node: view.me.to_string(),
        agree: nodes
            .iter()
            .all(|node| node.agrees || !node.live || node.leaving),
        config_digest: digest,
        newest_version: newest,
        conflicts: 0,
        store_unwritable: None,
        clock_behind_ms: None,
        drill: None,
        authorities: Vec::new(),
        nodes,
    }
}

fn authorities(snapshot: &ConfigSnapshot) -> Vec<AuthorityStatus> {
    let known = snapshot.catalog.authorities();
    let status = |authority: &weir_config::object::Authority| AuthorityStatus {
        id: authority.id.chars().take(16).collect(),
        fingerprint: authority.id.clone(),
        issuing: authority.issuing,
    };
    known.map(status).collect()
}

/// Whether every live node holds what this one holds.
pub fn agree(view: &ClusterView, snapshot: &ConfigSnapshot) -> bool {
    status(view, snapshot).agree
}

/// How many retained versions lost unseen.
pub fn conflicts(snapshot: &ConfigSnapshot) -> usize {
    let of_one = |versions: &[Version]| {
        // The usual case, each made from the one before, at no cost.
        let line = versions
            .windows(2)
            .all(|pair| pair[0].based_on.as_ref() == Some(&pair[1].stamp));
        if line {
            0
        } else {
            history::conflicts(versions).len()
        }
    };
    let all = snapshot.index.iter();
    all.map(|(_, versions)| of_one(versions)).sum()
}

fn node_status(
    node: &NodeView,
    ours: &str,
    digest: Option<String>,
    newest: Option<Stamp>,
) -> NodeStatus {
    NodeStatus {
        id: node.id.to_string(),
        region: node.region.clone(),
        live: node.live,
        leaving: node.leaving,
        agrees: digest.as_deref() == Some(ours),
        config_digest: digest,
        newest_version: newest,
        addresses: Addresses {
            mesh: node.mesh_addr.to_string(),
            admin: node.admin.map(|addr| addr.to_string()),
            link_http: node.link_http.map(|addr| addr.to_string()),
            link_https: node.link_https.map(|addr| addr.to_string()),
        },
        trust: TrustStatus {
            certified_by: node.trust.certified_by.clone(),
            trusts: node.trust.trusts.clone(),
            issuer: !node.trust.issues.is_empty(),
            revoked: false,
        },
        flagged: Vec::new(),
        program: node.version.clone(),
        minting: None,
        minting_unanswered: None,
    }
}

/// Answers other nodes that ask how this one mints.
pub fn answer_others(state: &AdminState) {
    let quota = state.quota.clone();
    state.mesh.answer(QUESTION, move |_: &str| {
        let plan = serde_json::to_vec(&quota.plan()).ok();
        async move { plan }.boxed_local()
    });
}

// === impl ClusterStatus ===

impl ClusterStatus {
    fn node_mut(&mut self, id: &str) -> Option<&mut NodeStatus> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, root: Option<&str>, live: bool) -> NodeView {
        NodeView {
            region: "shanghai".to_owned(),
            live,
            config_root: root.map(str::to_owned),
            version: "0.1.0".to_owned(),
            ..NodeView::new(id.parse().unwrap(), "127.0.0.1:7001".parse().unwrap())
        }
    }

    fn agree(nodes: Vec<NodeView>) -> bool {
        let me = "n1".parse().unwrap();
        let mut snapshot = ConfigSnapshot::default();
        snapshot.newest_root = "aa".to_owned();
        status(&ClusterView { me, nodes }, &snapshot).agree
    }

    #[test]
    fn nodes_agree_when_every_live_one_holds_what_this_one_holds() {
        assert!(agree(vec![
            node("n1", None, true),
            node("n2", Some("aa"), true)
        ]));
        assert!(!agree(vec![
            node("n1", Some("aa"), true),
            node("n2", Some("bb"), true)
        ]));
        assert!(!agree(vec![
            node("n1", Some("aa"), true),
            node("n2", None, true)
        ]));
    }

    #[test]
    fn a_dead_node_does_not_keep_the_others_from_agreeing() {
        assert!(agree(vec![
            node("n1", Some("aa"), true),
            node("n2", Some("bb"), false)
        ]));
    }
}
