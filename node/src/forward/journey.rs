//! What is noted of a call's way to its origin, for its record: when it got how far, and what went wrong.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::forward::{CallError, Fault};

/// Of one call; touched by its own core only. Nothing is allocated for a call that goes well.
#[derive(Debug)]
pub struct Journey {
    attempts: AtomicU8,
    /// Microseconds; [`NEVER`] where it did not come to that.
    queue_us: AtomicU32,
    connect_us: AtomicU32,
    first_byte_us: AtomicU32,
    peer: OnceLock<SocketAddr>,
    /// Locked only where an attempt fails, and by the record.
    failed: Mutex<Vec<FailedAttempt>>,
    failure: OnceLock<Failure>,
}

/// An attempt that did not bring an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedAttempt {
    /// `host:port`, as it is configured or written in the URL.
    pub address: String,
    pub reason: &'static str,
}

/// What the call failed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub fault: Fault,
    pub reason: &'static str,
    pub code: i32,
    /// For people.
    pub detail: String,
}

const NEVER: u32 = u32::MAX;

// === impl Journey ===

impl Journey {
    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn attempt_failed(&self, address: String, reason: &'static str) {
        self.failed.lock().push(FailedAttempt { address, reason });
    }

    /// It waited so long for a place among the calls under way to its origin.
    pub(super) fn queued(&self, waited: Duration) {
        self.queue_us.store(micros(waited), Ordering::Relaxed);
    }

    /// A connection was made for it, or `None`: it went on one that was there. The head of the answer came from
    /// `peer`, so long after the call had arrived.
    pub(super) fn answered(
        &self,
        peer: Option<SocketAddr>,
        connect: Option<Duration>,
        after: Duration,
    ) {
        if let Some(peer) = peer {
            let _ = self.peer.set(peer);
        }
        if let Some(connect) = connect {
            self.connect_us.store(micros(connect), Ordering::Relaxed);
        }
        self.first_byte_us.store(micros(after), Ordering::Relaxed);
    }

    /// Whether this is the first error of the call.
    pub(super) fn fail(&self, error: &CallError) -> bool {
        let first = self.failure.get().is_none();
        self.failure.get_or_init(|| Failure::of(error));
        first
    }

    pub fn attempts(&self) -> u8 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub fn queue_us(&self) -> Option<u32> {
        known(&self.queue_us)
    }

    pub fn connect_us(&self) -> Option<u32> {
        known(&self.connect_us)
    }

    pub fn first_byte_us(&self) -> Option<u32> {
        known(&self.first_byte_us)
    }

    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.get().copied()
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub fn failed_attempts(&self) -> Vec<FailedAttempt> {
        self.failed.lock().clone()
    }
}

impl Default for Journey {
    fn default() -> Self {
        Journey {
            attempts: AtomicU8::new(0),
            queue_us: AtomicU32::new(NEVER),
            connect_us: AtomicU32::new(NEVER),
            first_byte_us: AtomicU32::new(NEVER),
            peer: OnceLock::new(),
            failed: Mutex::new(Vec::new()),
            failure: OnceLock::new(),
        }
    }
}

fn known(us: &AtomicU32) -> Option<u32> {
    Some(us.load(Ordering::Relaxed)).filter(|&us| us != NEVER)
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(NEVER - 1)
}

// === impl Failure ===

impl Failure {
    pub fn of(error: &CallError) -> Self {
        Failure {
            fault: error.fault(),
            reason: error.reason(),
            code: error.code(),
            detail: error.to_string(),
        }
    }
}
