//! The way of a call, top to bottom.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::ORIGIN;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;
use uuid::Uuid;
use weir_cluster::ledger::{Charge, Exceeded};
use weir_config::access::{Admission, Decision, Route, RoutedCall, decide};

use crate::forward::{
    self, CallBody, CallError, ConfiguredOrigin, Fault, Flow, Payer, Upload, answer_within,
};
use crate::link::answer::{OwnAnswer, close_if};
use crate::link::connection_state::ConnectionState;
use crate::link::core::Core;
use crate::link::headers::{self, names};
use crate::link::{LinkBody, clients, cors, envelope, facts, interim, public, upgrade, well_known};
use crate::monitor::{Draft, Recorder};
use crate::routing::{BusinessCounters, RoutingTable};
use crate::trace::{self, TraceContext};

/// One call on its way.
pub struct Call {
    pub id: Uuid,
    /// The id as both sides get it.
    id_value: HeaderValue,
    pub arrived: Instant,
    pub core: Rc<Core>,
    pub connection: Arc<ConnectionState>,
    /// Its place in a trace, where spans are made.
    trace: Option<TraceContext>,
    /// `Origin`: the page that calls, where a browser says so.
    page: Option<HeaderValue>,
    /// What every answer says of the business, once that is known.
    marks: OnceCell<Marks>,
    /// Once the call is on its way to the origin.
    pub(super) flow: OnceCell<Arc<Flow>>,
    pub record: Recorder,
}

/// What every answer to a call of one business carries, the gateway's own too.
struct Marks {
    conf_version: HeaderValue,
    /// Of businesses with a rule for pages.
    web: Option<Arc<Route>>,
}

/// How a call goes to its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// Protected: the headers of `CONTRACT.md` 1.2.
    Link,
    /// Relayed over the public link: marked, and nothing else.
    Relay,
}

/// Serves one request of a link connection. Never fails: what goes wrong becomes an answer.
pub async fn serve(
    core: Rc<Core>,
    connection: Arc<ConnectionState>,
    request: Request<Incoming>,
) -> Result<Response<LinkBody>, Infallible> {
    let under_way = connection.begin_call();
    let (id, arrived) = (core.ids.mint(), Instant::now());
    let record = Recorder::begin(id, arrived, connection.peer, connection.secure);
    let tracing = core.tracing.as_ref();
    let trace = tracing.map(|it| it.sampler.begin(request.headers(), id));
    record.note(|draft| {
        draft.accept_us = connection.accepted_us();
        draft.trace = tracing.and_then(|tracing| tracing.sampled(trace));
    });
    let call = Call {
        id,
        trace,
        id_value: headers::value(id.to_string()),
        arrived,
        core,
        connection,
        page: request.headers().get(ORIGIN).cloned(),
        marks: OnceCell::new(),
        flow: OnceCell::new(),
        record,
    };
    let version = request.version();
    let mut response = call
        .answer(request)
        .await
        .unwrap_or_else(|error| call.failed(&error, version));
    // What came from an origin has its marks already, and was charged with them.
    if !response.headers().contains_key(&names::CONF_VERSION) {
        call.add_marks(response.headers_mut());
    }
    call.connection.answer().await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        call.connection.hand_over();
    } else if let Some(flow) = call.flow.get() {
        flow.time(call.id);
    }
    call.answered(&response);
    Ok(response.map(|body| body.during(under_way, call.record.take())))
}

// === impl Call ===

impl Call {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<LinkBody>, CallError> {
        // 1. An upgrade is asked of hyper while the request is whole.
        let upgrade = headers::upgrade_of(request.headers())
            .is_some()
            .then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        self.record.note(|draft| draft.head(&parts));
        let routing = self.core.routing.load();
        // 2. The head is legal, and its facts are known; and a node that stops takes no new calls.
        let facts = facts::facts(&parts, &self.core.settings.limits)
            .and_then(|facts| match self.core.is_draining() {
                true => Err(CallError::Draining),
                false => Ok(facts),
            })
            .inspect_err(|_| self.mark_by_host(&routing, &parts))?;
        // 3. What the node answers itself, whatever the decision would be.
        if let Some(response) = self.answer_itself(&routing, &parts, facts.host) {
            self.record.note(Draft::own);
            return Ok(response);
        }
        // 4. The decision, on one state of the configuration; the package is asked within.
        let mut charge = None;
        let admit = |route: &Route| self.admit(routing.meter(route), &parts, &mut charge);
        let unread = parts.version < Version::HTTP_2 && !http_body::Body::is_end_stream(&body);
        let decision = decide(&routing.access, &facts, admit);
        self.record.note(|draft| draft.decided(&facts, &decision));
        if let Some(route) = route_of(&decision) {
            self.mark_as(route);
            clients::note(route, facts.conf_version);
        }
        match decision {
            // 5. Rows 1 to 5: refused.
            Decision::Refuse { refusal, route } => {
                if let Some(route) = route {
                    routing.counters(route).count_error(Fault::Client);
                }
                let mut response = OwnAnswer::refusal(&refusal).into_response(self.id);
                close_if(unread, &mut response);
                Ok(response)
            }
            // 6. Rows 6 and 7: the public link, by the client itself or through us.
            Decision::PublicLink { reason, call } => {
                let meter = routing.meter(call.route);
                let counters = routing.counters(call.route);
                match public::answer(self.id, &parts, reason, &call, meter, counters) {
                    Some(mut response) => {
                        close_if(unread, &mut response);
                        Ok(response)
                    }
                    None => {
                        let payer = Payer::Overflow(meter.clone(), reason);
                        self.pass(
                            Passage::Relay,
                            routing.origin(&call),
                            call,
                            (payer, counters),
                            &parts,
                            body,
                            facts.host,
                            upgrade,
                        )
                        .await
                    }
                }
            }
            // 7. Row 8: the link.
            Decision::Link(call) => {
                let charge = charge.ok_or(CallError::Internal(
                    "a call was let through without being admitted",
                ))?;
                let payer = (Payer::Package(charge), routing.counters(call.route));
                self.pass(
                    Passage::Link,
                    routing.origin(&call),
                    call,
                    payer,
                    &parts,
                    body,
                    facts.host,
                    upgrade,
                )
                .await
            }
        }
    }

