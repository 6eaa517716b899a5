//! `/businesses/{business}/schedules`: what is to happen to a business by itself.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_config::Refusal;
use weir_config::catalog::Catalog;
use weir_config::object::{Business, Schedule, SchedulePlan};
use weir_config::operation::{self, Change, Context};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

/// Why a rise is to stand still.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseInput {
    /// For whoever looks at it later; left out: that the token's owner asked for it.
    #[serde(default)]
    pub why: Option<String>,
}

/// The schedules of a business, those that are over included
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/schedules", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"), ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<Schedule>>)),
)]
pub async fn list_schedules(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    resource::get::<Business>(&state, &business)?;
    let page = resource::list::<Schedule>(&state, &query, |s| s.business == *business)?;
    Ok(HttpResponse::Ok().json(page))
}

/// A schedule, and how far it has come
#[utoipa::path(
    get, path = "/admin/v1/businesses/{business}/schedules/{schedule}", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("schedule" = String, Path, description = "The schedule's id")),
    responses((status = 200, description = "The schedule", body = Versioned<Schedule>)),
)]
pub async fn get_schedule(
    state: web::Data<AdminState>,
    path: web::Path<(String, String)>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let id = Schedule::object_id(&path.0, &path.1);
    resource::get::<Schedule>(&state, &id).map(|found| found.answer())
}

/// Schedule a change, a disconnect or a rise of a business; set one that is waiting or over anew
#[utoipa::path(
    put, path = "/admin/v1/businesses/{business}/schedules/{schedule}", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("schedule" = String, Path, description = "1 to 63 of a-z, 0-9 and -"), WriteQuery),
    request_body = SchedulePlan,
    responses((status = 200, description = "As it is now", body = Versioned<Schedule>),
              (status = 201, description = "Set", body = Versioned<Schedule>)),
)]
pub async fn put_schedule(
    write: Write,
    path: web::Path<(String, String)>,
    Json(plan): Json<SchedulePlan>,
) -> Result<HttpResponse, Problem> {
    let by = write.author();
    change(write, path, move |catalog, context, business, id| {
        operation::put_schedule(catalog, context, business, id, plan, &by)
    })
    .await
}

/// Stop a rise where it is
#[utoipa::path(
    post, path = "/admin/v1/businesses/{business}/schedules/{schedule}/pause", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("schedule" = String, Path, description = "The schedule's id"), WriteQuery),
    request_body = PauseInput,
    responses((status = 200, description = "As it is now", body = Versioned<Schedule>)),
)]
pub async fn pause_schedule(
    write: Write,
    path: web::Path<(String, String)>,
    Json(input): Json<PauseInput>,
) -> Result<HttpResponse, Problem> {
    let by = write.author();
    let why = input.why.unwrap_or_else(|| format!("{by} asked for it."));
    change(write, path, move |catalog, context, business, id| {
        operation::pause_schedule(catalog, context, business, id, &why)
    })
    .await
}

/// Let a paused rise go on, from the share that is set now
#[utoipa::path(
    post, path = "/admin/v1/businesses/{business}/schedules/{schedule}/resume", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("schedule" = String, Path, description = "The schedule's id"), WriteQuery),
    responses((status = 200, description = "As it is now", body = Versioned<Schedule>)),
)]
pub async fn resume_schedule(
    write: Write,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    change(write, path, operation::resume_schedule).await
}

/// Take a schedule away; what it has changed so far stays
#[utoipa::path(
    delete, path = "/admin/v1/businesses/{business}/schedules/{schedule}", tag = "schedules",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           ("schedule" = String, Path, description = "The schedule's id"), WriteQuery),
    responses((status = 204, description = "Gone")),
)]
pub async fn delete_schedule(
    write: Write,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (business, id) = path.into_inner();
    let key = Schedule::object_id(&business, &id);
    let made = write
        .make::<Schedule, _>(&key, move |catalog, _| {
            operation::delete_schedule(catalog, &business, &id).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| Ok(written.response_with(StatusCode::NO_CONTENT).finish()))
}

async fn change(
    write: Write,
    path: web::Path<(String, String)>,
    operation: impl FnOnce(&Catalog, &Context, &str, &str) -> Result<Change, Refusal> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let (state, (business, id)) = (write.state(), path.into_inner());
    let key = Schedule::object_id(&business, &id);
    let made = write
        .make::<Schedule, _>(&key, move |catalog, context| {
            operation(catalog, context, &business, &id).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Schedule>(&state))
}
