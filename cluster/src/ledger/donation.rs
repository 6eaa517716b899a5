//! Giving: how much of a surplus goes to whom, and the counters that say so.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Entry, Incarnation, LISTED_MAX, Purse};

/// All that this incarnation ever gave, and what it answered needs with.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Donations {
    given: BTreeMap<Incarnation, Given>,
    /// Of each needy peer the turn of its row that was answered last.
    answered: BTreeMap<Incarnation, u32>,
    gave_at: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Given {
    total: u64,
    at: Duration,
}

/// The most peers one turn gives to.
const RECEIVERS_MAX: usize = 32;

/// A counter is listed for so long after it grew.
const LISTED_FOR: Duration = Duration::from_secs(30);

/// The most counters kept. One that is forgotten begins again at 0 and is ignored until it is past what the
/// receiver has seen: tokens are lost, never copied.
const COUNTERS_MAX: usize = 8_192;

pub(super) type Counters = Vec<(Incarnation, u64)>;

// === impl Donations ===

impl Donations {
    /// Gives of `surplus` to peers in need, each its part of the need of all, and takes it from the purse
    /// first. Returns what was given.
    pub fn give(
        &mut self,
        purse: &impl Purse,
        me: Incarnation,
        now: Duration,
        (need, surplus): (u64, u64),
        peers: &[(Incarnation, &Entry)],
    ) -> u64 {
        let needy = |incarnation: &Incarnation| {
            peers
                .iter()
                .any(|(peer, entry)| peer == incarnation && entry.need > 0)
        };
        self.answered.retain(|peer, _| needy(peer));
        if surplus == 0 {
            return 0;
        }
        let sum = |of: fn(&Entry) -> u64| {
            peers
                .iter()
                .map(|(_, entry)| u128::from(of(entry)))
                .sum::<u128>()
        };
        let needs = sum(|entry| entry.need) + u128::from(need);
        let surpluses = sum(|entry| entry.surplus) + u128::from(surplus);
        if needs == 0 {
            return 0;
        }
        // All of it where more is needed than there is; else as much as makes all givers give alike.
        let to_give = u128::from(surplus) * needs / needs.max(surpluses);
        let receivers = chosen(me, peers);
        let chosen_needs: u128 = receivers
            .iter()
            .map(|(_, entry)| u128::from(entry.need))
            .sum();
        let mut donated = 0;
        for &(receiver, entry) in &receivers {
            let part = to_give * u128::from(entry.need) / chosen_needs.max(1);
            let part = u64::try_from(part).unwrap_or(u64::MAX);
            donated += self.give_one(purse, now, receiver, part, entry);
        }
        donated
    }

    /// Gives one peer `part`, but against the row of one turn no more than the need in it: a row that has
    /// become old is not fed for ever.
    fn give_one(
        &mut self,
        purse: &impl Purse,
        now: Duration,
        receiver: Incarnation,
        part: u64,
        row: &Entry,
    ) -> u64 {
        if self.answered(receiver, row.turn) {
            return 0;
        }
        let taken = purse.take_up_to(part.min(row.need));
        if taken == 0 {
            return 0;
        }
        self.answered.insert(receiver, row.turn);
        self.gave_at = Some(now);
        let given = self
            .given
            .entry(receiver)
            .or_insert(Given { total: 0, at: now });
        given.total = given.total.saturating_add(taken);
        given.at = now;
        self.forget_the_oldest();
        taken
    }

    fn forget_the_oldest(&mut self) {
        if self.given.len() > COUNTERS_MAX {
            let oldest = self.given.iter().min_by_key(|(_, given)| given.at);
            if let Some(oldest) = oldest.map(|(&receiver, _)| receiver) {
                self.given.remove(&oldest);
            }
        }
    }

    /// The counters to publish: those that grew lately, the newest of them, ascending by receiver.
    pub fn listed(&self, now: Duration) -> Counters {
        let since = |given: &Given| now.saturating_sub(given.at);
        let mut lately: Vec<_> = self
            .given
            .iter()
            .filter(|(_, given)| since(given) < LISTED_FOR)
            .collect();
        if lately.len() > LISTED_MAX {
            lately.sort_by_key(|(_, given)| since(given));
            lately.truncate(LISTED_MAX);
            lately.sort_by_key(|&(&receiver, _)| receiver);
        }
        lately
            .into_iter()
            .map(|(&receiver, given)| (receiver, given.total))
            .collect()
    }

    /// Whether the need of this turn of the peer's was answered.
    pub fn answered(&self, peer: Incarnation, turn: u32) -> bool {
        self.answered.get(&peer) == Some(&turn)
    }

    /// Whether anything was given in the last `time`.
    pub fn within(&self, time: Duration, now: Duration) -> bool {
        self.gave_at.is_some_and(|at| now.saturating_sub(at) < time)
    }

    pub fn given_to(&self, receiver: Incarnation) -> u64 {
        self.given.get(&receiver).map_or(0, |given| given.total)
    }
}

/// The peers a turn gives to: all in need, and of too many some, the needier the likelier. Each giver
/// chooses by a hash of its own, so that all together reach everyone, and chooses alike from turn to turn,
/// so that counters stay listed until they are seen.
fn chosen<'a>(
    me: Incarnation,
    peers: &[(Incarnation, &'a Entry)],
) -> Vec<(Incarnation, &'a Entry)> {
    let mut needy: Vec<_> = peers
        .iter()
        .filter(|(_, entry)| entry.need > 0)
        .copied()
        .collect();
    if needy.len() > RECEIVERS_MAX {
        needy.sort_by_key(|(peer, entry)| mixed(me.0 ^ peer.0) / u128::from(entry.need));
        needy.truncate(RECEIVERS_MAX);
    }
    needy
}

/// A number spread evenly: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), with room for division.
fn mixed(seed: u64) -> u128 {
    let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u128::from(z ^ (z >> 31)) << 53
}
