//! The exchange with one peer: at most one request under way, in rounds.
//!
//! A round begins with the peer's digest and asks every differing bucket once. Buckets found to hold
//! nothing newer are remembered with both digests, so that a peer which merely lacks what we have is not
//! asked again and again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weir_config::digest::{Buckets, bucket_of};
use weir_config::{Catalog, ObjectKey, Stamp};

use super::{MAX_BUCKETS_AN_ASK, MAX_KEYS_A_PULL};

/// What is known of one peer, and the request under way to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The newest digest seen of the peer.
    theirs: Option<Buckets>,
    /// The digest changed since this round began.
    changed: bool,
    /// Buckets asked in this round.
    asked: BTreeSet<u8>,
    waiting: Waiting,
    /// By bucket: the peer's digest and ours when we last had everything of it.
    settled: BTreeMap<u8, (u64, u64)>,
}

#[derive(Clone, Debug, Default)]
enum Waiting {
    #[default]
    Nothing,
    Stamps {
        buckets: Vec<u8>,
    },
    Records {
        /// Asked for and not yet here.
        keys: BTreeSet<ObjectKey>,
        /// To be asked for next.
        later: VecDeque<ObjectKey>,
        /// The buckets this pull completes, with the peer's digest of each as its stamps gave it.
        completes: BTreeMap<u8, u64>,
    },
}

/// The next thing to ask a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Stamps(Vec<u8>),
    Records(Vec<ObjectKey>),
}

// === impl Exchange ===

impl Exchange {
    /// The peer's digest as gossip shows it now; the same one again restarts a round that failed.
    pub fn digest(&mut self, theirs: Buckets, ours: &Buckets) -> Option<Request> {
        if !matches!(self.waiting, Waiting::Nothing) {
            self.changed |= self.theirs.as_ref() != Some(&theirs);
            self.theirs = Some(theirs);
            return None;
        }
        self.theirs = Some(theirs);
        self.begin_round();
        self.next_ask(ours)
    }

    /// The answer to an ask. Answers nobody waits for, or of other buckets than asked, are ignored.
    pub fn stamps(
        &mut self,
        buckets: &[u8],
        stamps: Vec<(ObjectKey, Stamp)>,
        catalog: &Catalog,
        ours: &Buckets,
    ) -> Option<Request> {
        match &self.waiting {
            Waiting::Stamps { buckets: asked } if asked == buckets => {}
            _ => return None,
        }
        // The digests of what was really answered: a late answer to an earlier ask settles nothing new.
        let mut answered = Buckets::default();
        let mut wanted = BTreeSet::new();
        for (key, stamp) in stamps {
            if !buckets.contains(&bucket_of(&key)) {
                continue;
            }
            answered.toggle(&key, &stamp);
            if catalog.record(&key).is_none_or(|known| known.stamp < stamp) {
                wanted.insert(key);
            }
        }
        let digest_of = |&bucket: &u8| (bucket, answered.digests()[bucket as usize]);
        self.waiting = Waiting::Records {
            keys: BTreeSet::new(),
            later: wanted.into_iter().collect(),
            completes: buckets.iter().map(digest_of).collect(),
        };
        self.next_pull(ours)
    }

    /// Records have come from the peer. `refused`: those that were not merged; their buckets stay open.
    pub fn records(
        &mut self,
        came: &BTreeSet<ObjectKey>,
        refused: &BTreeSet<ObjectKey>,
        ours: &Buckets,
    ) -> Option<Request> {
        let Waiting::Records {
            keys,
            later,
            completes,
        } = &mut self.waiting
        else {
            return None;
        };
        let missing: BTreeSet<ObjectKey> = keys.difference(came).cloned().collect();
        let progress = missing.len() < keys.len();
        if !progress && !came.is_empty() {
            // Not what was asked for: the answer is still to come.
            return None;
        }
        for key in refused {
            completes.remove(&bucket_of(key));
        }
        if progress {
            // The peer cut its answer at its size limit: the rest is asked again, first.
            missing
                .into_iter()
                .rev()
                .for_each(|key| later.push_front(key));
        } else {
            // It has nothing of it: leave those buckets open for another round.
            completes.retain(|&bucket, _| missing.iter().all(|key| bucket_of(key) != bucket));
        }
        keys.clear();
        self.next_pull(ours)
    }

    /// The request under way came to nothing. The next digest begins anew.
    pub fn failed(&mut self) {
        self.waiting = Waiting::Nothing;
    }

    fn begin_round(&mut self) {
        self.asked.clear();
        self.changed = false;
    }

    fn next_pull(&mut self, ours: &Buckets) -> Option<Request> {
        let Waiting::Records {
            keys,
            later,
            completes,
        } = &mut self.waiting
        else {
            return None;
        };
        if later.is_empty() {
            for (&bucket, &theirs) in completes.iter() {
                self.settled
                    .insert(bucket, (theirs, ours.digests()[bucket as usize]));
            }
            self.waiting = Waiting::Nothing;
            return self.next_ask(ours);
        }
        let batch: Vec<ObjectKey> = later.drain(..later.len().min(MAX_KEYS_A_PULL)).collect();
        keys.extend(batch.iter().cloned());
        Some(Request::Records(batch))
    }

    fn next_ask(&mut self, ours: &Buckets) -> Option<Request> {
        let theirs = self.theirs.clone()?;
        loop {
            let settled = |bucket: u8| {
                let now = (
                    theirs.digests()[bucket as usize],
                    ours.digests()[bucket as usize],
                );
                self.settled.get(&bucket) == Some(&now)
            };
            let buckets: Vec<u8> = ours
                .differing(&theirs)
                .filter(|&bucket| !self.asked.contains(&bucket) && !settled(bucket))
                .take(MAX_BUCKETS_AN_ASK)
                .collect();
            if !buckets.is_empty() {
                self.asked.extend(&buckets);
                self.waiting = Waiting::Stamps {
                    buckets: buckets.clone(),
                };
                return Some(Request::Stamps(buckets));
            }
            if !self.changed {
                return None;
            }
            self.begin_round();
        }
    }
}
