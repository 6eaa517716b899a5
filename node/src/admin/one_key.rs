//! `POST /gateways/{gateway}/one-key-access`: attach a mini program in one call.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::object::Business;
use weir_config::operation::{self, Context, OneKeyInput, OneKeyOutcome};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::qr::{self, QrView};
use super::query::WriteQuery;
use super::resource::{BusinessView, Versioned};
use super::write::Write;
use crate::config_actor::now_ms;

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
    let again = (gateway.clone(), input.clone());
    let made = write
        .make::<Business, _>(&appid, move |catalog, context| {
            let mut outcome = operation::one_key_access(catalog, context, &gateway, input)?;
            Ok((std::mem::take(&mut outcome.change), outcome))
        })
        .await?;
    made.answer_with(|mut written| {
        let business = written.view::<Business>(&state).ok_or_else(|| {
            let detail =
                "The business was attached, but is not there any more: it was taken off since.";
            Problem::new(StatusCode::CONFLICT, "taken_off_since", detail)
        })?;
        let (outcome, attached) = match written.value.take() {
            Some(outcome) => {
                let attached = !outcome.already_attached;
                (outcome, attached)
            }
            None => (found(&state, &again.0, again.1)?, written.created()),
        };
        let answer = OneKeyAccess {
            business,
            qr_code: qr::draw(outcome.qr_content),
            skipped_domains: outcome.skipped_domains,
            warnings: outcome.warnings,
        };
        let status = if attached {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        Ok(written.response_with(status).json(answer))
    })
}

/// What one-key access finds of a mini program that the same request attached before.
fn found(state: &AdminState, gateway: &str, input: OneKeyInput) -> Result<OneKeyOutcome, Problem> {
    let context = Context {
        now_ms: now_ms(),
        random: rand::random(),
        default_region: state.settings.node.region.clone(),
    };
    let snapshot = state.config.catalog();
    Ok(operation::one_key_access(
        &snapshot.catalog,
        &context,
        gateway,
        input,
    )?)
}
