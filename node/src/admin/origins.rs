//! `/businesses/{business}/origins`: how the addresses of origins are, as this node knows them; and the figures of
//! all of them together, for `/metrics`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::object::Business;

use super::AdminState;
use super::metrics::Page;
use super::metrics::families::{self as f, Family};
use super::moment;
use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::resource;
use crate::forward::{AddressHealth, AddressState, CheckResult, Condition, ConfiguredOrigin};
use crate::routing::RoutingTable;

/// The origins of a business for which something is set, and how they are.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct OriginsView {
    pub business: String,
    /// The node that answers. Each node checks for itself and meets other calls, so others may see another state.
    pub node: String,
    /// In the order of the business's `origins`.
    pub origins: Vec<OriginView>,
}

/// One attached domain.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct OriginView {
    pub domain: String,
    /// Whether its addresses are checked, besides being watched by their calls.
    pub checked: bool,
    pub addresses: Vec<AddressView>,
}

/// One address.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct AddressView {
    /// `host:port`
    pub address: String,
    pub weight: u32,
    /// `healthy`; `unhealthy`: by its checks; `ejected`: by calls that failed. Where no address is healthy, all get
    /// calls.
    pub condition: &'static str,
    /// Milliseconds until an ejected address gets calls again; null else.
    pub ejected_for_ms: Option<u64>,
    /// Calls without an answer, in a row.
    pub failures_in_a_row: u32,
    /// Calls without an answer, since this node knows the address.
    pub failed_calls: u64,
    pub ejections: u64,
    pub passed_checks: u64,
    pub failed_checks: u64,
    /// Null: none yet.
    pub last_check: Option<CheckView>,
}

/// What came of a check.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct CheckView {
    /// RFC 3339.
    pub at: String,
    pub passed: bool,
    /// The status, or what went wrong.
    pub said: String,
}

/// How the addresses of a business's origins are
///
/// Of the domains that have an entry in `origins`, as the node that is asked knows them.
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/origins", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid")),
    responses((status = 200, description = "Each address and its state", body = OriginsView)),
)]
pub async fn get_origins(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let found = resource::get::<Business>(&state, &business)?
        .object
        .business;
    let table = state.routing.load();
    Ok(HttpResponse::Ok().json(OriginsView {
        node: state.node.to_string(),
        origins: table
            .origins
            .of(&found.id)
            .iter()
            .map(|o| view(o))
            .collect(),
        business: found.id,
    }))
}

fn view(origin: &ConfiguredOrigin) -> OriginView {
    OriginView {
        domain: origin.settings.domain.clone(),
        checked: origin.settings.health.is_some(),
        addresses: origin.addresses.iter().map(address).collect(),
    }
}

fn address(address: &AddressState) -> AddressView {
    let AddressHealth {
        condition,
        failures_in_a_row,
        ejected_for_ms,
        failed_calls,
        ejections,
        passed_checks,
        failed_checks,
        last_check,
    } = address.health();
    AddressView {
        address: address.address.clone(),
        weight: address.weight,
        condition: condition.as_str(),
        ejected_for_ms,
        failures_in_a_row,
        failed_calls,
        ejections,
        passed_checks,
        failed_checks,
        last_check: last_check.map(check),
    }
}

fn check(result: CheckResult) -> CheckView {
    CheckView {
        at: moment::text(result.at_ms),
        passed: result.passed,
        said: result.said,
    }
}

/// A family, and what of each address is summed up.
type Sum = (&'static Family, fn(&AddressHealth) -> u64);

/// The addresses of all origins together: as many figures whatever is configured. Which address it is, is said by
/// `/businesses/{business}/origins`.
pub fn figures(table: &RoutingTable, page: &mut Page) {
    let addresses = table.origins.iter().flat_map(|origin| &origin.addresses);
    let health: Vec<AddressHealth> = addresses.map(AddressState::health).collect();
    page.family(&f::ORIGIN_ADDRESSES);
    for condition in Condition::ALL {
        let count = health.iter().filter(|h| h.condition == condition).count();
        page.sample(&f::ORIGIN_ADDRESSES, &[condition.as_str()], count);
    }
    let sums: [Sum; 4] = [
        (&f::ORIGIN_FAILED_CALLS, |health| health.failed_calls),
        (&f::ORIGIN_EJECTIONS, |health| health.ejections),
        (&f::ORIGIN_PASSED_CHECKS, |health| health.passed_checks),
        (&f::ORIGIN_FAILED_CHECKS, |health| health.failed_checks),
    ];
    for (family, figure) in sums {
        page.single(family, health.iter().map(figure).sum::<u64>());
    }
}
