//! `/spaces`: tenants, the service agreement they accept, the mini programs authorised to them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use weir_config::object::Space;
use weir_config::operation::{self, AgreementInput, SpaceInput};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Versioned};
use super::write::Write;

/// Create a space, or change it
#[utoipa::path(
    put, path = "/admin/v1/spaces/{space}", tag = "spaces",
    params(("space" = String, Path, description = "The space's id"), WriteQuery),
    request_body = SpaceInput,
    responses((status = 200, description = "As it is now", body = Versioned<Space>),
              (status = 201, description = "Created", body = Versioned<Space>)),
)]
pub async fn put_space(
    write: Write,
    space: web::Path<String>,
    Json(input): Json<SpaceInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), space.into_inner());
    let space = id.clone();
    let made = write
        .make::<Space, _>(&id, move |catalog, _| {
            operation::put_space(catalog, &space, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Space>(&state))
}

/// A space, with its agreement and the mini programs authorised to it
#[utoipa::path(
    get, path = "/admin/v1/spaces/{space}", tag = "spaces",
    params(("space" = String, Path, description = "The space's id")),
    responses((status = 200, description = "The space", body = Versioned<Space>)),
)]
pub async fn get_space(
    state: web::Data<AdminState>,
    space: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    resource::get::<Space>(&state, &space).map(|found| found.answer())
}

/// All spaces
#[utoipa::path(
    get, path = "/admin/v1/spaces", tag = "spaces",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<Space>>)),
)]
pub async fn list_spaces(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::list::<Space>(&state, &query, |_| true)?;
    Ok(HttpResponse::Ok().json(page))
}

/// Accept the service agreement for a space; answers the space
#[utoipa::path(
    put, path = "/admin/v1/spaces/{space}/agreement", tag = "spaces",
    params(("space" = String, Path, description = "The space's id"), WriteQuery),
    request_body = AgreementInput,
    responses((status = 200, description = "The space, agreement accepted", body = Versioned<Space>)),
)]
pub async fn accept_agreement(
    write: Write,
    space: web::Path<String>,
    Json(input): Json<AgreementInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), space.into_inner());
    let space = id.clone();
    let made = write
        .make::<Space, _>(&id, move |catalog, context| {
            operation::accept_agreement(catalog, context, &space, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Space>(&state))
}

/// The space, if its agreement is accepted
#[utoipa::path(
    get, path = "/admin/v1/spaces/{space}/agreement", tag = "spaces",
    params(("space" = String, Path, description = "The space's id")),
    responses((status = 200, description = "The space, agreement accepted", body = Versioned<Space>)),
)]
pub async fn get_agreement(
    state: web::Data<AdminState>,
    space: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let found = resource::get::<Space>(&state, &space)?;
    if found.object.agreement.is_none() {
        let detail = format!(
            "Nobody has accepted the service agreement for the space `{space}` yet. Accept it with \
             PUT /admin/v1/spaces/{space}/agreement and {{\"version\", \"accepted_by\"}}."
        );
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "agreement_not_accepted",
            detail,
        ));
    }
    Ok(found.answer())
}

/// Authorise a mini program to a space; answers the space
#[utoipa::path(
    put, path = "/admin/v1/spaces/{space}/mini-programs/{appid}", tag = "spaces",
    params(("space" = String, Path, description = "The space's id"),
           ("appid" = String, Path, description = "`wx` and 16 hexadecimal digits"), WriteQuery),
    responses((status = 200, description = "The space, mini program authorised", body = Versioned<Space>)),
)]
pub async fn authorize(
    write: Write,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (state, (id, appid)) = (write.state(), path.into_inner());
    let space = id.clone();
    let made = write
        .make::<Space, _>(&id, move |catalog, _| {
            operation::authorize(catalog, &space, &appid).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Space>(&state))
}

/// The space, if the mini program is authorised to it
#[utoipa::path(
    get, path = "/admin/v1/spaces/{space}/mini-programs/{appid}", tag = "spaces",
    params(("space" = String, Path, description = "The space's id"),
           ("appid" = String, Path, description = "`wx` and 16 hexadecimal digits")),
    responses((status = 200, description = "The space, mini program authorised", body = Versioned<Space>)),
)]
pub async fn get_authorization(
    state: web::Data<AdminState>,
    path: web::Path<(String, String)>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let (space, appid) = path.into_inner();
    let found = resource::get::<Space>(&state, &space)?;
    if !found.object.mini_programs.contains(&appid) {
        let detail = format!(
            "The mini program `{appid}` is not authorised to the space `{space}`. Authorise it with \
             PUT /admin/v1/spaces/{space}/mini-programs/{appid}."
        );
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not_authorized",
            detail,
        ));
    }
    Ok(found.answer())
}
