//! Who waits to hear on which nodes a write is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use weir_cluster::membership::ClusterView;
use weir_cluster::replication::MAX_WAITING_WRITES;
use weir_config::{NodeId, Stamp};

use super::options::Ack;

/// The nodes that have a write on their disks, as that becomes known.
pub(super) type StoredOn = watch::Receiver<BTreeSet<NodeId>>;

/// The writes somebody waits for, by their names; at most [`MAX_WAITING_WRITES`].
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: BTreeMap<Stamp, watch::Sender<BTreeSet<NodeId>>>,
}

/// How many nodes are to have a write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub ack: Ack,
    /// The node has others to join: one that sees none of them, as just after its start, is not alone.
    pub joins: bool,
}

// === impl Acks ===

impl Acks {
    pub fn is_waited_for(&self, write: &Stamp) -> bool {
        self.waiting.contains_key(write)
    }

    /// `None` where too many are waited for.
    pub fn begin(&mut self, write: &Stamp, me: &NodeId) -> Option<StoredOn> {
        if let Some(sender) = self.waiting.get(write) {
            return Some(sender.subscribe());
        }
        if self.waiting.len() >= MAX_WAITING_WRITES {
            return None;
        }
        let (sender, stored_on) = watch::channel(BTreeSet::from([me.clone()]));
        self.waiting.insert(write.clone(), sender);
        Some(stored_on)
    }

    pub fn tell(&mut self, write: &Stamp, nodes: BTreeSet<NodeId>) {
        if let Some(sender) = self.waiting.get(write) {
            sender.send_replace(nodes);
        }
    }

    /// The writes nobody waits for any more; they are forgotten.
    pub fn take_abandoned(&mut self) -> Vec<Stamp> {
        let abandoned = self.waiting.iter().filter(|(_, sender)| sender.is_closed());
        let abandoned: Vec<Stamp> = abandoned.map(|(write, _)| write.clone()).collect();
        for write in &abandoned {
            self.waiting.remove(write);
        }
        abandoned
    }
}

/// Waits until a write is on as many nodes as asked for, until that cannot come about with the nodes that
/// live, or until the deadline. Gives the nodes that have it, this one first, and whether they are enough.
pub(super) async fn reached(
    mut stored_on: StoredOn,
    wanted: Wanted,
    mut cluster: watch::Receiver<Arc<ClusterView>>,
    deadline: Instant,
) -> (Vec<NodeId>, bool) {
    loop {
        let standing = standing(
            &stored_on.borrow_and_update(),
            wanted,
            &cluster.borrow_and_update(),
        );
        if standing.enough || standing.hopeless {
            return (standing.stored_on, standing.enough);
        }
        let happened = async {
            tokio::select! {
                told = stored_on.changed() => told.is_ok(),
                changed = cluster.changed() => changed.is_ok(),
            }
        };
        // Where either has ended nothing more will be heard of it.
        if !matches!(tokio::time::timeout_at(deadline, happened).await, Ok(true)) {
            return (standing.stored_on, false);
        }
    }
}

struct Standing {
    stored_on: Vec<NodeId>,
    enough: bool,
    /// Too few nodes live for it to be enough.
    hopeless: bool,
}

fn standing(stored_on: &BTreeSet<NodeId>, wanted: Wanted, view: &ClusterView) -> Standing {
    let others = || {
        let others = view.nodes.iter().filter(|node| node.id != view.me);
        others.filter(|node| !node.leaving)
    };
    let unseen = wanted.joins && others().next().is_none();
    let members = 1 + others().count() + usize::from(unseen);
    let wanted = wanted.ack.nodes(members);
    let have: Vec<NodeId> = others()
        .filter(|node| stored_on.contains(&node.id))
        .map(|node| node.id.clone())
        .collect();
    let could = others().filter(|node| node.live || stored_on.contains(&node.id));
    Standing {
        enough: 1 + have.len() >= wanted,
        hopeless: !unseen && 1 + could.count() < wanted,
        stored_on: std::iter::once(view.me.clone()).chain(have).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone() -> ClusterView {
        ClusterView {
            me: "n1".parse().unwrap(),
            nodes: Vec::new(),
        }
    }

    #[test]
    fn a_node_that_begins_a_cluster_is_enough_alone_and_one_that_joins_waits_for_the_others() {
        let me = BTreeSet::from(["n1".parse().unwrap()]);
        let wanted = |ack, joins| standing(&me, Wanted { ack, joins }, &alone());
        assert!(wanted(Ack::One, false).enough);
        assert!(wanted(Ack::Local, true).enough);
        for ack in [Ack::One, Ack::Majority, Ack::All] {
            let standing = wanted(ack, true);
            assert!(!standing.enough && !standing.hopeless, "{ack}");
        }
    }
}
