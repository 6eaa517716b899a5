//! The ledger of one resource of one gateway on one node.

use std::collections::BTreeMap;
use std::time::Duration;

use super::demand::Demand;
use super::donation::Donations;
use super::lows::Lows;
use super::mint::{LIMIT_MAX, Mint, in_time, part_of};
use super::{Entry, Incarnation, PARTS, Purse, Terms};

/// Mints, credits and donates for one purse. All amounts are parts of a token.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ledger {
    me: Incarnation,
    terms: Terms,
    /// Tokens a second, of the whole cluster.
    limit_per_second: u64,
    /// Of the minting, as it was last minted or turned with.
    share: u64,
    mint: Mint,
    demand: Demand,
    lows: Lows,
    /// Of each giver the counter addressed to this incarnation, as it was last credited.
    received: BTreeMap<Incarnation, u64>,
    donations: Donations,
    turned_at: Option<Duration>,
    turned_early: bool,
    needy_turns: u32,
    published_surplus: u64,
    refill: Refill,
    figures: Figures,
}

/// Where a purse stops, in parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// The node's own minting stops here: half a burst of its share.
    pub own: u64,
    /// What is donated is taken up to here; what does not fit is lost.
    pub credit: u64,
    /// What a call reserved and did not use is taken back up to here: `Hints::refund_cap_parts`.
    pub refund: u64,
}

/// What a turn did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// What to publish; `None`: nothing that others would want to know.
    pub entry: Option<Entry>,
    pub donated: u64,
    /// Given up, since it lay untouched.
    pub dropped: u64,
}

/// Where a ledger stands, in parts; totals since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Figures {
    pub demand_per_second: u64,
    /// What the purse earned lately, minted and donated, less what it gave.
    pub refill_per_second: u64,
    pub need: u64,
    pub surplus: u64,
    pub minted_total: u64,
    pub given_total: u64,
    pub received_total: u64,
    /// Donations that did not fit, excess given up, and what a lower limit took.
    pub lost_total: u64,
}

/// What came in and went out since the last turn.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Refill {
    came_in: u64,
    average_per_second: u64,
}

/// A node without demand publishes for so long after the last of it; one that gave, for so long after that.
const PUBLISH_AFTER: Duration = Duration::from_secs(5);

/// The most givers that are remembered. What more of them give is lost: forgetting one would credit it twice.
const GIVERS_MAX: usize = 8_192;

/// One interval of waiting with a gift for so many peers, and the most of them: 0.3 s of the 0.5 s of minting
/// that a purse holds.
const PEERS_A_WAIT: usize = 16;
const WAITS_MAX: usize = 3;

// === impl Ledger ===

impl Ledger {
    /// A ledger that has minted and received nothing.
    pub fn new(me: Incarnation, terms: Terms, limit_per_second: u64) -> Self {
        Ledger {
            me,
            terms,
            limit_per_second: limit_per_second.min(LIMIT_MAX),
            share: 0,
            mint: Mint::default(),
            demand: Demand::default(),
            lows: Lows::new(),
            received: BTreeMap::new(),
            donations: Donations::default(),
            turned_at: None,
            turned_early: false,
            needy_turns: 0,
            published_surplus: 0,
            refill: Refill::default(),
            figures: Figures::default(),
        }
    }

    /// Goes on under another limit. A lower one takes away what it would not have let the purse hold; a
    /// higher one gives nothing at once.
    pub fn set_limit(&mut self, purse: &impl Purse, limit_per_second: u64) {
        let limit = limit_per_second.min(LIMIT_MAX);
        let lower = limit < self.limit_per_second;
        self.limit_per_second = limit;
        self.demand.limit(self.limit_parts());
        if lower {
            let trimmed = purse.trim(self.caps(self.share).refund);
            self.lose(trimmed);
            self.lows.observe(purse.parts());
        }
    }

    /// Mints for `share` of the whole and a time within the mint lease, up to the own cap. Returns what
    /// was minted.
    pub fn mint(&mut self, purse: &impl Purse, share: u64, elapsed: Duration) -> u64 {
        self.share = share;
        self.lows.observe(purse.parts());
        let due = self.mint.advance(self.limit_per_second, share, elapsed);
        let minted = purse.add_up_to(due, self.caps(share).own);
        self.figures.minted_total += minted;
        self.refill.came_in += minted;
        minted
    }

