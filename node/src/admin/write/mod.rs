//! A change: its preconditions, its name, its dry run, on how many nodes it must be, and its answer.

mod answer;
mod if_match;
mod plan;
mod request_name;

use std::future::{Ready, ready};

use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, dev::Payload, web};
use sha2::{Digest, Sha256};
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, Object, ObjectKey, Refusal};

use super::AdminState;
use super::auth::Author;
use super::problem::Problem;
use super::query::{self, WriteParameters, WriteQuery};
use super::resource::{self, Resource};
use crate::config_actor::{Ack, Applied, WriteOptions, now_ms};
use if_match::{IfMatch, STALE};

use answer::Spread;
pub use answer::{Made, Written};
pub use plan::{ObjectChange, Plan, PlannedAction, of_change};
use request_name::RequestName;
pub use request_name::name_request;

/// One request for a change: by whom, based on what, in earnest or not.
pub struct Write<Q = WriteQuery> {
    pub query: Q,
    state: web::Data<AdminState>,
    author: Author,
    if_match: Option<IfMatch>,
    ack: Ack,
    request: Option<String>,
}

/// What came of a request for a change.
enum Outcome<T> {
    /// Nothing was changed: what would be, what the operation answered, and the digest of the configuration
    /// that both are about.
    Planned(Plan, T, String),
    Applied(Applied<T>),
}

/// What an operation leaves behind of the object it is about.
struct After<T> {
    object: Option<Object>,
    created: bool,
    value: T,
}

impl<Q: WriteParameters> FromRequest for Write<Q> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut read = || {
            let query: Q = query::parse(request.query_string())?;
            let state = request.app_data::<web::Data<AdminState>>().cloned();
            let name = request.extensions().get::<RequestName>().cloned();
            Ok(Write {
                state: state.ok_or_else(|| {
                    Problem::new(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "internal",
                        "The admin API has no state.",
                    )
                })?,
                author: Author::from_request(request, payload).into_inner()?,
                if_match: IfMatch::of(request)?,
                ack: query::ack(query.ack())?,
                request: name.map(|name| name.0),
                query,
            })
        };
        ready(read())
    }
}

// === impl Write ===

impl<Q: WriteParameters> Write<Q> {
    /// Makes a change to the object of kind `R` that the request is about: `If-Match` speaks of it and the
    /// answer shows it.
    ///
    /// # Errors
    /// As [`Write::make_to`].
    pub async fn make<R, T>(
        self,
        id: &str,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Made<T>, Problem>
    where
        R: Resource,
        T: Send + 'static,
    {
        self.make_to(ObjectKey::new(R::KIND, id), operation).await
    }

    /// Makes the change that `operation` works out, or only works it out in a dry run.
    ///
    /// # Errors
    /// The operation's refusal; 412 `version_mismatch` with the current object; 422
    /// `idempotency_key_reused`; 503 where it could not be stored.
    pub async fn make_to<T: Send + 'static>(
        mut self,
        key: ObjectKey,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Made<T>, Problem> {
        let (state, ack) = (self.state.clone(), self.ack);
        let guarded = guarded(key.clone(), self.if_match.take(), operation);
        let outcome = self.run(guarded).await.map_err(|refusal| {
            let stale = refusal.code == STALE;
            let mut problem = Problem::from(refusal);
            if stale {
                let snapshot = state.config.catalog();
                let record = snapshot.catalog.record(&key);
                problem.current = record.and_then(|record| resource::shown(&state, record));
            }
            problem
        })?;
        Ok(match outcome {
            Outcome::Planned(plan, ..) => Made::Planned(plan),
            Outcome::Applied(applied) => {
                Made::Written(Box::new(written(&state, &key, ack, applied)))
            }
        })
    }

    /// Makes a change that is about the configuration as a whole. `If-Match` speaks of its digest.
    ///
    /// # Errors
    /// As [`Write::make_to`].
    async fn make_to_all<T: Send + 'static>(
        mut self,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Outcome<T>, Problem> {
        let if_match = self.if_match.take();
        let guarded = move |catalog: &Catalog, context: &Context| {
            if let Some(if_match) = &if_match {
                if_match.check_all(catalog)?;
            }
            operation(catalog, context)
        };
        Ok(self.run(guarded).await?)
    }

    async fn run<T: Send + 'static>(
        self,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Outcome<T>, Refusal> {
        if self.query.dry_run() {
            let context = Context {
                now_ms: now_ms(),
                random: rand::random(),
                default_region: self.state.settings.node.region.clone(),
            };
            let snapshot = self.state.config.catalog();
            let (change, value) = operation(&snapshot.catalog, &context)?;
            let plan = Plan::of(&snapshot.catalog, &change);
            let digest = snapshot.newest_root.clone();
            return Ok(Outcome::Planned(plan, value, digest));
        }
        let options = WriteOptions {
            author: self.author.0,
            ack: self.ack,
            request: self.request,
        };
        let applied = self.state.config.apply(options, operation).await?;
        Ok(Outcome::Applied(applied))
    }

    /// Makes a change to many objects and answers with the plan; the value of `operation` is what it lists.
    ///
    /// # Errors
    /// As [`Write::make_to`].
    pub async fn make_plan(
        self,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, Vec<ObjectChange>), Refusal>
        + Send
        + 'static,
    ) -> Result<HttpResponse, Problem> {
        let ack = self.ack;
        match self.make_to_all(operation).await? {
            Outcome::Planned(plan, changes, digest) => {
                let etag = (header::ETAG, format!("\"{digest}\""));
                let plan = Plan { changes, ..plan };
                Ok(HttpResponse::Ok().insert_header(etag).json(plan))
            }
            Outcome::Applied(applied) => Ok(answer::of_many(ack, applied)),
        }
    }

