//! `/businesses`: attached clients, and the two switches of the quick disconnect.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use weir_config::Refusal;
use weir_config::catalog::Catalog;
use weir_config::object::Business;
use weir_config::operation::{self, Change};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{BusinessQuery, ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, BusinessView, Page, Versioned};
use super::write::Write;

/// A business
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid")),
    responses((status = 200, description = "The business", body = Versioned<BusinessView>)),
)]
pub async fn get_business(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    resource::get::<Business>(&state, &business).map(|found| found.answer())
}

/// All businesses, or those of one gateway
#[utoipa::path(
    get, path = "/admin/v1/businesses", tag = "businesses",
    params(BusinessQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<BusinessView>>)),
)]
pub async fn list_businesses(
    state: web::Data<AdminState>,
    Query(query): Query<BusinessQuery>,
) -> Result<HttpResponse, Problem> {
    let BusinessQuery {
        gateway,
        limit,
        after,
    } = query;
    let of_gateway =
        |business: &Business| gateway.as_ref().is_none_or(|id| *id == business.gateway);
    let page = resource::list::<Business>(&state, &ListQuery { limit, after }, of_gateway)?;
    Ok(HttpResponse::Ok().json(page))
}

/// Change a business: a merge patch (RFC 7386) of `access`, `region`, `route_tag`, `timeout_ms`, `overflow`, …
#[utoipa::path(
    patch, path = "/admin/v1/businesses/{business}", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"), WriteQuery),
    request_body(content = Object, content_type = "application/merge-patch+json",
                 description = "The fields to change, `null` to take one away"),
    responses((status = 200, description = "The business as it is now", body = Versioned<BusinessView>)),
)]
pub async fn patch_business(
    write: Write,
    business: web::Path<String>,
    Json(patch): Json<serde_json::Value>,
) -> Result<HttpResponse, Problem> {
    change(write, business, move |catalog, id| {
        operation::patch_business(catalog, id, &patch)
    })
    .await
}

/// Everything of a business back to the public link, at once
#[utoipa::path(
    post, path = "/admin/v1/businesses/{business}/disconnect", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"), WriteQuery),
    responses((status = 200, description = "The business, disconnected", body = Versioned<BusinessView>)),
)]
pub async fn disconnect(
    write: Write,
    business: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    change(write, business, operation::disconnect).await
}

/// A disconnected business back on the link, as it was before
#[utoipa::path(
    post, path = "/admin/v1/businesses/{business}/connect", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"), WriteQuery),
    responses((status = 200, description = "The business, connected", body = Versioned<BusinessView>)),
)]
pub async fn connect(write: Write, business: web::Path<String>) -> Result<HttpResponse, Problem> {
    change(write, business, operation::connect).await
}

async fn change(
    write: Write,
    business: web::Path<String>,
    operation: impl FnOnce(&Catalog, &str) -> Result<Change, Refusal> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), business.into_inner());
    let business = id.clone();
    let made = write
        .make::<Business, _>(&id, move |catalog, _| {
            operation(catalog, &business).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Business>(&state))
}

/// Take a business off its gateway for good
#[utoipa::path(
    delete, path = "/admin/v1/businesses/{business}", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"), WriteQuery),
    responses((status = 204, description = "Gone")),
)]
pub async fn delete_business(
    write: Write,
    business: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = business.into_inner();
    let business = id.clone();
    let made = write
        .make::<Business, _>(&id, move |catalog, _| {
            operation::delete_business(catalog, &business).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| Ok(written.response_with(StatusCode::NO_CONTENT).finish()))
}
