//! What was written here, on its way to peers: at once, and together where a peer is slower than the writes.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use weir_cluster::replication::Event;
use weir_config::{NodeId, Record};

use super::ConfigActor;
use super::peers::Unanswered;

/// Records that wait for a peer while a push to it is under way; beyond, it pulls them.
const WAITING_RECORDS: usize = 2_000;

/// What waits to be pushed to one peer, behind the push under way.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    under_way: bool,
    waiting: Vec<Arc<[Record]>>,
}

// === impl Outbox ===

impl Outbox {
    /// Says whether there was room.
    fn put(&mut self, records: Arc<[Record]>) -> bool {
        let waiting: usize = self.waiting.iter().map(|records| records.len()).sum();
        // A write of any size goes when nothing else waits.
        let room = self.waiting.is_empty() || waiting + records.len() <= WAITING_RECORDS;
        if room {
            self.waiting.push(records);
        }
        room
    }

    /// The next push, where none is under way.
    fn next(&mut self) -> Option<Arc<[Record]>> {
        if self.under_way {
            return None;
        }
        let next = match self.waiting.as_slice() {
            [] => return None,
            [one] => one.clone(),
            several => several.concat().into(),
        };
        self.waiting.clear();
        self.under_way = true;
        Some(next)
    }
}

// === impl ConfigActor ===

impl ConfigActor {
    pub(super) fn push(&mut self, peer: &NodeId, records: Arc<[Record]>, ctx: &mut Context<Self>) {
        // Without an outbox it has gone meanwhile.
        let Some(outbox) = self.peers.get_mut(peer) else {
            return;
        };
        if !outbox.put(records) {
            tracing::debug!(
                peer = peer.as_str(),
                "more is written than it takes: it pulls the rest"
            );
        }
        self.push_next(peer, ctx);
    }

    fn push_next(&mut self, peer: &NodeId, ctx: &mut Context<Self>) {
        let Some(records) = self.peers.get_mut(peer).and_then(Outbox::next) else {
            return;
        };
        let mesh = self.mesh.clone();
        let addr = self.address(peer);
        let peer = peer.clone();
        let push = async move { mesh.push(addr?, &records).await.map_err(Unanswered::from) };
        let pushed = push.into_actor(self).map(move |stored, actor, ctx| {
            if let Some(outbox) = actor.peers.get_mut(&peer) {
                outbox.under_way = false;
            }
            match stored {
                Ok(stamps) => {
                    let peer = peer.clone();
                    actor.take(Event::Pushed { peer, stamps }, ctx);
                }
                Err(why) => {
                    tracing::debug!(peer = peer.as_str(), %why, "a push failed: the peer pulls it");
                }
            }
            actor.push_next(&peer, ctx);
        });
        ctx.spawn(pushed);
    }
}

#[cfg(test)]
mod tests {
    use weir_config::{Kind, ObjectKey};

    use super::*;

    fn write(records: usize) -> Arc<[Record]> {
        let one = |i| Record {
            key: ObjectKey::new(Kind::Space, format!("s{i}")),
            stamp: "0000000000010000-n1".parse().unwrap(),
            based_on: None,
            author: String::new(),
            request: None,
            object: None,
        };
        (0..records).map(one).collect()
    }

    #[test]
    fn what_is_written_while_a_push_is_under_way_goes_together_in_the_next() {
        let mut outbox = Outbox::default();
        assert!(outbox.put(write(1)));
        assert_eq!(outbox.next().map(|push| push.len()), Some(1));
        assert!(outbox.put(write(2)) && outbox.put(write(3)));
        assert!(outbox.next().is_none(), "one is under way");
        outbox.under_way = false;
        assert_eq!(outbox.next().map(|push| push.len()), Some(5));
        outbox.under_way = false;
        assert!(outbox.next().is_none(), "nothing is left");
    }

    #[test]
    fn a_peer_that_does_not_keep_up_holds_a_bounded_number_of_records() {
        let mut outbox = Outbox::default();
        assert!(
            outbox.put(write(WAITING_RECORDS + 1)),
            "a large write alone"
        );
        assert!(!outbox.put(write(1)));
        outbox.next();
        assert!(outbox.put(write(1)) && outbox.put(write(WAITING_RECORDS - 1)));
        assert!(!outbox.put(write(1)));
    }
}
