//! What the bytes of a connection and the calls on it tell each other.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::HeaderValue;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::link::headers;
use crate::link::places::Place;

/// Interim responses that may wait to be written; more are dropped, as they are only hints.
const MAX_INTERIM: usize = 16;

/// One connection. Touched by its own core only; atomic because hyper wants its streams `Send`.
#[derive(Debug)]
pub struct ConnectionState {
    pub peer: IpAddr,
    /// `x-wx-client-ip` of its calls.
    pub peer_value: HeaderValue,
    pub secure: bool,
    opened: Instant,
    /// Held by an upgraded connection too, which outlives hyper's.
    _place: Place,
    calls: AtomicU32,
    /// There was a call on it.
    called: AtomicBool,
    /// Milliseconds after `opened` since which no call is under way.
    idle_since_ms: AtomicU64,
    /// The head of the answer is with hyper: nothing may be written before it any more.
    answered: AtomicBool,
    /// The connection was handed over to an upgraded protocol.
    raw: AtomicBool,
    has_interim: AtomicBool,
    /// Locked only where an origin sends a 1xx.
    interim: Mutex<VecDeque<Bytes>>,
    /// Wakes the connection to write an interim response.
    connection: AtomicWaker,
    /// Wakes the call once it is written.
    call: AtomicWaker,
}

/// A call under way on a connection, until the last byte of its answer.
#[derive(Debug)]
pub struct CallUnderWay(Arc<ConnectionState>);

// === impl ConnectionState ===

impl ConnectionState {
    pub fn new(peer: IpAddr, secure: bool, place: Place) -> Arc<Self> {
        Arc::new(ConnectionState {
            peer_value: headers::value(peer.to_string()),
            peer,
            secure,
            opened: Instant::now(),
            _place: place,
            calls: AtomicU32::new(0),
            called: AtomicBool::new(false),
            idle_since_ms: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            raw: AtomicBool::new(false),
            has_interim: AtomicBool::new(false),
            interim: Mutex::default(),
            connection: AtomicWaker::new(),
            call: AtomicWaker::new(),
        })
    }

    pub fn begin_call(self: &Arc<Self>) -> CallUnderWay {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
        CallUnderWay(self.clone())
    }

    /// Since the connection was opened, microseconds; `None` from the second call on.
    pub fn accepted_us(&self) -> Option<u32> {
        let first = !self.called.swap(true, Ordering::Relaxed);
        first.then(|| u32::try_from(self.opened.elapsed().as_micros()).unwrap_or(u32::MAX))
    }

    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Since when no call is under way; `None` while one is.
    pub fn idle_since(&self) -> Option<Instant> {
        let since = Duration::from_millis(self.idle_since_ms.load(Ordering::Relaxed));
        (self.calls() == 0).then(|| self.opened + since)
    }

    /// From now on the connection's bytes are another protocol's.
    pub fn hand_over(&self) {
        self.raw.store(true, Ordering::Relaxed);
    }

    pub fn is_raw(&self) -> bool {
        self.raw.load(Ordering::Relaxed)
    }

    /// An interim response for the client of an HTTP/1.1 call; whether it will be written.
    pub fn push_interim(&self, head: Bytes) -> bool {
        let mut queue = self.interim.lock();
        let takes = queue.len() < MAX_INTERIM && !self.answered.load(Ordering::Relaxed);
        if takes {
            queue.push_back(head);
            self.has_interim.store(true, Ordering::Release);
            self.connection.wake();
        }
        takes
    }

    /// The next interim response that may be written now.
    pub(super) fn next_interim(&self) -> Option<Bytes> {
        if !self.has_interim.load(Ordering::Acquire) {
            return None;
        }
        let mut queue = self.interim.lock();
        if self.answered.load(Ordering::Relaxed) || self.calls() == 0 {
            queue.clear();
        }
        let next = queue.pop_front();
        if next.is_none() {
            self.has_interim.store(false, Ordering::Release);
            self.call.wake();
        }
        next
    }

    pub(super) fn await_interim(&self, waker: &std::task::Waker) {
        self.connection.register(waker);
    }

    /// Called once the final answer is known: waits until what came before it is written.
    pub async fn answer(&self) {
        if self.has_interim.load(Ordering::Acquire) {
            poll_fn(|cx| {
                self.call.register(cx.waker());
                match self.has_interim.load(Ordering::Acquire) {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }
            })
            .await;
        }
        self.answered.store(true, Ordering::Relaxed);
    }
}

// === impl CallUnderWay ===

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        let now_ms = self.0.opened.elapsed().as_millis() as u64;
        self.0.idle_since_ms.store(now_ms, Ordering::Relaxed);
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}
