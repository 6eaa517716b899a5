//! `/history/…/restore`: what was, again: one object as a version has it, or everything as it was at a moment.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;
use weir_config::Record;
use weir_config::history::Moment;
use weir_config::operation;

use super::problem::Problem;
use super::query::{self, WriteQuery, write_parameters};
use super::write::{Plan, Write, of_change};
use super::{AdminState, history, moment, resource};
use crate::config_actor::now_ms;

/// Parameters of going back to a point in time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RestoreQuery {
    /// A moment (RFC 3339), or a version: just after that change.
    #[param(example = "2026-01-31T08:30:00Z")]
    pub at: String,
    /// `true`: check everything and answer what would be, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// On how many nodes' disks the change must be before it is answered: `local`, `one` (another one
    /// besides, the default), `majority` or `all`. Answered 202 where it is not in time.
    #[param(pattern = "^(local|one|majority|all)$")]
    pub ack: Option<String>,
}

write_parameters!(RestoreQuery);

/// Write what a version says once more, as a new version; an object deleted since is created again
#[utoipa::path(
    post, path = "/admin/v1/history/{version}/restore", tag = "history",
    params(("version" = String, Path, description = "As `/history` lists it"), WriteQuery),
    responses((status = 200, description = "The object as it is now; the plan in a dry run", body = Object),
              (status = 201, description = "The object, created again", body = Object),
              (status = 204, description = "The version was a deletion: the object is deleted again")),
)]
pub async fn restore_version(
    write: Write,
    version: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let state = write.state();
    let record = history::find(&state, &version).await?.record;
    let key = record.key.clone();
    let made = write
        .make_to(key.clone(), move |catalog, context| {
            operation::restore(catalog, context.now_ms, &record).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| {
        let Some(object) = written.object.clone() else {
            return Ok(written.response_with(StatusCode::NO_CONTENT).finish());
        };
        let shown = Record {
            key,
            stamp: written.version().clone(),
            based_on: None,
            author: String::new(),
            request: None,
            object: Some(object),
        };
        Ok(written.response().json(resource::shown(&state, &shown)))
    })
}

/// The whole configuration as it was at a moment: all of it at once, or nothing; tokens stay as they are
#[utoipa::path(
    post, path = "/admin/v1/history/restore", tag = "history",
    params(RestoreQuery),
    responses((status = 200, description = "What was changed, or in a dry run what would be, object by object",
               body = Plan)),
)]
pub async fn restore_all(write: Write<RestoreQuery>) -> Result<HttpResponse, Problem> {
    let state = write.state();
    let at = moment_of(&state, &write.query.at).await?;
    let then = state.config.catalog_at(at).await?;
    write
        .make_plan(move |catalog, context| {
            let change = operation::restore_catalog(catalog, context.now_ms, &then)?;
            let changes = of_change(catalog, &change);
            Ok((change, changes))
        })
        .await
}

/// The point in time that `?at=` names.
async fn moment_of(state: &AdminState, at: &str) -> Result<Moment, Problem> {
    if at.parse::<weir_config::Stamp>().is_ok() {
        let info = history::find(state, at).await?;
        return Ok(Moment::Version(info.entry.version));
    }
    let shown: String = at.chars().take(80).collect();
    let ms = moment::parse(at).ok_or_else(|| {
        let detail = format!(
            "`at`: `{shown}` is no moment since 1970 (RFC 3339) and no version. Write it as in 2026-01-31T08:30:00Z, \
             or take a version from `/history`."
        );
        query::unusable("at", &detail)
    })?;
    if ms > now_ms() {
        let detail = format!("`at`: `{shown}` is yet to come. Name a moment that was.");
        return Err(query::unusable("at", &detail));
    }
    Ok(Moment::Ms(ms))
}
