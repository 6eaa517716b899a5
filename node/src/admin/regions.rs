//! `/regions`: where nodes stand. A new cluster has `shanghai`, `shenzhen` and `tianjin` without saying so.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use weir_config::object::Region;
use weir_config::operation::{self, RegionInput};
use weir_config::{Kind, ObjectKey};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Resource, Versioned};
use super::write::Write;

/// Add a region, or change its name and its distances
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

/// A region, with its distances to others
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
    let mut regions = all(&state).into_iter();
    match regions.find(|known| known.object.id == *region) {
        Some(region) => Ok(region.answer()),
        None => Err(resource::no_such(Region::NAME, &region)),
    }
}

/// All regions
#[utoipa::path(
    get, path = "/admin/v1/regions", tag = "regions",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<Region>>)),
)]
pub async fn list_regions(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::page(&query, all(&state), |region| &region.object.id)?;
    Ok(HttpResponse::Ok().json(page))
}

/// Take a region away that no business is in
#[utoipa::path(
    delete, path = "/admin/v1/regions/{region}", tag = "regions",
    params(("region" = String, Path, description = "The region's id"), WriteQuery),
    responses((status = 204, description = "Gone")),
)]
pub async fn delete_region(
    write: Write,
    region: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = region.into_inner();
    let region = id.clone();
    let made = write
        .make::<Region, _>(&id, move |catalog, _| {
            operation::delete_region(catalog, &region).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| Ok(written.response_with(StatusCode::NO_CONTENT).finish()))
}

/// The default regions have no record, and so no version, until somebody changes them.
fn all(state: &AdminState) -> Vec<Versioned<Region>> {
    let catalog = &state.config.catalog().catalog;
    let regions = operation::effective_regions(catalog);
    let shown = |region: Region| {
        let record = catalog.record(&ObjectKey::new(Kind::Region, &region.id));
        Versioned {
            version: record.map(|record| record.stamp.clone()),
            object: region,
        }
    };
    regions.map(shown).collect()
}
