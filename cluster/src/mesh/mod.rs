//! The mesh: how nodes reach each other. HTTP on one port per node; gossip frames are binary WebSocket
//! messages on a connection kept open between each pair; pushes and pulls of configuration, and what one node
//! asks of another by name, are ordinary requests.
//!
//! ```text
//! membership ── send(addr, frame) ──▶ links ──▶ peer queue ──▶ connection ══▶ the other node
//! membership ◀── inbound (bounded) ── links ◀──────────────── connection (dialled or accepted)
//! ```
//!
//! Nothing here is authenticated yet: until nodes have certificates the port is bound to loopback only.

mod ask;
pub mod client;
mod connection;
mod cut;
mod dial;
mod error;
mod handle;
mod http;
mod identity;
mod links;
mod peer;
mod port;
pub mod server;
pub mod wire;

pub use ask::{ASK_ANSWER_MAX_BYTES, ASK_DEADLINE, ASK_QUERY_MAX_BYTES, AskAnswer, AskPort};
pub use client::MeshClient;
pub use cut::Cut;
pub use error::MeshError;
pub use handle::{Inbound, MeshConfig, MeshHandle};
pub use peer::PeerCounters;
pub use port::{ConfigPort, Push, PushSink, VersionSource};

/// The largest gossip frame, bytes: one UDP datagram, chitchat's own bound.
pub const FRAME_MAX_BYTES: usize = 65_507;
