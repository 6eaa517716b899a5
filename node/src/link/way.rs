//! The way of a call, top to bottom.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::Instant;
use uuid::Uuid;
use weir_cluster::ledger::{Charge, Exceeded};
use weir_config::access::{Admission, Decision, Route, RoutedCall, decide};

use crate::forward::{self, CallError, Fault, Flow, Payer, Upload, answer_within};
use crate::link::answer::OwnAnswer;
use crate::link::connection_state::ConnectionState;
use crate::link::core::Core;
use crate::link::headers::{self, names};
use crate::link::{LinkBody, envelope, facts, interim, public, upgrade};
use crate::routing::BusinessCounters;

/// One call on its way.
pub struct Call {
    pub id: Uuid,
    /// The id as both sides get it.
    id_value: HeaderValue,
    pub arrived: Instant,
    pub core: Rc<Core>,
    pub connection: Arc<ConnectionState>,
    /// Once the call is on its way to the origin.
    flow: OnceCell<Arc<Flow>>,
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
    let id = core.ids.mint();
    let call = Call {
        id,
        id_value: headers::value(id.to_string()),
        arrived: Instant::now(),
        core,
        connection,
        flow: OnceCell::new(),
    };
    let version = request.version();
    let response = call
        .answer(request)
        .await
        .unwrap_or_else(|error| call.failed(&error, version));
    call.connection.answer().await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        call.connection.hand_over();
    }
    call.log(&response);
    Ok(response.map(|body| body.during(under_way)))
}

// === impl Call ===

impl Call {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<LinkBody>, CallError> {
        // 1. A node that stops takes no new calls.
        if self.core.is_draining() {
            return Err(CallError::Draining);
        }
        // 2. An upgrade is asked of hyper while the request is whole.
        let upgrade = headers::upgrade_of(request.headers())
            .is_some()
            .then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        // 3. The head is legal, and its facts are known.
        let facts = facts::facts(&parts, &self.core.settings.limits)?;
        // 4. The decision, on one state of the configuration; the package is asked within.
        let routing = self.core.routing.load();
        let mut charge = None;
        let admit = |route: &Route| self.admit(routing.meter(route), &parts, &mut charge);
        match decide(&routing.access, &facts, admit) {
            // 5. Rows 1 to 5: refused.
            Decision::Refuse { refusal, route } => {
                let mut response = OwnAnswer::refusal(&refusal).into_response(self.id);
                add_conf_version(response.headers_mut(), route.map(|route| &**route));
                if let Some(route) = route {
                    routing.counters(route).count_error(Fault::Client);
                }
                Ok(response)
            }
            // 6. Rows 6 and 7: the public link, by the client itself or through us.
            Decision::PublicLink { reason, call } => {
                let meter = routing.meter(call.route);
                let counters = routing.counters(call.route);
                match public::answer(self.id, &parts, reason, &call, meter, counters) {
                    Some(mut response) => {
                        add_conf_version(response.headers_mut(), Some(call.route));
                        Ok(response)
                    }
                    None => {
                        let payer = Payer::Overflow(meter.clone(), reason);
                        self.pass(
                            Passage::Relay,
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
        routed: RoutedCall<'_>,
        (payer, counters): (Payer, &Arc<BusinessCounters>),
        parts: &Parts,
        body: Incoming,
        host: &str,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<LinkBody>, CallError> {
        let limits = &self.core.settings.limits;
        let idle = Duration::from_millis(limits.body_idle_timeout_ms);
        let timeout = Duration::from_millis(routed.route.timeout_ms.into());
        tracing::debug!(
            call_id = %self.id, business = routed.route.business, origin = %routed.origin, ?passage, "forwarding"
        );
        // 1. Who pays, and how far it is.
        let expecting =
            parts.version == Version::HTTP_11 && interim::expects_continue(&parts.headers);
        let flow = Flow::new(payer, counters.clone(), self.arrived, expecting);
        let _ = self.flow.set(flow.clone());
        flow.count_request(facts::head_bytes(parts));
        // 2. The origin's request: made from the client's, once more for a second attempt.
        let forwarder =
            forward::current().ok_or(CallError::Internal("the core's pools are not there yet"))?;
        let bound = forwarder.bind(routed.origin, routed.path_and_query.to_string())?;
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
        let listen = |request: &mut Request<Upload>| {
            if listens {
                interim::listen(request, &self.connection, &flow);
            }
        };
        let upload = Upload::new(body, flow.clone(), limits.body_bytes, idle);
        let sent = bound.send(&parts.method, make_headers, upload, &flow, listen);
        let answered = answer_within(sent, &flow, timeout, idle)
            .await
            .map_err(|error| flow.upload_error(limits.body_bytes).unwrap_or(error))?;
        // 4. An origin that refuses before it has the whole body wants no more of it.
        if answered.response.status().as_u16() >= 300 {
            flow.pause_upload();
        }
        // 5. Back to the client: as another protocol, in an envelope, or as it flows.
        let head = |origin: &HeaderMap| {
            let mut headers = headers::from_origin(origin);
            self.mark(&mut headers, passage, routed.route);
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
        headers::add_traceparent(headers, self.id);
    }

    /// The headers that tell the client about the call.
    fn mark(&self, headers: &mut HeaderMap, passage: Passage, route: &Route) {
        let link = match passage {
            Passage::Link => "private",
            Passage::Relay => "public",
        };
        headers.insert(names::CALL_ID, self.id_value.clone());
        headers.insert(names::ERRMSG, HeaderValue::from_static("gateway.call:ok"));
        headers.insert(names::LINK, HeaderValue::from_static(link));
        add_conf_version(headers, Some(route));
        let waited = self.arrived.elapsed().as_secs_f64() * 1_000.0;
        headers.append(
            names::SERVER_TIMING,
            headers::value(format!("origin;dur={waited:.1}")),
        );
    }

    fn failed(&self, error: &CallError, version: Version) -> Response<LinkBody> {
        let detail = error.to_string();
        tracing::debug!(call_id = %self.id, fault = ?error.fault(), reason = error.reason(), detail, "a call failed");
        let mut response = OwnAnswer::error(error, &detail).into_response(self.id);
        // HTTP/2 has no such header; there a refused stream harms no other.
        if error.closes_connection() && version < Version::HTTP_2 {
            response
                .headers_mut()
                .insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        }
        // What the client is told of a call that was under way is paid for as its answer would have been.
        if let Some(flow) = self.flow.get() {
            flow.count_error(error.fault());
            // Where its connection broke there is nobody to tell.
            if !matches!(error, CallError::UploadBroken) {
                let body_bytes = http_body::Body::size_hint(response.body()).lower();
                let head_bytes = STATUS_LINE_BYTES + headers::head_bytes_of(response.headers());
                flow.count_response(head_bytes + body_bytes);
            }
        }
        response
    }

    fn log(&self, response: &Response<LinkBody>) {
        tracing::debug!(
            call_id = %self.id,
            status = response.status().as_u16(),
            link = response.headers().get(&names::LINK).and_then(|link| link.to_str().ok()),
            errmsg = response.headers().get(&names::ERRMSG).and_then(|message| message.to_str().ok()),
            head_ms = self.arrived.elapsed().as_millis() as u64,
            "answered"
        );
    }
}

/// `HTTP/1.1 200 ` and the line end; what a reason phrase adds is not charged.
pub const STATUS_LINE_BYTES: u64 = 15;

fn add_conf_version(headers: &mut HeaderMap, route: Option<&Route>) {
    if let Some(route) = route {
        headers.insert(
            names::CONF_VERSION,
            headers::value(route.conf_version.to_string()),
        );
    }
}
