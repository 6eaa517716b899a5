//! What was received, as JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::stats::Call;

/// A body up to this size, bytes, is shown when it is text; a larger one is counted and hashed only.
pub const SHOWN_BODY_BYTES: usize = 64 * 1024;

/// A request's body after all of it has been read.
pub struct Received {
    bytes: u64,
    sha256: String,
    text: Option<String>,
    trailers: Option<HeaderMap>,
}

/// Reads the whole body, keeping no more than [`SHOWN_BODY_BYTES`] of it.
///
/// # Errors
/// The client broke off.
pub async fn receive(mut body: Incoming, call: &Call) -> Result<Received, hyper::Error> {
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut kept = Vec::new();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                call.received(data.len());
                bytes += data.len() as u64;
                hash.update(&data);
                keep(&mut kept, &data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let complete = kept.len() as u64 == bytes;
    Ok(Received {
        bytes,
        sha256: hex::encode(hash.finalize()),
        text: complete.then(|| String::from_utf8(kept).ok()).flatten(),
        trailers,
    })
}

fn keep(kept: &mut Vec<u8>, data: &Bytes) {
    if kept.len() + data.len() <= SHOWN_BODY_BYTES {
        kept.extend_from_slice(data);
    }
}

/// Head and body as one document.
pub fn document(head: &Parts, remote: SocketAddr, received: &Received) -> Value {
    let mut document = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "http_version": version(head.version),
        "authority": head.uri.authority().map(|a| a.as_str()),
        "headers": headers(&head.headers),
        "body_bytes": received.bytes,
        "body_sha256": received.sha256,
        "remote_addr": remote.to_string(),
    });
    if let Some(text) = &received.text {
        document["body"] = json!(text);
    }
    if let Some(trailers) = &received.trailers {
        document["trailers"] = headers(trailers);
    }
    document
}

/// Counts alone: `/upload`.
pub fn counts(received: &Received) -> Value {
    json!({ "body_bytes": received.bytes, "body_sha256": received.sha256 })
}

/// Each name with all its values, in the order they came.
fn headers(map: &HeaderMap) -> Value {
    let mut shown: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (name, value) in map {
        let value = String::from_utf8_lossy(value.as_bytes());
        shown.entry(name.as_str()).or_default().push(json!(value));
    }
    let shown: Map<String, Value> = shown
        .into_iter()
        .map(|(name, values)| (name.to_owned(), json!(values)))
        .collect();
    Value::Object(shown)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}
