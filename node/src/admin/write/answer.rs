//! What a change answers: the object as it is after it, and in headers where the change is.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use weir_config::{Object, Stamp};

use super::super::AdminState;
use super::super::problem::Problem;
use super::super::resource::{Resource, Versioned, etag};
use super::plan::{ObjectChange, Plan, of_records};
use super::request_name::REPLAYED;
use crate::config_actor::{Ack, Applied};

/// Says whether a write changed anything: `true` or `false`.
pub const CHANGED: &str = "x-weir-changed";

/// The version of the configuration that holds a write.
pub const CONF_VERSION: &str = "x-wx-conf-version";

/// On how many nodes a write had to be: `local`, `one`, `majority` or `all`.
const ACK_WANTED: &str = "x-weir-ack-wanted";

/// On how many nodes' disks it was when it was answered.
const ACK_NODES: &str = "x-weir-ack-nodes";

/// Whether those were as many as were asked for: `true` or `false`.
const ACK_REACHED: &str = "x-weir-ack-reached";

/// What came of a request for a change to one object.
pub enum Made<T> {
    /// Nothing was changed: what would be.
    Planned(Plan),
    Written(Box<Written<T>>),
}

/// A change that was made.
pub struct Written<T> {
    /// The object after the change; `None` where it was deleted.
    pub object: Option<Object>,
    /// What the operation answered besides; `None` where the request had been made before.
    pub value: Option<T>,
    /// The stamp of the object.
    pub(super) version: Option<Stamp>,
    /// The stamp of the whole change.
    pub(super) conf_version: Stamp,
    pub(super) created: bool,
    pub(super) changed: bool,
    pub(super) spread: Spread,
    pub(super) replayed: bool,
}

/// How far a change had come when it was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    wanted: Ack,
    nodes: usize,
    reached: bool,
}

/// The answer of a change to many objects.
pub fn of_many(wanted: Ack, applied: Applied<Vec<ObjectChange>>) -> HttpResponse {
    let mut response = Spread::of(wanted, &applied).response(StatusCode::OK);
    let version = applied.version.clone();
    told(&mut response, applied.changed, &version, applied.replayed);
    let changes = applied.value;
    response.json(Plan {
        dry_run: false,
        version: Some(version),
        changes: changes.unwrap_or_else(|| of_records(&applied.records)),
    })
}

/// The headers of every change that was made.
fn told(response: &mut HttpResponseBuilder, changed: bool, version: &Stamp, replayed: bool) {
    response
        .insert_header((CHANGED, if changed { "true" } else { "false" }))
        .insert_header((CONF_VERSION, version.to_string()));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
}

// === impl Spread ===

impl Spread {
    pub fn of<T>(wanted: Ack, applied: &Applied<T>) -> Self {
        Spread {
            wanted,
            nodes: applied.stored_on.len(),
            reached: applied.ack_reached,
        }
    }

    /// An answer with this status, or 202 where the change is not yet on as many nodes as were asked for:
    /// it is stored here and will spread.
    pub fn response(&self, status: StatusCode) -> HttpResponseBuilder {
        let status = if self.reached {
            status
        } else {
            StatusCode::ACCEPTED
        };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((ACK_WANTED, self.wanted.as_str()))
            .insert_header((ACK_NODES, self.nodes.to_string()))
            .insert_header((ACK_REACHED, if self.reached { "true" } else { "false" }));
        response
    }
}

// === impl Made ===

impl<T> Made<T> {
    /// The plan, or the object that the change leaves behind.
    pub fn answer<R: Resource>(self, state: &AdminState) -> HttpResponse {
        match self {
            Made::Planned(plan) => plan.answer(),
            Made::Written(written) => written.response().json(written.view::<R>(state)),
        }
    }

    /// The plan, or what `answer` makes of the change.
    ///
    /// # Errors
    /// Those of `answer`.
    pub fn answer_with(
        self,
        answer: impl FnOnce(Written<T>) -> Result<HttpResponse, Problem>,
    ) -> Result<HttpResponse, Problem> {
        match self {
            Made::Planned(plan) => Ok(plan.answer()),
            Made::Written(written) => answer(*written),
        }
    }
}

// === impl Written ===

impl<T> Written<T> {
    /// 201 for a new object, 200 for a known one, with what a write tells in its headers.
    pub fn response(&self) -> HttpResponseBuilder {
        self.response_with(if self.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        })
    }

    pub fn response_with(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = self.spread.response(status);
        told(
            &mut response,
            self.changed,
            &self.conf_version,
            self.replayed,
        );
        if let Some(version) = self.version.as_ref().filter(|_| self.object.is_some()) {
            response.insert_header((header::ETAG, etag(version)));
        }
        response
    }

    /// The object as the admin API shows it.
    pub fn view<R: Resource>(&self, state: &AdminState) -> Option<Versioned<R::View>> {
        let object = self.object.as_ref().and_then(R::from_object)?;
        Some(Versioned {
            object: object.view(state),
            version: self.version.clone(),
        })
    }

    pub fn created(&self) -> bool {
        self.created
    }

    /// The stamp of the object; where it does not exist, of the change.
    pub fn version(&self) -> &Stamp {
        self.version.as_ref().unwrap_or(&self.conf_version)
    }
}
