//! What the two directions of one call share: who pays for its bytes, how far the upload is, and
//! whether something ended the call early.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;
use uuid::Uuid;
use weir_cluster::ledger::{Charge, Meter};
use weir_config::access::PublicReason;

use crate::forward::{CallError, Journey};
use crate::routing::BusinessCounters;

/// Who pays for the bytes of a call.
#[derive(Debug)]
pub enum Payer {
    /// The package: a call on the link.
    Package(Charge),
    /// Nobody; counted as overflow: a call relayed over the public link.
    Overflow(Arc<Meter>, PublicReason),
}

/// The state of one call under way. Everything is atomic because bodies must be `Send`; it is only
/// ever touched by the core that serves the call.
#[derive(Debug)]
pub struct Flow {
    payer: Payer,
    counters: Arc<BusinessCounters>,
    started: Instant,
    gate: AtomicU8,
    gate_waker: AtomicWaker,
    /// Milliseconds after `started` at which the upload ended; `UPLOADING` before.
    upload_ended_ms: AtomicU64,
    upload_fault: AtomicU8,
    starved: AtomicBool,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    /// Whose time is noted when it is over.
    timed: OnceLock<Uuid>,
    /// For its record.
    pub journey: Journey,
}

/// `HTTP/1.1 100 Continue`, as the server says it to a client that waits for it.
const CONTINUE_BYTES: u64 = 25;

/// Whether the request's body may flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    Open,
    /// The client waits for `100 Continue`: nothing is read from it, so that nothing is said to it.
    Expecting,
    /// The origin has answered before the upload was finished and wants no more of it.
    Paused,
    /// The call is over.
    Closed,
}

/// What was wrong with an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UploadFault {
    TooLarge,
    Idle,
    Broken,
}

const UPLOADING: u64 = u64::MAX;

// === impl Flow ===

impl Flow {
    /// `expecting`: the client sent `Expect: 100-continue`. Where the package pays, the call is counted as
    /// one on the link.
    pub fn new(
        payer: Payer,
        counters: Arc<BusinessCounters>,
        started: Instant,
        expecting: bool,
    ) -> Arc<Self> {
        if matches!(payer, Payer::Package(_)) {
            counters.link().count(1, 0);
        }
        let gate = if expecting {
            Gate::Expecting
        } else {
            Gate::Open
        };
        Arc::new(Flow {
            payer,
            counters,
            started,
            gate: AtomicU8::new(gate as u8),
            gate_waker: AtomicWaker::new(),
            upload_ended_ms: AtomicU64::new(UPLOADING),
            upload_fault: AtomicU8::new(0),
            starved: AtomicBool::new(false),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            timed: OnceLock::new(),
            journey: Journey::default(),
        })
    }

    /// When the call arrived.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Charges bytes from the client.
    pub fn count_request(&self, bytes: u64) {
        self.request_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.charge(bytes);
    }

    /// Charges bytes to the client.
    pub fn count_response(&self, bytes: u64) {
        self.response_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.charge(bytes);
    }

    /// Bytes so far, from the client and to it, heads included.
    pub fn bytes(&self) -> (u64, u64) {
        let (up, down) = (&self.request_bytes, &self.response_bytes);
        (up.load(Ordering::Relaxed), down.load(Ordering::Relaxed))
    }

    fn charge(&self, bytes: u64) {
        match &self.payer {
            Payer::Package(charge) => {
                charge.add(bytes);
                self.counters.link().count(0, bytes);
            }
            Payer::Overflow(meter, reason) => {
                meter.count_overflow(0, bytes);
                self.counters.public(*reason).count(0, bytes);
            }
        }
    }

    /// Counts the call as failed; once, whatever else goes wrong with it.
    pub fn count_error(&self, error: &CallError) {
        if self.journey.fail(error) {
            self.counters.count_error(error.fault());
        }
    }

    /// Notes how long the call takes in all once both directions are over.
    pub fn time(&self, call_id: Uuid) {
        let _ = self.timed.set(call_id);
    }

    pub fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Acquire) {
            0 => Gate::Open,
            1 => Gate::Expecting,
            2 => Gate::Paused,
            _ => Gate::Closed,
        }
    }

    /// Lets the upload begin, where it was waiting for that.
    pub fn open(&self) {
        let (from, to) = (Gate::Expecting as u8, Gate::Open as u8);
        let opened = self
            .gate
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        if opened.is_ok() {
            // Said as soon as the body is asked for, which it is now.
            self.count_response(CONTINUE_BYTES);
            self.gate_waker.wake();
        }
    }

    /// Reads no more of the upload, but leaves its connection to the origin as it is.
    pub fn pause_upload(&self) {
        if self.uploading() {
            self.gate.store(Gate::Paused as u8, Ordering::Release);
        }
    }

    /// Ends an upload that is still under way.
    pub fn close_upload(&self) {
        self.gate.store(Gate::Closed as u8, Ordering::Release);
        self.gate_waker.wake();
    }

    pub fn uploading(&self) -> bool {
        self.upload_ended_ms.load(Ordering::Relaxed) == UPLOADING
    }

    pub(super) fn end_upload(&self) {
        if self.uploading() {
            let now_ms = self.started.elapsed().as_millis() as u64;
            self.upload_ended_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// When the upload ended, if it has.
    pub fn upload_ended(&self) -> Option<Instant> {
        Some(self.upload_ended_ms.load(Ordering::Relaxed))
            .filter(|&ms| ms != UPLOADING)
            .map(|ms| self.started + Duration::from_millis(ms))
    }

    /// Notes whether the upload waits for the client (and not for the origin to take more).
    pub(super) fn set_starved(&self, starved: bool) {
        self.starved.store(starved, Ordering::Relaxed);
    }

    /// Whether the client is whom an unfinished upload waits for.
    pub fn starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed)
    }

    pub(super) fn fail_upload(&self, fault: UploadFault) {
        self.upload_fault.store(fault as u8 + 1, Ordering::Relaxed);
    }

    /// The error of the upload, if that is what ended the call.
    pub fn upload_error(&self, limit_bytes: u64) -> Option<CallError> {
        match self.upload_fault.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(CallError::BodyTooLarge { limit_bytes }),
            2 => Some(CallError::UploadIdle),
            _ => Some(CallError::UploadBroken),
        }
    }

    /// Registers for the gate, then looks at it: no change is missed between the two.
    pub(super) fn poll_gate(&self, cx: &mut Context<'_>) -> Gate {
        let gate = self.gate();
        if gate == Gate::Closed {
            return gate;
        }
        self.gate_waker.register(cx.waker());
        self.gate()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if let Some(call_id) = self.timed.get() {
            self.counters.observe(self.started.elapsed(), *call_id);
        }
    }
}
