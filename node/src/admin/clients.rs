//! `/businesses/{business}/clients`: which versions of the access config clients decide by, so that an operator
//! sees a change arrive.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_config::Stamp;
use weir_config::object::Business;

use super::AdminState;
use super::fan_out::{FanOut, Unanswered, ask_all};
use super::moment;
use super::problem::Problem;
use super::query::{NoParameters, Query, parse};
use super::resource;
use crate::link::{Count, VERSIONS_KEPT, Versions};
use crate::routing::SharedRouting;

/// The name of the question that nodes ask each other.
const QUESTION: &str = "clients";

/// What the question is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    business: String,
}

/// The versions of the access config that the clients of a business say they decide by.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ClientsView {
    pub business: String,
    /// The version that clients get now, from the node that answers; null where it has not compiled the business yet.
    #[schema(value_type = Option<String>, example = "019234567abc0000-n1")]
    pub conf_version: Option<Stamp>,
    /// Newest first, the 16 newest; what clients said otherwise is under `other`.
    pub versions: Vec<VersionCalls>,
    /// Calls that named an older version, one newer than this cluster has, or none that can be read.
    pub other: Calls,
    /// Calls that named no version: clients without an access config.
    pub none: Calls,
    /// The nodes whose calls are counted here.
    pub nodes: Vec<String>,
    /// Nodes whose calls are missing here, and why.
    pub unanswered: Vec<Unanswered>,
}

/// Calls that named one version.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct VersionCalls {
    #[schema(value_type = String, example = "019234567abc0000-n1")]
    pub version: Stamp,
    #[serde(flatten)]
    pub calls: Calls,
}

/// Calls, whatever became of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Calls {
    /// Since each node started.
    pub calls: u64,
    /// In the last one to two minutes.
    pub recent_calls: u64,
    /// RFC 3339; null: never.
    pub last_at: Option<String>,
}

/// What one node counted of a business.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    versions: Vec<(Stamp, Figures)>,
    other: Figures,
    none: Figures,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Figures {
    calls: u64,
    recent: u64,
    last_at_ms: u64,
}

/// Which versions of the access config clients decide by
///
/// Counted from the `x-wx-conf-version` of calls by every live node, since each started; nodes that did not answer in
/// time are named in `unanswered`. Clients on the public link that ask no node are not seen.
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/clients", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid")),
    responses((status = 200, description = "The versions and their calls", body = ClientsView)),
)]
pub async fn get_clients(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let found = resource::get::<Business>(&state, &business)?
        .object
        .business;
    let here = told(&state.routing, &found.id);
    let query = format!("business={}", found.id);
    let all = ask_all(&state, QUESTION, &query, Some(here)).await;
    let current = state.routing.load();
    let current = current.access.business(&found.id);
    let current = current.map(|route| route.conf_version.clone());
    Ok(HttpResponse::Ok().json(whole(found.id, current, all)))
}

/// Answers other nodes that are asked for the clients of a business.
pub fn answer_others(state: &AdminState) {
    let routing = state.routing.clone();
    state.mesh.answer(QUESTION, move |query: &str| {
        let about = parse::<About>(query).ok();
        let told = about.map(|about| told(&routing, &about.business));
        let answer = told.and_then(|told| serde_json::to_vec(&told).ok());
        async move { answer }.boxed_local()
    });
}

/// What this node counted of a business.
fn told(routing: &SharedRouting, business: &str) -> Told {
    let counted = routing.load().beside.clients.of(business);
    counted.map(Told::from).unwrap_or_default()
}

/// What the nodes counted, put together.
fn whole(business: String, conf_version: Option<Stamp>, all: FanOut<Told>) -> ClientsView {
    let mut versions: BTreeMap<Stamp, Figures> = BTreeMap::new();
    let (mut other, mut none, mut names) = (Figures::default(), Figures::default(), Vec::new());
    for answered in all.answered {
        let told = answered.answer;
        names.push(answered.node);
        other += told.other;
        none += told.none;
        // A node tells as many as it keeps; what is beyond is of another program.
        for (version, figures) in told.versions.into_iter().take(VERSIONS_KEPT) {
            *versions.entry(version).or_default() += figures;
        }
    }
    while versions.len() > VERSIONS_KEPT {
        if let Some((_, oldest)) = versions.pop_first() {
            other += oldest;
        }
    }
    let versions = versions.into_iter().rev();
    ClientsView {
        business,
        conf_version,
        versions: versions
            .map(|(version, figures)| VersionCalls {
                version,
                calls: figures.into(),
            })
            .collect(),
        other: other.into(),
        none: none.into(),
        nodes: names,
        unanswered: all.unanswered,
    }
}

impl From<Versions> for Told {
    fn from(versions: Versions) -> Self {
        let known = versions.known.into_iter();
        Told {
            versions: known.map(|(stamp, count)| (stamp, count.into())).collect(),
            other: versions.other.into(),
            none: versions.none.into(),
        }
    }
}

impl From<Count> for Figures {
    fn from(count: Count) -> Self {
        Figures {
            calls: count.calls,
            recent: count.recent(),
            last_at_ms: count.last_at_ms,
        }
    }
}

impl From<Figures> for Calls {
    fn from(figures: Figures) -> Self {
        Calls {
            calls: figures.calls,
            recent_calls: figures.recent,
            last_at: (figures.last_at_ms > 0).then(|| moment::text(figures.last_at_ms)),
        }
    }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        // Another node's figures are as large as it says.
        self.calls = self.calls.saturating_add(other.calls);
        self.recent = self.recent.saturating_add(other.recent);
        self.last_at_ms = self.last_at_ms.max(other.last_at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fan_out::Answered;
    use super::*;

    fn stamp(n: u64) -> Stamp {
        Stamp {
            wall_ms: n,
            counter: 0,
            node: "n1".parse().unwrap(),
        }
    }

    fn figures(calls: u64) -> Figures {
        Figures {
            calls,
            recent: calls,
            last_at_ms: 1_000 * calls,
        }
    }

    #[test]
    fn what_nodes_counted_is_summed_up_and_bounded() {
        let of = |versions: std::ops::Range<u64>| Told {
            versions: versions.rev().map(|n| (stamp(n), figures(1))).collect(),
            other: figures(2),
            none: figures(3),
        };
        let told = [("n1", of(1..17)), ("n2", of(9..25))];
        let answered = told.map(|(node, answer)| Answered {
            node: node.to_owned(),
            answer,
        });
        let all = FanOut {
            answered: answered.into(),
            unanswered: Vec::new(),
        };
        let view = whole("shop".to_owned(), Some(stamp(24)), all);
        assert_eq!(view.versions.len(), VERSIONS_KEPT);
        assert_eq!(
            (&view.versions[0].version, view.versions[0].calls.calls),
            (&stamp(24), 1)
        );
        assert_eq!(
            (&view.versions[8].version, view.versions[8].calls.calls),
            (&stamp(16), 2)
        );
        assert_eq!((view.other.calls, view.none.calls), (4 + 8, 6));
        assert_eq!(view.none.last_at.as_deref(), Some("1970-01-01T00:00:03Z"));
        assert_eq!(view.nodes, ["n1", "n2"]);
    }
}
