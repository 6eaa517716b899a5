//! The link: where calls of clients arrive, and their way to the origin and back.
//!
//! One core is one thread with its own listeners, connections, pools and calls; nothing of a call crosses
//! cores. Read `way.rs` for the way of a call.

mod answer;
mod body;
mod clients;
mod connection;
mod connection_state;
pub(crate) mod core;
mod cors;
mod ending;
mod envelope;
mod facts;
pub mod head_guard;
mod headers;
mod interim;
mod link_io;
mod listen;
mod live;
mod places;
mod public;
mod start;
mod upgrade;
mod way;
mod well_known;

pub use body::LinkBody;
pub use clients::{ClientVersions, Count, VERSIONS_KEPT, Versions};
pub(crate) use facts::head_bytes;
pub(crate) use headers::{head_bytes_of, names, value as header_value};
pub use live::{LiveRegions, follow_live_regions};
pub use places::Connections;
pub use start::{Config, LinkHandle, StartError, start};
