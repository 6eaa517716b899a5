//! One change after the other: stamped, stored, published.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use weir_cluster::replication::{
    ConfigSnapshot, Effect, Event, Replica, SharedSnapshot, VersionName, Written,
};
use weir_config::history::Retention;
use weir_config::operation::{Change, Context};
use weir_config::{Catalog, NodeId, Record, Refusal, Stamp};

use super::ConfigParts;
use super::acks::{Acks, StoredOn};
use super::conflicts::Conflicts;
use super::health::ConfigHealth;
use super::opening::{self, CAUGHT_UP};
use super::options::{Ack, Applied, WriteOptions};
use crate::store::{Store, StoreError};

/// The open store, handed from one incarnation to the next. The ConfigActor's thread takes it, and the
/// QuotaActor for what it keeps of the mint plan.
pub type SharedStore = Arc<Mutex<Store>>;

/// The fact in the store that says when this node last ran, milliseconds since 1970-01-01 UTC.
pub const LAST_ALIVE_MS: &str = "last_alive_ms";

/// Where a new state of the configuration is shown.
#[derive(Clone)]
pub struct Published {
    pub snapshot: SharedSnapshot,
    /// Counts the snapshots; a wake-up for whoever follows them.
    pub changed: Arc<watch::Sender<u64>>,
    /// Tells the cluster what this node has now.
    pub announce: Arc<dyn Fn(&ConfigSnapshot) + Send + Sync>,
}

/// The store and the replica, which never differ but while a change is being made.
pub struct Writer {
    pub(super) node: NodeId,
    region: String,
    retention: Retention,
    pub(super) store: SharedStore,
    pub(super) replica: Replica,
    published: Published,
    pub(super) acks: Acks,
    health: ConfigHealth,
}

/// A change as this node has made it.
pub(super) struct Made<T> {
    pub applied: Applied<T>,
    /// Where it gets to; `None` where nobody wants to know, or too many do.
    pub stored_on: Option<StoredOn>,
    /// What is left to do among peers.
    pub effects: Vec<Effect>,
}

/// This node's wall clock, milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

// === impl Writer ===

impl Writer {
    /// Begins from the store; where that cannot be read, from what was published last.
    pub(super) fn new(parts: &ConfigParts) -> Self {
        let ConfigParts {
            node,
            store,
            published,
            options,
            ..
        } = parts;
        Writer {
            replica: opening::replica(node, options.retention, store, published),
            node: node.clone(),
            region: parts.region.clone(),
            retention: options.retention,
            store: store.clone(),
            published: published.clone(),
            acks: Acks::default(),
            health: parts.health.clone(),
        }
    }

    /// Makes one change, or none of it. A request that was carried out before is answered as it was then.
    ///
    /// # Errors
    /// The operation's refusal; 422 `idempotency_key_reused`; 503 `store_unwritable`.
    pub(super) fn apply<T>(
        &mut self,
        options: &WriteOptions,
        operation: impl FnOnce(&Catalog, &Context) -> Result<(Change, T), Refusal>,
    ) -> Result<Made<T>, Refusal> {
        if let Some(made) = self.replay(options)? {
            return Ok(made);
        }
        let context = Context {
            now_ms: now_ms(),
            random: rand::random(),
            default_region: self.region.clone(),
        };
        let (change, value) = operation(&self.replica.state().catalog, &context)?;
        let before = self.before();
        let (author, request) = (&options.author, options.request.as_deref());
        let written = self.replica.write(context.now_ms, author, request, change);
        let Some(name) = written.name().cloned() else {
            return Ok(Made {
                applied: self.applied(self.newest(), Some(value), Vec::new()),
                stored_on: None,
                effects: Vec::new(),
            });
        };
        let Written { records, effects } = written;
        let stored_on = self.wait_for(&name, options.ack);
        let effects = self.keep(&records, effects, before).map_err(|error| {
            let kept = "Nothing was changed, and calls go on as before.";
            Refusal::new(
                503,
                "store_unwritable",
                format!("On node {}, {error}. {kept}", self.node),
            )
        })?;
        Ok(Made {
            applied: self.applied(name, Some(value), records),
            stored_on,
            effects,
        })
    }

    /// Takes what happened among peers, or time that passed; returns what is left to do. Nothing of it has
    /// happened where it could not be stored.
    pub(super) fn take(&mut self, event: Event) -> Vec<Effect> {
        let conflicts = Conflicts::before(&event, self.replica.state());
        let peer = requested(&event);
        let before = self.before();
        let effects = self.replica.handle(event);
        match self.keep(&[], effects, before) {
            Ok(left) => {
                let found = conflicts.report(self.replica.state());
                self.health.count_conflicts(found);
                left
            }
            Err(_) => peer.map_or(Vec::new(), |peer| {
                self.replica.handle(Event::Failed { peer })
            }),
        }
    }

