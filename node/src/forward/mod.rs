//! From the node to the origin: connection pools, the bodies in flight, and what can go wrong.
//!
//! One [`ForwardActor`] a core owns the pools; calls use the [`Forwarder`] it publishes for its core and
//! never wait on its mailbox. Of origins with settings, one state a node ([`ConfiguredOrigin`], in the routing
//! table) tells every core how their addresses are; calls note there what they met, and the [`OriginActor`] what its
//! checks found.

mod actor;
mod address;
mod balance;
mod call_body;
mod checker;
mod configured;
mod connector;
mod deadline;
mod download;
mod error;
mod flow;
mod forwarder;
mod idle;
mod journey;
mod origin;
mod upload;

pub use actor::{ForwardActor, current};
pub use call_body::CallBody;
pub use checker::OriginActor;
pub use configured::{
    AddressHealth, AddressState, CheckResult, Condition, ConfiguredOrigin, ConfiguredOrigins,
};
pub use deadline::answer_within;
pub use download::Download;
pub use error::{CallError, Fault, Seen};
pub use flow::{Flow, Payer};
pub use forwarder::{Answered, Forwarder};
pub use idle::IdleTimer;
pub use journey::{FailedAttempt, Failure, Journey};
pub use upload::Upload;