    /// Credits what `giver` has given since its counter was last seen. Returns what was credited.
    pub fn credit(&mut self, purse: &impl Purse, giver: Incarnation, entry: &Entry) -> u64 {
        match entry.given_to(self.me) {
            Some(counter) => self.credit_up_to(purse, giver, counter),
            None => 0,
        }
    }

    /// Credits what `giver` has given up to this counter. Returns what was credited.
    pub fn credit_up_to(&mut self, purse: &impl Purse, giver: Incarnation, counter: u64) -> u64 {
        let seen = match self.received.get(&giver) {
            None if self.received.len() >= GIVERS_MAX => return 0,
            known => known.copied().unwrap_or(0),
        };
        if counter <= seen {
            return 0;
        }
        self.received.insert(giver, counter);
        self.lows.observe(purse.parts());
        let given = counter - seen;
        let credited = purse.add_up_to(given, self.caps(self.share).credit);
        self.figures.received_total = self.figures.received_total.saturating_add(credited);
        self.refill.came_in = self.refill.came_in.saturating_add(credited);
        self.lose(given - credited);
        credited
    }

    /// A turn: learns from what was offered since the last one (in parts), gives what is over to `peers` in
    /// need (the newest row of each live one), gives up what lay untouched, and
    /// says what to publish. `now` is time since some start of the node's own.
    ///
    /// To be called every interval while calls come, and after the last until it publishes nothing more: only
    /// a turn learns that demand has gone, and with it what the purse may hold.
    pub fn turn(
        &mut self,
        purse: &impl Purse,
        now: Duration,
        share: u64,
        offered: u64,
        peers: &[(Incarnation, &Entry)],
    ) -> Turn {
        let elapsed = match self.turned_at {
            Some(at) => now.saturating_sub(at),
            None => self.terms.interval,
        };
        self.turned_early = elapsed < self.terms.interval * 3 / 4;
        self.turned_at = Some(now);
        self.share = share;
        let limit = self.limit_parts();
        self.demand
            .observe(&self.terms, limit, offered, elapsed, now);
        let balance = purse.parts();
        self.lows.advance(now, self.terms.hold, balance);

        let own = in_time(part_of(limit, share), self.terms.interval);
        let lacking = i128::from(self.target()) - i128::from(balance);
        let bounded = |parts: i128| u64::try_from(parts.max(0)).unwrap_or(u64::MAX).min(limit);
        let need = bounded(lacking - i128::from(own));
        let surplus = bounded(-lacking);

        if need > 0 {
            self.needy_turns = self.needy_turns.wrapping_add(1);
        }
        // What a giver of many mints in one interval is not worth a row: it waits for some of them.
        let waits = (peers.len() / PEERS_A_WAIT).min(WAITS_MAX) as u64;
        let gives = surplus > own.saturating_mul(waits);
        let donated = match gives {
            true => self
                .donations
                .give(purse, self.me, now, (need, surplus), peers),
            false => 0,
        };
        let dropped = self.give_up_what_lay(purse);
        self.refill.turn(&self.terms, donated, elapsed);
        self.figures.given_total += donated;
        self.figures.need = need;
        self.figures.surplus = surplus;
        // A surplus that only grew by a turn is no news either.
        let stale = donated == 0 && (1..=surplus).contains(&self.published_surplus);
        if !stale {
            self.published_surplus = surplus;
        }
        let wanted = surplus > 0 && peers.iter().any(|(_, entry)| entry.need > 0);
        let busy =
            self.demand.within(PUBLISH_AFTER, now) || self.donations.within(PUBLISH_AFTER, now);
        let entry = (wanted || busy).then(|| Entry {
            turn: self.needy_turns,
            need,
            surplus: self.published_surplus,
            given: self.donations.listed(now),
        });
        Turn {
            entry,
            donated,
            dropped,
        }
    }

