//! What a node shows of a gateway's package: for the admin API, and for other nodes that are asked by it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_cluster::ledger::WHOLE;
use weir_cluster::plan::{FencedWhy, Obstacle, PlanStatus};
use weir_config::NodeId;

use super::history::UseFigures;

/// A gateway's package as one node has it. Bytes are whole ones, a purse may be in debt.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PackageFigures {
    pub node: String,
    pub region: String,
    /// The node's part of the minting, 0 to 1.
    pub share: f64,
    /// Whether it mints now: it has a share, and enough others have heard of it lately.
    pub minting: bool,
    /// Where it has a share and does not mint.
    pub fenced: Option<FencedFigures>,
    /// Of the whole cluster.
    pub limit: LimitFigures,
    /// What the node may carry now; negative is debt.
    pub balance_bytes: i64,
    /// Absent where the package has no limit on requests.
    pub balance_requests: Option<i64>,
    /// What it mints now.
    pub rate_bytes_per_second: u64,
    pub rate_requests_per_second: Option<f64>,
    /// What its purse earned lately, minted and donated, less what it gave.
    pub refill_bytes_per_second: u64,
    pub refill_requests_per_second: Option<f64>,
    /// What the node expects to be asked for.
    pub demand_bytes_per_second: u64,
    pub demand_requests_per_second: Option<f64>,
    /// What it lacks, as it tells the others.
    pub need_bytes: u64,
    /// What it has over for the others.
    pub surplus_bytes: u64,
    /// Since the ledger began, which is with the node at the earliest.
    pub minted_bytes: u64,
    pub given_bytes: u64,
    pub received_bytes: u64,
    /// What did not fit the purse and was not saved up.
    pub lost_bytes: u64,
    /// Carried on the link since the node started.
    pub charged_bytes: u64,
    /// Calls that took the link since the node started.
    pub admitted_calls: u64,
    pub overflow: OverflowFigures,
    #[serde(rename = "use")]
    pub used: UseFigures,
}

/// Why a node with a share does not mint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct FencedFigures {
    /// Milliseconds since 1970-01-01 UTC.
    pub since_ms: u64,
    /// For people.
    pub why: String,
}

/// The limit of a package, elastic packs included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LimitFigures {
    pub bytes_per_second: u64,
    /// Absent: no limit on requests.
    pub qps: Option<u64>,
}

/// What did not take the link, since the node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct OverflowFigures {
    /// Calls beyond the package, and calls relayed over the public link for other reasons.
    pub calls: u64,
    /// Bytes of those that this node relayed.
    pub bytes: u64,
    /// Calls beyond the limit on requests.
    pub package_qps: u64,
    /// Calls beyond the limit on bytes.
    pub package_bandwidth: u64,
}

/// The mint plan as one node knows it: which node mints which part of every limit.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PlanFigures {
    /// The newest plan the node has seen; absent: it has heard of none.
    pub epoch: Option<u64>,
    /// Who made it.
    pub proposer: Option<String>,
    /// Whether it is in force; else it waits for nodes.
    pub complete: bool,
    /// The node's own part of the minting, 0 to 1.
    pub share: f64,
    /// Where it has a share and does not mint.
    pub fenced: Option<FencedFigures>,
    /// Nodes without whose word the plan is not complete.
    pub waiting_for: Vec<String>,
    /// Why no plan is proposed though one is wanted. For people.
    pub obstacle: Option<String>,
    pub members: Vec<MemberFigures>,
}

/// One member of the mint plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberFigures {
    pub node: String,
    /// Its part of the minting, 0 to 1.
    pub share: f64,
    /// How old the newest word of the telling node is that this member has confirmed; absent: it has
    /// confirmed none, or is that node itself.
    pub echo_age_ms: Option<u64>,
}

// === impl PlanFigures ===

impl PlanFigures {
    /// `now`: on the clock of minting; `now_ms`: since 1970-01-01 UTC.
    pub(super) fn of(status: &PlanStatus, now: Duration, now_ms: u64) -> Self {
        let members = status.members.iter().map(|(node, member)| MemberFigures {
            node: node.to_string(),
            share: fraction(member.weight),
            echo_age_ms: member.echo_age.map(millis),
        });
        PlanFigures {
            epoch: status.seen.as_ref().map(|id| id.epoch),
            proposer: status.seen.as_ref().map(|id| id.proposer.to_string()),
            complete: status.complete,
            share: fraction(status.share),
            fenced: status.fenced.map(|fenced| FencedFigures {
                since_ms: now_ms.saturating_sub(millis(now.saturating_sub(fenced.since))),
                why: why(fenced.why).to_owned(),
            }),
            waiting_for: status.waiting_for.iter().map(NodeId::to_string).collect(),
            obstacle: status.obstacle.as_ref().map(obstacle),
            members: members.collect(),
        }
    }
}

fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::NoMajority { missing } => {
            let missing: Vec<&str> = missing.iter().map(NodeId::as_str).collect();
            format!(
                "half of the plan's members or more are not there ({}): if any of them is gone for ever, tell \
                 the cluster to forget it",
                missing.join(", ")
            )
        }
        Obstacle::TooLarge {
            members,
            replaces,
            bytes,
        } => format!(
            "a plan of {members} members that takes the place of {replaces} others would have {bytes} bytes, \
             more than gossip carries"
        ),
    }
}

fn why(why: FencedWhy) -> &'static str {
    match why {
        FencedWhy::NotYetHeard => {
            "the node has started and is not yet heard by half of the mint plan's members; it mints once it is"
        }
        FencedWhy::CutOff => {
            "fewer than half of the mint plan's members hear the node; it mints again once they do"
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A share as a part of one.
pub(super) fn fraction(share: u64) -> f64 {
    share as f64 / WHOLE as f64
}
