//! `/export` and `/apply`: the whole configuration as one document, and a configuration made as one says.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use weir_config::operation::document::{self, Action, Document};

use super::problem::Problem;
use super::query::{Query, write_parameters};
use super::write::{ObjectChange, Plan, PlannedAction, Write};
use super::{AdminState, body, yaml};

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Json,
    Yaml,
}

/// Parameters of the export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `json` (the default) or `yaml`.
    #[serde(default)]
    #[param(inline)]
    pub format: Format,
}

/// Parameters of applying a document.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApplyQuery {
    /// `true`: delete what the document does not list (tokens never; regions only where it lists any).
    #[serde(default)]
    pub prune: bool,
    /// `true`: check everything and answer what would be, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// On how many nodes' disks the change must be before it is answered: `local`, `one` (another one
    /// besides, the default), `majority` or `all`. Answered 202 where it is not in time.
    #[param(pattern = "^(local|one|majority|all)$")]
    pub ack: Option<String>,
}

write_parameters!(ApplyQuery);

/// A body that is a document, JSON or YAML by its content type.
pub struct Declared(pub Value);

/// The whole configuration as one document, without history and without tokens
#[utoipa::path(
    get, path = "/admin/v1/export", tag = "document",
    params(ExportQuery),
    responses((status = 200, description = "The document, as `/apply` takes it; its ETag is the configuration's digest",
               content((Document = "application/json"), (String = "application/yaml")))),
)]
pub async fn export(
    state: web::Data<AdminState>,
    Query(query): Query<ExportQuery>,
) -> Result<HttpResponse, Problem> {
    let snapshot = state.config.catalog();
    let document = document::export(&snapshot.catalog);
    let digest = &snapshot.newest_root;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::ETAG, format!("\"{digest}\"")));
    Ok(match query.format {
        Format::Json => answer.json(document),
        Format::Yaml => answer
            .content_type("application/yaml")
            .body(yaml::write(&document)?),
    })
}

/// Make the configuration as a document says: all of it at once, or nothing
///
/// The whole outcome is checked first. Applied a second time, the same document changes nothing. Objects that it
/// does not list stay, unless `prune=true`.
#[utoipa::path(
    post, path = "/admin/v1/apply", tag = "document",
    params(ApplyQuery),
    request_body(content((Document = "application/json"), (String = "application/yaml")),
                 description = "The document, as `/export` gives it; lists that it lacks are empty"),
    responses((status = 200, description = "What was changed, or in a dry run what would be, object by object",
               body = Plan)),
)]
pub async fn apply(
    write: Write<ApplyQuery>,
    Declared(document): Declared,
) -> Result<HttpResponse, Problem> {
    let document = Document::read(&document)?;
    let prune = write.query.prune;
    write
        .make_plan(move |catalog, context| {
            let plan = document::plan(catalog, context.now_ms, &document, prune)?;
            let changes = plan.steps.into_iter().map(|step| {
                let there = catalog.record(&step.object);
                let there = there.filter(|record| record.object.is_some());
                ObjectChange {
                    before_version: there.map(|record| record.stamp.clone()),
                    object: step.object.to_string(),
                    action: match step.action {
                        Action::Create => PlannedAction::Create,
                        Action::Change => PlannedAction::Change,
                        Action::Delete => PlannedAction::Delete,
                        Action::Unchanged => PlannedAction::Unchanged,
                    },
                    diff: step.diff,
                }
            });
            Ok((plan.change, changes.collect()))
        })
        .await
}

// === impl Declared ===

impl FromRequest for Declared {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = match body::media_type(request).as_str() {
            "application/json" => Ok(Format::Json),
            "application/yaml" | "application/x-yaml" | "text/yaml" => Ok(Format::Yaml),
            other => Err(body::unsupported(
                other,
                "Send JSON with `content-type: application/json`, or YAML with `content-type: application/yaml`.",
            )),
        };
        let (payload, told) = (payload.take(), body::told_length(request.headers()));
        Box::pin(async move {
            let format = format?;
            let bytes =
                body::read(payload, told, body::DOCUMENT_BYTES, body::DOCUMENT_TIMEOUT).await?;
            Ok(Declared(match format {
                Format::Json => body::parse(&bytes)?,
                Format::Yaml => yaml::read(&bytes)?,
            }))
        })
    }
}
