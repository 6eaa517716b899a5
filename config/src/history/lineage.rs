use std::collections::{BTreeMap, BTreeSet};

use crate::object::Record;
use crate::stamp::Stamp;

/// A version by its name alone, and the one its writer had.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    pub stamp: Stamp,
    pub based_on: Option<Stamp>,
}

/// The versions of one object that its newest came from, that one included, newest first; as far back as
/// versions are retained. The versions may be given in any order.
pub fn lineage(versions: &[Version]) -> Vec<&Stamp> {
    walk(versions).0
}

/// The versions of one object that lost without having been seen by whoever wrote over them, oldest first:
/// those the newest did not come from, and which its line could have known.
///
/// Where the line begins with a new object, every other version is such a loser; where it leads to a
/// version no longer retained, versions older than that one may be its ancestors and are not counted.
pub fn conflicts(versions: &[Version]) -> Vec<Stamp> {
    let (line, beyond) = walk(versions);
    let line: BTreeSet<&Stamp> = line.into_iter().collect();
    let unseen = versions
        .iter()
        .map(|version| &version.stamp)
        .filter(|&stamp| !line.contains(stamp) && beyond.is_none_or(|beyond| stamp > beyond));
    unseen
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The line of the newest version, and the version no longer retained to which it leads.
fn walk(versions: &[Version]) -> (Vec<&Stamp>, Option<&Stamp>) {
    let based_on: BTreeMap<&Stamp, Option<&Stamp>> = versions
        .iter()
        .map(|version| (&version.stamp, version.based_on.as_ref()))
        .collect();
    let mut line = Vec::new();
    let mut next = based_on.keys().next_back().copied();
    while let Some(stamp) = next {
        let Some((&retained, &before)) = based_on.get_key_value(stamp) else {
            return (line, Some(stamp));
        };
        line.push(retained);
        // Only what is older can have been seen; anything else is no record of ours, and could be a circle.
        next = before.filter(|&before| before < stamp);
    }
    (line, None)
}

// === impl Version ===

impl Version {
    pub fn of(record: &Record) -> Self {
        Version {
            stamp: record.stamp.clone(),
            based_on: record.based_on.clone(),
        }
    }
}
