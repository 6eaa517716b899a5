//! All gateways of this node: which are awake, who gets a turn, what is published of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::{Incarnation, Meter, Terms};
use weir_cluster::membership::RowChange;
use weir_config::NodeId;

use super::figures::LimitFigures;
use super::gateway::{Board, Gateway};
use super::peers::PeerRows;
use super::shares::Shares;

/// What is shown of gateways on this node, by gateway.
pub(super) type Boards = HashMap<String, Arc<Board>>;
/// Rows to publish; `None` takes one away.
pub(super) type RowsToPublish = Vec<(String, Option<String>)>;

/// The gateways as one incarnation of the actor has them.
#[derive(Debug)]
pub(super) struct Gateways {
    node: NodeId,
    generation: u64,
    terms: Terms,
    all: BTreeMap<String, Gateway>,
    /// Gateways by the key of their rows.
    by_key: HashMap<String, String>,
    /// Those that need turns; the others cost a look at their meter.
    awake: BTreeSet<String>,
    pub peers: PeerRows,
    /// What the others may mint.
    pub shares: Shares,
    /// Times a gateway was taken away.
    removals: u64,
    /// This node's part of the minting.
    share: u64,
    /// The time of minting: what of the time so far lay within the mint lease.
    minted_to: Duration,
}

/// Above the milliseconds of a generation, which need 41 bits until the year 2039 and 44 until 2527.
const GENERATION_BITS: u32 = 44;

// === impl Gateways ===

impl Gateways {
    /// `generation`: of the actor's incarnation.
    pub fn new(node: NodeId, generation: u64, terms: Terms) -> Self {
        Gateways {
            node,
            generation,
            terms,
            all: BTreeMap::new(),
            by_key: HashMap::new(),
            awake: BTreeSet::new(),
            peers: PeerRows::default(),
            shares: Shares::default(),
            removals: 0,
            share: 0,
            minted_to: Duration::ZERO,
        }
    }

    /// Takes the limits of all gateways. Those that are not named go, and with them what they hold; calls
    /// under way keep their meter. `before`: boards that are in use. Returns the boards from now on, and
    /// the rows that end.
    pub fn set_limits<'a>(
        &mut self,
        limits: impl Iterator<Item = (&'a str, LimitFigures)>,
        before: &Boards,
        now: Duration,
    ) -> (Boards, RowsToPublish) {
        self.mint_all();
        let mut known = std::mem::take(&mut self.all);
        let mut boards = Boards::new();
        // A gateway that is deleted and made again is another: what was given to the first must not be
        // credited to the second.
        let generation = self.generation + (self.removals << GENERATION_BITS);
        let me = Incarnation::of(&self.node, generation);
        for (id, limit) in limits {
            let gateway = match known.remove(id) {
                Some(mut gateway) => {
                    gateway.set_limit(limit, self.share);
                    gateway
                }
                None => {
                    let board = before.get(id).cloned();
                    let board = board.unwrap_or_else(|| Board::new(limit));
                    let mut gateway =
                        Gateway::new(id, me, self.terms, limit, board, self.minted_to);
                    // It has nothing yet, and should have something soon.
                    gateway.stay_awake(now);
                    self.awake.insert(id.to_owned());
                    gateway
                }
            };
            boards.insert(id.to_owned(), gateway.board.clone());
            self.all.insert(id.to_owned(), gateway);
        }
        let mut ended = Vec::new();
        for (id, mut gateway) in known {
            self.removals += 1;
            self.awake.remove(&id);
            self.by_key.remove(&gateway.key);
            if gateway.withdraw() {
                ended.push((gateway.key, None));
            }
        }
        let keys = self
            .all
            .iter()
            .map(|(id, gateway)| (gateway.key.clone(), id.clone()));
        self.by_key = keys.collect();
        (boards, ended)
    }

    /// Changes one gateway's limit, where it differs.
    pub fn set_limit(&mut self, id: &str, limit: LimitFigures) {
        let (share, to) = (self.share, self.minted_to);
        if let Some(gateway) = self.all.get_mut(id) {
            gateway.mint(share, to);
            gateway.set_limit(limit, share);
        }
    }

    pub fn share(&self) -> u64 {
        self.share
    }

    /// Goes on with another share. What was minted until now is minted under the one before.
    pub fn set_share(&mut self, share: u64, now: Duration) {
        if share == self.share {
            return;
        }
        self.mint_all();
        self.share = share;
        for (id, gateway) in &mut self.all {
            gateway.hint(share);
            gateway.stay_awake(now);
            self.awake.insert(id.clone());
        }
    }

