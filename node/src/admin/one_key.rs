//! `POST /gateways/{gateway}/one-key-access`: attach a mini program in one call.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::object::Business;
use weir_config::operation::{self, OneKeyInput};

use super::body::Json;
use super::problem::Problem;
use super::qr::{self, QrView};
use super::query::WriteQuery;
use super::resource::{BusinessView, Versioned};
use super::write::Write;

/// The business, and what one-key access found and did.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneKeyAccess {
    #[serde(flatten)]
    pub business: Versioned<BusinessView>,
    /// Opens the `trial` version, the only one on the link so far.
    pub qr_code: QrView,
    /// Legal domains beyond the ten that were attached.
    pub skipped_domains: Vec<String>,
    /// What was put right or left out on the way, in sentences.
    pub warnings: Vec<String>,
}

/// Attach a mini program: its `trial` version only, live traffic untouched
#[utoipa::path(
    post, path = "/admin/v1/gateways/{gateway}/one-key-access", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"), WriteQuery),
    request_body = OneKeyInput,
    responses((status = 201, description = "Attached", body = OneKeyAccess),
              (status = 200, description = "It was attached to this gateway already", body = OneKeyAccess)),
)]
pub async fn one_key_access(
    write: Write,
    gateway: web::Path<String>,
    Json(input): Json<OneKeyInput>,
) -> Result<HttpResponse, Problem> {
    let (state, gateway, appid) = (write.state(), gateway.into_inner(), input.appid.clone());
    let mut written = write
        .make::<Business, _>(&appid, move |catalog, context| {
            let mut outcome = operation::one_key_access(catalog, context, &gateway, input)?;
            Ok((std::mem::take(&mut outcome.change), outcome))
        })
        .await?;
    let view = written.view::<Business>(&state).ok_or_else(|| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The business was attached, but is not there.",
        )
    })?;
    let outcome = &mut written.value;
    let answer = OneKeyAccess {
        business: view,
        qr_code: qr::draw(std::mem::take(&mut outcome.qr_content)),
        skipped_domains: std::mem::take(&mut outcome.skipped_domains),
        warnings: std::mem::take(&mut outcome.warnings),
    };
    let status = if outcome.already_attached {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(written.response_with(status).json(answer))
}
