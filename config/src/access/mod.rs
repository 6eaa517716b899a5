//! The access decision: what happens to one call (`CONTRACT.md` 1.1).
//!
//! A pure function of the compiled table, the facts of the call and what the package says. Test vectors
//! that any other implementation can use are in `config/vectors/access.json`.
//!
//! [`decide`] is the list of rows; what a row needs to know is in a file of its own: `host` (row 1),
//! `target` (row 2), `rule` (row 5), `sdk` and `gray` (row 6). [`decide_as_client`] is the part of it that a
//! client makes by itself, from its [`ClientConfig`].

mod answer;
mod call;
mod client_config;
mod client_decision;
mod decide;
mod gray;
mod host;
mod rule;
pub(crate) mod sdk;
mod table;
mod target;

pub use answer::{Admission, CallRefusal, Decision, PublicReason};
pub use call::{CallFacts, RoutedCall, Source};
pub use client_config::{
    ClientConfig, ClientGray, ClientUrl, Endpoint, Serving, client_config, hidden_user,
};
pub use client_decision::{ClientCall, ClientDecision, decide_as_client};
pub use decide::decide;
pub use rule::RuleName;
pub use table::{AccessTable, Route};