    /// Well-known documents, and the browser's question before a call. Neither is forwarded or charged.
    fn answer_itself(
        &self,
        routing: &RoutingTable,
        parts: &Parts,
        host: &str,
    ) -> Option<Response<LinkBody>> {
        if well_known::is_access(parts.uri.path()) {
            let secure = self.connection.secure;
            let answer = well_known::access(&self.core, routing, parts, host, secure);
            return Some(match answer {
                well_known::Answer::Ready(mut response) => {
                    let headers = response.headers_mut();
                    headers.insert(names::CALL_ID, self.id_value.clone());
                    response
                }
                well_known::Answer::Refused(refusal) => {
                    let mut response = OwnAnswer::refusal(&refusal).into_response(self.id);
                    cors::mark_public(response.headers_mut());
                    response
                }
            });
        }
        if !cors::is_pre_flight(parts) {
            return None;
        }
        let route = routing.access.find(host)?;
        let mut response = cors::pre_flight(cors::rule(route)?, &parts.headers);
        let headers = response.headers_mut();
        headers.insert(names::CALL_ID, self.id_value.clone());
        let version = headers::value(route.conf_version.to_string());
        headers.insert(names::CONF_VERSION, version);
        Some(response)
    }

    /// From here on every answer says which config it was made by, and pages may read it that the business allows.
    fn mark_as(&self, route: &Arc<Route>) {
        let _ = self.marks.set(Marks {
            conf_version: headers::value(route.conf_version.to_string()),
            web: cors::rule(route).is_some().then(|| route.clone()),
        });
    }

    /// For a call that fails before the decision.
    fn mark_by_host(&self, routing: &RoutingTable, parts: &Parts) {
        let host = facts::host(parts).ok();
        if let Some(route) = host.and_then(|host| routing.access.find(host)) {
            self.mark_as(route);
        }
    }

    pub(super) fn add_marks(&self, headers: &mut HeaderMap) {
        if let Some(marks) = self.marks.get() {
            headers.insert(names::CONF_VERSION, marks.conf_version.clone());
            if let Some(rule) = marks.web.as_deref().and_then(cors::rule) {
                cors::mark(rule, self.page.as_ref(), headers);
            }
        }
    }

    /// Asks the package, and reserves what is known of the call's size.
    fn admit(
        &self,
        meter: &Arc<weir_cluster::ledger::Meter>,
        parts: &Parts,
        charge: &mut Option<Charge>,
    ) -> Admission {
        match meter.admit(facts::known_bytes(parts)) {
            Ok(admitted) => {
                *charge = Some(admitted);
                Admission::Admitted
            }
            Err(Exceeded::Qps) => Admission::QpsExceeded,
            Err(Exceeded::Bandwidth) => Admission::BandwidthExceeded,
        }
    }

