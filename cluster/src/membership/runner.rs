//! The task that keeps an incarnation of chitchat running, publishes this node's keys through it and
//! turns its state into views.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chitchat::{
    Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, ProtocolVersion,
    spawn_chitchat,
};
use rand::seq::IteratorRandom;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use weir_config::NodeId;

use super::handle::{Counts, Desired, MembershipConfig, Push};
use super::keys;
use super::publisher::Publisher;
use super::rows::{MAX_ROWS, RowChanges};
use super::signed;
use super::transport::MeshTransport;
use super::view::{ClusterView, Viewer};

/// Silence, in mean heartbeat intervals, after which a node counts as dead. The mean is taken over the
/// last ten heartbeats and five of the gossip interval, so that a burst of gossip cannot shrink it much:
/// at 100 ms a silent node is dead after 0.7 to 1.4 s, and a stall of half a second kills nobody.
const PHI_THRESHOLD: f64 = 20.0;
const SAMPLING_WINDOW: usize = 10;
/// Longer gaps between heartbeats say nothing of a node's rhythm.
const MAX_SAMPLED_INTERVALS: u32 = 10;
/// Dead nodes are forgotten after this; chitchat's own 24 h would bloat every digest.
const DEAD_NODE_GRACE: Duration = Duration::from_secs(12 * 60);
const DELETED_KEY_GRACE: Duration = Duration::from_secs(10 * 60);
/// Live peers gossiped with at once on a change; from there it spreads by the interval.
const MAX_PUSHED_PEERS: usize = 32;
/// Every so many gossip intervals a node signs the oldest of its values again.
const REFRESH_EVERY_INTERVALS: u64 = 10;
const RESPAWN_BACKOFF_MIN: Duration = Duration::from_millis(100);
const RESPAWN_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// An incarnation that lived so long did not die of its start.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

pub(super) struct Runner {
    config: MembershipConfig,
    transport: MeshTransport,
    desired: Arc<Desired>,
    counts: Arc<Counts>,
    view: watch::Sender<Arc<ClusterView>>,
    rows: Arc<RowChanges>,
    leave: mpsc::Receiver<oneshot::Sender<()>>,
    /// Of the incarnation now or last running.
    generation: u64,
    /// Signs what this incarnation says.
    publisher: Publisher,
    /// Gossip intervals of this incarnation, and the version up to which it had signed at the last of them.
    ticks: u64,
    signed_to: u64,
}

/// Why an incarnation ended.
enum End {
    Died(String),
    /// An incarnation of this node that ran before has a higher generation: the clock was set back.
    Outranked(u64),
    /// It has said something under so many keys that its peers take no more.
    Full,
    Left,
}

// === impl Runner ===

impl Runner {
    pub fn new(
        config: MembershipConfig,
        transport: MeshTransport,
        desired: Arc<Desired>,
        counts: Arc<Counts>,
        view: watch::Sender<Arc<ClusterView>>,
        rows: Arc<RowChanges>,
        leave: mpsc::Receiver<oneshot::Sender<()>>,
    ) -> Self {
        let trust = transport.mesh.trust().clone();
        let id = ChitchatId::new(config.node.as_str(), 0, config.mesh_addr);
        let publisher = Publisher::new(id, config.cluster.clone(), trust);
        Runner {
            config,
            transport,
            desired,
            counts,
            view,
            rows,
            leave,
            generation: 0,
            publisher,
            ticks: 0,
            signed_to: 0,
        }
    }

    /// Runs incarnation after incarnation until the node leaves.
    pub async fn run(mut self) {
        let mut backoff = RESPAWN_BACKOFF_MIN;
        loop {
            self.generation = next_generation(self.generation);
            let begun = Instant::now();
            let end = match self.spawn().await {
                Ok(chitchat) => self.live(chitchat).await,
                Err(error) => End::Died(format!("{error:#}")),
            };
            match end {
                End::Left => return,
                End::Outranked(generation) => {
                    tracing::warn!(generation, "this node has run before under a later clock");
                    self.generation = generation;
                }
                End::Full => {
                    tracing::info!("gossip begins anew, without keys that say nothing any more")
                }
                End::Died(reason) => {
                    let respawns = self.counts.respawn();
                    let barred = self.transport.blame.bar().map(tracing::field::display);
                    tracing::error!(reason, respawns, barred, "gossip died and is started anew");
                }
            }
            if begun.elapsed() > HEALTHY_AFTER {
                backoff = RESPAWN_BACKOFF_MIN;
            }
            tokio::select! {
                () = sleep(backoff) => backoff = (backoff * 2).min(RESPAWN_BACKOFF_MAX),
                leaving = self.leave.recv() => {
                    leaving.map(|done| done.send(()));
                    return;
                }
            }
        }
    }

