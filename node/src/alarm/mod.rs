//! Alarms: what is watched over the whole cluster, and whom it is told.
//!
//! ```text
//! every node:   Facts: its calls, packages, certificates, whether it mints ── "alarm_facts" ──▶ the node whose turn it is
//! that node:    Facts of all ─▶ readings (what holds) ─▶ State (pending, firing, over) ─▶ letters ─▶ webhooks
//! every other:  ── "alarm_state" ──▶ keeps a copy of its State, and goes on with it when the turn comes to it
//! ```
//!
//! Readings and the state machine are pure: they take the time and what was seen, and have no clock, socket or dice
//! of their own. A notice is a letter in the state until its receiver has taken it, so a take-over loses none; what was
//! delivered and not yet copied is delivered twice, under the same key.

mod actor;
mod deliver;
mod facts;
mod handle;
mod handover;
mod notice;
mod readings;
mod round;
mod state;
#[cfg(test)]
mod tests;

pub use actor::{AlarmActor, AlarmParts};
pub use deliver::{Answer, TIMEOUT, Tested, test, test_notice};
pub use facts::FactSources;
pub use handle::{AlarmHandle, Shown};
pub use notice::{Notice, Phase};
pub use round::answer_others;
pub use state::{Episode, State};
