//! `/gateways`: gateways, and their elastic packs.

use actix_web::{HttpResponse, web};
use weir_config::object::Gateway;
use weir_config::operation::{self, ElasticPackInput, GatewayInput};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

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
        .make::<Gateway, _>(&id, move |catalog, context| {
            let change = operation::put_gateway(catalog, &gateway, input)?;
            Ok((change.without_ended_packs(context.now_ms), ()))
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

/// Give a gateway an elastic pack: bandwidth and calls on top of its package for a while; answers the gateway
#[utoipa::path(
    put, path = "/admin/v1/gateways/{gateway}/elastic-packs/{pack}", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"),
           ("pack" = String, Path, description = "The pack's name within its gateway"), WriteQuery),
    request_body = ElasticPackInput,
    responses((status = 200, description = "The gateway, with the pack", body = Versioned<Gateway>)),
)]
pub async fn put_elastic_pack(
    write: Write,
    path: web::Path<(String, String)>,
    Json(input): Json<ElasticPackInput>,
) -> Result<HttpResponse, Problem> {
    let (state, (id, pack)) = (write.state(), path.into_inner());
    let gateway = id.clone();
    let made = write
        .make::<Gateway, _>(&id, move |catalog, context| {
            let change = operation::put_elastic_pack(catalog, context, &gateway, &pack, input)?;
            Ok((change, ()))
        })
        .await?;
    Ok(made.answer::<Gateway>(&state))
}

/// Take an elastic pack away from a gateway, in force or not; answers the gateway
#[utoipa::path(
    delete, path = "/admin/v1/gateways/{gateway}/elastic-packs/{pack}", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"),
           ("pack" = String, Path, description = "The pack's name within its gateway"), WriteQuery),
    responses((status = 200, description = "The gateway, without the pack", body = Versioned<Gateway>)),
)]
pub async fn delete_elastic_pack(
    write: Write,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (state, (id, pack)) = (write.state(), path.into_inner());
    let gateway = id.clone();
    let made = write
        .make::<Gateway, _>(&id, move |catalog, context| {
            let change = operation::delete_elastic_pack(catalog, context, &gateway, &pack)?;
            Ok((change, ()))
        })
        .await?;
    Ok(made.answer::<Gateway>(&state))
}
