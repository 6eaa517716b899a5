//! Noticing that two nodes changed an object without seeing each other's change.

use std::collections::BTreeSet;

use weir_cluster::replication::{ConfigSnapshot, Event, VersionName};
use weir_config::history::{Version, conflicts};
use weir_config::{ObjectKey, Stamp};

/// Conflicts of one event that are logged each; beyond, their number is.
const LOGGED: usize = 20;

/// The conflicts there were before an event, of the objects it brings.
pub(super) struct Conflicts {
    keys: BTreeSet<ObjectKey>,
    known: BTreeSet<VersionName>,
}

/// The versions of one object, newest first, that lost unseen.
pub(super) fn lost(versions: &[Version]) -> Vec<Stamp> {
    // The usual case, each made from the one before, without an allocation.
    let line = versions
        .windows(2)
        .all(|pair| pair[0].based_on.as_ref() == Some(&pair[1].stamp));
    if line {
        Vec::new()
    } else {
        conflicts(versions)
    }
}

// === impl Conflicts ===

impl Conflicts {
    pub fn before(event: &Event, state: &ConfigSnapshot) -> Self {
        let keys = match event {
            Event::Records { records, .. } | Event::Push { records, .. } => {
                records.iter().map(|record| record.key.clone()).collect()
            }
            _ => BTreeSet::new(),
        };
        let known = among(&keys, state);
        Conflicts { keys, known }
    }

    /// Logs those that have come; gives their number.
    pub fn report(self, state: &ConfigSnapshot) -> u64 {
        if self.keys.is_empty() {
            return 0;
        }
        let now = among(&self.keys, state);
        let found: Vec<&VersionName> = now.difference(&self.known).collect();
        for (key, lost) in found.iter().take(LOGGED) {
            let in_force = state.catalog.record(key).map(|record| &record.stamp);
            tracing::warn!(
                object = %key,
                %lost,
                in_force = in_force.map(Stamp::to_string),
                "two nodes changed an object without seeing each other's change: the later one is in force, \
                 the other is kept in the history and can be restored"
            );
        }
        if found.len() > LOGGED {
            let more = found.len() - LOGGED;
            tracing::warn!(
                more,
                "more such conflicts: GET /history?conflicts=true lists all"
            );
        }
        found.len() as u64
    }
}

fn among(keys: &BTreeSet<ObjectKey>, state: &ConfigSnapshot) -> BTreeSet<VersionName> {
    let of = |key: &ObjectKey| {
        let named = |stamp| (key.clone(), stamp);
        let lost = lost(state.index.versions(key));
        lost.into_iter().map(named).collect::<Vec<_>>()
    };
    keys.iter().flat_map(of).collect()
}
