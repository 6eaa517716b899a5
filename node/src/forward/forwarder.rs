//! The handle of one core's way to the origins.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::sync::OwnedSemaphorePermit;
use weir_config::domain::Origin;

use crate::forward::address::Reuse;
use crate::forward::balance::Addresses;
use crate::forward::call_body::Returned;
use crate::forward::configured::ConfiguredOrigin;
use crate::forward::connector;
use crate::forward::flow::Flow;
use crate::forward::origin::{Common, OriginSlot, Origins};
use crate::forward::{CallBody, CallError, Download, Seen, Upload};
use crate::settings::Limits;

/// Attempts of one call, the first included.
const ATTEMPTS: usize = 3;

/// Sends calls to origins over the core's pooled connections.
pub struct Forwarder {
    origins: Origins,
    common: Common,
    body_idle: Duration,
}

/// A call's origin, found.
pub struct Bound<'f> {
    forwarder: &'f Forwarder,
    pub slot: Rc<OriginSlot>,
    path_and_query: PathAndQuery,
    /// The address of the attempt under way.
    address: Cell<usize>,
}

/// The head of an answer, and the place its call holds at the origin until its body is over.
pub struct Answered {
    pub response: Response<Incoming>,
    place: OwnedSemaphorePermit,
    body_idle: Duration,
}

// === impl Forwarder ===

impl Forwarder {
    pub fn new(tls: rustls::ClientConfig, limits: &Limits) -> Self {
        Forwarder {
            origins: Origins::default(),
            common: Common {
                tls: Arc::new(tls),
                places: limits.origin_connections_per_core,
                connect_timeout: Duration::from_millis(limits.connect_timeout_ms),
            },
            body_idle: Duration::from_millis(limits.body_idle_timeout_ms),
        }
    }

    /// Finds the origin and checks the path; nothing is sent yet. `configured`: what is set for it.
    pub fn bind(
        &self,
        origin: &Origin,
        configured: Option<&Arc<ConfiguredOrigin>>,
        path_and_query: String,
    ) -> Result<Bound<'_>, CallError> {
        let path_and_query = PathAndQuery::from_maybe_shared(Bytes::from(path_and_query))
            .map_err(|_| CallError::Malformed("the path has characters that a path cannot have"))?;
        Ok(Bound {
            forwarder: self,
            slot: self.origins.slot(origin, configured, &self.common)?,
            path_and_query,
            address: Cell::new(0),
        })
    }

    pub fn sweep(&self) {
        self.origins.sweep();
    }
}

pub(super) fn call_error(error: legacy::Error) -> CallError {
    if connector::refused_unprocessed(&error) {
        return CallError::Refused(error);
    }
    if !error.is_connect() {
        return CallError::Broken(error);
    }
    if let Some(waited) = connector::timed_out(&error) {
        let timeout_ms = waited.as_millis() as u64;
        return CallError::ConnectTimeout { timeout_ms };
    }
    if connector::failed_by_tls(&error) {
        return CallError::ConnectTls(error);
    }
    CallError::Connect(error)
}

// === impl Bound ===

impl Bound<'_> {
    /// Sends the call and waits for the head of the answer. `headers` makes the request's headers, once more for
    /// another attempt; there is one only where the origin cannot have seen the last: see [`Bound::next_attempt`].
    pub async fn send(
        &self,
        method: &Method,
        headers: impl Fn() -> HeaderMap,
        body: Upload,
        flow: &Arc<Flow>,
        prepare: impl Fn(&mut Request<CallBody>),
    ) -> Result<Answered, CallError> {
        let (place, waited) = self.slot.place().await?;
        flow.journey.queued(waited);
        let bodyless = http_body::Body::is_end_stream(&body);
        let may_return = !bodyless && (self.slot.has_several() || self.slot.reach.http2);
        let back = may_return.then(Returned::default);
        let mut body = CallBody::new(body, back.clone());
        let (mut tried, mut reuse) = (0, Reuse::Pooled);
        for attempt in 1.. {
            let address = self.slot.turn(tried);
            tried |= 1 << address;
            self.address.set(address);
            flow.journey.attempt();
            let request = self.request(method, headers(), body, &mut reuse, &prepare);
            let client = self
                .slot
                .address(address)?
                .client(&self.slot.reach, reuse)?;
            let error = match client.request(request).await {
                Ok(response) => {
                    self.slot.succeeded(address);
                    let (peer, connect) = connector::came_from(response.extensions());
                    let after = flow.started().elapsed();
                    flow.journey.answered(peer, connect, after);
                    return Ok(Answered {
                        response,
                        place,
                        body_idle: self.forwarder.body_idle,
                    });
                }
                Err(error) => call_error(error),
            };
            let name = self.slot.address(address)?.name();
            flow.journey.attempt_failed(name, error.reason());
            let seen = error.seen();
            // Not the address's fault: the client broke off, the connection was stale, or the origin said why.
            let blameless = matches!(seen, Seen::NothingLikely | Seen::Refused);
            if !blameless && flow.upload_error(0).is_none() {
                self.slot.failed(address);
            }
            let again = attempt < ATTEMPTS && self.next_attempt(seen, tried, method, bodyless);
            let next = match &back {
                _ if !again => None,
                _ if bodyless => Some(Upload::empty(flow.clone())),
                Some(back) => back.take(),
                None => None,
            };
            let Some(next) = next else {
                return Err(error);
            };
            tracing::debug!(host = ?self.slot.host, %error, ?seen, "trying once more");
            if seen != Seen::Nothing && reuse == Reuse::Pooled {
                reuse = Reuse::Fresh;
            }
            body = CallBody::new(next, back.clone());
        }
        Err(CallError::Internal("no attempt was made"))
    }

    /// Whether another attempt cannot make the origin do the work twice, and can end better.
    fn next_attempt(&self, seen: Seen, tried: Addresses, method: &Method, bodyless: bool) -> bool {
        match seen {
            // A connection that could not be made once: only to an address that was not tried.
            Seen::Nothing => (tried.count_ones() as usize) < self.slot.count(),
            Seen::Refused => true,
            Seen::NothingLikely => bodyless && method.is_idempotent(),
            Seen::Perhaps => false,
        }
    }

    fn request(
        &self,
        method: &Method,
        headers: HeaderMap,
        body: CallBody,
        reuse: &mut Reuse,
        prepare: impl Fn(&mut Request<CallBody>),
    ) -> Request<CallBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = self.slot.url(self.path_and_query.clone());
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        if self.slot.reach.http2 {
            request.headers_mut().remove(HOST);
            if request.headers().contains_key(UPGRADE) {
                *reuse = Reuse::Upgrade;
            }
        }
        prepare(&mut request);
        request
    }

    /// Notes an error that came from waiting, not from the connection: that the origin did not answer in time.
    pub fn note(&self, error: &CallError, flow: &Flow) {
        if matches!(error, CallError::OriginTimeout { .. }) {
            self.slot.failed(self.address.get());
            if let Ok(address) = self.slot.address(self.address.get()) {
                flow.journey.attempt_failed(address.name(), error.reason());
            }
        }
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
