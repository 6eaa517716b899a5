//! Which answer a path gets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE, TRAILER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::body::{self, AnyBody, Counted, Pattern};
use super::stats::Stats;
use super::{echo, web_socket};

/// Most bytes of `/bytes/N` and `/cut/N`: 64 GiB.
const MAX_BYTES: u64 = 64 << 30;
/// Longest wait of `/delay/MS` and between two events of `/stream/N/MS`: ten minutes.
const MAX_DELAY_MS: u64 = 600_000;
/// Most events of `/stream/N/MS`.
const MAX_EVENTS: u64 = 1_000_000;

/// Both ends of the connection a request came on.
#[derive(Clone, Copy)]
pub struct Peer {
    pub remote: SocketAddr,
    pub local: SocketAddr,
}

/// A request the origin cannot make sense of: 400 with this sentence.
struct Unclear(String);

/// # Errors
/// The client broke off while its body was read.
pub async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    stats: Arc<Stats>,
) -> Result<Response<AnyBody>, io::Error> {
    let path = request.uri().path().to_owned();
    if path == "/__origin/stats" {
        return Ok(json_response(StatusCode::OK, &stats.to_json()));
    }
    let mut call = stats.begin();
    if request.method() == Method::HEAD {
        // No body follows, whatever its length says.
        call.complete();
    }
    if path == "/ws" {
        return Ok(web_socket::accept(request, call).unwrap_or_else(|| {
            unclear(&Unclear(
                "/ws expects a WebSocket handshake: `Upgrade: websocket` and a key".to_owned(),
            ))
        }));
    }
    let (head, body) = request.into_parts();
    let words: Vec<&str> = path.split('/').skip(1).collect();
    let mut response = match words.as_slice() {
        ["bytes", n] => on_number(n, "N", MAX_BYTES, |n| {
            octets(Pattern::new(n, !chunked(&head)).boxed_unsync())
        }),
        ["cut", n] => on_number(n, "N", MAX_BYTES / 2, |n| {
            let mut response = octets(body::cut(n));
            if !chunked(&head) {
                response
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from(2 * n.max(1)));
            }
            response
        }),
        ["stream", n, ms] => number(n, "N", MAX_EVENTS)
            .and_then(|n| Ok((n, number(ms, "MS", MAX_DELAY_MS)?)))
            .map_or_else(
                |e| unclear(&e),
                |(n, ms)| event_stream(n, Duration::from_millis(ms)),
            ),
        ["early"] => json_response(StatusCode::OK, &json!({ "early": true })),
        ["upload"] => {
            let received = echo::receive(body, &call).await.map_err(io::Error::other)?;
            json_response(StatusCode::OK, &echo::counts(&received))
        }
        _ => {
            let received = echo::receive(body, &call).await.map_err(io::Error::other)?;
            let mut document = echo::document(&head, peer.remote, &received);
            document["origin_addr"] = json!(peer.local.to_string());
            on_echo(&words, &document).await
        }
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response.map(|body| Counted::new(body, call).boxed_unsync()))
}

/// The answers that are the echo, with something about it.
async fn on_echo(words: &[&str], document: &Value) -> Response<AnyBody> {
    match words {
        ["delay", ms] => match number(ms, "MS", MAX_DELAY_MS) {
            Ok(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                json_response(StatusCode::OK, document)
            }
            Err(error) => unclear(&error),
        },
        ["status", n] => match number(n, "N", 599) {
            Ok(n) if n >= 200 => {
                let status = u16::try_from(n)
                    .ok()
                    .and_then(|n| StatusCode::from_u16(n).ok());
                json_response(status.unwrap_or(StatusCode::OK), document)
            }
            Ok(_) => unclear(&Unclear("the status N is between 200 and 599".to_owned())),
            Err(error) => unclear(&error),
        },
        ["trailers"] => trailers(document),
        ["cookies"] => {
            let mut response = json_response(StatusCode::OK, document);
            for cookie in ["first=1; Path=/", "second=2; HttpOnly"] {
                response
                    .headers_mut()
                    .append(SET_COOKIE, HeaderValue::from_static(cookie));
            }
            response
        }
        _ => json_response(StatusCode::OK, document),
    }
}

fn octets(body: AnyBody) -> Response<AnyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    response
}

fn event_stream(count: u64, every: Duration) -> Response<AnyBody> {
    let mut response = Response::new(body::events(count, every));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn trailers(document: &Value) -> Response<AnyBody> {
    const NAME: HeaderName = HeaderName::from_static("x-origin-trailer");
    let mut after = HeaderMap::new();
    after.insert(NAME, HeaderValue::from_static("after-the-body"));
    let bytes = Bytes::from(document.to_string());
    let mut response = Response::new(body::with_trailers(bytes, after));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
        .headers_mut()
        .insert(TRAILER, HeaderValue::from_name(NAME));
    response
}

fn json_response(status: StatusCode, document: &Value) -> Response<AnyBody> {
    let empty = matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    let text = if empty {
        String::new()
    } else {
        document.to_string()
    };
    let mut response = Response::new(body::whole(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn unclear(error: &Unclear) -> Response<AnyBody> {
    json_response(StatusCode::BAD_REQUEST, &json!({ "error": error.0 }))
}

fn on_number(
    text: &str,
    name: &str,
    max: u64,
    make: impl FnOnce(u64) -> Response<AnyBody>,
) -> Response<AnyBody> {
    number(text, name, max).map_or_else(|error| unclear(&error), make)
}

fn number(text: &str, name: &str, max: u64) -> Result<u64, Unclear> {
    match text.parse::<u64>() {
        Ok(n) if n <= max => Ok(n),
        _ => Err(Unclear(format!(
            "{name} is a whole number from 0 to {max}, not `{text}`"
        ))),
    }
}

fn chunked(head: &Parts) -> bool {
    head.uri.query() == Some("chunked")
}
