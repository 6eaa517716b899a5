//! Calls and errors of rising businesses: counted on every node, summed up by the one whose turn it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures_util::future;
use weir_cluster::mesh::{AskAnswer, MeshClient};
use weir_config::Catalog;
use weir_config::object::{Schedule, SchedulePlan, ScheduleState};

use super::actor::ScheduleParts;
use super::recent::{Calls, CallsByRise, Episode};
use crate::forward::Fault;
use crate::routing::{BusinessFigures, FAULTS, RoutingTable};

/// The question that nodes ask each other.
const QUESTION: &str = "rises";

/// Answers other nodes what has become of the calls of rising businesses here.
pub fn answer_calls(parts: &ScheduleParts) {
    let mesh = parts.mesh.clone();
    let (config, routing) = (parts.config.clone(), parts.routing.clone());
    let recent = parts.recent.clone();
    mesh.answer(QUESTION, move |_: &str| -> AskAnswer {
        let counted = counted(&config.catalog().catalog, &routing.load());
        let calls = recent.lock().calls(counted);
        Box::pin(future::ready(serde_json::to_vec(&calls).ok()))
    });
}

/// What these nodes and this one have counted together, and whether all have said so.
pub(super) async fn of_all(
    mesh: &MeshClient,
    peers: &[SocketAddr],
    own: CallsByRise,
) -> (CallsByRise, bool) {
    let asked = peers.iter().map(|peer| mesh.ask_node(*peer, QUESTION, ""));
    let answers = future::join_all(asked).await;
    let (mut all, mut complete) = (own, true);
    for (peer, answer) in peers.iter().zip(answers) {
        match answer {
            Ok(answer) => {
                for (rise, calls) in answer.unwrap_or_else(CallsByRise::new) {
                    *all.entry(rise).or_default() += calls;
                }
            }
            Err(error) => {
                complete = false;
                tracing::debug!(%peer, %error, "a node did not say what became of its calls");
            }
        }
    }
    (all, complete)
}

/// The counters of every rise that is under way or paused.
pub(super) fn counted(catalog: &Catalog, table: &RoutingTable) -> Vec<(Episode, Calls)> {
    let rises: Vec<&Schedule> = catalog.schedules().filter(|s| is_rising(s)).collect();
    if rises.is_empty() {
        return Vec::new();
    }
    let mut figures: BTreeMap<&str, Calls> = BTreeMap::new();
    for (business, counters) in table.all_counters() {
        if rises.iter().any(|rise| rise.business == business) {
            figures.insert(business, calls(&counters.figures()));
        }
    }
    let counted = |rise: &&Schedule| {
        let calls = figures.get(rise.business.as_str()).copied();
        (episode(rise), calls.unwrap_or_default())
    };
    rises.iter().map(counted).collect()
}

fn is_rising(schedule: &Schedule) -> bool {
    matches!(schedule.plan, SchedulePlan::Rise(_))
        && matches!(
            schedule.state,
            ScheduleState::Running | ScheduleState::Paused { .. }
        )
}

fn episode(rise: &Schedule) -> Episode {
    let progress = &rise.progress;
    Episode {
        rise: Schedule::object_id(&rise.business, &rise.id),
        // Set anew it begins anew; it is paused, and goes on, at moments of its own.
        mark: rise.created_at_ms
            ^ progress
                .paused_at_ms
                .unwrap_or(progress.paused_ms)
                .rotate_left(32),
    }
}

/// What a client does wrong says nothing against a rise.
fn calls(figures: &BusinessFigures) -> Calls {
    let errors = FAULTS.iter().zip(figures.errors);
    let errors = errors.filter(|((fault, _), _)| *fault != Fault::Client);
    Calls {
        calls: figures.link.calls,
        errors: errors.map(|(_, count)| count).sum(),
    }
}
