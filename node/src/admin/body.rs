//! Reading a request body: JSON of a known shape, limited in size and time, errors that say where.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use actix_web::http::{StatusCode, header};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The largest body of the admin API, bytes.
pub const BODY_BYTES: usize = 1024 * 1024;

/// Time for a whole body to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest document of a whole configuration, bytes: 10,000 businesses are some 10 MiB.
pub const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

/// Time for a whole document to arrive.
pub const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// A JSON body of the shape `T`; `application/json`, or `application/merge-patch+json` for PATCH.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_content_type(request);
        let (payload, told) = (payload.take(), told_length(request.headers()));
        Box::pin(async move {
            checked?;
            let body = read(payload, told, BODY_BYTES, BODY_TIMEOUT).await?;
            parse(&body).map(Json)
        })
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), Problem> {
    let media = media_type(request);
    match media.as_str() {
        "application/json" => Ok(()),
        "application/merge-patch+json" if request.method() == "PATCH" => Ok(()),
        _ => Err(unsupported(
            &media,
            "Send JSON with the header `content-type: application/json`.",
        )),
    }
}

/// The media type of a body, without its parameters, in lower case; empty where none is told.
pub fn media_type(request: &HttpRequest) -> String {
    let sent = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = sent.and_then(|sent| sent.split(';').next());
    media.unwrap_or("").trim().to_ascii_lowercase()
}

/// 415 for a body of another kind than those that the call takes.
pub fn unsupported(media: &str, what_to_send: &str) -> Problem {
    let was = if media.is_empty() {
        "carries no content type".to_owned()
    } else {
        format!("is `{}`", media.chars().take(80).collect::<String>())
    };
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("The body {was}. {what_to_send}"),
    )
}

/// How long a request says its body is, bytes.
pub fn told_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `limit` bytes within `time`; one that is `told` to be longer is not begun.
///
/// # Errors
/// 413 `body_too_large`, 408 `body_timeout`, 400 `body_unreadable`.
pub async fn read(
    mut payload: Payload,
    told: Option<u64>,
    limit: usize,
    time: Duration,
) -> Result<BytesMut, Problem> {
    if told.is_some_and(|told| told > limit as u64) {
        return Err(too_large(limit));
    }
    let reading = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| unread(&error.into(), limit))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let read = tokio::time::timeout(time, reading).await;
    read.unwrap_or_else(|_| Err(too_slow(time)))
}

/// 408 for a body that did not arrive in time.
fn too_slow(limit: Duration) -> Problem {
    let seconds = limit.as_secs();
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        format!("The body did not arrive within {seconds} s. Nothing was changed; send it again."),
    )
}

/// 413 for a body larger than `limit` bytes.
fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("The body is larger than {limit} bytes, the most this call takes. Split it."),
    )
}

/// Why a body was not read to its end.
fn unread(error: &actix_web::Error, limit: usize) -> Problem {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => too_large(limit),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "body_unreadable",
            format!(
                "The body could not be read to its end: {error}. Nothing was changed; send it again."
            ),
        ),
    }
}

/// Parses a body. Wrong JSON is 400 with line and column; JSON of the wrong shape is 422 with the field.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "wrong_json",
            "The body is empty. Send a JSON object; `{}` where nothing needs to be said.",
        ));
    }
    serde_json::from_slice(body).map_err(|error| misfit(&error))
}

fn misfit(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    let place = format!("line {}, column {}", error.line(), error.column());
    if !error.is_data() {
        return Problem::new(
            StatusCode::BAD_REQUEST,
            "wrong_json",
            format!("The body is not JSON: {what}, at {place}."),
        );
    }
    let named = quoted(what).map(str::to_owned);
    let (code, detail, field) = if what.starts_with("missing field") {
        let name = named.unwrap_or_default();
        let detail =
            format!("The field `{name}` is missing from the object that ends at {place}. Add it.");
        ("missing_field", detail, Some(name))
    } else if what.starts_with("unknown field") {
        let known = what
            .split_once(", ")
            .map_or("no field is known here", |(_, rest)| rest);
        let name = named.unwrap_or_default();
        let detail =
            format!("The field `{name}` at {place} is not known: {known}. Check its spelling.");
        ("unknown_field", detail, Some(name))
    } else {
        (
            "invalid",
            format!("The body does not fit at {place}: {what}."),
            None,
        )
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    match field {
        Some(field) => problem.field(field),
        None => problem,
    }
}

/// The first text between backquotes, which is how serde names a field.
pub fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Sample {
        space: String,
        #[serde(default)]
        qps: u64,
    }

    fn refused(body: &str) -> Problem {
        parse::<Sample>(body.as_bytes()).unwrap_err()
    }

    #[test]
    fn wrong_json_is_told_with_line_and_column() {
        let problem = refused("{\n  \"space\": \"a\",,\n}");
        assert_eq!((problem.status, problem.code.as_str()), (400, "wrong_json"));
        assert!(
            problem.detail.contains("line 2, column 16"),
            "{}",
            problem.detail
        );
    }

    #[test]
    fn an_empty_body_is_called_empty() {
        assert!(refused(" \n").detail.contains("empty"));
    }

    #[test]
    fn a_missing_field_is_named() {
        let problem = refused("{}");
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (422, "missing_field")
        );
        assert_eq!(problem.field.as_deref(), Some("space"));
    }

    #[test]
    fn an_unknown_field_is_named_together_with_the_known_ones() {
        let problem = refused(r#"{"space":"a","qqs":1}"#);
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (422, "unknown_field")
        );
        assert_eq!(problem.field.as_deref(), Some("qqs"));
        assert!(problem.detail.contains("`qps`"), "{}", problem.detail);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_with_its_place() {
        let problem = refused(r#"{"space":1}"#);
        assert_eq!((problem.status, problem.code.as_str()), (422, "invalid"));
        assert!(problem.detail.contains("column"), "{}", problem.detail);
    }
}
