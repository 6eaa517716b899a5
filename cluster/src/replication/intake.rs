//! What of a peer's versions is wanted, and what of its records is taken in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use weir_config::history::Retention;
use weir_config::{NodeId, ObjectKey, Record, Stamp};

use super::replica::MAX_AHEAD_MS;
use super::{ConfigSnapshot, Effect, VersionIndex, VersionName};

/// What became of records that came from a peer.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub came: BTreeSet<VersionName>,
    /// Of these objects something was not taken that may be taken later.
    pub refused: BTreeSet<ObjectKey>,
    /// Of what came, what this node has afterwards.
    pub held: Vec<Stamp>,
    pub stored: Vec<Record>,
    /// What had to go for it.
    pub pruned: Vec<VersionName>,
    /// Objects whose deletion came and is so old that it is forgotten.
    collected: BTreeSet<ObjectKey>,
    /// Why something was not taken.
    reason: Option<String>,
}

/// What to pull of what a peer offers: the versions that are not here and would be retained. What is in
/// force comes first, then history, each the newest first.
pub(super) fn wanted(
    offered: Vec<VersionName>,
    index: &VersionIndex,
    retention: &Retention,
    now_ms: u64,
) -> Vec<VersionName> {
    let mut by_key: BTreeMap<ObjectKey, BTreeSet<Reverse<Stamp>>> = BTreeMap::new();
    for (key, stamp) in offered {
        if !index.contains(&key, &stamp) {
            by_key.entry(key).or_default().insert(Reverse(stamp));
        }
    }
    let (mut in_force, mut history) = (Vec::new(), Vec::new());
    for (key, lacking) in by_key {
        let known = index
            .versions(&key)
            .iter()
            .map(|v| Reverse(v.stamp.clone()));
        let together: BTreeSet<Reverse<Stamp>> = known.chain(lacking.iter().cloned()).collect();
        // Whether the newest is a deletion is seen when it is here.
        let kept =
            retention
                .of_kind(key.kind)
                .kept(together.iter().map(|stamp| &stamp.0), false, now_ms);
        for (place, Reverse(stamp)) in together.iter().take(kept).enumerate() {
            if lacking.contains(&Reverse(stamp.clone())) {
                let list = if place == 0 {
                    &mut in_force
                } else {
                    &mut history
                };
                list.push((key.clone(), stamp.clone()));
            }
        }
    }
    for list in [&mut in_force, &mut history] {
        list.sort_by(|a, b| b.1.cmp(&a.1));
    }
    in_force.append(&mut history);
    in_force
}

// === impl Intake ===

impl Intake {
    /// Whether a record that is not here may be taken in; notes why where not. Whether it is retained is
    /// another question.
    pub fn admits(
        &mut self,
        record: &Record,
        state: &ConfigSnapshot,
        retention: &Retention,
        caught_up: bool,
        now_ms: u64,
    ) -> bool {
        let Record {
            key, stamp, object, ..
        } = record;
        if let Err(reason) = check(record, now_ms) {
            self.refused.insert(key.clone());
            self.reason.get_or_insert(reason);
            return false;
        }
        let unknown = state.index.versions(key).is_empty();
        if !unknown || !retention.may_be_ghost(stamp, now_ms) {
            return true;
        }
        if object.is_none() {
            self.collected.insert(key.clone());
            return false;
        }
        if caught_up && !self.collected.contains(key) {
            self.reason.get_or_insert_with(|| {
                format!(
                    "version {stamp} of {key} is older than deletions are remembered, and this node knows no \
                     such object: it may have been deleted since, and was not taken. Write it again to keep \
                     it, or delete it there"
                )
            });
        }
        !caught_up && !self.collected.contains(key)
    }

    /// What is to be done about it.
    pub fn effects(self, peer: &NodeId) -> Vec<Effect> {
        let mut effects = Vec::new();
        let changed = !self.stored.is_empty() || !self.pruned.is_empty();
        if !self.stored.is_empty() {
            effects.push(Effect::Persist(self.stored));
        }
        if !self.pruned.is_empty() {
            effects.push(Effect::Prune(self.pruned));
        }
        if changed {
            effects.push(Effect::Publish);
        }
        effects.extend(self.reason.map(|reason| Effect::Flag {
            peer: peer.clone(),
            reason,
        }));
        effects
    }
}

/// Whether a record can be right; the reason where not.
fn check(record: &Record, now_ms: u64) -> Result<(), String> {
    let Record {
        key, stamp, object, ..
    } = record;
    if stamp.wall_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
        let ahead_s = (stamp.wall_ms - now_ms) / 1_000;
        return Err(format!(
            "version {stamp} of {key} is {ahead_s} s ahead of this node's clock and was not taken; \
             set the clock of node {} right",
            stamp.node
        ));
    }
    if object.as_ref().is_some_and(|object| object.key() != *key) {
        return Err(format!(
            "the record of {key} holds another object and was not taken"
        ));
    }
    Ok(())
}
