use crate::object::Kind;
use crate::stamp::Stamp;

/// Versions kept of a platform's secret: the one before may be the winner's on another node.
const SECRET_VERSIONS: usize = 2;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How much history is kept of each object.
///
/// The rule looks at one object's versions and the time only, and keeps the newest ones without a gap: nodes
/// that hold different parts of a history keep the same once they have exchanged them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Versions of an object, the newest included; at least 1. Default 100.
    pub keep_versions: usize,
    /// How long a version is kept after another took its place, milliseconds. Default 90 days.
    pub keep_ms: u64,
    /// How long a deleted object is remembered, with its history, milliseconds. Default 30 days. A node that
    /// was away for longer may not know of the deletion, and begins with nothing.
    pub tombstone_keep_ms: u64,
}

// === impl Retention ===

impl Retention {
    /// The rule for one kind of objects: nobody looks back at what a platform entrusted to us, which is renewed
    /// many times a day, or at the URLs of webhooks, which may be changed because others had them.
    pub fn of_kind(self, kind: Kind) -> Self {
        match kind {
            Kind::PlatformSecret | Kind::AlarmReceiver => Retention {
                keep_versions: self.keep_versions.min(SECRET_VERSIONS),
                ..self
            },
            _ => self,
        }
    }

    /// How many of one object's versions to keep: the first so many of `newest_first`.
    /// 0 where the object was deleted (`deleted`: its newest version says so) long enough ago.
    pub fn kept<'s>(
        &self,
        newest_first: impl IntoIterator<Item = &'s Stamp>,
        deleted: bool,
        now_ms: u64,
    ) -> usize {
        let older_than = |stamp: &Stamp, ms: u64| stamp.wall_ms.saturating_add(ms) < now_ms;
        let mut successor: Option<&Stamp> = None;
        let mut kept = 0;
        for stamp in newest_first {
            let expired = match successor {
                None => deleted && older_than(stamp, self.tombstone_keep_ms),
                Some(successor) => older_than(successor, self.keep_ms),
            };
            if expired || kept == self.keep_versions.max(1) {
                break;
            }
            kept += 1;
            successor = Some(stamp);
        }
        kept
    }

    /// Whether a change is so old that a deletion of its object, made since, may have been forgotten.
    pub fn may_be_ghost(&self, stamp: &Stamp, now_ms: u64) -> bool {
        stamp.wall_ms.saturating_add(self.tombstone_keep_ms) < now_ms
    }
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            keep_versions: 100,
            keep_ms: 90 * DAY_MS,
            tombstone_keep_ms: 30 * DAY_MS,
        }
    }
}
