use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::credentials::Credentials;
use super::registry::Trust;

/// The trust and the credentials of one node, read by every connection and replaced while it runs. Clones are the same.
#[derive(Clone, Debug)]
pub struct SharedTrust(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    trust: ArcSwap<Trust>,
    credentials: ArcSwap<Credentials>,
    changed: watch::Sender<u64>,
}

// === impl SharedTrust ===

impl SharedTrust {
    pub fn new(trust: Trust, credentials: Credentials) -> Self {
        SharedTrust(Arc::new(Shared {
            trust: ArcSwap::from_pointee(trust),
            credentials: ArcSwap::from_pointee(credentials),
            changed: watch::Sender::new(0),
        }))
    }

    /// The trust in force now.
    pub fn trust(&self) -> Arc<Trust> {
        self.0.trust.load_full()
    }

    pub fn credentials(&self) -> Arc<Credentials> {
        self.0.credentials.load_full()
    }

    /// Believes otherwise from now on; connections that are not believed any more end.
    pub fn set_trust(&self, trust: Trust) {
        if **self.0.trust.load() != trust {
            self.0.trust.store(Arc::new(trust));
            self.0.changed.send_modify(|count| *count += 1);
        }
    }

    /// Shows this from now on, in every handshake that begins.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.0.credentials.store(Arc::new(credentials));
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Counts the changes of either.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}
