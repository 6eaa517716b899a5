//! Whether what others give is theirs to give.
//!
//! A counter of donations is signed by its node, so nobody else can raise it; but the node itself could, and
//! with it the limit of the package for everyone. So of every giver an account is kept: what it can have. It
//! goes up by what its share of the minting yields and by what others are seen to give to it, up to one burst,
//! and down by what it gives, to whomever. What the account does not cover is not credited: it waits, in case
//! the row that explains it is still on its way. A giver whose counters go on and on beyond its account for
//! [`PATIENCE`] is *flagged*, and nothing of it is credited as long as that lasts.
//!
//! An honest node's purse never holds more than its account: it begins with less than the account does, and what
//! fills the purse is what fills the account. So all it gives is covered, sooner or later.
//!
//! Counters are compared with the giver's row before. A receiver that was not listed there is new here: what
//! it was given before is nobody's loss, and not charged. A giver that begins anew keeps its account, so that
//! beginning anew is worth nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_config::NodeId;

use super::mint::{in_time, part_of};
use super::{Entry, Incarnation, Ledger};

/// How long rows that explain each other may be apart.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a giver stays flagged after the last that was not covered.
const FLAGGED_FOR: Duration = Duration::from_secs(60);
/// What a giver received may be beyond a burst for so long: it is given on, or spent, meanwhile.
const RECEIPTS_LAST: Duration = Duration::from_secs(2);
/// Receipts beyond a burst, in bursts.
const RECEIPTS_MAX_BURSTS: i128 = 3;
/// A giver's clock may be so much faster, in 1,024ths: 2 %.
const DRIFT: u64 = 21;
/// Givers of whom accounts are kept; of more nothing is credited.
const ACCOUNTS_MAX: usize = 4_096;

/// The accounts of all givers of one resource of one gateway, as one receiver keeps them. In parts.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    accounts: BTreeMap<NodeId, Account>,
    /// Whose account a receiver is.
    owners: BTreeMap<Incarnation, NodeId>,
    /// A burst of the whole limit: more than any purse holds.
    depth: u64,
}

#[derive(Clone, Debug)]
struct Account {
    incarnation: Incarnation,
    /// What it can have; never below 0.
    level: u64,
    at: Duration,
    received_at: Duration,
    /// Of each receiver in its newest row how far its counter was covered.
    covered: BTreeMap<Incarnation, u64>,
    /// Since when it is beyond what it can have, and by how much it was then.
    beyond: Option<(Duration, u64)>,
    flagged_at: Option<Duration>,
}

/// What a receiver knows of a giver when its row comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Giver<'a> {
    pub node: &'a NodeId,
    pub incarnation: Incarnation,
    /// The most it may mint, of [`WHOLE`](super::WHOLE); the whole where no plan is known.
    pub share: u64,
}

/// What came of a giver's row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Covered {
    /// It may be credited up to this counter.
    pub counter: u64,
    /// It was flagged just now.
    pub flagged: bool,
}

// === impl Audit ===

