//! The handle of one core's way to the origins.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioTimer;
use tokio::sync::OwnedSemaphorePermit;
use weir_config::domain::Origin;

use crate::forward::connector::OriginConnector;
use crate::forward::flow::Flow;
use crate::forward::origin::{OriginSlot, Origins};
use crate::forward::{CallError, Download, Upload};
use crate::settings::Limits;

/// How long an unused connection to an origin is kept. Below the keep-alive times servers commonly
/// have (nginx 75 s, Node.js 5 s is met by the retry).
const POOL_IDLE: Duration = Duration::from_secs(60);

/// Sends calls to origins over the core's pooled connections.
pub struct Forwarder {
    pooled: Client<OriginConnector, Upload>,
    /// Never reuses a connection: for the second attempt, which must not meet another stale one.
    fresh: Client<OriginConnector, Upload>,
    origins: Origins,
    places: usize,
    connect_timeout: Duration,
    body_idle: Duration,
}

/// A call's origin, found.
pub struct Bound<'f> {
    forwarder: &'f Forwarder,
    pub slot: Rc<OriginSlot>,
    path_and_query: PathAndQuery,
}

/// The head of an answer, and the place its call holds at the origin until its body is over.
pub struct Answered {
    pub response: Response<Incoming>,
    place: OwnedSemaphorePermit,
    body_idle: Duration,
}

/// Runs the pool's tasks on the core it belongs to.
#[derive(Clone, Copy, Debug)]
struct ThisCore;

impl<F> hyper::rt::Executor<F> for ThisCore
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

// === impl Forwarder ===

impl Forwarder {
    pub fn new(tls: rustls::ClientConfig, limits: &Limits) -> Self {
        let connect_timeout = Duration::from_millis(limits.connect_timeout_ms);
        let connector = OriginConnector::new(tls, connect_timeout);
        let mut builder = Client::builder(ThisCore);
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new());
        builder.pool_idle_timeout(POOL_IDLE).set_host(false);
        let fresh = builder
            .clone()
            .pool_max_idle_per_host(0)
            .build(connector.clone());
        let pooled = builder
            .pool_max_idle_per_host(limits.origin_connections_per_core)
            .build(connector);
        Forwarder {
            pooled,
            fresh,
            origins: Origins::default(),
            places: limits.origin_connections_per_core,
            connect_timeout,
            body_idle: Duration::from_millis(limits.body_idle_timeout_ms),
        }
    }

    /// Finds the origin and checks the path; nothing is sent yet.
    pub fn bind(&self, origin: &Origin, path_and_query: String) -> Result<Bound<'_>, CallError> {
        let path_and_query = PathAndQuery::from_maybe_shared(Bytes::from(path_and_query))
            .map_err(|_| CallError::Malformed("the path has characters that a path cannot have"))?;
        Ok(Bound {
            forwarder: self,
            slot: self.origins.slot(origin, self.places)?,
            path_and_query,
        })
    }

    pub fn forget_unused_origins(&self) {
        self.origins.forget_unused();
    }

    fn error(&self, error: legacy::Error) -> CallError {
        if !error.is_connect() {
            return CallError::Broken(error);
        }
        if super::connector::timed_out(&error) {
            let timeout_ms = self.connect_timeout.as_millis() as u64;
            return CallError::ConnectTimeout { timeout_ms };
        }
        CallError::Connect(error)
    }
}

// === impl Bound ===

impl Bound<'_> {
    /// Sends the call and waits for the head of the answer. `headers` makes the request's headers, once
    /// more for a second attempt; there is at most one, and only where the origin cannot have seen the
    /// first: see [`CallError::retryable`].
    pub async fn send(
        &self,
        method: &Method,
        headers: impl Fn() -> HeaderMap,
        body: Upload,
        flow: &Arc<Flow>,
        prepare: impl Fn(&mut Request<Upload>),
    ) -> Result<Answered, CallError> {
        let forwarder = self.forwarder;
        let place = self.slot.place(forwarder.connect_timeout).await?;
        let bodyless = http_body::Body::is_end_stream(&body);
        let request = |body| {
            let mut request = Request::new(body);
            *request.method_mut() = method.clone();
            *request.uri_mut() = self.uri();
            *request.version_mut() = Version::HTTP_11;
            *request.headers_mut() = headers();
            prepare(&mut request);
            request
        };
        let mut answer = forwarder.pooled.request(request(body)).await;
        if let Err(error) = answer {
            let error = forwarder.error(error);
            if !(bodyless && method.is_idempotent() && error.retryable()) {
                return Err(error);
            }
            tracing::debug!(origin = %self.slot.authority, "a reused connection was gone; trying once more");
            answer = forwarder
                .fresh
                .request(request(Upload::empty(flow.clone())))
                .await;
        }
        Ok(Answered {
            response: answer.map_err(|error| forwarder.error(error))?,
            place,
            body_idle: forwarder.body_idle,
        })
    }

    fn uri(&self) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.slot.scheme.clone());
        parts.authority = Some(self.slot.authority.clone());
        parts.path_and_query = Some(self.path_and_query.clone());
        Uri::from_parts(parts).unwrap_or_default()
    }
}

// === impl Answered ===

impl Answered {
    /// Takes the answer apart: its head, and its body with the place it holds.
    pub fn into_download(self, flow: Arc<Flow>) -> (http::response::Parts, Download) {
        let (parts, body) = self.response.into_parts();
        (parts, Download::new(body, flow, self.body_idle, self.place))
    }

    /// For an upgraded connection: the place is held as long as the caller keeps it.
    pub fn into_upgrade(self) -> (Response<Incoming>, OwnedSemaphorePermit) {
        (self.response, self.place)
    }
}
