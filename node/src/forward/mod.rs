//! From the node to the origin: connection pools, the bodies in flight, and what can go wrong.
//!
//! One [`ForwardActor`] a core owns the pools; calls use the [`Forwarder`] it publishes for its core and
//! never wait on its mailbox.

mod actor;
mod connector;
mod deadline;
mod download;
mod error;
mod flow;
mod forwarder;
mod idle;
mod origin;
mod upload;

pub use actor::{ForwardActor, current};
pub use deadline::answer_within;
pub use download::Download;
pub use error::{CallError, Fault};
pub use flow::{Flow, Payer};
pub use forwarder::{Answered, Forwarder};
pub use idle::IdleTimer;
pub use upload::Upload;
