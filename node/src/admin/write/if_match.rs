//! `If-Match`: a change that is only made where its object is still as its author saw it.

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use weir_config::digest::Buckets;
use weir_config::{Catalog, ObjectKey, Refusal};

use super::super::problem::Problem;

/// The code of a write based on a version that is no longer the newest.
pub const STALE: &str = "version_mismatch";

/// `If-Match` (RFC 9110, 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: the object must exist.
    Any,
    /// One of these entity tags, quotes taken off. Weak ones never match and are left out.
    One(Vec<String>),
}

// === impl IfMatch ===

impl IfMatch {
    /// # Errors
    /// 400 `invalid_if_match` for what is no entity tag.
    pub fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
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

    /// # Errors
    /// 412 `version_mismatch` where the object is another version than those named.
    pub fn check(&self, catalog: &Catalog, key: &ObjectKey) -> Result<(), Refusal> {
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

    /// As [`IfMatch::check`], of the configuration as a whole: its version is its digest.
    ///
    /// # Errors
    /// 412 `version_mismatch` where the configuration has changed.
    pub fn check_all(&self, catalog: &Catalog) -> Result<(), Refusal> {
        let digest = Buckets::of(catalog).root();
        let holds = match self {
            IfMatch::Any => true,
            IfMatch::One(tags) => tags.contains(&digest),
        };
        if holds {
            return Ok(());
        }
        let detail = format!(
            "The configuration has changed since you looked: its digest is `{digest}` now, and `If-Match` names \
             another. Nothing was changed. Look at the plan again (`?dry_run=true`), and send its ETag."
        );
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