    /// What is beyond own cap and target and nobody touched for the time of `Terms::hold`.
    fn give_up_what_lay(&mut self, purse: &impl Purse) -> u64 {
        let kept = i64::try_from(self.caps(self.share).refund).unwrap_or(i64::MAX);
        let lay = self.lows.lowest().saturating_sub(kept);
        let dropped = purse.take_up_to(u64::try_from(lay).unwrap_or(0));
        self.lows.taken(dropped);
        self.lose(dropped);
        dropped
    }

    /// Whether the purse runs dry while nobody knows: then the next turn, and its row, should come early.
    pub fn runs_dry(&self, purse: &impl Purse, now: Duration) -> bool {
        let known = self.figures.need > 0 && self.figures.need >= self.target() / 2;
        !known && purse.parts() <= 0 && self.may_turn_early(now)
    }

    /// Whether a peer's newest row shows a need, and this node's purse is as full as it is where nobody has
    /// asked for long: then the next turn, and its row, should come early.
    pub fn can_help(
        &self,
        purse: &impl Purse,
        now: Duration,
        peer: Incarnation,
        entry: &Entry,
    ) -> bool {
        let full = self.target() + self.saved(self.share) / 8 * 7;
        entry.need > 0
            && i128::from(purse.parts()) >= i128::from(full)
            && self.may_turn_early(now)
            && !self.donations.answered(peer, entry.turn)
    }

    fn may_turn_early(&self, now: Duration) -> bool {
        let since = |at: Duration| now.saturating_sub(at);
        !self.turned_early
            && self
                .turned_at
                .is_none_or(|at| since(at) >= self.terms.interval / 4)
    }

    /// Where the purse stops for `share` of the whole.
    pub fn caps(&self, share: u64) -> Caps {
        let saved = self.saved(share);
        let own = saved.saturating_add(self.target()).max(1);
        let credit = saved.saturating_add(in_time(self.limit_parts(), self.terms.horizon()));
        Caps {
            own,
            credit: credit.max(1),
            refund: own,
        }
    }

    /// What a node without demand saves up: half a burst of its share.
    fn saved(&self, share: u64) -> u64 {
        in_time(part_of(self.limit_parts(), share), self.terms.burst) / 2
    }

    pub fn figures(&self) -> Figures {
        Figures {
            demand_per_second: self.demand.expected_per_second(),
            refill_per_second: self.refill.average_per_second,
            ..self.figures
        }
    }

    pub fn limit_per_second(&self) -> u64 {
        self.limit_per_second
    }

    /// All that was ever given to `receiver`, listed or not.
    pub fn given_to(&self, receiver: Incarnation) -> u64 {
        self.donations.given_to(receiver)
    }

    /// What of `giver`'s counter is accounted for.
    pub fn received_from(&self, giver: Incarnation) -> u64 {
        self.received.get(&giver).copied().unwrap_or(0)
    }

    /// Whose ledger it is.
    pub fn me(&self) -> Incarnation {
        self.me
    }

    /// Parts a second, of the whole cluster.
    pub(super) fn limit_parts(&self) -> u64 {
        self.limit_per_second * PARTS
    }

    /// More than the purse of any node holds: a burst of the whole limit, or what a node with all of the
    /// minting and all of the demand may hold, where bursts are short.
    pub(super) fn purse_max(&self) -> u64 {
        let limit = self.limit_parts();
        let held = self.terms.burst / 2 + self.terms.horizon();
        in_time(limit, self.terms.burst.max(held)).max(1)
    }

    /// What the node wants on hand.
    fn target(&self) -> u64 {
        in_time(self.demand.expected_per_second(), self.terms.horizon())
    }

    fn lose(&mut self, parts: u64) {
        self.figures.lost_total = self.figures.lost_total.saturating_add(parts);
    }
}

// === impl Refill ===

impl Refill {
    fn turn(&mut self, terms: &Terms, donated: u64, elapsed: Duration) {
        let net = std::mem::take(&mut self.came_in).saturating_sub(donated);
        let inst = super::mint::per_second(net, elapsed.max(terms.interval / 8));
        self.average_per_second = self.average_per_second / 8 * 7 + inst / 8;
    }
}