    /// Stores what `effects` say and `written`, and does with the rest what is to be done on this node; where
    /// that cannot be stored the replica is set back.
    fn keep(
        &mut self,
        written: &[Record],
        effects: Vec<Effect>,
        before: Option<Replica>,
    ) -> Result<Vec<Effect>, StoreError> {
        let mut records = written.to_vec();
        let mut pruned = Vec::new();
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(more) => records.extend(more),
                Effect::Prune(more) => pruned.extend(more),
                other => rest.push(other),
            }
        }
        if !records.is_empty() || !pruned.is_empty() {
            self.persist(&records, &pruned, before)?;
        }
        Ok(self.settle(rest))
    }

    fn persist(
        &mut self,
        records: &[Record],
        pruned: &[VersionName],
        before: Option<Replica>,
    ) -> Result<(), StoreError> {
        let kept = self.store.lock().persist(records, pruned, now_ms());
        match kept {
            Ok(()) => self.health.store_is_writable(),
            Err(error) => {
                self.health.store_is_unwritable(&error);
                self.replica = before.unwrap_or_else(|| {
                    opening::replica(&self.node, self.retention, &self.store, &self.published)
                });
                return Err(error);
            }
        }
        Ok(())
    }

    /// Does what is to be done on this node once everything is stored; returns the rest.
    pub(super) fn settle(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in effects {
            match effect {
                Effect::Publish => self.publish(),
                Effect::Acked { write, nodes } => self.acks.tell(&write, nodes),
                Effect::CaughtUp => self.note(CAUGHT_UP, "true"),
                other => left.push(other),
            }
        }
        left
    }

    /// Time passes: what need not be retained goes, and the store notes that its node is alive.
    pub(super) fn tick(&mut self) -> Vec<Effect> {
        let now_ms = now_ms();
        self.note(LAST_ALIVE_MS, &now_ms.to_string());
        let newest = self.replica.state().newest.as_ref();
        let newest_ms = newest.map_or(0, |newest| newest.wall_ms);
        self.health.note_clock(now_ms, newest_ms);
        self.take(Event::Tick { now_ms })
    }

    /// Forgets the writes that nobody asks for any more.
    pub(super) fn forget_answered(&mut self) {
        for write in self.acks.take_abandoned() {
            self.replica.forget_write(&write);
        }
    }

    /// Shows the present state to this node and to the cluster.
    pub(super) fn publish(&self) {
        let snapshot = Arc::new(self.replica.snapshot());
        self.published.snapshot.store(snapshot.clone());
        self.published.changed.send_modify(|count| *count += 1);
        (self.published.announce)(&snapshot);
    }

    /// Keeps a fact about this node.
    pub(super) fn note(&mut self, fact: &str, value: &str) {
        match self.store.lock().set_fact(fact, value) {
            Ok(()) => self.health.store_is_writable(),
            Err(error) => self.health.store_is_unwritable(&error),
        }
    }

    pub(super) fn wait_for(&mut self, write: &Stamp, ack: Ack) -> Option<StoredOn> {
        let stored_on = match ack {
            Ack::Local => None,
            Ack::One | Ack::Majority | Ack::All => self.acks.begin(write, &self.node),
        };
        if stored_on.is_none() && !self.acks.is_waited_for(write) {
            self.replica.forget_write(write);
        }
        stored_on
    }

    pub(super) fn applied<T>(
        &self,
        version: Stamp,
        value: Option<T>,
        records: Vec<Record>,
    ) -> Applied<T> {
        Applied {
            version,
            value,
            changed: !records.is_empty(),
            records,
            stored_on: vec![self.node.clone()],
            ack_reached: true,
            replayed: false,
        }
    }

    /// The replica as it is now, while the store is known to fail: to go back to without reading all of it.
    fn before(&self) -> Option<Replica> {
        self.health.unwritable().map(|_| self.replica.clone())
    }

    fn newest(&self) -> Stamp {
        let newest = self.replica.state().newest.clone();
        newest.unwrap_or_else(|| Stamp {
            wall_ms: 0,
            counter: 0,
            node: self.node.clone(),
        })
    }
}

/// The refusal of a question that the store did not answer.
pub(super) fn unreadable(node: &NodeId, error: &StoreError) -> Refusal {
    tracing::error!(%error, "the store could not be read");
    let detail = format!("On node {node}, {error}.");
    Refusal::new(503, "store_unreadable", detail)
}

/// The peer whose answer an event is: it is asked again where the answer could not be stored.
fn requested(event: &Event) -> Option<NodeId> {
    match event {
        Event::Records { peer, .. } => Some(peer.clone()),
        _ => None,
    }
}
