//! What passes over the mesh, for `/metrics`.

use std::collections::HashMap;
use std::net::SocketAddr;

use weir_cluster::mesh::PeerCounters;

use super::AdminState;
use super::metrics::Exposition;

/// Peers with figures of their own; beyond, they are left out: a cluster of that size is looked at by its sums.
const MAX_PEERS: usize = 256;

/// Name, help, and how the figure is read.
type PeerFamily = (&'static str, &'static str, fn(&PeerCounters) -> u64);

const FAMILIES: [PeerFamily; 8] = [
    (
        "weir_mesh_frames_in_total",
        "Gossip frames from a peer.",
        |n| n.frames_in,
    ),
    (
        "weir_mesh_bytes_in_total",
        "Bytes of gossip frames from a peer.",
        |n| n.bytes_in,
    ),
    (
        "weir_mesh_frames_out_total",
        "Gossip frames to a peer.",
        |n| n.frames_out,
    ),
    (
        "weir_mesh_bytes_out_total",
        "Bytes of gossip frames to a peer.",
        |n| n.bytes_out,
    ),
    (
        "weir_mesh_frames_dropped_total",
        "Gossip frames that did not get through: queue full, no connection, cut.",
        |n| n.dropped,
    ),
    (
        "weir_mesh_connections_total",
        "Gossip connections made with a peer, whoever dialled.",
        |n| n.connections,
    ),
    (
        "weir_mesh_failed_dials_total",
        "Times a peer could not be dialled.",
        |n| n.failed_dials,
    ),
    (
        "weir_mesh_throttled_total",
        "Times a peer had to wait, since it sent more than it may.",
        |n| n.throttled,
    ),
];

pub(super) fn figures(state: &AdminState, page: &mut Exposition) {
    let view = state.cluster.borrow().clone();
    let names: HashMap<SocketAddr, String> = view
        .nodes
        .iter()
        .map(|node| (node.mesh_addr, node.id.to_string()))
        .collect();
    let mut peers = state.mesh.counters();
    peers.truncate(MAX_PEERS);
    for (family, help, read) in FAMILIES {
        page.family(family, "counter", help);
        for (addr, counters) in &peers {
            let addr_text = addr.to_string();
            let node = names.get(addr).map_or("", String::as_str);
            page.sample(
                family,
                &[("peer", &*addr_text), ("node", node)],
                read(counters),
            );
        }
    }
    page.family(
        "weir_mesh_refused_total",
        "counter",
        "Callers at the mesh port that were not let in, by reason.",
    );
    for (reason, count) in state.mesh.refused() {
        page.sample("weir_mesh_refused_total", &[("reason", reason)], count);
    }
    if let Some(gossip) = &state.gossip {
        page.family(
            "weir_gossip_refused_total",
            "counter",
            "Frames of gossip, and parts of them, that a node did not take, by reason.",
        );
        for (reason, count) in gossip.refused() {
            page.sample("weir_gossip_refused_total", &[("reason", reason)], count);
        }
    }
    page.family(
        "weir_mesh_inbound_dropped_total",
        "counter",
        "Gossip frames dropped because membership did not keep up.",
    );
    page.sample(
        "weir_mesh_inbound_dropped_total",
        &[],
        state.mesh.inbound_dropped(),
    );
    let [open, total, bytes] = state.mesh.relayed();
    let relayed = [
        (
            "weir_mesh_relays",
            "gauge",
            "Connections this node passes on for others now.",
            open,
        ),
        (
            "weir_mesh_relays_total",
            "counter",
            "Connections this node has passed on for others.",
            total,
        ),
        (
            "weir_mesh_relayed_bytes_total",
            "counter",
            "Bytes this node has passed on for others.",
            bytes,
        ),
    ];
    for (name, kind, help, value) in relayed {
        page.family(name, kind, help);
        page.sample(name, &[], value);
    }
    let me = state.mesh.trust().credentials();
    page.family(
        "weir_mesh_certificate_expires_seconds",
        "gauge",
        "When this node's certificate ends, seconds since 1970-01-01 UTC.",
    );
    page.sample(
        "weir_mesh_certificate_expires_seconds",
        &[],
        me.member().not_after_ms / 1_000,
    );
}
