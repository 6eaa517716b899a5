//! What happens to businesses by itself: disconnects and changes at a time and for a while, gray that rises.
//!
//! ```text
//! every node:  counters of rising businesses ─▶ calls and errors of the last minutes ─▶ asked for over the mesh
//! one node:    due steps ─▶ ConfigActor ─▶ versions, as any other change
//!              everybody's calls and errors ─▶ too many errors: the rise pauses
//! ```
//! Which steps are due is worked out from the configuration and the time ([`weir_config::operation::due_step`]),
//! alike on every node. The lowest live node makes them; where two think they are it, they write the same.

mod actor;
mod calls;
mod errors;
mod recent;
#[cfg(test)]
mod tests;
mod turn;

pub use actor::{Clock, ScheduleActor, ScheduleParts};
pub use calls::answer_calls;
pub use recent::{Calls, CallsByRise, RecentCalls};
pub use turn::{Turn, Turns};