    pub fn state(&self) -> web::Data<AdminState> {
        self.state.clone()
    }

    /// Who asks: the name of the token.
    pub fn author(&self) -> String {
        self.author.0.clone()
    }

    /// Four bytes to name something new by: drawn by lot, but the same for a request that is sent again.
    pub fn lot(&self) -> [u8; 4] {
        match &self.request {
            None => rand::random(),
            Some(request) => {
                let digest = Sha256::digest(format!("{}\n{request}", self.author.0));
                [digest[0], digest[1], digest[2], digest[3]]
            }
        }
    }
}

fn guarded<T>(
    key: ObjectKey,
    if_match: Option<IfMatch>,
    operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
) -> impl FnOnce(&Catalog, &Context) -> Result<(Change, After<T>), Refusal> + Send + 'static {
    move |catalog, context| {
        let before = catalog.object(&key);
        if let Some(if_match) = &if_match {
            if_match.check(catalog, &key)?;
        }
        let (change, value) = operation(catalog, context)?;
        let put = change.puts.iter().rev().find(|object| object.key() == key);
        let deleted = change.deletes.contains(&key);
        let object = put.or(before.filter(|_| !deleted)).cloned();
        let after = After {
            created: before.is_none() && object.is_some(),
            object,
            value,
        };
        Ok((change, after))
    }
}

/// The object after the change: as it was written, by this request or by the same one before; where nothing
/// had to be written, as it is.
fn written<T>(
    state: &AdminState,
    key: &ObjectKey,
    ack: Ack,
    applied: Applied<After<T>>,
) -> Written<T> {
    let spread = Spread::of(ack, &applied);
    let record = applied
        .records
        .iter()
        .rev()
        .find(|record| record.key == *key);
    let snapshot = state.config.catalog();
    let there = record.or_else(|| snapshot.catalog.record(key));
    let version = there.map(|record| record.stamp.clone());
    let (object, created, value) = match applied.value {
        Some(after) => (after.object, after.created, Some(after.value)),
        None => {
            let created = record.is_some_and(|record| record.based_on.is_none());
            let object = there.and_then(|record| record.object.clone());
            (object, created, None)
        }
    };
    Written {
        object,
        value,
        version,
        conf_version: applied.version,
        created,
        changed: applied.changed,
        spread,
        replayed: applied.replayed,
    }
}
