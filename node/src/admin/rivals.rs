//! Two operators who attach the same mini program on two nodes at the same moment: one binding is in force
//! everywhere, and whoever lost is told so at once.

use weir_config::object::Business;
use weir_config::{Object, ObjectKey, Refusal, Stamp};

use super::AdminState;
use super::problem::Problem;
use super::resource::Versioned;

/// What was found besides one's own write.
#[derive(Debug, Default)]
pub struct Rivals {
    /// What is in force instead, bound to the same gateway.
    pub instead: Option<Versioned<Business>>,
    pub warnings: Vec<String>,
}

/// Looks whether another node wrote this business at the same moment as `mine` was written.
///
/// # Errors
/// 409 `bound_elsewhere` where that is bound to another gateway and is in force; 409 `taken_off_since`.
pub async fn found(
    state: &AdminState,
    key: &ObjectKey,
    mine: &Stamp,
    gateway: &str,
) -> Result<Rivals, Problem> {
    let settled = state.config.settled(key, mine).await;
    let mut rivals = Rivals::default();
    if !settled.unanswered.is_empty() {
        let nodes: Vec<String> = settled.unanswered.iter().map(ToString::to_string).collect();
        rivals.warnings.push(format!(
            "Node(s) {} did not answer in time: whether the mini program was attached there at the same moment is \
             not known yet. GET /admin/v1/businesses/{} tells where it is bound; GET \
             /admin/v1/history?conflicts=true what lost.",
            nodes.join(", "),
            key.id
        ));
    }
    let snapshot = state.config.catalog();
    let record = snapshot
        .catalog
        .record(key)
        .filter(|record| record.stamp > *mine);
    let Some(record) = record else {
        return Ok(rivals);
    };
    let Some(Object::Business(theirs)) = &record.object else {
        return Err(super::one_key::taken_off());
    };
    if theirs.gateway != gateway {
        return Err(Refusal::conflict(
            "bound_elsewhere",
            format!(
                "Mini program `{0}` was attached to gateway `{1}` by `{2}` on node {3} at the same moment, and a mini \
                 program is bound to one gateway only: that binding is in force on every node. Yours is kept in the \
                 history as version {mine}. To bind it to `{gateway}`, delete it there first: DELETE \
                 /admin/v1/businesses/{0}.",
                key.id,
                theirs.gateway,
                record.author,
                record.stamp.node
            ),
        )
        .into());
    }
    rivals.warnings.push(format!(
        "`{}` attached the mini program to this gateway on node {} at the same moment: that access domain is in force.",
        record.author, record.stamp.node
    ));
    rivals.instead = Some(Versioned {
        object: theirs.clone(),
        version: Some(record.stamp.clone()),
    });
    Ok(rivals)
}
