//! A change: its preconditions, its dry run, its answer.

use std::future::{Ready, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, dev::Payload, web};
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, Object, ObjectKey, Refusal, Stamp};

use super::AdminState;
use super::auth::Author;
use super::problem::Problem;
use super::query::{self, WriteQuery};
use super::resource::{self, Resource, Versioned, etag};

/// Says whether a write changed anything: `true` or `false`.
pub const CHANGED: &str = "x-weir-changed";

/// The version of the configuration that holds a write.
pub const CONF_VERSION: &str = "x-wx-conf-version";

/// The code of a write based on a version that is no longer the newest.
const STALE: &str = "version_mismatch";

/// One request for a change: by whom, based on what, in earnest or not.
pub struct Write {
    state: web::Data<AdminState>,
    author: Author,
    if_match: Option<IfMatch>,
    dry_run: bool,
}

/// `If-Match` (RFC 9110, 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
enum IfMatch {
    /// `*`: the object must exist.
    Any,
    /// One of these entity tags, quotes taken off. Weak ones never match and are left out.
    One(Vec<String>),
}

/// A change that was made, or would be.
pub struct Written<T> {
    /// The object after the change; `None` where it was deleted.
    pub object: Option<Object>,
    /// What the operation answered besides.
    pub value: T,
    /// The stamp of the object; `None` after a dry run that would create it.
    version: Option<Stamp>,
    /// The stamp of the whole change; `None` after a dry run.
    conf_version: Option<Stamp>,
    created: bool,
    changed: bool,
}

impl FromRequest for Write {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut read = || {
            let WriteQuery { dry_run } = query::parse(request.query_string())?;
            let state = request.app_data::<web::Data<AdminState>>().cloned();
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
                dry_run,
            })
        };
        ready(read())
    }
}

// === impl Write ===

impl Write {
    /// Makes the change that `operation` works out, or only works it out in a dry run. `key` is the object
    /// that the request is about: `If-Match` speaks of it and the answer shows it.
    ///
    /// # Errors
    /// The operation's refusal; 412 `version_mismatch` with the current object; 503 where it could not be
    /// stored.
    pub async fn make<R, T>(
        self,
        id: &str,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal> + Send + 'static,
    ) -> Result<Written<T>, Problem>
    where
        R: Resource,
        T: Send + 'static,
    {
        let key = ObjectKey::new(R::KIND, id);
        let guarded = guarded(key.clone(), self.if_match, operation);
        let state = &self.state;
        let made = if self.dry_run {
            dry_run(state, &key, guarded)
        } else {
            let applied = state.config.apply(&self.author.0, guarded).await;
            applied.map(|applied| {
                let after = applied.value;
                let version = after.version_in(&state.config.catalog().catalog, &key);
                Written {
                    version: Some(version.unwrap_or_else(|| applied.version.clone())),
                    conf_version: Some(applied.version),
                    changed: applied.changed,
                    created: after.created,
                    object: after.object,
                    value: after.value,
                }
            })
        };
        made.map_err(|refusal| {
            let stale = refusal.code == STALE;
            let mut problem = Problem::from(refusal);
            if stale {
                let current = resource::find::<R>(state, &state.config.catalog().catalog, id);
                problem.current = current.and_then(|object| serde_json::to_value(object).ok());
            }
            problem
        })
    }

    pub fn state(&self) -> web::Data<AdminState> {
        self.state.clone()
    }
}

/// What an operation leaves behind of the object it is about.
struct After<T> {
    object: Option<Object>,
    created: bool,
    value: T,
}

