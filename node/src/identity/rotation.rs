//! The cluster's authority changed while it runs, in three steps, each only when every live node is ready for it:
//! a new one that all believe, certificates of the new one, the old one believed no more.

use serde::Serialize;
use utoipa::ToSchema;
use weir_cluster::membership::NodeView;
use weir_cluster::trust::{Authority, now_ms};
use weir_config::operation::{self, Change, Context};
use weir_config::{Catalog, Refusal};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Granter, IdentityFiles};
use crate::config_actor::{Ack, WriteOptions};

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationStep {
    /// A new authority was made; every node is to believe it beside the old one.
    Introduced,
    /// Certificates are of the new authority from now on; every node renews its own.
    Issuing,
    /// The old authority is believed no more: the rotation is over.
    Retired,
}

/// The step that was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Rotated {
    pub step: RotationStep,
    /// The new authority's short name.
    pub authority: String,
    /// Nodes that are known and not live: after the last step they have to join anew.
    pub absent: Vec<String>,
}

/// A node for which the next step would come too early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lagging {
    pub node: String,
    pub why: &'static str,
}

/// Takes the next step.
///
/// # Errors
/// `nodes_lag` (409), which names them; `not_an_issuer` (409); what storing the change was refused with.
pub async fn rotate(
    granter: &Granter,
    files: &IdentityFiles,
    author: &str,
) -> Result<Rotated, Refusal> {
    let snapshot = granter.config.catalog();
    let catalog = &snapshot.catalog;
    granter.issuing().map_err(|not_granted| {
        let detail = format!(
            "Keys are rotated by a node that has them: {}.",
            not_granted.why
        );
        Refusal::conflict("not_an_issuer", detail)
    })?;
    let issuing = operation::issuing_authority(catalog);
    let issuing = issuing
        .map(|authority| authority.id.clone())
        .unwrap_or_default();
    let other = catalog
        .authorities()
        .find(|authority| authority.id != issuing);
    let view = granter.view.borrow().clone();
    let live: Vec<&NodeView> = view.nodes.iter().filter(|n| n.live && !n.leaving).collect();
    let absent = catalog
        .nodes()
        .filter(|known| !known.revoked && live.iter().all(|node| node.id.as_str() != known.id));
    let absent: Vec<String> = absent.map(|node| node.id.clone()).collect();
    let rotated = |step, authority: &str| Rotated {
        step,
        authority: short(authority).to_owned(),
        absent,
    };
    let Some(other) = other else {
        let made = introduce(granter, files, author).await?;
        return Ok(rotated(RotationStep::Introduced, &made));
    };
    let mine = snapshot.catalog.authority(&issuing);
    let newer = |a: u64| mine.is_some_and(|issuing| a > issuing.made_at_ms);
    let other_id = other.id.clone();
    if newer(other.made_at_ms) {
        // The new one does not issue yet.
        let lagging = live
            .iter()
            .filter_map(|node| not_ready(node, &other_id, granter));
        refuse_lagging(lagging.collect())?;
        let id = other_id.clone();
        apply(granter, author, move |catalog, _| {
            operation::issue_by(catalog, &id)
        })
        .await?;
        return Ok(rotated(RotationStep::Issuing, &other_id));
    }
    let lagging = live
        .iter()
        .filter(|node| node.trust.certified_by != short(&issuing));
    let lagging = lagging.map(|node| Lagging {
        node: node.id.to_string(),
        why: "its certificate is of the old authority still",
    });
    refuse_lagging(lagging.collect())?;
    apply(granter, author, move |catalog, _| {
        operation::distrust_authority(catalog, &other_id)
    })
    .await?;
    Ok(rotated(RotationStep::Retired, &issuing))
}

async fn introduce(
    granter: &Granter,
    files: &IdentityFiles,
    author: &str,
) -> Result<String, Refusal> {
    let failed = |why: String| Refusal::new(503, "rotation_failed", format!("{why}."));
    let made = Authority::generate(&granter.cluster, now_ms());
    let made = made.map_err(|error| failed(error.to_string()))?;
    files
        .add_authority(&made)
        .map_err(|error| failed(error.to_string()))?;
    let (id, certificate) = (made.id(), BASE64.encode(made.certificate().der()));
    granter.keys.add(made);
    let name = id.to_string();
    let introduced = apply(granter, author, move |catalog, context| {
        operation::trust_authority(catalog, context, &name, &certificate)
    });
    if let Err(refusal) = introduced.await {
        granter.keys.remove(&id);
        files
            .remove_authority(&id)
            .map_err(|error| failed(error.to_string()))?;
        return Err(refusal);
    }
    Ok(id.to_string())
}

async fn apply(
    granter: &Granter,
    author: &str,
    change: impl FnOnce(&Catalog, &Context) -> Result<Change, Refusal> + Send + 'static,
) -> Result<(), Refusal> {
    let options = WriteOptions {
        author: author.to_owned(),
        ack: Ack::One,
        request: None,
    };
    let applied = granter.config.apply(options, |catalog, context| {
        change(catalog, context).map(|change| (change, ()))
    });
    applied.await.map(drop)
}

fn not_ready(node: &NodeView, authority: &str, granter: &Granter) -> Option<Lagging> {
    let lagging = |why| {
        let node = node.id.to_string();
        Some(Lagging { node, why })
    };
    let named = |names: &[String]| names.iter().any(|name| name == short(authority));
    if !named(&node.trust.trusts) {
        return lagging("it does not believe the new authority yet");
    }
    let catalog = granter.config.catalog();
    let registered = catalog.catalog.node(node.id.as_str());
    if registered.is_some_and(|known| known.issuer) && !named(&node.trust.issues) {
        return lagging("it may let nodes in and has not the new authority's key yet");
    }
    None
}

fn refuse_lagging(lagging: Vec<Lagging>) -> Result<(), Refusal> {
    if lagging.is_empty() {
        return Ok(());
    }
    let each = lagging
        .iter()
        .map(|lagging| format!("{}: {}", lagging.node, lagging.why));
    let detail = format!(
        "Not every live node is ready for the next step: {}. They follow by themselves within seconds: ask again; stop \
         or revoke a node that does not.",
        each.collect::<Vec<_>>().join("; ")
    );
    Err(Refusal::conflict("nodes_lag", detail))
}

/// The short name of an authority by its whole one.
fn short(id: &str) -> &str {
    id.get(..16).unwrap_or(id)
}
