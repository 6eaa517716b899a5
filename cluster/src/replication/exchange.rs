//! The exchange with one peer: at most one request under way, in rounds.
//!
//! A round begins with the peer's digest and asks every differing bucket once. Buckets found to hold
//! nothing we want are remembered with both digests, so that a peer which merely lacks what we have, or
//! retains what we do not, is not asked again and again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use weir_config::ObjectKey;
use weir_config::digest::{Buckets, bucket_of};

use super::{MAX_BUCKETS_AN_ASK, MAX_VERSIONS_A_PULL, VersionName};

/// What is known of one peer, and the request under way to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Exchange {
    /// The newest digest seen of the peer.
    theirs: Option<Buckets>,
    /// The digest changed since this round began.
    changed: bool,
    /// Buckets asked in this round.
    asked: BTreeSet<u8>,
    waiting: Waiting,
    /// By bucket: the peer's digest and ours when we last had everything of it that we want.
    settled: BTreeMap<u8, (u64, u64)>,
    /// The last round ended with everything the peer has and we want.
    complete: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
enum Waiting {
    #[default]
    Nothing,
    Stamps {
        buckets: Vec<u8>,
    },
    Records {
        /// Asked for and not yet here, in the order asked.
        versions: Vec<VersionName>,
        /// To be asked for next.
        later: VecDeque<VersionName>,
        /// The buckets this pull completes, with the peer's digest of each as its stamps gave it.
        completes: BTreeMap<u8, u64>,
    },
}

/// The next thing to ask a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Stamps(Vec<u8>),
    Records(Vec<VersionName>),
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
    /// `wanted` picks what is to be pulled of what the peer has, in that order.
    pub fn stamps(
        &mut self,
        buckets: &[u8],
        stamps: Vec<VersionName>,
        wanted: impl FnOnce(Vec<VersionName>) -> Vec<VersionName>,
        ours: &Buckets,
    ) -> Option<Request> {
        match &self.waiting {
            Waiting::Stamps { buckets: asked } if asked == buckets => {}
            _ => return None,
        }
        // The digests of what was really answered: a late answer to an earlier ask settles nothing new.
        let mut answered = Buckets::default();
        let mut offered = stamps;
        offered.retain(|(key, _)| buckets.contains(&bucket_of(key)));
        for (key, stamp) in &offered {
            answered.toggle(key, stamp);
        }
        let digest_of = |&bucket: &u8| (bucket, answered.digests()[bucket as usize]);
        self.waiting = Waiting::Records {
            versions: Vec::new(),
            later: wanted(offered).into(),
            completes: buckets.iter().map(digest_of).collect(),
        };
        self.next_pull(ours)
    }

    /// Records have come from the peer. `refused`: those that were not taken and may be later; their
    /// buckets stay open.
    pub fn records(
        &mut self,
        came: &BTreeSet<VersionName>,
        refused: &BTreeSet<ObjectKey>,
        ours: &Buckets,
    ) -> Option<Request> {
        let Waiting::Records {
            versions,
            later,
            completes,
        } = &mut self.waiting
        else {
            return None;
        };
        let asked = versions.len();
        let mut missing = std::mem::take(versions);
        missing.retain(|version| !came.contains(version));
        let progress = missing.len() < asked;
        if !progress && !came.is_empty() {
            // Not what was asked for: the answer is still to come.
            *versions = missing;
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
                .for_each(|version| later.push_front(version));
        } else {
            // It has nothing of it: leave those buckets open for another round.
            completes.retain(|&bucket, _| missing.iter().all(|(key, _)| bucket_of(key) != bucket));
        }
        self.next_pull(ours)
    }

    /// The request under way came to nothing. The next digest begins anew.
    pub fn failed(&mut self) {
        self.waiting = Waiting::Nothing;
        self.complete = false;
    }

    /// Whether we have everything that this peer has, not nothing, and that we want.
    pub fn is_complete(&self) -> bool {
        let has_some = |theirs: &Buckets| *theirs != Buckets::default();
        self.complete && self.theirs.as_ref().is_some_and(has_some)
    }

    fn begin_round(&mut self) {
        self.asked.clear();
        self.changed = false;
        self.complete = false;
    }

    fn next_pull(&mut self, ours: &Buckets) -> Option<Request> {
        let Waiting::Records {
            versions,
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
        let batch = later.drain(..later.len().min(MAX_VERSIONS_A_PULL));
        *versions = batch.collect();
        Some(Request::Records(versions.clone()))
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
            let open = |bucket: &u8| !settled(*bucket);
            let buckets: Vec<u8> = ours
                .differing(&theirs)
                .filter(|bucket| open(bucket) && !self.asked.contains(bucket))
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
                self.complete = !ours.differing(&theirs).any(|bucket| open(&bucket));
                return None;
            }
            self.begin_round();
        }
    }
}
