//! What passes over the mesh, and what was kept out of it.

use std::collections::HashMap;
use std::net::SocketAddr;

use weir_cluster::mesh::PeerCounters;

use super::families::{self as f, Family};
use super::{AdminState, Page};

/// Peers with figures of their own; beyond, they are left out: a cluster of that size is looked at by its sums.
const MAX_PEERS: usize = 256;

/// A family, and how its figure is read.
type PeerColumn = (&'static Family, fn(&PeerCounters) -> u64);

const OF_PEERS: [PeerColumn; 8] = [
    (&f::MESH_FRAMES_IN, |peer| peer.frames_in),
    (&f::MESH_BYTES_IN, |peer| peer.bytes_in),
    (&f::MESH_FRAMES_OUT, |peer| peer.frames_out),
    (&f::MESH_BYTES_OUT, |peer| peer.bytes_out),
    (&f::MESH_FRAMES_DROPPED, |peer| peer.dropped),
    (&f::MESH_CONNECTIONS, |peer| peer.connections),
    (&f::MESH_FAILED_DIALS, |peer| peer.failed_dials),
    (&f::MESH_THROTTLED, |peer| peer.throttled),
];

pub fn figures(state: &AdminState, page: &mut Page) {
    let view = state.cluster.borrow().clone();
    let nodes = view.nodes.iter();
    let names: HashMap<SocketAddr, &str> = nodes
        .map(|node| (node.mesh_addr, node.id.as_str()))
        .collect();
    let mut peers = state.mesh.counters();
    peers.truncate(MAX_PEERS);
    for (family, read) in OF_PEERS {
        page.family(family);
        for (addr, counters) in &peers {
            let node = names.get(addr).copied().unwrap_or_default();
            page.sample(family, &[&addr.to_string(), node], read(counters));
        }
    }
    page.family(&f::MESH_REFUSED);
    for (reason, count) in state.mesh.refused() {
        page.sample(&f::MESH_REFUSED, &[reason], count);
    }
    page.family(&f::GOSSIP_REFUSED);
    for (reason, count) in state.gossip.iter().flat_map(|gossip| gossip.refused()) {
        page.sample(&f::GOSSIP_REFUSED, &[reason], count);
    }
    page.single(&f::MESH_INBOUND_DROPPED, state.mesh.inbound_dropped());
    let [open, made, bytes] = state.mesh.relayed();
    page.single(&f::MESH_RELAYS, open);
    page.single(&f::MESH_RELAYS_MADE, made);
    page.single(&f::MESH_RELAYED_BYTES, bytes);
    let me = state.mesh.trust().credentials();
    let expires = me.member().not_after_ms / 1_000;
    page.single(&f::MESH_CERTIFICATE_EXPIRES, expires);
}
