//! Query parameters: those a call knows, and no others.

use std::future::{Ready, ready};

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::body::quoted;
use super::problem::Problem;
use crate::config_actor::Ack;

/// Entries a page when the caller does not say.
const PAGE: usize = 100;

/// The most entries a page.
const PAGE_MAX: usize = 500;

/// The query of a request in the shape `T`.
pub struct Query<T>(pub T);

/// A call that takes no parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// Parameters of a change.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WriteQuery {
    /// `true`: check everything and answer what would be, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// On how many nodes' disks the change must be before it is answered: `local`, `one` (another one
    /// besides, the default), `majority` or `all`. Answered 202 where it is not in time.
    #[param(pattern = "^(local|one|majority|all)$")]
    pub ack: Option<String>,
}

/// The parameters that every change has, among those of a call.
pub trait WriteParameters: DeserializeOwned {
    fn dry_run(&self) -> bool;
    fn ack(&self) -> Option<&str>;
}

macro_rules! write_parameters {
    ($query:ty) => {
        impl $crate::admin::query::WriteParameters for $query {
            fn dry_run(&self) -> bool {
                self.dry_run
            }

            fn ack(&self) -> Option<&str> {
                self.ack.as_deref()
            }
        }
    };
}
pub(super) use write_parameters;

write_parameters!(WriteQuery);

/// Parameters of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Objects a page, 1 to 500; 100 when left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    /// Begin after this id: the `next` of the page before.
    pub after: Option<String>,
}

/// Parameters of the list of businesses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BusinessQuery {
    /// Only the businesses of this gateway.
    pub gateway: Option<String>,
    /// Objects a page, 1 to 500; 100 when left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    /// Begin after this id: the `next` of the page before.
    pub after: Option<String>,
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Query))
    }
}

/// Reads `?ack=`.
///
/// # Errors
/// 400 `invalid_query`.
pub fn ack(given: Option<&str>) -> Result<Ack, Problem> {
    let ack = given.map_or(Ok(Ack::default()), str::parse);
    ack.map_err(|error| unusable("ack", &format!("`ack`: {error}.")))
}

/// A page's size, where it can be used.
///
/// # Errors
/// 400 `invalid_query`.
pub fn limit(given: Option<usize>) -> Result<usize, Problem> {
    let limit = given.unwrap_or(PAGE);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("`limit` is {limit}; it can be 1 to {PAGE_MAX} entries a page.");
    Err(unusable("limit", &detail))
}

/// 400 for a parameter's value.
pub fn unusable(name: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail).field(name)
}

/// Parses a query string.
///
/// # Errors
/// 400 `invalid_query`, naming the parameter where it is an unknown one.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    web::Query::<T>::from_query(query)
        .map(web::Query::into_inner)
        .map_err(|error| {
            let why = error.to_string();
            let why = why.trim_start_matches("Query deserialize error: ");
            let detail = format!("A query parameter cannot be used: {why}.");
            let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail);
            match quoted(why).filter(|_| why.starts_with("unknown field")) {
                Some(name) => problem.field(name),
                None => problem,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_the_call_does_not_know_is_refused_by_name() {
        let problem = parse::<WriteQuery>("dryrun=true").unwrap_err();
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (400, "invalid_query")
        );
        assert_eq!(problem.field.as_deref(), Some("dryrun"));
        assert!(parse::<NoParameters>("x=1").is_err());
    }

    #[test]
    fn a_parameter_of_the_wrong_type_is_refused() {
        assert!(parse::<WriteQuery>("dry_run=maybe").is_err());
        assert!(parse::<ListQuery>("limit=many").is_err());
        assert!(parse::<WriteQuery>("dry_run=true").unwrap().dry_run);
    }
}
