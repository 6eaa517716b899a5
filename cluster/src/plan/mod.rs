//! The mint plan: which node mints which part of every limit.

mod completion;
mod covering;
mod document;
mod lease;
#[cfg(test)]
mod model_check;
mod planner;
mod proposal;
mod row;
#[cfg(test)]
mod rules;
mod status;
mod terms;
#[cfg(test)]
mod tests;
mod wire;

pub use document::{
    MEMBERS_MAX, Members, OVER_MAX, PLAN_MAX_BYTES, Plan, PlanId, PlanTextError, Replaced, Seat,
};
pub use planner::{ForgetError, Outcome, Planner};
pub use proposal::Obstacle;
pub use row::{Kept, MINT_ROW_MAX_BYTES, MintRow, Tag};
pub use status::{Fenced, FencedWhy, MemberStatus, PlanStatus};
pub use terms::PlanTerms;
