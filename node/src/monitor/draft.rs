//! A call record in the making: filled as the call goes, finished when the call is over, whatever way it ends.
//!
//! Drafts are taken from a pool of their core and go back to it, so that a call whose record is not kept costs no
//! allocation. Nothing in a draft is formatted before it is known to be kept, and then not by the core.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use http::request::Parts;
use tokio::time::Instant;
use uuid::Uuid;
use weir_config::access::{
    CallFacts, CallRefusal, Decision, PublicReason, Route, RoutedCall, RuleName, Source,
};
use weir_config::object::EnvVersion;

use super::figures::{Counted, Outcome};
use super::station;
use crate::forward::{CallError, FailedAttempt, Failure, Fault, Flow};
use crate::trace::SampledCall;

/// What became of the call by the decision of `CONTRACT.md` 1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Passed {
    /// Rows 1 to 5, an illegal head, or a call that did not come to a decision.
    #[default]
    Refused,
    /// Rows 6 and 7: told to go by itself.
    Public,
    /// Rows 6 and 7: relayed by the node, unprotected.
    Relay,
    /// Row 8.
    Link,
    /// Answered by the node itself: access configs, browsers' pre-flight requests. No call of the business's.
    Own,
}

/// One call under way, or over and not yet written down.
#[derive(Debug)]
pub struct Draft {
    pub id: Uuid,
    pub started: Instant,
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    pub client_ip: IpAddr,
    pub secure: bool,
    pub method: Method,
    pub http_version: http::Version,
    /// Path, query where it is kept, and user, one after the other.
    text: String,
    path_end: usize,
    query_end: usize,
    pub route: Option<Arc<Route>>,
    pub rule: Option<Arc<RuleName>>,
    pub version: Option<EnvVersion>,
    pub source: Option<Source>,
    pub passed: Passed,
    pub reason: &'static str,
    pub code: Option<i32>,
    /// For people; of refusals and failures.
    pub detail: String,
    /// 0: the client went away before it was answered.
    pub status: u16,
    pub trace_id: Option<u128>,
    /// Of a sampled call: where its span goes.
    pub trace: Option<SampledCall>,
    flow: Option<Arc<Flow>>,
    /// Of calls without a flow.
    request_bytes: u64,
    response_bytes: u64,
    /// The answer went out to its last byte.
    whole: bool,
    /// Where it was the first on its connection: how long the connection had been there, TLS and all.
    pub accept_us: Option<u32>,
    pub end: End,
    /// Whether the record is to be kept; else it is for the access log only.
    pub kept: Option<Kept>,
}

/// What is known once the call is over.
#[derive(Debug, Default)]
pub struct End {
    pub counted: Counted,
    pub total_us: u64,
    pub attempts: u8,
    pub queue_us: Option<u32>,
    pub connect_us: Option<u32>,
    pub peer: Option<std::net::SocketAddr>,
    pub failed_attempts: Vec<FailedAttempt>,
}

/// Why a record is kept; those of each kind have half of the space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// Of the sample.
    Sample,
    /// An error, overflow, or slow.
    Notable,
}

/// The reason of a call whose client did not wait for the end.
pub const CLIENT_GONE: &str = "client_gone";

/// Holds the draft of a call, and finishes it when dropped.
#[derive(Debug, Default)]
pub struct Recording(Option<Box<Draft>>);

/// The recording of a call whose way is under way: until it is with the body of the answer.
#[derive(Debug, Default)]
pub struct Recorder(RefCell<Recording>);

// === impl Recording ===

impl Recording {
    /// The answer went out to its last byte.
    pub fn whole(&mut self) {
        if let Some(draft) = &mut self.0 {
            draft.whole = true;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(draft) = self.0.take() {
            station::finish(draft);
        }
    }
}

// === impl Recorder ===

impl Recorder {
    /// `accept`: since the connection was opened, where this is its first call.
    pub fn begin(id: Uuid, started: Instant, client_ip: IpAddr, secure: bool) -> Self {
        let draft = station::draft(|draft| {
            draft.id = id;
            draft.started = started;
            draft.at_ms = id.get_timestamp().map_or(0, |at| {
                let (seconds, nanos) = at.to_unix();
                seconds * 1_000 + u64::from(nanos) / 1_000_000
            });
            draft.client_ip = client_ip;
            draft.secure = secure;
        });
        Recorder(RefCell::new(Recording(draft)))
    }

