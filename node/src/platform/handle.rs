use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::actor::{PlatformActor, Question};
use super::{Front, PlatformError, Providers};
use crate::supervise::Supervised;

/// Questions under way at once; more are refused.
const QUESTIONS: usize = 64;
/// Time for a question, retries and renewed tokens included; the command line waits longer.
const DEADLINE: Duration = Duration::from_secs(25);

/// Asks the platforms from any thread.
#[derive(Clone)]
pub struct PlatformHandle {
    actor: Supervised<PlatformActor>,
    questions: Arc<Semaphore>,
    /// Absent where the node speaks to no platform but the local one.
    pub front: Option<Front>,
}

// === impl PlatformHandle ===

impl PlatformHandle {
    pub fn new(actor: Supervised<PlatformActor>, front: Option<Front>) -> Self {
        PlatformHandle {
            actor,
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            front,
        }
    }

    /// # Errors
    /// `platform_not_configured`.
    pub fn front(&self) -> Result<&Front, PlatformError> {
        self.front
            .as_ref()
            .ok_or_else(PlatformError::not_configured)
    }

    /// Puts a question to the platforms, on their own thread.
    ///
    /// # Errors
    /// The answer's; `platform_busy` where too much is asked, `platform_timeout`.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Rc<Providers>) -> LocalBoxFuture<'static, Result<T, PlatformError>>
        + Send
        + 'static,
    ) -> Result<T, PlatformError> {
        let Ok(permit) = self.questions.clone().try_acquire_owned() else {
            return Err(PlatformError::busy());
        };
        let (answer, answered) = oneshot::channel();
        let question = Question(Box::new(move |providers| {
            Box::pin(async move {
                // Nobody waiting any more needs no answer.
                let _ = answer.send(question(providers).await);
                drop(permit);
            })
        }));
        let asked = async {
            self.actor
                .ask(question)
                .await
                .map_err(|_| PlatformError::busy())?;
            answered
                .await
                .unwrap_or_else(|_| Err(PlatformError::busy()))
        };
        timeout(DEADLINE, asked)
            .await
            .unwrap_or_else(|_| Err(slow()))
    }
}

impl fmt::Debug for PlatformHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformHandle")
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}

fn slow() -> PlatformError {
    PlatformError::new(
        504,
        "platform_timeout",
        "The platform did not answer in time. Nothing was changed; try again shortly.",
    )
}
