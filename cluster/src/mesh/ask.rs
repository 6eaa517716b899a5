//! Questions that nodes ask each other by name, `GET /mesh/v1/ask/{what}?{query}`: what one node alone knows
//! (the use of its packages, its records) and another is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use futures_util::future::LocalBoxFuture;
use parking_lot::RwLock;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Time for a question and its whole answer, on the side that asks; the side that answers gives up as soon.
pub const ASK_DEADLINE: Duration = Duration::from_millis(1_500);
/// The largest answer, bytes.
pub const ASK_ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// The longest query, bytes.
pub const ASK_QUERY_MAX_BYTES: usize = 4 * 1024;
/// Questions that are answered at once; beyond, whoever asks is refused and may ask again.
const ASKED_AT_ONCE: usize = 64;

/// JSON, or `None` where this node has nothing to say of what the query is about.
pub type AskAnswer = LocalBoxFuture<'static, Option<Vec<u8>>>;

/// Answers one question. Closures from a query to an answer are ports.
pub trait AskPort: Send + Sync + 'static {
    /// `query` is what follows the `?`, as it was asked; it comes from another node, so it is to be checked.
    fn ask(&self, query: &str) -> AskAnswer;
}

/// What this node answers, by the questions' names.
pub(super) struct Asks {
    ports: RwLock<BTreeMap<&'static str, Arc<dyn AskPort>>>,
    places: Semaphore,
}

/// Why a question has no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("this node knows no question `{0}`: it may run another version of Weir")]
    Unknown(String),
    #[error("the query is longer than {ASK_QUERY_MAX_BYTES} bytes")]
    TooLongAQuery,
    #[error("this node answers {ASKED_AT_ONCE} questions already; ask again")]
    Busy,
    #[error("the answer was not ready within {} ms", ASK_DEADLINE.as_millis())]
    TooLate,
    #[error("the answer would be larger than {ASK_ANSWER_MAX_BYTES} bytes; ask for less")]
    TooLarge,
}

impl<F: Fn(&str) -> AskAnswer + Send + Sync + 'static> AskPort for F {
    fn ask(&self, query: &str) -> AskAnswer {
        self(query)
    }
}

// === impl Asks ===

impl Asks {
    /// Answers `what` from now on; in place of what answered it before.
    pub fn answer(&self, what: &'static str, port: Arc<dyn AskPort>) {
        self.ports.write().insert(what, port);
    }

    pub async fn ask(&self, what: &str, query: &str) -> Result<Option<Vec<u8>>, NoAnswer> {
        if query.len() > ASK_QUERY_MAX_BYTES {
            return Err(NoAnswer::TooLongAQuery);
        }
        let port = self.ports.read().get(what).cloned();
        let port = port.ok_or_else(|| NoAnswer::Unknown(what.chars().take(64).collect()))?;
        let _place = self.places.try_acquire().map_err(|_| NoAnswer::Busy)?;
        match timeout(ASK_DEADLINE, port.ask(query)).await {
            Err(_) => Err(NoAnswer::TooLate),
            Ok(Some(answer)) if answer.len() > ASK_ANSWER_MAX_BYTES => Err(NoAnswer::TooLarge),
            Ok(answer) => Ok(answer),
        }
    }
}

impl Default for Asks {
    fn default() -> Self {
        Asks {
            ports: RwLock::default(),
            places: Semaphore::new(ASKED_AT_ONCE),
        }
    }
}

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ports.read().keys()).finish()
    }
}

// === impl NoAnswer ===

impl NoAnswer {
    pub fn response(&self) -> HttpResponse {
        let mut response = match self {
            NoAnswer::Unknown(_) => HttpResponse::NotFound(),
            NoAnswer::TooLongAQuery => HttpResponse::UriTooLong(),
            NoAnswer::Busy | NoAnswer::TooLate => HttpResponse::ServiceUnavailable(),
            NoAnswer::TooLarge => HttpResponse::InternalServerError(),
        };
        response.body(format!("{self}\n"))
    }
}