    /// Nothing is done where calls are not recorded.
    pub fn note(&self, note: impl FnOnce(&mut Draft)) {
        if let Some(draft) = &mut self.0.borrow_mut().0 {
            note(draft);
        }
    }

    /// Takes the recording to where the call ends.
    pub fn take(&self) -> Recording {
        self.0.take()
    }
}

// === impl Draft ===

impl Draft {
    pub(super) fn new() -> Self {
        Draft::blank(Instant::now(), String::new())
    }

    fn blank(started: Instant, text: String) -> Self {
        Draft {
            id: Uuid::nil(),
            started,
            at_ms: 0,
            client_ip: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            secure: false,
            method: Method::GET,
            http_version: http::Version::HTTP_11,
            text,
            path_end: 0,
            query_end: 0,
            route: None,
            rule: None,
            version: None,
            source: None,
            passed: Passed::default(),
            reason: "",
            code: None,
            detail: String::new(),
            status: 0,
            trace_id: None,
            trace: None,
            flow: None,
            request_bytes: 0,
            response_bytes: 0,
            whole: false,
            accept_us: None,
            end: End::default(),
            kept: None,
        }
    }

    /// As new, but for the room of its text.
    pub(super) fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Draft::blank(self.started, text);
    }

    /// What the head says, as far as it could be read.
    pub fn head(&mut self, parts: &Parts) {
        self.method = parts.method.clone();
        self.http_version = parts.version;
        self.request_bytes = crate::link::head_bytes(parts);
        self.trace_id = crate::trace::TraceParent::of(&parts.headers).map(|parent| parent.trace_id);
        let path_and_query = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        self.set_text(path_and_query, None);
    }

