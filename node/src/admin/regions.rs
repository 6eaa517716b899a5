//! `/regions`: where nodes stand. A new cluster has `shanghai`, `shenzhen` and `tianjin` without saying so.

use actix_web::{HttpResponse, web};
use weir_config::object::Region;
use weir_config::operation::{self, RegionInput};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

/// Add a region, or rename one
#[utoipa::path(
    put, path = "/admin/v1/regions/{region}", tag = "regions",
    params(("region" = String, Path, description = "A DNS label, part of the region's access domains"), WriteQuery),
    request_body = RegionInput,
    responses((status = 200, description = "As it is now", body = Versioned<Region>),
              (status = 201, description = "Added", body = Versioned<Region>)),
)]
pub async fn put_region(
    write: Write,
    region: web::Path<String>,
    Json(input): Json<RegionInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), region.into_inner());
    let region = id.clone();
    let made = write
        .make::<Region, _>(&id, move |catalog, _| {
            operation::put_region(catalog, &region, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Region>(&state))
}

/// A region that was added or renamed
#[utoipa::path(
    get, path = "/admin/v1/regions/{region}", tag = "regions",
    params(("region" = String, Path, description = "The region's id")),
    responses((status = 200, description = "The region", body = Versioned<Region>)),
)]
pub async fn get_region(
    state: web::Data<AdminState>,
    region: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    resource::get::<Region>(&state, &region).map(|found| found.answer())
}

/// All regions that were added or renamed
#[utoipa::path(
    get, path = "/admin/v1/regions", tag = "regions",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<Region>>)),
)]
pub async fn list_regions(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::list::<Region>(&state, &query, |_| true)?;
    Ok(HttpResponse::Ok().json(page))
}
