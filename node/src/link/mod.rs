//! The link: where calls of clients arrive, and their way to the origin and back.
//!
//! One core is one thread with its own listeners, connections, pools and calls; nothing of a call crosses
//! cores. Read `way.rs` for the way of a call.

mod answer;
mod body;
mod connection;
mod connection_state;
pub(crate) mod core;
mod envelope;
mod facts;
pub mod head_guard;
mod headers;
mod interim;
mod link_io;
mod listen;
mod places;
mod public;
mod start;
mod upgrade;
mod way;

pub use body::LinkBody;
pub(crate) use headers::head_bytes_of;
pub use start::{Config, LinkHandle, StartError, start};
