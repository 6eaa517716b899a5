//! What a change would do, or has done, object by object.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::history::{FieldChange, diff};
use weir_config::operation::Change;
use weir_config::{Catalog, Record, Stamp};

/// What a change does: the answer of every dry run, and of changes to many objects at once.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plan {
    /// `true`: nothing was changed, this is what would be.
    pub dry_run: bool,
    /// The version of the configuration that holds the change; absent from a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "019234567abc0000-n1")]
    pub version: Option<Stamp>,
    /// Object by object.
    pub changes: Vec<ObjectChange>,
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ObjectChange {
    /// As in `gateway/shop`.
    #[schema(example = "gateway/shop")]
    pub object: String,
    pub action: PlannedAction,
    /// The version that is there now; absent where the object does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "019234567abc0000-n1")]
    pub before_version: Option<Stamp>,
    /// Field by field. A token's digest is never shown.
    pub diff: Vec<FieldChange>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    Create,
    Change,
    Delete,
    Unchanged,
}

/// What versions written before did, without what they changed field by field.
pub fn of_records(records: &[Record]) -> Vec<ObjectChange> {
    let of_record = |record: &Record| ObjectChange {
        object: record.key.to_string(),
        action: match (&record.based_on, &record.object) {
            (_, None) => PlannedAction::Delete,
            (None, Some(_)) => PlannedAction::Create,
            (Some(_), Some(_)) => PlannedAction::Change,
        },
        before_version: record.based_on.clone(),
        diff: Vec::new(),
    };
    records.iter().map(of_record).collect()
}

/// What a change does to a catalog, in the order of the objects' names.
pub fn of_change(catalog: &Catalog, change: &Change) -> Vec<ObjectChange> {
    let puts = change
        .puts
        .iter()
        .map(|object| (object.key(), Some(object)));
    let deletes = change.deletes.iter().map(|key| (key.clone(), None));
    // Of several versions of one object, the last is what remains.
    let after: BTreeMap<_, _> = puts.chain(deletes).collect();
    after
        .into_iter()
        .map(|(key, after)| {
            let before = catalog.object(&key);
            let record = catalog
                .record(&key)
                .filter(|record| record.object.is_some());
            let diff = diff(before, after);
            ObjectChange {
                object: key.to_string(),
                action: match (before, after) {
                    (None, Some(_)) => PlannedAction::Create,
                    (Some(_), None) => PlannedAction::Delete,
                    _ if diff.is_empty() => PlannedAction::Unchanged,
                    _ => PlannedAction::Change,
                },
                before_version: record.map(|record| record.stamp.clone()),
                diff,
            }
        })
        .collect()
}

// === impl Plan ===

impl Plan {
    /// What would be.
    pub fn of(catalog: &Catalog, change: &Change) -> Self {
        Plan {
            dry_run: true,
            version: None,
            changes: of_change(catalog, change),
        }
    }

    pub fn answer(&self) -> HttpResponse {
        HttpResponse::Ok().json(self)
    }
}