    async fn spawn(&mut self) -> anyhow::Result<ChitchatHandle> {
        let MembershipConfig {
            cluster,
            node,
            mesh_addr,
            gossip_interval,
            ..
        } = &self.config;
        let own = mesh_addr.to_string();
        let id = ChitchatId::new(node.as_str(), self.generation, *mesh_addr);
        self.transport.gate.begin(&id);
        let trust = self.transport.mesh.trust().clone();
        let mut publisher = Publisher::new(id.clone(), cluster.clone(), trust);
        let first = publisher.begin(self.desired.begin());
        self.publisher = publisher;
        self.ticks = 0;
        let config = ChitchatConfig {
            chitchat_id: id,
            cluster_id: cluster.clone(),
            gossip_interval: *gossip_interval,
            listen_addr: *mesh_addr,
            seed_nodes: self
                .config
                .seeds
                .iter()
                .filter(|seed| **seed != own)
                .cloned()
                .collect(),
            failure_detector_config: FailureDetectorConfig::new(
                PHI_THRESHOLD,
                SAMPLING_WINDOW,
                *gossip_interval * MAX_SAMPLED_INTERVALS,
                *gossip_interval,
                DEAD_NODE_GRACE,
            ),
            marked_for_deletion_grace_period: DELETED_KEY_GRACE,
            catchup_callback: None,
            extra_liveness_predicate: None,
            protocol_version: ProtocolVersion::V1,
        };
        spawn_chitchat(config, first, &self.transport).await
    }