    /// Mints for the gateways that are awake; the others are minted for every second, which is worth the
    /// same. `window`: of the time since the last call, what lay within the mint lease.
    pub fn mint(&mut self, window: Duration) {
        self.minted_to += window;
        let (share, to) = (self.share, self.minted_to);
        for id in &self.awake {
            if let Some(gateway) = self.all.get_mut(id) {
                gateway.mint(share, to);
            }
        }
    }

    pub fn mint_all(&mut self) {
        let (share, to) = (self.share, self.minted_to);
        self.all
            .values_mut()
            .for_each(|gateway| gateway.mint(share, to));
    }

    /// Takes what a peer says of a gateway: credits what it gives. The gateway, if it should have its turn
    /// now, and the peer: that one is in need of what this node has over.
    pub fn hear(&mut self, change: &RowChange, now: Duration) -> Option<(String, NodeId)> {
        let row = self.peers.take(change)?;
        let id = self.by_key.get(&change.key)?;
        let gateway = self.all.get_mut(id)?;
        let share = self.shares.of(&change.node, now);
        let credited = gateway.credit(&change.node, share, row, now);
        let can_help = gateway.can_help(row, now);
        let helps = can_help && self.peers.is_live(&change.node);
        if credited || helps {
            gateway.mint(self.share, self.minted_to);
            self.awake.insert(id.clone());
        }
        helps.then(|| (id.clone(), change.node.clone()))
    }

    /// Nodes that give what they cannot have, of any package.
    pub fn flagged(&self) -> BTreeSet<NodeId> {
        let flagged = self.all.values().flat_map(Gateway::flagged);
        flagged.cloned().collect()
    }

    /// Gateways that run dry while the others do not know.
    pub fn running_dry(&self, now: Duration) -> Vec<String> {
        if !self.peers.any_live() {
            return Vec::new();
        }
        let dry = |id: &&String| {
            self.all
                .get(*id)
                .is_some_and(|gateway| gateway.runs_dry(now))
        };
        self.awake.iter().filter(dry).cloned().collect()
    }

    /// Turns of some gateways before their time.
    pub fn turn_early(&mut self, ids: &[String], now: Duration) -> RowsToPublish {
        let mut rows = RowsToPublish::new();
        for id in ids {
            if let Some(gateway) = self.all.get_mut(id) {
                let row = gateway.turn(self.share, now, &self.peers);
                rows.extend(row.map(|row| (gateway.key.clone(), row)));
            }
        }
        rows
    }

    /// The turn of every gateway that is awake, or wakes up now.
    pub fn turn(&mut self, now: Duration) -> RowsToPublish {
        for (id, gateway) in &mut self.all {
            if gateway.is_asked() && !self.awake.contains(id) {
                gateway.mint(self.share, self.minted_to);
                self.awake.insert(id.clone());
            }
        }
        let mut rows = RowsToPublish::new();
        let (all, peers, share) = (&mut self.all, &self.peers, self.share);
        self.awake.retain(|id| {
            let Some(gateway) = all.get_mut(id) else {
                return false;
            };
            let row = gateway.turn(share, now, peers);
            rows.extend(row.map(|row| (gateway.key.clone(), row)));
            gateway.is_awake(peers, now)
        });
        rows
    }

    /// Ends a second: mints for those that sleep, and notes what was used.
    pub fn end_second(&mut self, second: u64) {
        self.mint_all();
        self.all
            .values()
            .for_each(|gateway| gateway.end_second(second));
    }

    /// Gives the others what is left, as far as they are in need of it: this node stops. The demand of calls
    /// that came before is forgotten, so that all is over.
    pub fn give_all(&mut self, now: Duration) -> RowsToPublish {
        let ids: Vec<String> = self.all.keys().cloned().collect();
        let mut rows = BTreeMap::new();
        for turn in 1..=FAREWELL_TURNS {
            let later = now + self.terms.interval * 6 * turn;
            rows.extend(self.turn_early(&ids, later));
        }
        rows.into_iter().collect()
    }

    pub fn meters(&self) -> BTreeMap<String, Arc<Meter>> {
        let meters = self.all.iter();
        meters
            .map(|(id, gateway)| (id.clone(), gateway.board.meter.clone()))
            .collect()
    }

    /// Gateways that are awake.
    #[cfg(test)]
    pub fn awake(&self) -> usize {
        self.awake.len()
    }
}

/// So many turns, each as long as six intervals, forget all but a ten-thousandth of the demand.
const FAREWELL_TURNS: u32 = 5;
