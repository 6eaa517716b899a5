//! Who asks: the bearer token of a request, and the name its changes are signed by.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, web};
use sha2::{Digest, Sha256};
use weir_config::Catalog;

use super::AdminState;
use super::problem::Problem;

/// The name of the token a request came with; the author of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author(pub String);

/// Failed attempts are logged at most this often; the ones between are counted.
const LOG_EVERY_MS: u64 = 5_000;

/// No token is longer, bytes; a longer one is not even hashed.
const TOKEN_BYTES: usize = 512;

/// Counts failed attempts, so that guessing shows in the log without filling it.
#[derive(Debug)]
pub struct FailedAttempts {
    since: Instant,
    /// Milliseconds after `since` before which nothing is logged.
    quiet_until_ms: AtomicU64,
    unlogged: AtomicU64,
    total: AtomicU64,
}

/// Lets a request through that carries a known token, and notes its author.
///
/// # Errors
/// 401 `unauthorized`, which says where the token is found.
pub async fn require_token(
    state: web::Data<AdminState>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|value| bearer(value.as_bytes()));
    let detail = match sent {
        None => "The request carries no token.",
        Some(None) => "The `authorization` header is not `Bearer <token>`.",
        Some(Some(token)) => match author(&state.config.catalog().catalog, token) {
            Some(author) => {
                request.extensions_mut().insert(author);
                return next.call(request).await;
            }
            None => "The token is not one of this cluster's.",
        },
    };
    let failed = state.failed_attempts.count();
    if let Some(attempts) = failed {
        let peer = request.peer_addr().map(|addr| addr.ip());
        tracing::warn!(?peer, attempts, "admin API: refused without a valid token");
    }
    let detail = format!(
        "{detail} Send `authorization: Bearer <token>` (the CLI: --token or WEIR_TOKEN); the first token is in \
         the file `admin-token` in the data directory (`node.data_dir`) of the cluster's first node."
    );
    Err(
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .at(request.path())
            .into(),
    )
}

/// The token of `Bearer <token>`, the scheme in any case (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// The name of a token. Looks at every token of the cluster and at every byte of each, so that the time
/// taken tells nothing.
pub fn author(catalog: &Catalog, token: &[u8]) -> Option<Author> {
    if token.len() > TOKEN_BYTES {
        return None;
    }
    let digest = hex::encode(Sha256::digest(token));
    let mut found = None;
    for known in catalog.tokens() {
        if same(known.sha256.as_bytes(), digest.as_bytes()) {
            found = Some(Author(known.id.clone()));
        }
    }
    found
}

fn same(left: &[u8], right: &[u8]) -> bool {
    let differing = left
        .iter()
        .zip(right)
        .fold(0, |seen, (l, r)| seen | (l ^ r));
    left.len() == right.len() && std::hint::black_box(differing) == 0
}

// === impl Author ===

impl FromRequest for Author {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let author = request.extensions().get::<Author>().cloned();
        ready(author.ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "This call needs a token.",
            )
        }))
    }
}

// === impl FailedAttempts ===

impl Default for FailedAttempts {
    fn default() -> Self {
        FailedAttempts {
            since: Instant::now(),
            quiet_until_ms: AtomicU64::new(0),
            unlogged: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }
    }
}

impl FailedAttempts {
    /// Counts one; `Some` with how many there were since the last line when it is time for a line.
    fn count(&self) -> Option<u64> {
        let elapsed = self.since.elapsed().as_millis();
        self.count_at(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    fn count_at(&self, now_ms: u64) -> Option<u64> {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.unlogged.fetch_add(1, Ordering::Relaxed);
        let quiet_until_ms = self.quiet_until_ms.load(Ordering::Relaxed);
        if now_ms < quiet_until_ms {
            return None;
        }
        self.quiet_until_ms
            .compare_exchange(
                quiet_until_ms,
                now_ms.saturating_add(LOG_EVERY_MS),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .ok()
            .map(|_| self.unlogged.swap(0, Ordering::Relaxed))
    }

    /// Attempts refused since the node started.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::object::{Object, Token};
    use weir_config::{Hlc, Record};

    fn catalog() -> Catalog {
        let mut clock = Hlc::new("n".parse().unwrap());
        let mut catalog = Catalog::default();
        for (id, token) in [("ci", "one"), ("ops", "two")] {
            let object = Object::Token(Token {
                id: id.to_owned(),
                sha256: hex::encode(Sha256::digest(token)),
                created_at_ms: 0,
            });
            catalog.merge(Record {
                key: object.key(),
                stamp: clock.tick(1),
                based_on: None,
                author: "system".to_owned(),
                request: None,
                object: Some(object),
            });
        }
        catalog
    }

    #[test]
    fn a_change_is_signed_by_the_name_of_its_token() {
        assert_eq!(author(&catalog(), b"two"), Some(Author("ops".to_owned())));
        assert_eq!(author(&catalog(), b"three"), None);
        assert_eq!(author(&catalog(), b""), None);
    }

    #[test]
    fn only_a_bearer_token_is_taken() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        for wrong in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(bearer(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn guessing_is_logged_once_in_a_while_with_how_often_it_was_tried() {
        let failed = FailedAttempts::default();
        assert_eq!(failed.count_at(10), Some(1));
        assert_eq!(failed.count_at(11), None);
        assert_eq!(failed.count_at(12), None);
        assert_eq!(failed.count_at(11 + LOG_EVERY_MS), Some(3));
        assert_eq!(failed.total(), 4);
    }
}
