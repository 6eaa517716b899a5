//! `/gateways/{gateway}/package`: the limit of a package and its use, over all nodes. Each node knows what
//! itself has used; the one that is asked asks the others.

mod past;
mod sum;
mod view;

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use serde::Deserialize;
use weir_config::access::PublicReason;
use weir_config::object::Gateway;

use super::AdminState;
use super::fan_out::ask_all;
use super::problem::Problem;
use super::query::{NoParameters, Query, parse};
use super::resource::{self, Versioned};
use crate::config_actor::now_ms;
use crate::quota::QuotaHandle;
use crate::routing::{SharedRouting, UseFigures};
use view::{BusinessUse, Carried, PackageUse, Told};

/// The name of the question that nodes ask each other.
const QUESTION: &str = "package";

/// What the question is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    gateway: String,
}

/// A gateway's package: the limit, and what all nodes use of it
///
/// Asks every live node and sums up what they say; nodes that did not answer in time are named in `unanswered`,
/// and their figures are missing from the sums.
#[utoipa::path(
    get, path = "/admin/v1/gateways/{gateway}/package", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id")),
    responses((status = 200, description = "The limit and the use", body = Versioned<PackageUse>)),
)]
pub async fn get_package(
    state: web::Data<AdminState>,
    gateway: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let found = resource::get::<Gateway>(&state, &gateway)?;
    let here = told(&state.quota, &state.routing, &gateway);
    let query = format!("gateway={}", found.object.id);
    let all = ask_all(&state, QUESTION, &query, here).await;
    let mut whole = sum::whole(&found.object, now_ms(), all);
    if let Some(monitor) = state.monitor.as_ref().filter(|it| it.here.is_enabled()) {
        let past = past::past(monitor, &gateway, &whole.limit, now_ms() / 1_000).await;
        (whole.peaks, whole.forecast) = (Some(past.0), Some(past.1));
    }
    let answer = Versioned {
        object: whole,
        version: found.version,
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// Answers other nodes that are asked for a package.
pub fn answer_others(state: &AdminState) {
    let (quota, routing) = (state.quota.clone(), state.routing.clone());
    state.mesh.answer(QUESTION, move |query: &str| {
        let about = parse::<About>(query).ok();
        let told = about.and_then(|about| told(&quota, &routing, &about.gateway));
        let answer = told.and_then(|told| serde_json::to_vec(&told).ok());
        async move { answer }.boxed_local()
    });
}

/// What this node says of a gateway; nothing where it does not know it yet.
fn told(quota: &QuotaHandle, routing: &SharedRouting, gateway: &str) -> Option<Told> {
    let figures = quota.figures(gateway)?;
    let table = routing.load();
    let of_gateway = table.access.routes().filter(|route| {
        let id = table.access.gateways.get(route.gateway_index);
        id.is_some_and(|id| id == gateway)
    });
    let businesses = of_gateway.map(|route| {
        let counters = table.counters(route);
        let beyond = |reason| carried(counters.public(reason).figures());
        BusinessUse {
            business: route.business.clone(),
            link: carried(counters.link().figures()),
            beyond_bandwidth: beyond(PublicReason::PackageBandwidth),
            beyond_qps: beyond(PublicReason::PackageQps),
        }
    });
    Some(Told {
        figures,
        businesses: sum::most_overflow(businesses),
    })
}

fn carried(figures: UseFigures) -> Carried {
    Carried {
        calls: figures.calls,
        bytes: figures.bytes,
    }
}
