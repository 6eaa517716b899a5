//! What the origin has seen, so that a test can tell that work stopped when its client went away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

/// Counters since the origin started. Calls of `/__origin/…` are not counted.
#[derive(Debug, Default)]
pub struct Stats {
    calls: AtomicU64,
    in_flight: AtomicU64,
    aborted: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections: AtomicU64,
    open_connections: AtomicU64,
    web_socket_messages: AtomicU64,
}

/// One call under way; counted as aborted unless told that it completed.
#[derive(Debug)]
pub struct Call {
    stats: Arc<Stats>,
    completed: bool,
}

/// One open connection.
#[derive(Debug)]
pub struct Connection<'a>(&'a Stats);

// === impl Stats ===

impl Stats {
    pub(super) fn open_connection(&self) -> Connection<'_> {
        self.connections.fetch_add(1, Relaxed);
        self.open_connections.fetch_add(1, Relaxed);
        Connection(self)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Call {
        self.calls.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        Call {
            stats: self.clone(),
            completed: false,
        }
    }

    /// The counters as `/__origin/stats` shows them: all since the start, but `in_flight` and
    /// `open_connections`, which are of now. Bytes are of bodies.
    pub fn to_json(&self) -> Value {
        json!({
            "calls": self.calls.load(Relaxed),
            "in_flight": self.in_flight.load(Relaxed),
            "aborted": self.aborted.load(Relaxed),
            "bytes_in": self.bytes_in.load(Relaxed),
            "bytes_out": self.bytes_out.load(Relaxed),
            "connections": self.connections.load(Relaxed),
            "open_connections": self.open_connections.load(Relaxed),
            "web_socket_messages": self.web_socket_messages.load(Relaxed),
        })
    }
}

// === impl Call ===

impl Call {
    pub(super) fn received(&self, bytes: usize) {
        self.stats.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.stats.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn web_socket_message(&self) {
        self.stats.web_socket_messages.fetch_add(1, Relaxed);
    }

    pub(super) fn complete(&mut self) {
        self.completed = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stats.in_flight.fetch_sub(1, Relaxed);
        if !self.completed {
            self.stats.aborted.fetch_add(1, Relaxed);
        }
    }
}

// === impl Connection ===

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.open_connections.fetch_sub(1, Relaxed);
    }
}
