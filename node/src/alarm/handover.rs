//! A state handed from the node that had the turn to the one that has it now: nothing that fires is lost, nothing is
//! taken in twice.

use std::collections::BTreeMap;

use super::state::{Episode, State};

// === impl State ===

impl State {
    /// Takes in what other nodes hold, their own and copies of third ones'. `self` is this node's own, `me` its name; it
    /// may have begun with nothing after a restart, and others still have what it had.
    pub fn take_over(&mut self, me: &str, others: Vec<State>, now_ms: u64) {
        let mut newest: BTreeMap<String, State> = BTreeMap::new();
        for state in others {
            let known = newest.get(&state.holder);
            if known.is_none_or(|known| known.version < state.version) {
                newest.insert(state.holder.clone(), state);
            }
        }
        // What is in another's already: of that the copies are old.
        let mut taken = self.taken.clone();
        for state in newest.values() {
            for (holder, version) in &state.taken {
                let known = taken.entry(holder.clone()).or_default();
                *known = (*known).max(*version);
            }
        }
        // Copies of this node's own are what it had later than what it has now: a restart may have begun with an older one.
        if let Some(later) = newest
            .remove(me)
            .filter(|later| later.version > self.version)
        {
            *self = later;
        }
        // Whoever has taken that in has gone on with it: what this node has of its own is old.
        if taken
            .get(me)
            .is_some_and(|version| *version >= self.version)
        {
            self.episodes.clear();
            self.letters.clear();
        }
        for (holder, state) in newest {
            let old = taken
                .get(&holder)
                .is_some_and(|version| *version >= state.version);
            if old || holder.is_empty() {
                continue;
            }
            self.version = self.version.max(state.version);
            self.taken.insert(holder, state.version);
            self.unite(state);
        }
        self.holder = me.to_owned();
        self.version = (self.version + 1).max(now_ms);
    }

    fn unite(&mut self, other: State) {
        for (alarm, episodes) in other.episodes {
            let mine = self.episodes.entry(alarm).or_default();
            for (subject, theirs) in episodes {
                let united = match mine.remove(&subject) {
                    Some(mine) => mine.united(theirs),
                    None => theirs,
                };
                mine.insert(subject, united);
            }
        }
        for letter in other.letters {
            if !self.letters.iter().any(|known| known.id == letter.id) {
                self.letters.push(letter);
            }
        }
        self.letters.sort_by_key(|letter| letter.written_at_ms);
    }

    /// Whether this state, which other nodes ask this one for, has all of an older one of another holder in it.
    pub fn has_all_of(&self, holder: &str, version: u64) -> bool {
        self.taken
            .get(holder)
            .is_some_and(|taken| *taken >= version)
    }

    pub fn is_empty(&self) -> bool {
        self.episodes.values().all(BTreeMap::is_empty) && self.letters.is_empty()
    }
}

// === impl Episode ===

impl Episode {
    /// Of two accounts of one subject: it holds since the earlier moment, and who was told by either was told.
    fn united(self, other: Episode) -> Episode {
        let newer = match self.seen_at_ms >= other.seen_at_ms {
            true => &self,
            false => &other,
        };
        let earlier = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Episode {
            since_ms: self.since_ms.min(other.since_ms),
            fired_at_ms: earlier(self.fired_at_ms, other.fired_at_ms),
            told_at_ms: self.told_at_ms.max(other.told_at_ms),
            told: self.told.max(other.told),
            over_at_ms: newer.over_at_ms,
            seen_at_ms: newer.seen_at_ms,
            reading: newer.reading.clone(),
        }
    }
}
