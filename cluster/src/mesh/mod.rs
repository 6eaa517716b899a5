//! The mesh: how nodes reach each other. HTTP on one port per node; gossip frames are binary WebSocket
//! messages on a connection kept open between each pair; pushes and pulls of configuration, and what one node
//! asks of another by name, are ordinary requests.
//!
//! ```text
//! membership ── send(addr, frame) ──▶ links ──▶ peer queue ──▶ connection ══▶ the other node
//! membership ◀── inbound (bounded) ── links ◀──────────────── connection (dialled or accepted)
//! ```
//!
//! Everything is TLS 1.3 between nodes that show each other certificates of the cluster (`crate::trust`); who speaks is
//! read off his certificate alone. One question has a stranger: to be let in, with a join token.

mod ask;
pub mod client;
mod connect;
mod connection;
mod cut;
mod dial;
mod directory;
mod door;
pub mod enrol;
mod error;
mod handle;
mod http;
mod identity;
mod join;
mod links;
mod peer;
mod port;
mod refused;
mod relay;
pub mod server;
mod tls;
pub mod wire;

pub use ask::{ASK_ANSWER_MAX_BYTES, ASK_DEADLINE, ASK_QUERY_MAX_BYTES, AskAnswer, AskPort};
pub use client::MeshClient;
pub use cut::Cut;
pub use error::MeshError;
pub use handle::{Inbound, MeshConfig, MeshHandle};
pub use join::{JoinError, join};
pub use peer::PeerCounters;
pub use port::{ConfigPort, Push, PushSink, VersionSource};

/// The largest gossip frame, bytes: one UDP datagram, chitchat's own bound.
pub const FRAME_MAX_BYTES: usize = 65_507;
