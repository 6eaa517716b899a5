//! The access decision: what happens to one call (`CONTRACT.md` 1.1).
//!
//! A pure function of the compiled table, the facts of the call and what the package says. Test vectors
//! that any other implementation can use are in `config/vectors/access.json`.
//!
//! [`decide`] is the list of rows; what a row needs to know is in a file of its own: `host` (row 1),
//! `target` (row 2), `rule` (row 5), `devtools` and `gray` (row 6).

mod answer;
mod call;
mod decide;
mod devtools;
mod gray;
mod host;
mod rule;
mod table;
mod target;

pub use answer::{Admission, CallRefusal, Decision, PublicReason};
pub use call::{CallFacts, RoutedCall, Source};
pub use decide::decide;
pub use table::{AccessTable, Route};
