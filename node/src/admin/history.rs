//! `/history`: every version of every object, who made it, when, where, and what it changed.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use weir_config::history::{FieldChange, diff};
use weir_config::{Kind, Stamp};

use super::problem::Problem;
use super::query::{self, NoParameters, Query};
use super::resource::{self, Page};
use super::{AdminState, moment};
use crate::config_actor::{Action, HistoryEntry, HistoryQuery, VersionInfo};

/// Parameters of the history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryParameters {
    /// Only this object, as in `gateway/shop`, or all objects of a kind, as in `gateway`.
    pub object: Option<String>,
    /// Only what this author changed: a token's name, or `system`.
    pub author: Option<String>,
    /// Only what was changed on this node.
    pub node: Option<String>,
    /// `true`: only versions that lost without having been seen by whoever wrote over them.
    #[serde(default)]
    pub conflicts: bool,
    /// Made at this moment (RFC 3339) or later.
    pub from: Option<String>,
    /// Made before this moment (RFC 3339).
    pub to: Option<String>,
    /// Entries a page, 1 to 500; 100 when left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    /// Begin after this version: the `next` of the page before.
    pub after: Option<String>,
}

/// One version of one object.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    #[schema(value_type = String, example = "019234567abc0000-n1")]
    pub version: Stamp,
    /// As in `gateway/shop`.
    pub object: String,
    /// A token's name, or `system`.
    pub author: String,
    /// When it was made, by the clock of the node that made it.
    #[schema(example = "2026-01-31T08:30:00.125Z")]
    pub at: String,
    /// The node that took the change.
    pub node: String,
    pub action: ActionView,
    /// The version its author had before them; null where the object was new.
    #[schema(value_type = Option<String>)]
    pub based_on: Option<Stamp>,
    /// It lost without having been seen by whoever wrote over it: see to it whether something of it is wanted.
    pub conflict: bool,
    /// It is in force.
    pub current: bool,
    /// When this node stored it, by its own clock.
    pub stored_at: String,
}

/// What a change did to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionView {
    Created,
    Changed,
    Deleted,
}

/// One version with what it says.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    #[serde(flatten)]
    pub entry: HistoryView,
    /// The object as it was then; null where this version deleted it.
    #[schema(value_type = Option<Object>)]
    pub document: Option<Value>,
    /// What changed from the version it was based on; the whole object where that is not retained any more.
    pub diff: Vec<FieldChange>,
}

/// Every change, newest first
#[utoipa::path(
    get, path = "/admin/v1/history", tag = "history",
    params(HistoryParameters),
    responses((status = 200, description = "A page", body = Page<HistoryView>)),
)]
pub async fn list_history(
    state: web::Data<AdminState>,
    Query(parameters): Query<HistoryParameters>,
) -> Result<HttpResponse, Problem> {
    let page = state.config.history(parameters.query()?).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: page.entries.iter().map(HistoryView::of).collect(),
        next: page.next.map(|version| version.to_string()),
    }))
}

/// One version: the object as it was, and what had changed
#[utoipa::path(
    get, path = "/admin/v1/history/{version}", tag = "history",
    params(("version" = String, Path, description = "As `/history` lists it, or an object's `version`")),
    responses((status = 200, description = "The version", body = VersionView)),
)]
pub async fn get_version(
    state: web::Data<AdminState>,
    version: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let info = find(&state, &version).await?;
    let before = info
        .before
        .as_ref()
        .and_then(|record| record.object.as_ref());
    Ok(HttpResponse::Ok().json(VersionView {
        entry: HistoryView::of(&info.entry),
        document: resource::shown(&state, &info.record),
        diff: diff(before, info.record.object.as_ref()),
    }))
}

/// A version that this node retains.
///
/// # Errors
/// 400 `invalid_version`, 404 `version_not_found`.
pub async fn find(state: &AdminState, version: &str) -> Result<VersionInfo, Problem> {
    let version = stamp(version)?;
    let found = state.config.version(&version).await?;
    found.ok_or_else(|| {
        let detail = format!(
            "Node {} retains no version `{version}`: it has not arrived here yet, or was let go when its time \
             was over. `/history` lists those that are here; GET /admin/v1/cluster/config/{version} asks all nodes.",
            state.node
        );
        Problem::new(StatusCode::NOT_FOUND, "version_not_found", detail)
    })
}

/// The version that a part of a path names.
///
/// # Errors
/// 400 `invalid_version`.
pub fn stamp(text: &str) -> Result<Stamp, Problem> {
    text.parse().map_err(|error| {
        let detail = format!("{error}. Take it from `/history`, or from an object's `version`.");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_version", detail)
    })
}

// === impl HistoryParameters ===

impl HistoryParameters {
    fn query(self) -> Result<HistoryQuery, Problem> {
        let wrong = query::unusable;
        let (mut object, mut kind) = (None, None);
        match self.object.as_deref() {
            Some(text) if text.contains('/') => {
                let key = text.parse();
                object =
                    Some(key.map_err(|error| wrong("object", &format!("`object`: {error}.")))?);
            }
            Some(text) => {
                kind = Some(kind_of(text).ok_or_else(|| wrong("object", &no_kind(text)))?)
            }
            None => {}
        }
        let node = self.node.as_deref().map(str::parse).transpose();
        let after = self.after.as_deref().map(str::parse).transpose();
        Ok(HistoryQuery {
            object,
            kind,
            author: self.author,
            node: node.map_err(|error| wrong("node", &format!("`node`: {error}.")))?,
            conflicts: self.conflicts,
            from_ms: moment_of("from", self.from.as_deref())?,
            to_ms: moment_of("to", self.to.as_deref())?,
            limit: query::limit(self.limit)?,
            after: after.map_err(|error| wrong("after", &format!("`after`: {error}.")))?,
        })
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
}

fn no_kind(text: &str) -> String {
    let kinds = Kind::ALL.map(Kind::as_str).join(", ");
    let text: String = text.chars().take(80).collect();
    format!(
        "`object`: `{text}` is no object and no kind. Write kind/id, as in gateway/shop, or one of {kinds}."
    )
}

fn moment_of(name: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let moment = moment::parse(text).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        let detail = format!(
            "`{name}`: `{text}` is no moment since 1970 (RFC 3339). Write it as in 2026-01-31T08:30:00Z."
        );
        query::unusable(name, &detail)
    })?;
    Ok(Some(moment))
}

// === impl HistoryView ===

impl HistoryView {
    pub fn of(entry: &HistoryEntry) -> Self {
        HistoryView {
            object: entry.object.to_string(),
            author: entry.author.clone(),
            at: moment::text(entry.version.wall_ms),
            node: entry.version.node.to_string(),
            action: match entry.action {
                Action::Created => ActionView::Created,
                Action::Changed => ActionView::Changed,
                Action::Deleted => ActionView::Deleted,
            },
            based_on: entry.based_on.clone(),
            conflict: entry.conflict,
            current: entry.current,
            stored_at: moment::text(entry.seen_at_ms),
            version: entry.version.clone(),
        }
    }
}