    /// Serves one incarnation until it ends.
    async fn live(&mut self, chitchat: ChitchatHandle) -> End {
        let seen = Arc::new(Notify::new());
        let noticed = seen.clone();
        // Runs under chitchat's lock: nothing but a notification.
        let (mut live_nodes, _listener) = chitchat
            .with_chitchat(|chitchat| {
                let noticed = noticed.clone();
                let listener = chitchat.subscribe_event("", move |_| noticed.notify_one());
                (chitchat.live_nodes_watcher(), listener)
            })
            .await;
        let mut viewer = Viewer::new(self.config.node.clone(), self.generation);
        let terminated = chitchat.termination_watcher();
        tokio::pin!(terminated);
        let mut tick = interval(self.config.gossip_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let push_spacing = self.config.gossip_interval / 10;
        let look_spacing = self.config.gossip_interval / 20;
        let (mut push_from, mut look_from) = (Instant::now(), Instant::now());
        let (mut to_push, mut to_look) = (true, true);
        // Of this node's own keys, as they were pushed last.
        let mut pushed = 0;
        loop {
            tokio::select! {
                end = &mut terminated => {
                    let reason = end.err().map_or("it stopped".to_owned(), |error| format!("{error:#}"));
                    return End::Died(reason);
                }
                () = self.desired.changed.notified() => to_push = true,
                () = self.desired.changed_quietly.notified() => {
                    let changes = self.desired.take_changes();
                    self.set_keys(&chitchat, &changes, |_, _| ()).await;
                }
                () = sleep_until(push_from), if to_push => {
                    to_push = false;
                    to_look = true;
                    push_from = Instant::now() + push_spacing;
                    pushed = self.push(&chitchat, pushed).await;
                }
                done = self.leave.recv() => {
                    self.say_goodbye(chitchat).await;
                    done.map(|done| done.send(()));
                    return End::Left;
                }
                () = seen.notified() => to_look = true,
                Ok(()) = live_nodes.changed() => to_look = true,
                _ = tick.tick() => {
                    to_look = true;
                    self.sign_of_life(&chitchat).await;
                    if self.is_full() {
                        return End::Full;
                    }
                }
                () = sleep_until(look_from), if to_look => {
                    to_look = false;
                    look_from = Instant::now() + look_spacing;
                    if let Some(generation) = self.look(&chitchat, &mut viewer).await {
                        return End::Outranked(generation);
                    }
                }
            }
        }
    }

    /// Shows what others say now; the generation of an earlier self that outranks this one.
    async fn look(&self, chitchat: &ChitchatHandle, viewer: &mut Viewer) -> Option<u64> {
        let look = chitchat
            .with_chitchat(|chitchat| viewer.look(chitchat))
            .await;
        self.rows.add(look.rows);
        if let Some(view) = look.view {
            let live = view.nodes.iter().filter(|node| node.live);
            let places = live.map(|node| (node.id.clone(), node.mesh_addr));
            self.transport.mesh.expect(places.collect());
            self.view.send_if_modified(|known| {
                let changed = **known != view;
                if changed {
                    *known = Arc::new(view);
                }
                changed
            });
        }
        look.outranked
    }

    /// Sets this node's keys, and gossips at once with its live peers where anything is newer than what was
    /// `pushed` before, or with those it was asked to; the version that all were pushed.
    async fn push(&mut self, chitchat: &ChitchatHandle, pushed: u64) -> u64 {
        let Push { all, nodes } = self.desired.take_push();
        let changes = self.desired.take_changes();
        let (version, peers) = self
            .set_keys(chitchat, &changes, |chitchat, version| {
                match all && version != pushed {
                    true => some_live_peers(chitchat),
                    false => live_among(chitchat, &nodes),
                }
            })
            .await;
        for peer in peers {
            // Fails only where chitchat has died, which its termination says too.
            let _ = chitchat.gossip(peer);
        }
        if all { version } else { pushed }
    }

    /// Sets keys of this node to what they are to say; the version they are at then, and what `then` says.
    async fn set_keys<T>(
        &mut self,
        chitchat: &ChitchatHandle,
        changes: &[(String, Option<String>)],
        then: impl Fn(&Chitchat, u64) -> T,
    ) -> (u64, T) {
        let publisher = &mut self.publisher;
        chitchat
            .with_chitchat(|chitchat| {
                let own = chitchat.self_node_state();
                for (key, payload) in changes {
                    // A deletion has no signature: that a key is gone is said by a value that says nothing.
                    let payload = match payload {
                        Some(payload) => payload,
                        None if own.contains_key(key) => "",
                        None => continue,
                    };
                    let value = publisher.sign(key, payload, own.max_version() + 1);
                    own.set(key, value);
                }
                let version = own.max_version();
                (version, then(chitchat, version))
            })
            .await
    }

    /// Signs something in every interval, so that others see that this node lives; now and then what was signed
    /// longest ago, so that nothing a peer may have left out is missing for long.
    async fn sign_of_life(&mut self, chitchat: &ChitchatHandle) {
        self.ticks += 1;
        let publisher = &self.publisher;
        let renewal = publisher.renewal();
        let mut changes: Vec<_> = renewal
            .map(|(key, payload)| (key, Some(payload)))
            .into_iter()
            .collect();
        let oldest = publisher.oldest();
        if oldest.len() > 1 || self.ticks.is_multiple_of(REFRESH_EVERY_INTERVALS) {
            let own = chitchat
                .with_chitchat(|chitchat| {
                    let own = chitchat.self_node_state();
                    let said = |key: &String| {
                        let payload = signed::payload(own.get(key)?).map(str::to_owned);
                        Some((key.clone(), Some(payload.unwrap_or_default())))
                    };
                    oldest.iter().filter_map(said).collect::<Vec<_>>()
                })
                .await;
            changes.extend(own);
        } else if publisher.version() == self.signed_to {
            changes.push((keys::BEAT.to_owned(), Some(String::new())));
        }
        if !changes.is_empty() {
            self.set_keys(chitchat, &changes, |_, _| ()).await;
        }
        self.signed_to = self.publisher.version();
    }

    /// Whether most of the keys that peers still take are ones that say nothing any more.
    fn is_full(&self) -> bool {
        self.publisher.keys() >= MAX_ROWS && self.desired.rows() <= MAX_ROWS / 2
    }

    async fn say_goodbye(&mut self, chitchat: ChitchatHandle) {
        self.desired
            .set([(keys::LEAVING.to_owned(), "true".to_owned())]);
        self.push(&chitchat, 0).await;
        // Gossip has no receipt: a few intervals carry the word to everyone.
        let word = self.config.gossip_interval * 2;
        sleep(word.clamp(Duration::from_millis(100), Duration::from_millis(500))).await;
        let _ = timeout(Duration::from_secs(1), chitchat.shutdown()).await;
    }
}

fn live_among(chitchat: &Chitchat, nodes: &BTreeSet<NodeId>) -> Vec<std::net::SocketAddr> {
    if nodes.is_empty() {
        return Vec::new();
    }
    let me = chitchat.self_chitchat_id();
    let named = |id: &&ChitchatId| id.node_id.parse().is_ok_and(|node| nodes.contains(&node));
    let live = chitchat.live_nodes().filter(|id| *id != me).filter(named);
    live.map(|id| id.gossip_advertise_addr).collect()
}

fn some_live_peers(chitchat: &Chitchat) -> Vec<std::net::SocketAddr> {
    let me = chitchat.self_chitchat_id();
    let peers = chitchat
        .live_nodes()
        .filter(|id| *id != me)
        .map(|id| id.gossip_advertise_addr);
    peers.sample(&mut rand::rng(), MAX_PUSHED_PEERS)
}

/// A generation above every earlier one: the wall clock, where that has not gone back.
fn next_generation(last: u64) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis())
        .unwrap_or(u64::MAX)
        .max(last + 1)
}
