//! In which regions the link is alive, as far as this node knows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use weir_cluster::membership::{ClusterView, NodeView};

use crate::routing::Beside;

/// Regions with a live node. Before the cluster is known every region counts as live.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LiveRegions {
    by_region: Option<HashMap<String, LinkPorts>>,
}

/// Where one live node of a region listens for calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkPorts {
    pub http: Option<u16>,
    pub https: Option<u16>,
}

/// Keeps the regions as the cluster's view has them, for as long as the node runs.
pub fn follow_live_regions(beside: Arc<Beside>, mut view: watch::Receiver<Arc<ClusterView>>) {
    actix_rt::spawn(async move {
        loop {
            let live = LiveRegions::of(&view.borrow_and_update());
            if **beside.live.load() != live {
                beside.live.store(Arc::new(live));
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    });
}

// === impl LiveRegions ===

impl LiveRegions {
    pub fn of(view: &ClusterView) -> Self {
        let serving = |node: &&NodeView| node.live && !node.leaving && !node.region.is_empty();
        let ports = |node: &NodeView| LinkPorts {
            http: node.link_http.as_ref().map(SocketAddr::port),
            https: node.link_https.as_ref().map(SocketAddr::port),
        };
        let mut by_region = HashMap::new();
        for node in view.nodes.iter().filter(serving) {
            by_region
                .entry(node.region.clone())
                .or_insert_with(|| ports(node));
        }
        LiveRegions {
            by_region: Some(by_region),
        }
    }

    pub fn is_live(&self, region: &str) -> bool {
        match &self.by_region {
            Some(regions) => regions.contains_key(region),
            None => true,
        }
    }

    /// The port of one live node's link in a region.
    pub fn port(&self, region: &str, secure: bool) -> Option<u16> {
        let ports = self.by_region.as_ref()?.get(region)?;
        if secure { ports.https } else { ports.http }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, region: &str, live: bool, leaving: bool) -> NodeView {
        NodeView {
            region: region.to_owned(),
            live,
            leaving,
            link_http: Some("10.0.0.1:8001".parse().unwrap()),
            version: "0.1.0".to_owned(),
            ..NodeView::new(id.parse().unwrap(), "127.0.0.1:7001".parse().unwrap())
        }
    }

    #[test]
    fn a_region_is_live_where_one_of_its_nodes_takes_calls() {
        let live = LiveRegions::of(&ClusterView {
            me: "n1".parse().unwrap(),
            nodes: vec![
                node("n1", "shanghai", true, false),
                node("n2", "shanghai", false, false),
                node("n3", "shenzhen", true, true),
                node("n4", "tianjin", false, false),
            ],
        });
        assert!(live.is_live("shanghai"));
        assert_eq!(live.port("shanghai", false), Some(8001));
        assert_eq!(live.port("shanghai", true), None);
        assert!(!live.is_live("shenzhen"), "its node is leaving");
        assert!(!live.is_live("tianjin"));
        assert!(LiveRegions::default().is_live("tianjin"), "not known yet");
    }
}
