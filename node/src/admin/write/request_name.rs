//! `Idempotency-Key`: a change that may be sent again without being made twice.
//!
//! The name travels with the versions it wrote, so a retry may go to any node. Source: the field's draft
//! `draft-ietf-httpapi-idempotency-key-header`; the key may stand in double quotes, as there, or without.

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use sha2::{Digest, Sha256};

use super::super::body;
use super::super::problem::Problem;

/// The request header that names a change.
pub const HEADER: &str = "idempotency-key";

/// Says on an answer that the request had been made before, and was not made again.
pub const REPLAYED: &str = "idempotency-replayed";

/// Characters of a key.
const KEY_CHARS: usize = 100;

/// What the versions of a named request carry: `key#<16 hex of its digest>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestName(pub String);

/// Works out the name of a request that carries an `Idempotency-Key`, from the key and everything that is
/// asked for: method, path, query but for `ack`, and body.
///
/// # Errors
/// 400 `invalid_idempotency_key`; 413 and 408 as for every body.
pub async fn name_request(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if let Some(key) = request.headers().get(HEADER).filter(|_| !reads).cloned() {
        let key = key_of(key.as_bytes()).ok_or_else(wrong_key)?;
        let told = body::told_length(request.headers());
        let payload = request.take_payload();
        let body = body::read(payload, told, body::DOCUMENT_BYTES, body::DOCUMENT_TIMEOUT).await?;
        let mut digest = Sha256::new();
        for part in [
            request.method().as_str().as_bytes(),
            request.path().as_bytes(),
            meaning(request.query_string()).as_bytes(),
            &body,
        ] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = hex::encode(&digest.finalize()[..8]);
        request
            .extensions_mut()
            .insert(RequestName(format!("{key}#{digest}")));
        request.set_payload(Payload::from(body.freeze()));
    }
    next.call(request).await
}

/// The key without its quotes.
fn key_of(value: &[u8]) -> Option<&str> {
    let key = std::str::from_utf8(value).ok()?.trim();
    let bare = key
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let key = bare.unwrap_or(key);
    let legal = |byte: u8| byte.is_ascii_graphic();
    ((1..=KEY_CHARS).contains(&key.len()) && key.bytes().all(legal)).then_some(key)
}

/// The query without what only says how long to wait.
fn meaning(query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| pair.split('=').next() != Some("ack"))
        .collect();
    kept.join("&")
}

fn wrong_key() -> Problem {
    let detail = format!(
        "`Idempotency-Key` cannot be used: send 1 to {KEY_CHARS} visible ASCII characters, such as a UUID, and \
         another for every change."
    );
    Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail)
        .field("Idempotency-Key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_with_its_quotes_and_without() {
        assert_eq!(key_of(b"8e03978e-40d5"), Some("8e03978e-40d5"));
        assert_eq!(key_of(b" \"8e03978e-40d5\""), Some("8e03978e-40d5"));
    }

    #[test]
    fn a_key_that_is_empty_too_long_or_not_visible_is_none() {
        let long = "k".repeat(KEY_CHARS + 1);
        for key in ["", "\"\"", "a b", "caf\u{e9}", &long] {
            assert_eq!(key_of(key.as_bytes()), None, "{key}");
        }
    }

    #[test]
    fn waiting_for_other_nodes_longer_asks_for_the_same_change() {
        assert_eq!(meaning("prune=true&ack=all"), "prune=true");
        assert_eq!(meaning("ack=all"), meaning(""));
        assert_ne!(meaning("prune=true"), meaning(""));
    }
}
