//! Plans as texts. Members are written once; of the plans that are replaced, how their members differ.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use weir_config::NodeId;

use super::document::{Members, PLAN_MAX_BYTES, Plan, PlanId, PlanTextError, Replaced, Seat};
use crate::codec;

#[derive(Serialize, Deserialize)]
struct WirePlan {
    id: PlanId,
    /// Nothing in the first plan, which replaces nothing.
    over: Vec<WireReplaced>,
    /// The earliest memory of all members; those of the members are written as what they are later.
    memory: u64,
    members: Vec<(NodeId, u64)>,
    /// One weight if all are equal, else one for each member.
    weights: Vec<u64>,
    forgotten: BTreeSet<NodeId>,
}

#[derive(Serialize, Deserialize)]
struct WireReplaced {
    id: PlanId,
    /// Members of the plan, by their place, that the replaced one does not have.
    without: Vec<u32>,
    /// Members that only the replaced one has.
    with: Vec<(NodeId, u64)>,
}

pub(super) fn text<T: Serialize>(value: &T) -> String {
    // Plans and rows are of types that always have a form.
    BASE64.encode(codec::encode(value).unwrap_or_default())
}

pub(super) fn value<T: DeserializeOwned>(text: &str, limit: usize) -> Result<T, PlanTextError> {
    if text.len() > limit {
        return Err(PlanTextError::TooLong(text.len(), limit));
    }
    Ok(codec::decode(&BASE64.decode(text)?, limit)?)
}

pub(super) fn plan_text(plan: &Plan) -> String {
    let memory = plan
        .seats
        .values()
        .map(|seat| seat.memory)
        .min()
        .unwrap_or(0);
    let mut weights: Vec<u64> = plan.seats.values().map(|seat| seat.weight).collect();
    if weights.iter().all(|weight| *weight == weights[0]) {
        weights.truncate(1);
    }
    let members = plan.seats.iter();
    text(&WirePlan {
        id: plan.id.clone(),
        over: plan
            .over
            .iter()
            .map(|replaced| difference(plan, replaced))
            .collect(),
        memory,
        members: members
            .map(|(node, seat)| (node.clone(), seat.memory - memory))
            .collect(),
        weights,
        forgotten: plan.forgotten.clone(),
    })
}

fn difference(plan: &Plan, replaced: &Replaced) -> WireReplaced {
    let has = |node: &NodeId, memory: u64| replaced.members.get(node) == Some(&memory);
    let places = (0..).zip(&plan.seats);
    let with = replaced.members.iter();
    WireReplaced {
        id: replaced.id.clone(),
        without: places
            .filter(|(_, (node, seat))| !has(node, seat.memory))
            .map(|(place, _)| place)
            .collect(),
        with: with
            .filter(|(node, memory)| !plan.has(node, **memory))
            .map(|(node, memory)| (node.clone(), *memory))
            .collect(),
    }
}

pub(super) fn plan_of(text: &str) -> Result<Plan, PlanTextError> {
    let wire: WirePlan = value(text, PLAN_MAX_BYTES)?;
    let equal = wire.weights.len() == 1;
    if !equal && wire.weights.len() != wire.members.len() {
        return Err(PlanTextError::Unsound("as many weights as members"));
    }
    let mut seats = BTreeMap::new();
    for (place, (node, later)) in wire.members.into_iter().enumerate() {
        let weight = wire.weights[if equal { 0 } else { place }];
        let memory = wire.memory.checked_add(later);
        let memory = memory.ok_or(PlanTextError::Unsound("a memory out of range"))?;
        if seats.insert(node, Seat { weight, memory }).is_some() {
            return Err(PlanTextError::Unsound("a member twice"));
        }
    }
    let all: Members = seats
        .iter()
        .map(|(node, seat)| (node.clone(), seat.memory))
        .collect();
    let over = wire.over.into_iter().map(|replaced| {
        let without: BTreeSet<u32> = replaced.without.into_iter().collect();
        let kept = (0..)
            .zip(&all)
            .filter(|(place, _)| !without.contains(place));
        let mut members: Members = kept
            .map(|(_, (node, memory))| (node.clone(), *memory))
            .collect();
        members.extend(replaced.with);
        Replaced {
            id: replaced.id,
            members,
        }
    });
    let over: Vec<Replaced> = over.collect();
    let plan = Plan {
        settled: over.first().map_or(&wire.id, |first| &first.id).clone(),
        id: wire.id,
        seats,
        over,
        forgotten: wire.forgotten,
    };
    plan.check()?;
    Ok(plan)
}