impl Audit {
    /// Takes a giver's newest row in: how far its counter for this node's `ledger` is covered.
    pub fn hear(
        &mut self,
        ledger: &Ledger,
        giver: Giver<'_>,
        entry: &Entry,
        now: Duration,
    ) -> Covered {
        let (me, seen) = (ledger.me(), ledger.received_from(giver.incarnation));
        let limit_parts = ledger.limit_parts();
        self.set_depth(ledger.purse_max(), now);
        let depth = self.depth;
        let known = self.accounts.remove(giver.node);
        if known.is_none() && self.accounts.len() >= ACCOUNTS_MAX {
            return Covered {
                counter: seen,
                flagged: false,
            };
        }
        let begun_anew = known
            .as_ref()
            .filter(|account| account.incarnation != giver.incarnation)
            .map(|account| account.incarnation);
        let mut account = known.unwrap_or_else(|| Account::new(giver.incarnation, depth, now));
        if let Some(before) = begun_anew {
            self.owners.remove(&before);
            account.incarnation = giver.incarnation;
            account.covered.clear();
        }
        self.owners.insert(giver.incarnation, giver.node.clone());
        account.accrue(limit_parts, giver.share, depth, now);
        account.covered.insert(me, seen);

        let mut covered = BTreeMap::new();
        let (mut beyond, mut for_me) = (0u64, seen);
        for &(receiver, counter) in &entry.given {
            let before = account.covered.get(&receiver).copied();
            let before = before.or(begun_anew.map(|_| 0));
            let (up_to, received) = match before {
                Some(before) => {
                    let grown = counter.saturating_sub(before);
                    let part = grown.min(account.level);
                    account.level -= part;
                    beyond = beyond.saturating_add(grown - part);
                    (before + part, part)
                }
                None => (counter, counter.min(account.level)),
            };
            covered.insert(receiver, up_to);
            if receiver == me {
                for_me = up_to;
            } else {
                self.receive(receiver, received, now);
            }
        }
        account.covered = covered;
        let flagged = account.judge(beyond, depth, now);
        let counter = match account.flagged_at {
            None => for_me,
            // Ignored: what it gives meanwhile is lost.
            Some(_) => seen,
        };
        self.accounts.insert(giver.node.clone(), account);
        Covered { counter, flagged }
    }

    /// Givers that are flagged.
    pub fn flagged(&self) -> impl Iterator<Item = &NodeId> {
        let flagged = |(node, account): (_, &Account)| account.flagged_at.map(|_| node);
        self.accounts.iter().filter_map(flagged)
    }

    /// Another limit: whoever knew of it before this node gave by it, and is forgiven a burst of it.
    fn set_depth(&mut self, depth: u64, now: Duration) {
        if depth != self.depth {
            self.depth = depth;
            for account in self.accounts.values_mut() {
                account.level = account.level.max(depth);
                account.received_at = now;
                account.beyond = None;
                account.flagged_at = None;
            }
        }
    }

    /// What one giver gave another.
    fn receive(&mut self, receiver: Incarnation, parts: u64, now: Duration) {
        let depth = self.depth;
        if parts > 0
            && let Some(owner) = self.owners.get(&receiver)
            && let Some(account) = self.accounts.get_mut(owner)
        {
            let most = i128::from(depth) * (1 + RECEIPTS_MAX_BURSTS);
            let level = i128::from(account.level) + i128::from(parts);
            account.level = u64::try_from(level.min(most)).unwrap_or(u64::MAX);
            account.received_at = now;
        }
    }
}

// === impl Account ===

impl Account {
    fn new(incarnation: Incarnation, depth: u64, now: Duration) -> Self {
        Account {
            incarnation,
            level: depth,
            at: now,
            received_at: now,
            covered: BTreeMap::new(),
            beyond: None,
            flagged_at: None,
        }
    }

    fn accrue(&mut self, limit_parts: u64, share: u64, depth: u64, now: Duration) {
        let minted = in_time(part_of(limit_parts, share), now.saturating_sub(self.at));
        let minted = minted
            .saturating_add(minted / 1_024 * DRIFT)
            .saturating_add(1);
        self.at = now;
        if now.saturating_sub(self.received_at) > RECEIPTS_LAST {
            self.level = self.level.min(depth);
        }
        if self.level < depth {
            self.level = self.level.saturating_add(minted).min(depth);
        }
    }

    /// Notes by how much it is beyond its account; whether it is flagged for that, just now. What stays as it
    /// is, of one mistake, is only lost; what grows is a lie that goes on.
    fn judge(&mut self, beyond: u64, depth: u64, now: Duration) -> bool {
        let lasts = |at: Duration| now.saturating_sub(at) < FLAGGED_FOR;
        self.flagged_at = self.flagged_at.filter(|at| lasts(*at));
        if beyond == 0 {
            self.beyond = None;
            return false;
        }
        let (since, then) = *self.beyond.get_or_insert((now, beyond));
        if now.saturating_sub(since) < PATIENCE {
            return false;
        }
        self.beyond = Some((now, beyond));
        beyond > then.saturating_add(depth / 2) && self.flagged_at.replace(now).is_none()
    }
}
