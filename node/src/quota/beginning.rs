//! Beginning a mint plan late: where every node of a cluster has lost its memory of one, as after all of them
//! were restored from copies, somebody has to.

use std::net::SocketAddr;
use std::time::Duration;

use weir_cluster::membership::ClusterView;
use weir_config::NodeId;

/// Whether this node is to begin a plan though it looks for others.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Where the others are, as far as settings and store say.
    known: Vec<SocketAddr>,
    /// Since when all of them are there without a plan.
    since: Option<Duration>,
}

// === impl Beginning ===

impl Beginning {
    /// `known`: addresses of the mesh; names among them say nothing here.
    pub fn new(known: &[String]) -> Self {
        let known = known.iter().filter_map(|address| address.parse().ok());
        Beginning {
            known: known.collect(),
            since: None,
        }
    }

    /// To be asked every second or so. This node begins once everyone it knows has been there and has said
    /// that there is no plan for `patience`, if it is the lowest of them.
    pub fn is_due(
        &mut self,
        now: Duration,
        patience: Duration,
        view: &ClusterView,
        has_no_plan: impl Fn(&NodeId) -> bool,
    ) -> bool {
        let mut live = view.nodes.iter().filter(|node| node.live);
        let is_there = |address: &SocketAddr| {
            view.nodes
                .iter()
                .any(|node| node.live && node.mesh_addr == *address)
        };
        let holds = !self.known.is_empty()
            && self.known.iter().all(is_there)
            && live.all(|node| node.id == view.me || node.id > view.me && has_no_plan(&node.id));
        if !holds {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_sub(since) >= patience
    }
}

#[cfg(test)]
mod tests {
    use weir_cluster::membership::NodeView;

    use super::*;

    fn view(me: &str, nodes: &[(&str, u16, bool)]) -> ClusterView {
        let node = |&(id, port, live): &(&str, u16, bool)| NodeView {
            live,
            ..NodeView::new(id.parse().unwrap(), ([127, 0, 0, 1], port).into())
        };
        ClusterView {
            me: me.parse().unwrap(),
            nodes: nodes.iter().map(node).collect(),
        }
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Whether it begins after the patience, if this is what it sees all the time.
    fn begins(known: &[&str], view: &ClusterView, planned: &[&str]) -> bool {
        let known: Vec<String> = known.iter().map(|known| (*known).to_owned()).collect();
        let mut beginning = Beginning::new(&known);
        let mut ask =
            |now| beginning.is_due(now, PATIENCE, view, |id| !planned.contains(&id.as_str()));
        assert!(!ask(Duration::from_secs(100)), "never at once");
        ask(Duration::from_secs(110))
    }

    #[test]
    fn the_lowest_begins_once_all_it_knows_are_there_without_a_plan() {
        let all = [("a", 1, true), ("b", 2, true), ("c", 3, true)];
        let known = ["127.0.0.1:2", "127.0.0.1:3", "seed.example:7000"];
        assert!(begins(&known, &view("a", &all), &[]));
        assert!(!begins(&known, &view("b", &all), &[]), "not the lowest");
        assert!(!begins(&known, &view("a", &all), &["c"]), "c has a plan");
        let one_dead = [("a", 1, true), ("b", 2, true), ("c", 3, false)];
        assert!(!begins(&known, &view("a", &one_dead), &[]));
        let one_unseen = [("a", 1, true), ("b", 2, true)];
        assert!(!begins(&known, &view("a", &one_unseen), &[]));
        assert!(
            !begins(&[], &view("a", &[("a", 1, true)]), &[]),
            "it knows of nobody"
        );
    }

    #[test]
    fn an_interruption_begins_the_wait_anew() {
        let both = view("a", &[("a", 1, true), ("b", 2, true)]);
        let alone = view("a", &[("a", 1, true), ("b", 2, false)]);
        let mut beginning = Beginning::new(&["127.0.0.1:2".to_owned()]);
        let mut ask = |second, view: &ClusterView| {
            beginning.is_due(Duration::from_secs(second), PATIENCE, view, |_| true)
        };
        assert!(!ask(100, &both));
        assert!(!ask(105, &alone));
        assert!(!ask(112, &both));
        assert!(!ask(121, &both));
        assert!(ask(122, &both));
    }
}