    fn set_text(&mut self, path_and_query: &str, user: Option<&str>) {
        let (path_bytes, keeps_query) = station::of_text();
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) if keeps_query => (path, query),
            Some((path, _)) => (path, ""),
            None => (path_and_query, ""),
        };
        self.text.clear();
        self.text.push_str(cut(path, path_bytes));
        self.path_end = self.text.len();
        self.text.push_str(cut(query, path_bytes));
        self.query_end = self.text.len();
        self.text.push_str(cut(user.unwrap_or(""), USER_BYTES));
    }

    /// What the decision was made by, and what it was.
    pub fn decided(&mut self, facts: &CallFacts<'_>, decision: &Decision<'_>) {
        match decision {
            Decision::Refuse { refusal, route } => {
                self.route = route.cloned();
                self.refused(refusal);
                if facts.user.is_some() {
                    self.set_text(facts.path_and_query, facts.user);
                }
            }
            Decision::PublicLink { reason, call } => {
                self.routed(call, facts);
                self.passed = Passed::Public;
                self.reason = reason.as_str();
                self.code = reason.code();
            }
            Decision::Link(call) => {
                self.routed(call, facts);
                self.passed = Passed::Link;
            }
        }
    }

    fn routed(&mut self, call: &RoutedCall<'_>, facts: &CallFacts<'_>) {
        self.route = Some(call.route.clone());
        self.rule = Some(call.rule.clone());
        self.version = Some(call.env_version);
        self.source = Some(call.source);
        let as_typed = call.path_and_query == facts.path_and_query;
        if facts.user.is_some() || !as_typed {
            self.set_text(&call.path_and_query, facts.user);
        }
    }

    pub fn refused(&mut self, refusal: &CallRefusal) {
        self.passed = Passed::Refused;
        self.reason = refusal.reason;
        self.code = Some(refusal.code);
        self.detail.clone_from(&refusal.detail);
    }

    /// An error before the call was on its way.
    pub fn failed(&mut self, error: &CallError) {
        let failure = Failure::of(error);
        self.reason = failure.reason;
        self.code = Some(failure.code);
        self.detail = failure.detail;
        if self.passed != Passed::Refused {
            // It was to go on, and did not come as far as to have a flow.
            self.end.counted.outcome = of_fault(failure.fault);
        } else if failure.fault == Fault::Gateway {
            self.end.counted.outcome = Outcome::GatewayFault;
        }
    }

    /// The call is on its way: from here on its bytes are counted there.
    pub fn flows(&mut self, flow: Arc<Flow>, relayed: bool) {
        if relayed {
            self.passed = Passed::Relay;
        }
        self.flow = Some(flow);
    }

    /// The node answers it itself, and it is no call of the business's.
    pub fn own(&mut self) {
        self.passed = Passed::Own;
    }

    /// The head of the answer. `bytes`: of an answer that the node makes itself, head and body; that of a call under
    /// way is counted as it flows.
    pub fn answered(&mut self, status: u16, bytes: impl FnOnce() -> u64) {
        self.status = status;
        if self.flow.is_none() {
            self.response_bytes = bytes();
        }
    }

    /// Path as the origin got it, or as typed; cut.
    pub fn path(&self) -> &str {
        self.text.get(..self.path_end).unwrap_or("")
    }

    pub fn query(&self) -> &str {
        let query = self.text.get(self.path_end..self.query_end);
        query.unwrap_or("")
    }

    pub fn user(&self) -> &str {
        self.text.get(self.query_end..).unwrap_or("")
    }

    /// Bytes that its text has room for.
    pub(super) fn text_room(&self) -> usize {
        self.text.capacity()
    }

    pub fn is_overflow(&self) -> bool {
        let beyond = [PublicReason::PackageQps, PublicReason::PackageBandwidth];
        matches!(self.passed, Passed::Public | Passed::Relay)
            && beyond.iter().any(|reason| reason.as_str() == self.reason)
    }

    /// The call is over: what it comes to. Gives back its part in the flow.
    pub(super) fn finish(&mut self) {
        let flow = self.flow.take();
        let total_us = self.started.elapsed().as_micros() as u64;
        let overflow = self.is_overflow();
        let mut outcome = match self.passed {
            Passed::Public => Outcome::Public,
            Passed::Refused if self.end.counted.outcome == Outcome::Ok => Outcome::Refused,
            _ => self.end.counted.outcome,
        };
        let (mut request_bytes, mut response_bytes) = (self.request_bytes, self.response_bytes);
        let (mut time_us, mut first_byte_us) = (None, None);
        let mut origin_timeout = false;
        if let Some(flow) = &flow {
            let journey = &flow.journey;
            (request_bytes, response_bytes) = flow.bytes();
            time_us = Some(total_us);
            first_byte_us = journey.first_byte_us().map(u64::from);
            outcome = match journey.failure() {
                Some(failure) => {
                    self.reason = failure.reason;
                    self.code = Some(failure.code);
                    self.detail.clone_from(&failure.detail);
                    origin_timeout = failure.reason == ORIGIN_TIMEOUT;
                    of_fault(failure.fault)
                }
                None if !self.whole => {
                    self.reason = CLIENT_GONE;
                    Outcome::ClientFault
                }
                None if self.status >= 500 => Outcome::OriginFault,
                None => Outcome::Ok,
            };
            self.end.attempts = journey.attempts();
            self.end.queue_us = journey.queue_us();
            self.end.connect_us = journey.connect_us();
            self.end.peer = journey.peer();
            if outcome != Outcome::Ok || self.end.attempts > 1 {
                self.end.failed_attempts = journey.failed_attempts();
            }
        } else if self.status == 0 && self.passed != Passed::Own {
            self.reason = CLIENT_GONE;
            outcome = Outcome::ClientFault;
        }
        self.end.total_us = total_us;
        self.end.counted = Counted {
            outcome,
            origin_timeout,
            relayed: self.passed == Passed::Relay,
            overflow,
            request_bytes,
            response_bytes,
            time_us,
            first_byte_us,
        };
    }

    /// An error, overflow, or slower than that.
    pub(super) fn is_notable(&self, slow_us: u64) -> bool {
        let counted = &self.end.counted;
        let went_well = matches!(counted.outcome, Outcome::Ok | Outcome::Public);
        !went_well || counted.overflow || self.end.total_us >= slow_us
    }
}

const ORIGIN_TIMEOUT: &str = "origin_timeout";
/// A user's id is kept no longer than this, until it is hashed.
const USER_BYTES: usize = 256;

fn of_fault(fault: Fault) -> Outcome {
    match fault {
        Fault::Client => Outcome::ClientFault,
        Fault::Gateway => Outcome::GatewayFault,
        Fault::Origin => Outcome::OriginFault,
    }
}

/// The beginning of a text, of at most so many bytes and whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    let end = text.floor_char_boundary(bytes);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("/häuser", 3), "/h");
        assert_eq!(cut("/häuser", 4), "/hä");
        assert_eq!(cut("/x", 100), "/x");
    }
}
