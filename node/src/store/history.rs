//! What the versions in the store tell, page by page.

use rusqlite::Row;
use weir_config::{Kind, NodeId, ObjectKey, Record, Stamp};

use super::row::{self, RowError};

/// The most entries one page holds.
pub const HISTORY_MAX_ENTRIES: usize = 1_000;

/// Which changes to show, newest first. Left out: all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryQuery {
    pub object: Option<ObjectKey>,
    /// Every object of a kind.
    pub kind: Option<Kind>,
    pub author: Option<String>,
    /// Made on this node.
    pub node: Option<NodeId>,
    /// Only those that lost without having been seen.
    pub conflicts: bool,
    /// Made at this moment or later, milliseconds since 1970-01-01 UTC.
    pub from_ms: Option<u64>,
    /// Made before this moment.
    pub to_ms: Option<u64>,
    /// Entries of one page, 1 to [`HISTORY_MAX_ENTRIES`].
    pub limit: usize,
    /// The last entry of the page before: older ones follow.
    pub after: Option<Stamp>,
}

/// What a change did to its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Created,
    Changed,
    Deleted,
}

/// One change, without the document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryEntry {
    /// Names the node that made it (`version.node`) and when (`version.wall_ms`).
    pub version: Stamp,
    pub object: ObjectKey,
    pub author: String,
    pub action: Action,
    pub based_on: Option<Stamp>,
    /// It lost without having been seen by whoever wrote over it.
    pub conflict: bool,
    /// It is the object's newest version.
    pub current: bool,
    /// When this node stored it, milliseconds since 1970-01-01 UTC by its own clock.
    pub seen_at_ms: u64,
}

/// A page of changes, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HistoryPage {
    pub entries: Vec<HistoryEntry>,
    /// What to ask for `after` next; `None`: this is the last page.
    pub next: Option<Stamp>,
}

/// One version with its document.
#[derive(Clone, PartialEq, Debug)]
pub struct VersionInfo {
    pub entry: HistoryEntry,
    pub record: Record,
    /// The version it was made from, where that is still retained: what a diff is against.
    pub before: Option<Record>,
}

/// What is known of a version only beside all others of its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// It lost without having been seen by whoever wrote over it.
    pub conflict: bool,
    /// It is the object's newest version.
    pub current: bool,
}

/// The rows that [`entry`] reads; a condition follows. `b` is the version that `v` was made from.
pub(super) const SELECT: &str = "SELECT v.stamp, v.kind, v.id, v.author, v.based_on, v.seen_at_ms,
        v.object IS NULL AS deleted, b.stamp IS NOT NULL AND b.object IS NULL AS revived
     FROM versions AS v
     LEFT JOIN versions AS b ON b.kind = v.kind AND b.id = v.id AND b.stamp = v.based_on";

pub(super) fn entry(
    row: &Row<'_>,
    judge: &mut impl FnMut(&ObjectKey, &Stamp) -> Verdict,
) -> Result<HistoryEntry, RowError> {
    let object = row::key(row)?;
    let version = row::stamp(row, &object)?;
    let based_on = row::based_on(row, &object)?;
    let (deleted, revived): (bool, bool) = (row.get("deleted")?, row.get("revived")?);
    let action = match &based_on {
        _ if deleted => Action::Deleted,
        None => Action::Created,
        Some(_) if revived => Action::Created,
        Some(_) => Action::Changed,
    };
    let Verdict { conflict, current } = judge(&object, &version);
    let seen_at_ms: i64 = row.get("seen_at_ms")?;
    Ok(HistoryEntry {
        version,
        object,
        author: row.get("author")?,
        action,
        based_on,
        conflict,
        current,
        seen_at_ms: seen_at_ms.unsigned_abs(),
    })
}

/// The page of so many entries, where one more was read if there is one more.
pub(super) fn page(mut entries: Vec<HistoryEntry>, limit: usize) -> HistoryPage {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| more);
    HistoryPage {
        next: last.map(|entry| entry.version.clone()),
        entries,
    }
}

/// The query as a condition with `?1`, `?2`, … for its values.
pub(super) fn condition(query: &HistoryQuery) -> (String, Vec<String>) {
    // A moment's milliseconds as the beginning of a stamp: sorts before every stamp of that moment.
    let moment = |ms: u64| format!("{:012x}", ms.min((1 << 48) - 1));
    let object = query.object.as_ref();
    let terms = [
        ("v.kind =", object.map(|key| key.kind.to_string())),
        ("v.id =", object.map(|key| key.id.clone())),
        ("v.kind =", query.kind.map(|kind| kind.to_string())),
        ("v.author =", query.author.clone()),
        ("v.node =", query.node.as_ref().map(NodeId::to_string)),
        ("v.stamp >=", query.from_ms.map(moment)),
        ("v.stamp <", query.to_ms.map(moment)),
        ("v.stamp <", query.after.as_ref().map(Stamp::to_string)),
    ];
    let mut condition = "TRUE".to_owned();
    let mut values = Vec::new();
    for (term, value) in terms {
        if let Some(value) = value {
            values.push(value);
            condition += &format!(" AND {term} ?{}", values.len());
        }
    }
    (condition, values)
}

// === impl HistoryQuery ===

impl Default for HistoryQuery {
    /// The newest 100 of everything.
    fn default() -> Self {
        HistoryQuery {
            object: None,
            kind: None,
            author: None,
            node: None,
            conflicts: false,
            from_ms: None,
            to_ms: None,
            limit: 100,
            after: None,
        }
    }
}

// === impl Action ===

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Created => "created",
            Action::Changed => "changed",
            Action::Deleted => "deleted",
        }
    }
}