impl<T> After<T> {
    /// The stamp of the object, where the catalog still shows the very object that was written.
    fn version_in(&self, catalog: &Catalog, key: &ObjectKey) -> Option<Stamp> {
        let record = catalog.record(key)?;
        (record.object == self.object).then(|| record.stamp.clone())
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

fn dry_run<T>(
    state: &AdminState,
    key: &ObjectKey,
    guarded: impl FnOnce(&Catalog, &Context) -> Result<(Change, After<T>), Refusal>,
) -> Result<Written<T>, Refusal> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let context = Context {
        now_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        random: rand::random(),
        default_region: state.settings.node.region.clone(),
    };
    let snapshot = state.config.catalog();
    let (change, after) = guarded(&snapshot.catalog, &context)?;
    let exists = snapshot.catalog.object(key).is_some();
    let version = snapshot
        .catalog
        .record(key)
        .map(|record| record.stamp.clone());
    Ok(Written {
        version: version.filter(|_| exists),
        conf_version: None,
        changed: !(change.puts.is_empty() && change.deletes.is_empty()),
        created: after.created,
        object: after.object,
        value: after.value,
    })
}

// === impl IfMatch ===

impl IfMatch {
    fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let mut tags = Vec::new();
        let mut sent = false;
        for value in request.headers().get_all(header::IF_MATCH) {
            sent = true;
            for tag in value.to_str().unwrap_or("").split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Some(IfMatch::Any));
                }
                let strong = tag
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'));
                match strong {
                    Some(strong) => tags.push(strong.to_owned()),
                    None if tag.starts_with("W/\"") => {}
                    None => return Err(wrong_if_match(tag)),
                }
            }
        }
        Ok(sent.then_some(IfMatch::One(tags)))
    }

    fn check(&self, catalog: &Catalog, key: &ObjectKey) -> Result<(), Refusal> {
        let record = catalog.record(key).filter(|record| record.object.is_some());
        let stamp = record.map(|record| record.stamp.to_string());
        let holds = match (self, &stamp) {
            (IfMatch::Any, stamp) => stamp.is_some(),
            (IfMatch::One(tags), Some(stamp)) => tags.contains(stamp),
            (IfMatch::One(_), None) => false,
        };
        if holds {
            return Ok(());
        }
        let detail = match stamp {
            Some(stamp) => format!(
                "`If-Match` names another version than the newest of {key}, which is {stamp}: it was changed \
                 since you read it. Look at `current`, make your change on it, and send its ETag."
            ),
            None => format!(
                "`If-Match` was sent, but {key} does not exist. Leave the header out to create it."
            ),
        };
        Err(Refusal::new(412, STALE, detail))
    }
}

fn wrong_if_match(tag: &str) -> Problem {
    let tag: String = tag.chars().take(80).collect();
    let detail = format!(
        "`If-Match: {tag}` is not an ETag. Send it as it was answered, in double quotes, or `*`."
    );
    Problem::new(StatusCode::BAD_REQUEST, "invalid_if_match", detail)
}

// === impl Written ===

impl<T> Written<T> {
    /// 201 for a new object, 200 for a known one, with what a write tells in its headers.
    pub fn response(&self) -> HttpResponseBuilder {
        let status = if self.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        self.response_with(status)
    }

    pub fn response_with(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        response.insert_header((CHANGED, if self.changed { "true" } else { "false" }));
        if let Some(version) = &self.conf_version {
            response.insert_header((CONF_VERSION, version.to_string()));
        }
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

    /// The answer of a write that leaves an object behind.
    pub fn answer<R: Resource>(&self, state: &AdminState) -> HttpResponse {
        self.response().json(self.view::<R>(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn read(values: &[&str]) -> Result<Option<IfMatch>, Problem> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header((header::IF_MATCH, *value));
        }
        IfMatch::of(&request.to_http_request())
    }

    #[test]
    fn if_match_takes_one_tag_several_or_any() {
        let one = |tags: &[&str]| Some(IfMatch::One(tags.iter().map(|t| t.to_string()).collect()));
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["*"]).unwrap(), Some(IfMatch::Any));
        assert_eq!(
            read(&["\"a\", \"b\"", "\"c\""]).unwrap(),
            one(&["a", "b", "c"])
        );
        assert_eq!(read(&["W/\"a\""]).unwrap(), one(&[]));
    }

    #[test]
    fn if_match_without_quotes_is_refused_with_how_to_write_it() {
        let problem = read(&["0123"]).unwrap_err();
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (400, "invalid_if_match")
        );
        assert!(problem.detail.contains("double quotes"));
    }
}
