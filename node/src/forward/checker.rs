//! OriginActor: asks the addresses of origins how they are, once a node for all its cores.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context};
use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request};
use http_body_util::Empty;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use weir_config::object::HealthCheck;

use crate::forward::address::to_uri;
use crate::forward::configured::ConfiguredOrigin;
use crate::forward::origin::{Common, OriginSlot};
use crate::routing::SharedRouting;

/// How often the table is looked at for origins that came or went.
const LOOK: Duration = Duration::from_millis(500);
/// Checks under way at once; more wait for their turn.
const AT_ONCE: usize = 32;
/// Addresses checked by one node; beyond that the rest count as healthy.
pub const MAX_CHECKED: usize = 2_000;
const USER: HeaderValue = HeaderValue::from_static("weir-health-check");

/// Runs the health checks of a node. What it finds is in the states that calls read: with it gone, they stay as they
/// were, and started again it goes on from the routing table.
pub struct OriginActor {
    routing: SharedRouting,
    tls: Arc<ClientConfig>,
    /// By the address of the state, which the entry keeps from being used again.
    checks: HashMap<usize, Checks>,
    turns: Arc<Semaphore>,
    checked: usize,
    told_of_limit: bool,
}

/// The checks of one origin, an endless task for each address.
struct Checks {
    origin: Arc<ConfiguredOrigin>,
    tasks: Vec<JoinHandle<()>>,
}

// === impl OriginActor ===

impl OriginActor {
    /// `tls`: how certificates are checked where an origin has no authorities of its own.
    pub fn new(routing: SharedRouting, tls: ClientConfig) -> Self {
        OriginActor {
            routing,
            tls: Arc::new(tls),
            checks: HashMap::new(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            checked: 0,
            told_of_limit: false,
        }
    }

    fn look(&mut self) {
        self.checks.retain(|_, checks| !checks.origin.is_retired());
        self.checked = self.checks.values().map(|checks| checks.tasks.len()).sum();
        let table = self.routing.load_full();
        for origin in table.origins.iter() {
            let key = Arc::as_ptr(origin) as usize;
            let Some(check) = &origin.settings.health else {
                continue;
            };
            if origin.is_retired() || self.checks.contains_key(&key) {
                continue;
            }
            if self.checked + origin.addresses.len() > MAX_CHECKED {
                self.tell_of_limit();
                return;
            }
            let tasks = self.begin(origin, check);
            self.checked += tasks.len();
            let origin = origin.clone();
            self.checks.insert(key, Checks { origin, tasks });
        }
        self.told_of_limit = false;
    }

    fn begin(&self, origin: &Arc<ConfiguredOrigin>, check: &HealthCheck) -> Vec<JoinHandle<()>> {
        let addresses = 0..origin.addresses.len();
        let task = |address| {
            let checker = Checker {
                origin: origin.clone(),
                address,
                check: check.clone(),
                common: Common {
                    tls: self.tls.clone(),
                    places: 1,
                    connect_timeout: Duration::from_millis(check.timeout_ms.into()),
                },
                turns: self.turns.clone(),
            };
            tokio::task::spawn_local(checker.run())
        };
        addresses.map(task).collect()
    }

    fn tell_of_limit(&mut self) {
        if !self.told_of_limit {
            self.told_of_limit = true;
            tracing::warn!(
                limit = MAX_CHECKED,
                "more addresses of origins are to be checked than one node checks; the rest count as healthy"
            );
        }
    }
}

impl Actor for OriginActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look();
        ctx.run_interval(LOOK, |actor, _| actor.look());
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The checks of one address.
struct Checker {
    origin: Arc<ConfiguredOrigin>,
    address: usize,
    check: HealthCheck,
    common: Common,
    turns: Arc<Semaphore>,
}

/// Results in a row.
#[derive(Debug, Default)]
struct Row {
    passed: u32,
    failed: u32,
}

// === impl Checker ===

impl Checker {
    async fn run(self) {
        let interval = f64::from(self.check.interval_ms.max(1));
        let mut row = Row::default();
        // Nodes and addresses spread over the interval, and stay spread.
        let mut pause = interval * rand::random_range(0.0..1.0);
        loop {
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
            let result = match self.turns.acquire().await {
                Ok(_turn) => self.ask().await,
                Err(_) => return,
            };
            let healthy = row.note(result.is_ok(), &self.check);
            let passed = result.is_ok();
            let said = result.unwrap_or_else(|error| error);
            self.origin.checked(self.address, passed, said, healthy);
            pause = interval * rand::random_range(0.9..1.1);
        }
    }

    /// One check, on a connection of its own: what was said, or what was wrong.
    async fn ask(&self) -> Result<String, String> {
        let timeout = Duration::from_millis(self.check.timeout_ms.into());
        match tokio::time::timeout(timeout, self.status()).await {
            Ok(Ok(status)) => {
                let expected = self.check.status_min..=self.check.status_max;
                let said = format!("status {status}");
                if expected.contains(&status) {
                    Ok(said)
                } else {
                    Err(said)
                }
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
        }
    }

    async fn status(&self) -> Result<u16, String> {
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let slot = OriginSlot::configured(self.origin.clone(), &self.common);
        let slot = slot.map_err(|error| said(&error))?;
        let address = to_uri(&self.origin.addresses[self.address].address);
        let address = address.map_err(|error| said(&error))?;
        let client = slot
            .reach
            .client::<Empty<Bytes>>(address, slot.reach.http2, 0);
        let client = client.map_err(|error| said(&error))?;
        let path = PathAndQuery::try_from(self.check.path.as_str());
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = slot.url(path.map_err(|error| said(&error))?);
        request.headers_mut().insert(USER_AGENT, USER);
        if !slot.reach.http2 {
            request.headers_mut().insert(HOST, slot.host.clone());
        }
        let answer = client.request(request).await;
        match answer {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) => Err(super::forwarder::call_error(error).to_string()),
        }
    }
}

// === impl Row ===

impl Row {
    /// What the address is after this result; `None`: as before.
    fn note(&mut self, passed: bool, check: &HealthCheck) -> Option<bool> {
        let (this, other) = match passed {
            true => (&mut self.passed, &mut self.failed),
            false => (&mut self.failed, &mut self.passed),
        };
        *other = 0;
        *this = this.saturating_add(1);
        let enough = match passed {
            true => self.passed >= check.healthy_after,
            false => self.failed >= check.unhealthy_after,
        };
        enough.then_some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_results_in_a_row_change_what_an_address_is() {
        let check: HealthCheck = serde_json::from_value(
            serde_json::json!({"path": "/", "unhealthy_after": 3, "healthy_after": 2}),
        )
        .unwrap();
        let mut row = Row::default();
        let mut after = |results: &str| {
            let notes = results.chars().map(|c| row.note(c == '+', &check));
            notes.last().unwrap()
        };
        assert_eq!(after("--+--"), None);
        assert_eq!(after("-"), Some(false));
        assert_eq!(after("+"), None);
        assert_eq!(after("-+"), None, "one success between does not count");
        assert_eq!(after("+"), Some(true));
    }
}
