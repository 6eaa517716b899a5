//! `/platform/mini-programs`: what the local platform knows.

use actix_web::{HttpResponse, web};
use weir_config::object::MiniProgram;
use weir_config::operation::{self, MiniProgramInput};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

/// Register a mini program with the local platform, or change it
#[utoipa::path(
    put, path = "/admin/v1/platform/mini-programs/{appid}", tag = "platform",
    params(("appid" = String, Path, description = "`wx` and 16 hexadecimal digits"), WriteQuery),
    request_body = MiniProgramInput,
    responses((status = 200, description = "As it is now", body = Versioned<MiniProgram>),
              (status = 201, description = "Registered", body = Versioned<MiniProgram>)),
)]
pub async fn put_mini_program(
    write: Write,
    appid: web::Path<String>,
    Json(input): Json<MiniProgramInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), appid.into_inner());
    let appid = id.clone();
    let made = write
        .make::<MiniProgram, _>(&id, move |catalog, _| {
            operation::put_mini_program(catalog, &appid, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<MiniProgram>(&state))
}

/// A mini program as its platform knows it
#[utoipa::path(
    get, path = "/admin/v1/platform/mini-programs/{appid}", tag = "platform",
    params(("appid" = String, Path, description = "`wx` and 16 hexadecimal digits")),
    responses((status = 200, description = "The mini program", body = Versioned<MiniProgram>)),
)]
pub async fn get_mini_program(
    state: web::Data<AdminState>,
    appid: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    resource::get::<MiniProgram>(&state, &appid).map(|found| found.answer())
}

/// All mini programs of the local platform
#[utoipa::path(
    get, path = "/admin/v1/platform/mini-programs", tag = "platform",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<MiniProgram>>)),
)]
pub async fn list_mini_programs(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::list::<MiniProgram>(&state, &query, |_| true)?;
    Ok(HttpResponse::Ok().json(page))
}
