//! What is configured in Weir, and what follows from it.
//!
//! Objects (space, mini program, gateway, business, region, token), their validation, their versions and
//! how two versions merge, the operations an operator can ask for, and the access decision for one call.
//!
//! Absent on purpose: I/O, clocks, randomness, threads. Whoever calls brings the time and the dice.

#![forbid(unsafe_code)]

pub mod access;
pub mod catalog;
pub mod digest;
pub mod domain;
pub mod history;
pub mod moment;
pub mod object;
pub mod operation;
pub mod refusal;
pub mod stamp;

pub use catalog::Catalog;
pub use object::{Kind, Object, ObjectKey, Record};
pub use refusal::Refusal;
pub use stamp::{Hlc, NodeId, Stamp};
