//! The envelope: a whole answer as one JSON document (`CONTRACT.md` 1.3).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::forward::{Answered, CallError, Flow};
use crate::link::way::STATUS_LINE_BYTES;
use crate::link::{LinkBody, headers};

/// Reads the whole answer, up to `limit_bytes`, and wraps it.
pub async fn wrap(
    call_id: Uuid,
    answered: Answered,
    flow: Arc<Flow>,
    limit_bytes: usize,
    head: impl Fn(&HeaderMap) -> HeaderMap,
) -> Result<Response<LinkBody>, CallError> {
    let (origin, download) = answered.into_download(flow.clone());
    // The client gets the envelope, and pays for that.
    let download = download.uncharged();
    let too_large = CallError::EnvelopeTooLarge { limit_bytes };
    if http_body::Body::size_hint(&download).lower() > limit_bytes as u64 {
        return Err(too_large);
    }
    let body = match Limited::new(download, limit_bytes).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            return Err(match error.downcast::<CallError>() {
                Ok(error) => *error,
                Err(error) if error.is::<LengthLimitError>() => too_large,
                Err(_) => CallError::Internal("the answer could not be read"),
            });
        }
    };
    let document = document(call_id, origin.status.as_u16(), &origin.headers, &body);
    let document_bytes = document.len() as u64;
    let mut response = Response::new(LinkBody::whole(document));
    // The envelope's own head: what describes the origin's body is inside.
    *response.headers_mut() = head(&HeaderMap::new());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let head_bytes = STATUS_LINE_BYTES + headers::head_bytes_of(response.headers());
    flow.count_response(head_bytes + document_bytes);
    Ok(response)
}

/// How `data` carries a body.
enum Data<'a> {
    /// JSON, put in as it came.
    Json(&'a str),
    Text(&'a str),
    Base64,
}

fn document(call_id: Uuid, status: u16, origin: &HeaderMap, body: &Bytes) -> Vec<u8> {
    let headers = headers::from_origin(origin);
    let mut document = Vec::with_capacity(body.len() + 1_024);
    document.extend_from_slice(b"{\"errMsg\":\"gateway.call:ok\",\"callID\":\"");
    document.extend_from_slice(call_id.to_string().as_bytes());
    document.extend_from_slice(format!("\",\"statusCode\":{status},\"header\":").as_bytes());
    // Writing JSON into memory cannot fail.
    let _ = serde_json::to_writer(&mut document, &header_object(&headers));
    document.extend_from_slice(b",\"cookies\":");
    let _ = serde_json::to_writer(&mut document, &cookies(&headers));
    document.extend_from_slice(b",\"data\":");
    match data(&headers, body) {
        Data::Json(json) => document.extend_from_slice(json.as_bytes()),
        Data::Text(text) => _ = serde_json::to_writer(&mut document, text),
        Data::Base64 => {
            let _ = serde_json::to_writer(&mut document, &STANDARD.encode(body));
            document.extend_from_slice(b",\"dataType\":\"arraybuffer\"");
        }
    }
    document.push(b'}');
    document
}

/// Names in lower case; repeated headers are joined as RFC 9110 section 5.3 has it, cookies are apart.
fn header_object(headers: &HeaderMap) -> Map<String, Value> {
    let mut object = Map::new();
    let named = headers
        .keys()
        .filter(|&name| *name != SET_COOKIE && *name != CONTENT_LENGTH);
    for name in named {
        let lines: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|line| String::from_utf8_lossy(line.as_bytes()))
            .collect();
        object.insert(name.to_string(), Value::String(lines.join(", ")));
    }
    object
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(SET_COOKIE).iter();
    lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect()
}

fn data<'a>(headers: &HeaderMap, body: &'a [u8]) -> Data<'a> {
    let identity = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get(CONTENT_ENCODING).is_none_or(identity) {
        return Data::Base64;
    }
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let Ok(text) = std::str::from_utf8(body) else {
        return Data::Base64;
    };
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    if is_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Data::Json(text);
    }
    let textual = is_json
        || media_type.is_empty()
        || media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || matches!(
            &*media_type,
            "application/xml" | "application/javascript" | "application/x-www-form-urlencoded"
        );
    if textual {
        Data::Text(text)
    } else {
        Data::Base64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(lines: &[(&'static str, &'static str)], body: &'static [u8]) -> Value {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        serde_json::from_slice(&document(
            Uuid::nil(),
            201,
            &headers,
            &Bytes::from_static(body),
        ))
        .unwrap()
    }

    #[test]
    fn json_is_put_in_as_json_with_its_numbers_as_they_were() {
        let lines = [("content-type", "application/json; charset=utf-8")];
        let document = wrapped(&lines, b" {\"n\":1.10} ");
        assert_eq!(document["errMsg"], "gateway.call:ok");
        assert_eq!(document["statusCode"], 201);
        assert_eq!(document["data"]["n"], 1.1);
    }

    #[test]
    fn text_is_a_string_and_broken_json_is_text() {
        assert_eq!(
            wrapped(&[("content-type", "text/html")], "<b>水</b>".as_bytes())["data"],
            "<b>水</b>"
        );
        assert_eq!(
            wrapped(&[("content-type", "application/json")], b"{oops")["data"],
            "{oops"
        );
        assert_eq!(wrapped(&[], b"")["data"], "");
    }

    #[test]
    fn anything_else_is_base64_and_says_so() {
        for (name, value) in [("content-type", "image/png"), ("content-encoding", "gzip")] {
            let document = wrapped(&[(name, value)], b"\x01\x02");
            assert_eq!(
                (&document["data"], &document["dataType"]),
                (&"AQI=".into(), &"arraybuffer".into())
            );
        }
        assert_eq!(
            wrapped(&[("content-type", "text/plain")], b"\xff")["dataType"],
            "arraybuffer"
        );
    }

    #[test]
    fn cookies_are_apart_and_repeated_headers_are_joined() {
        let document = wrapped(
            &[
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("vary", "x"),
                ("vary", "y"),
            ],
            b"",
        );
        assert_eq!(document["cookies"], serde_json::json!(["a=1", "b=2"]));
        assert_eq!(document["header"], serde_json::json!({"vary": "x, y"}));
    }
}