    /// To the origin and back.
    #[allow(clippy::too_many_arguments)]
    async fn pass(
        &self,
        passage: Passage,
        configured: Option<&Arc<ConfiguredOrigin>>,
        routed: RoutedCall<'_>,
        (payer, counters): (Payer, &Arc<BusinessCounters>),
        parts: &Parts,
        body: Incoming,
        host: &str,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<LinkBody>, CallError> {
        let limits = &self.core.settings.limits;
        let idle = Duration::from_millis(limits.body_idle_timeout_ms);
        tracing::debug!(
            call_id = %self.id, business = routed.route.business, origin = %routed.origin, ?passage, "forwarding"
        );
        // 1. Who pays, and how far it is.
        let expecting =
            parts.version == Version::HTTP_11 && interim::expects_continue(&parts.headers);
        let flow = Flow::new(payer, counters.clone(), self.arrived, expecting);
        let _ = self.flow.set(flow.clone());
        let relayed = passage == Passage::Relay;
        self.record.note(|draft| draft.flows(flow.clone(), relayed));
        flow.count_request(facts::head_bytes(parts));
        // 2. The origin's request: made from the client's, once more for a second attempt.
        let forwarder =
            forward::current().ok_or(CallError::Internal("the core's pools are not there yet"))?;
        let path_and_query = routed.path_and_query.to_string();
        let bound = forwarder.bind(routed.origin, configured, path_and_query)?;
        let of_business = Duration::from_millis(routed.route.timeout_ms.into());
        let timeout = bound.slot.response_timeout().unwrap_or(of_business);
        let bodied = !http_body::Body::is_end_stream(&body);
        let envelope = routed.envelope && passage == Passage::Link;
        let make_headers = || {
            let mut headers = headers::from_client(&parts.headers, &bound.slot.host, bodied);
            match passage {
                Passage::Link => self.add_proof(&mut headers, &routed, host, timeout),
                Passage::Relay => {
                    _ = headers.insert(names::LINK, HeaderValue::from_static("public"))
                }
            }
            if envelope {
                headers.insert(
                    http::header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                );
            }
            headers
        };
        // 3. Sent; interim answers reach the client before the head of the answer does.
        let listens = parts.version == Version::HTTP_11 && !envelope;
        let listen = |request: &mut Request<CallBody>| {
            if listens {
                interim::listen(request, &self.connection, &flow);
            }
        };
        let upload = Upload::new(body, flow.clone(), limits.body_bytes, idle);
        let sent = bound.send(&parts.method, make_headers, upload, &flow, listen);
        let answered = answer_within(sent, &flow, timeout, idle)
            .await
            .inspect_err(|error| bound.note(error, &flow))
            .map_err(|error| flow.upload_error(limits.body_bytes).unwrap_or(error))?;
        // 4. An origin that refuses before it has the whole body wants no more of it.
        if answered.response.status().as_u16() >= 300 {
            flow.pause_upload();
        }
        // 5. Back to the client: as another protocol, in an envelope, or as it flows.
        let head = |origin: &HeaderMap| {
            let mut headers = headers::from_origin(origin);
            self.mark(&mut headers, passage);
            headers
        };
        match upgrade {
            Some(client) if answered.response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Ok(upgrade::switch(self, answered, client, flow, head))
            }
            _ if envelope => {
                envelope::wrap(self.id, answered, flow, limits.envelope_bytes, head).await
            }
            _ => {
                let (origin, download) = answered.into_download(flow.clone());
                let mut response = Response::new(LinkBody::flowing(download));
                *response.status_mut() = origin.status;
                *response.headers_mut() = head(&origin.headers);
                flow.count_response(STATUS_LINE_BYTES + headers::head_bytes_of(response.headers()));
                Ok(response)
            }
        }
    }

    /// The headers that tell the origin about the call: `CONTRACT.md` 1.2.
    fn add_proof(
        &self,
        headers: &mut HeaderMap,
        routed: &RoutedCall<'_>,
        host: &str,
        timeout: Duration,
    ) {
        let route = routed.route;
        let left = timeout.saturating_sub(self.arrived.elapsed()).as_millis() as u64;
        headers.insert(names::CALL_ID, self.id_value.clone());
        headers.insert(names::ROUTE_TAG, headers::value(route.route_tag.clone()));
        headers.insert(
            names::SOURCE,
            HeaderValue::from_static(routed.source.as_str()),
        );
        headers.insert(names::APPID, headers::value(route.appid.clone()));
        headers.insert(names::CLIENT_IP, self.connection.peer_value.clone());
        headers.insert(
            names::ACCESS_VERSION,
            headers::value(route.conf_version.to_string()),
        );
        headers.insert(names::EXPECTED_TIMEOUT, HeaderValue::from(left));
        headers::add_forwarded(headers, self.connection.peer, self.connection.secure, host);
        trace::hand_on(headers, self.trace.as_ref(), self.id);
    }

    /// The headers that tell the client about the call.
    fn mark(&self, headers: &mut HeaderMap, passage: Passage) {
        let link = match passage {
            Passage::Link => "private",
            Passage::Relay => "public",
        };
        headers.insert(names::CALL_ID, self.id_value.clone());
        headers.insert(names::ERRMSG, HeaderValue::from_static("gateway.call:ok"));
        headers.insert(names::LINK, HeaderValue::from_static(link));
        self.add_marks(headers);
        let waited = self.arrived.elapsed().as_secs_f64() * 1_000.0;
        headers.append(
            names::SERVER_TIMING,
            headers::value(format!("origin;dur={waited:.1}")),
        );
    }
}

/// The business, where row 1 found one.
fn route_of<'t>(decision: &Decision<'t>) -> Option<&'t Arc<Route>> {
    match decision {
        Decision::Refuse { route, .. } => *route,
        Decision::PublicLink { call, .. } | Decision::Link(call) => Some(call.route),
    }
}

/// `HTTP/1.1 200 ` and the line end; what a reason phrase adds is not charged.
pub const STATUS_LINE_BYTES: u64 = 15;
