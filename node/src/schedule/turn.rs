//! Which node sees to the schedules: the lowest live one, once it knows what the others know.

use std::collections::BTreeSet;

use weir_cluster::membership::{ClusterView, NodeView};
use weir_config::NodeId;

/// How long a node whose turn has come waits for the others to have the configuration it has. They may never:
/// where one is in trouble, the schedules go on all the same.
const AGREEMENT_WAIT_MS: u64 = 10_000;

/// Whose turn it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turn {
    /// This node's.
    Mine,
    /// Another node's: the lowest live one.
    Of(NodeId),
    /// This node's, but what it has may be older than what the others have.
    CatchingUp,
    /// Nobody's on this side: more nodes are out of sight than in it, and what an operator changes over there must
    /// not be overwritten from here.
    FewInSight,
}

/// Follows the cluster from look to look.
#[derive(Debug, Default)]
pub struct Turns {
    live: BTreeSet<NodeId>,
    since_ms: u64,
    agreed: bool,
}

// === impl Turns ===

impl Turns {
    /// Whose turn it is now; `root` is the digest of what this node has in force.
    pub fn look(&mut self, view: &ClusterView, root: &str, now_ms: u64) -> Turn {
        let peers = || {
            view.nodes
                .iter()
                .filter(|node| node.id != view.me && !node.leaving)
        };
        let leaving = view.node(&view.me).is_some_and(|me| me.leaving);
        let live_peers = || peers().filter(|peer| peer.live);
        let mut live: BTreeSet<NodeId> = live_peers().map(|peer| peer.id.clone()).collect();
        if !leaving {
            live.insert(view.me.clone());
        }
        if live != self.live {
            // Whoever has come into sight may know what this node does not.
            self.agreed = live.is_subset(&self.live) && self.agreed;
            self.since_ms = now_ms;
            self.live = live;
        }
        let agrees = |peer: &NodeView| peer.config_root.as_deref() == Some(root);
        let waited_ms = now_ms.saturating_sub(self.since_ms);
        self.agreed |= live_peers().all(agrees) || waited_ms >= AGREEMENT_WAIT_MS;
        let members = peers().count() + usize::from(!leaving);
        match self.live.first() {
            Some(lowest) if *lowest != view.me => Turn::Of(lowest.clone()),
            _ if self.live.len() * 2 < members => Turn::FewInSight,
            None => Turn::FewInSight,
            Some(_) if !self.agreed => Turn::CatchingUp,
            Some(_) => Turn::Mine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    /// A node with a configuration; `-` before its name: dead.
    fn seen(name: &str, root: &str) -> NodeView {
        NodeView {
            region: "shanghai".to_owned(),
            live: !name.starts_with('-'),
            config_root: Some(root.to_owned()),
            version: "0".to_owned(),
            ..NodeView::new(
                id(name.trim_start_matches('-')),
                "127.0.0.1:1".parse().unwrap(),
            )
        }
    }

    fn view(me: &str, others: &[(&str, &str)]) -> ClusterView {
        let others = others.iter().map(|(name, root)| seen(name, root));
        let mut nodes: Vec<NodeView> = others.chain([seen(me, "r")]).collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        ClusterView { me: id(me), nodes }
    }

    #[test]
    fn the_lowest_live_node_has_the_turn_and_the_next_one_when_it_dies() {
        let mut turns = Turns::default();
        let all = view("n2", &[("n1", "r"), ("n3", "r")]);
        assert_eq!(turns.look(&all, "r", 0), Turn::Of(id("n1")));
        let first_is_dead = view("n2", &[("-n1", "r"), ("n3", "r")]);
        assert_eq!(turns.look(&first_is_dead, "r", 1), Turn::Mine);
        let mut third = Turns::default();
        let seen_by_the_third = view("n3", &[("-n1", "r"), ("n2", "r")]);
        assert_eq!(third.look(&seen_by_the_third, "r", 1), Turn::Of(id("n2")));
    }

    #[test]
    fn a_node_alone_has_the_turn() {
        assert_eq!(Turns::default().look(&view("n1", &[]), "r", 0), Turn::Mine);
        let unseen = ClusterView {
            me: id("n1"),
            nodes: Vec::new(),
        };
        assert_eq!(Turns::default().look(&unseen, "r", 0), Turn::Mine);
    }

    #[test]
    fn a_node_that_comes_back_does_nothing_before_it_knows_what_the_others_know() {
        let mut turns = Turns::default();
        let others_know_more = view("n1", &[("n2", "newer")]);
        assert_eq!(turns.look(&others_know_more, "r", 0), Turn::CatchingUp);
        let in_agreement = view("n1", &[("n2", "r")]);
        assert_eq!(turns.look(&in_agreement, "r", 500), Turn::Mine);
        // A change under way is no reason to stop.
        assert_eq!(turns.look(&others_know_more, "r", 600), Turn::Mine);
        let another_comes = view("n1", &[("n2", "newer"), ("n3", "newer")]);
        assert_eq!(turns.look(&another_comes, "r", 700), Turn::CatchingUp);
    }

    #[test]
    fn a_peer_that_never_agrees_does_not_stop_the_schedules() {
        let mut turns = Turns::default();
        let in_trouble = view("n1", &[("n2", "other")]);
        assert_eq!(turns.look(&in_trouble, "r", 1_000), Turn::CatchingUp);
        let waited_ms = 1_000 + AGREEMENT_WAIT_MS;
        assert_eq!(turns.look(&in_trouble, "r", waited_ms), Turn::Mine);
    }

    #[test]
    fn the_smaller_side_of_a_broken_network_leaves_the_schedules_to_the_other() {
        let small = view("n1", &[("-n2", "r"), ("-n3", "r")]);
        assert_eq!(Turns::default().look(&small, "r", 0), Turn::FewInSight);
        let large = view("n2", &[("-n1", "r"), ("n3", "r")]);
        assert_eq!(Turns::default().look(&large, "r", 0), Turn::Mine);
    }

    #[test]
    fn a_node_that_stops_hands_the_turn_on() {
        let mut stopping = view("n1", &[("n2", "r")]);
        stopping.nodes[0].leaving = true;
        assert_eq!(Turns::default().look(&stopping, "r", 0), Turn::Of(id("n2")));
        let mut seen_by_the_next = view("n2", &[("n1", "r")]);
        seen_by_the_next.nodes[0].leaving = true;
        assert_eq!(Turns::default().look(&seen_by_the_next, "r", 0), Turn::Mine);
    }
}
