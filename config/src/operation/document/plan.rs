use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::Document;
use crate::catalog::Catalog;
use crate::history::{FieldChange, diff};
use crate::object::{Kind, Object, ObjectKey};
use crate::operation::referential::Outcome;
use crate::operation::{Change, effective_regions};
use crate::refusal::Refusal;

/// What has to be written so that the configuration is as the document says.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Empty where nothing has to be written.
    pub change: Change,
    /// One per object of the document, in its order, then those that go.
    pub steps: Vec<Step>,
}

/// What becomes of one object.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Step {
    /// `gateway/shop`.
    #[schema(value_type = String)]
    pub object: ObjectKey,
    pub action: Action,
    pub diff: Vec<FieldChange>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Change,
    Delete,
    Unchanged,
}

/// Plans how to make the configuration what the document says, checking the whole outcome first. `prune`
/// deletes what the document lacks, tokens and schedules never; regions, agreement texts and alarms only where it lists
/// any.
///
/// # Errors
/// A refusal with the place at fault in the document, as in `businesses[2].access.urls[0].domain`;
/// `still_in_use` (409) with the name of an object that would lose what it refers to.
pub fn plan(
    catalog: &Catalog,
    now_ms: u64,
    document: &Document,
    prune: bool,
) -> Result<Plan, Refusal> {
    let mut places = BTreeMap::new();
    for (place, object) in document.objects() {
        if let Some((first, _)) = places.insert(object.key(), (place.clone(), object)) {
            let detail = format!("It is listed twice, first at {first}; list it once.");
            return Err(Refusal::invalid(place, detail));
        }
    }
    let known = known(catalog);
    let mut change = Change::default();
    let mut steps = Vec::new();
    for (_, object) in document.objects() {
        let step = Step::new(object.key(), known.get(&object.key()), Some(&object));
        if step.action != Action::Unchanged {
            change.puts.push(object);
        }
        steps.push(step);
    }
    if prune {
        let of_interest = |key: &&ObjectKey| {
            let listed = match key.kind {
                Kind::Region => !document.regions.is_empty(),
                Kind::AgreementText => !document.agreement_texts.is_empty(),
                Kind::Alarm => !document.alarms.is_empty(),
                _ => true,
            };
            listed && !places.contains_key(key)
        };
        // What refers to others goes first.
        for key in known.keys().filter(of_interest).rev() {
            change.deletes.push(key.clone());
            steps.push(Step::new(key.clone(), known.get(key), None));
        }
    }
    let after = change.applied_to(catalog);
    let outcome = Outcome::new(catalog, &after, now_ms);
    for (place, object) in document.objects() {
        outcome
            .check(&object)
            .map_err(|refusal| refusal.within(&place))?;
    }
    let listed = places.into_keys();
    let touched: BTreeSet<ObjectKey> = listed.chain(change.deletes.iter().cloned()).collect();
    outcome.check_rest(&touched)?;
    Ok(Plan { change, steps })
}

/// All that a document can say of the configuration.
fn known(catalog: &Catalog) -> BTreeMap<ObjectKey, Object> {
    let objects = catalog.records().filter_map(|record| record.object.clone());
    let told = |object: &Object| {
        let kind = object.key().kind;
        !kind.is_secret() && kind != Kind::Schedule
    };
    let objects = objects.filter(told);
    let regions = effective_regions(catalog).map(Object::Region);
    let all = objects.chain(regions);
    all.map(|object| (object.key(), object)).collect()
}

// === impl Step ===

impl Step {
    fn new(object: ObjectKey, before: Option<&Object>, after: Option<&Object>) -> Self {
        let action = match (before, after) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Delete,
            (before, after) if before == after => Action::Unchanged,
            _ => Action::Change,
        };
        Step {
            object,
            action,
            diff: diff(before, after),
        }
    }
}
