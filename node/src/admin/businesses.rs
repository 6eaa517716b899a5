//! `/businesses`: attached clients, and the two switches of the quick disconnect.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_config::Refusal;
use weir_config::catalog::Catalog;
use weir_config::object::{Business, BusinessType};
use weir_config::operation::{self, BusinessInput, Change, GraySide};

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

/// Change a business: a merge patch (RFC 7386) of `access`, `origins`, `region`, `cors`, …
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

/// Attach a web page, an app or a mini program by hand
#[utoipa::path(
    post, path = "/admin/v1/gateways/{gateway}/businesses", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"), WriteQuery),
    request_body = BusinessInput,
    responses((status = 201, description = "Attached", body = Versioned<BusinessView>)),
)]
pub async fn add_business(
    write: Write,
    gateway: web::Path<String>,
    Json(mut input): Json<BusinessInput>,
) -> Result<HttpResponse, Problem> {
    let (state, gateway) = (write.state(), gateway.into_inner());
    let drawn = hex::encode(write.lot());
    // Named before it is made, so that a request sent again finds what the first one made.
    let id = match (&input.id, input.business_type) {
        (Some(id), _) => id.clone(),
        (None, BusinessType::Web) => format!("web-{drawn}"),
        (None, BusinessType::App) => format!("app-{drawn}"),
        (None, BusinessType::MiniProgram) => String::new(),
    };
    input.id = Some(id.clone());
    let made = write
        .make::<Business, _>(&id, move |catalog, context| {
            let (change, _) = operation::add_business(catalog, context, &gateway, input)?;
            Ok((change, ()))
        })
        .await?;
    Ok(made.answer::<Business>(&state))
}

/// Which way a user is taken.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrayUserInput {
    /// `in`: on the link, `out`: not on the link, whatever the share.
    pub side: GraySide,
}

/// Take a user of the online version in or out by name
#[utoipa::path(
    put, path = "/admin/v1/businesses/{business}/gray/users/{user}", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("user" = String, Path, description = "As the client says it in `x-wx-user`, percent-encoded"), WriteQuery),
    request_body = GrayUserInput,
    responses((status = 200, description = "The business as it is now", body = Versioned<BusinessView>)),
)]
pub async fn put_gray_user(
    write: Write,
    path: web::Path<(String, String)>,
    Json(input): Json<GrayUserInput>,
) -> Result<HttpResponse, Problem> {
    let (business, user) = path.into_inner();
    change(write, business.into(), move |catalog, id| {
        operation::set_gray_user(catalog, id, &user, Some(input.side))
    })
    .await
}

/// Let the share decide again over a user who was taken in or out by name
#[utoipa::path(
    delete, path = "/admin/v1/businesses/{business}/gray/users/{user}", tag = "businesses",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("user" = String, Path, description = "As the client says it in `x-wx-user`, percent-encoded"), WriteQuery),
    responses((status = 200, description = "The business as it is now", body = Versioned<BusinessView>)),
)]
pub async fn delete_gray_user(
    write: Write,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (business, user) = path.into_inner();
    change(write, business.into(), move |catalog, id| {
        operation::set_gray_user(catalog, id, &user, None)
    })
    .await
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
