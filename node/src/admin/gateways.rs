//! `/gateways`: gateways, and what their package has left on this node.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_cluster::ledger::Meter;
use weir_config::object::{Gateway, Package};
use weir_config::operation::{self, GatewayInput};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

/// A package: its limit, and its use.
#[derive(Debug, Serialize, ToSchema)]
pub struct PackageUse {
    pub gateway: String,
    /// The limit over all regions together.
    pub limit: Package,
    /// Use by node; today that of the node that answers.
    pub nodes: Vec<NodeUse>,
}

/// What one node has carried for a gateway since it started, and may still carry.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeUse {
    pub node: String,
    pub region: String,
    /// Bytes that may be carried at once; negative is debt that is earned back first.
    pub balance_bytes: i64,
    /// Requests that may be admitted at once; null without a limit on requests.
    pub balance_requests: Option<i64>,
    pub charged_bytes: u64,
    pub admitted_calls: u64,
    /// Calls that took the public link because the package was used up.
    pub overflow_calls: u64,
    /// Bytes of such calls that the node relayed.
    pub overflow_bytes: u64,
}

/// Create a gateway, or change it
#[utoipa::path(
    put, path = "/admin/v1/gateways/{gateway}", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"), WriteQuery),
    request_body = GatewayInput,
    responses((status = 200, description = "As it is now", body = Versioned<Gateway>),
              (status = 201, description = "Created", body = Versioned<Gateway>)),
)]
pub async fn put_gateway(
    write: Write,
    gateway: web::Path<String>,
    Json(input): Json<GatewayInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), gateway.into_inner());
    let gateway = id.clone();
    let made = write
        .make::<Gateway, _>(&id, move |catalog, _| {
            operation::put_gateway(catalog, &gateway, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Gateway>(&state))
}

/// A gateway
#[utoipa::path(
    get, path = "/admin/v1/gateways/{gateway}", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id")),
    responses((status = 200, description = "The gateway", body = Versioned<Gateway>)),
)]
pub async fn get_gateway(
    state: web::Data<AdminState>,
    gateway: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    resource::get::<Gateway>(&state, &gateway).map(|found| found.answer())
}

/// All gateways
#[utoipa::path(
    get, path = "/admin/v1/gateways", tag = "gateways",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<Gateway>>)),
)]
pub async fn list_gateways(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::list::<Gateway>(&state, &query, |_| true)?;
    Ok(HttpResponse::Ok().json(page))
}

/// A gateway's package: the limit, and what is used of it
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
    let here = state.meter(&gateway).map(|meter| node_use(&state, &meter));
    let answer = Versioned {
        object: PackageUse {
            gateway: found.object.id,
            limit: found.object.package,
            nodes: here.into_iter().collect(),
        },
        version: found.version,
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn node_use(state: &AdminState, meter: &Meter) -> NodeUse {
    NodeUse {
        node: state.node.to_string(),
        region: state.settings.node.region.clone(),
        balance_bytes: meter.balance_bytes(),
        balance_requests: meter.balance_requests(),
        charged_bytes: meter.charged_bytes(),
        admitted_calls: meter.admitted_calls(),
        overflow_calls: meter.overflow_calls(),
        overflow_bytes: meter.overflow_bytes(),
    }
}
