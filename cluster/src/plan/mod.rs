//! The mint plan: which node may mint which part of every limit, and until when. Pure: no I/O, no clock.
//!
//! `QUOTA.md` "The mint plan" says what has to hold; `docs/adr/0007` what it leaves open and what was found.
//!
//! # Words
//! A **member** is a node and the incarnation in which its memory began: one that lost its disk is another. What
//! a node has seen is on its disk before anyone hears of it. Plan R **replaces** the plans in `R.over`: the
//! settled one, and all after it that may be in force. R **covers** Q if Q is in `R.over`, or is not after
//! `R.settled`. Plan R is **complete** once some node knows that
//! - every member of R has seen R, and
//! - of the members of each plan in `R.over` more than half have seen R, and each of the others minted under no
//!   plan up to that one any more (it left), or is no more (it lost its memory, or an operator forgot it), or is not
//!   in R while more than half have **agreed** to R: no lease to which they lent an echo still runs.
//!
//! # Rules
//! 1. *Take*: a node takes R after Y if R is newer and covers all in `Y.over` and Y that can be, or become,
//!    complete (`covering`), or R is complete. Its share becomes `min(share, R's)`; nothing if a plan in `R.over`
//!    is without it. It agrees once its promises to nodes that R leaves out, and those of its runs before, are over.
//! 2. *Settle*: a node that knows the plan it has seen to be complete mints that plan's share.
//! 3. *Lease*: it mints until a fence after it sent the newest counter that half of the members of Y, and before Y
//!    is complete of each plan in `Y.over`, have echoed (itself counted), in rows that say they have seen Y.
//! 4. *Propose*: the lowest live member, one plan at a time; only what can be completed as things are.
//!
//! # Never over
//! Invariant: let P be the newest complete plan. Who mints, mints at most what P gives him. Hence Σ ≤ the whole.
//!
//! *Lemma: of two complete plans the newer covers the older.* Let Q < R be complete, and the claim hold for all
//! pairs before. If `R.settled` ≥ Q it is so. Else let C be the later of `Q.settled` and `R.settled`: it is complete,
//! and by the claim both replace it. More than half of C's members took Q, more than half took R before anyone
//! knew R to be complete: some k took both, Q first, since plans are taken in order. From Q to R k took a
//! chain of plans, and remembers. Each of them covers Q: one that is complete by the claim; any other may leave Q
//! out only if its settled plan B is not before Q, or Q does not cover B. But B is complete: if B < Q, Q does. ∎
//!
//! *Invariant.* Let k mint, Q be the plan that k settled last, and Q = C0 < C1 < … < P the complete plans from there.
//! Where k took P, its share was cut to P's, and nothing after P is complete to raise it. Else let Ci be the first
//! that k did not take: k is not in Ci (all of whose members took it). If k is not in C(i-1), which it took, its
//! share is 0. Else Ci replaces C(i-1) with k in it. If k left, its share is 0 until it settles a plan after Q. If it
//! lost its memory or is forgotten it does not mint. Else more than half of C(i-1) agreed to Ci.
//! Let Y be what k has seen. If Y covers Ci, k's share is 0 by rule 1 (Ci, or a settled plan after Ci, is in
//! the `over` of something k took). Else C(i-1) is among the plans of rule 3, so half of its members echoed k in
//! rows that say Y. One of them, j, agreed to Ci as well. Had j taken Ci first, Y would cover Ci. So j echoed k
//! first, and agreed when that lease was over. ∎
//!
//! The `model_check` explores three and four nodes, and finds more than the whole once plans are not durable, do
//! not cover, lend leases by the newest plan alone or under other plans, or wait for no lease.

mod completion;
mod covering;
mod document;
mod hearing;
mod lease;
#[cfg(test)]
mod model_check;
mod parting;
mod planner;
mod proposal;
mod row;
#[cfg(test)]
mod rules;
mod saying;
mod status;
mod terms;
#[cfg(test)]
mod tests;
mod wire;

pub use document::{
    MEMBERS_MAX, Members, OVER_MAX, PLAN_MAX_BYTES, Plan, PlanId, PlanTextError, Replaced, Seat,
};
pub use parting::ForgetError;
pub use planner::{Outcome, Planner};
pub use proposal::Obstacle;
pub use row::{Kept, MINT_ROW_MAX_BYTES, MintRow, Tag};
pub use status::{Fenced, FencedWhy, MemberStatus, PlanStatus};
pub use terms::PlanTerms;
