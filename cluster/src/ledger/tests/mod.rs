//! The ledger's rules, one by one, and all at once on long schedules.

mod auditing;
mod donating;
mod limits;
mod metering;
mod minting;
mod schedules;

use std::cell::Cell;
use std::time::Duration;

use super::*;

/// A whole second of L, in parts, for L = 1,000.
const SECOND: u64 = 1_000 * PARTS;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One node of a cluster with L = 1,000 tokens a second.
struct Node {
    me: Incarnation,
    ledger: Ledger,
    purse: Cell<i64>,
    share: u64,
    now: Duration,
    published: Option<Entry>,
}

// === impl Node ===

impl Node {
    /// Number `me`, which mints one of `of` equal shares.
    fn new(me: u64, of: u64) -> Self {
        let me = Incarnation(me);
        Node {
            me,
            ledger: Ledger::new(me, Terms::default(), 1_000),
            purse: Cell::new(0),
            share: WHOLE / of,
            now: Duration::ZERO,
            published: None,
        }
    }

    /// Lets time pass, minting every 20 ms.
    fn pass(&mut self, time: Duration) -> u64 {
        let mut minted = 0;
        for _ in 0..time.as_millis() / 20 {
            self.now += ms(20);
            minted += self.ledger.mint(&self.purse, self.share, ms(20));
        }
        minted
    }

    fn turn(&mut self, offered_tokens: u64, peers: &[(Incarnation, &Entry)]) -> Turn {
        let offered = offered_tokens * PARTS;
        self.ledger
            .turn(&self.purse, self.now, self.share, offered, peers)
    }

    /// An interval and a turn.
    fn interval(&mut self, offered_tokens: u64, peers: &[(Incarnation, &Entry)]) -> Turn {
        self.pass(ms(100));
        self.turn(offered_tokens, peers)
    }

    /// Offers far more than L for a while, and spends all there is.
    fn heat(&mut self) -> Entry {
        for _ in 0..60 {
            self.interval(500, &[]);
            self.purse.set(0);
        }
        self.interval(500, &[]).entry.unwrap()
    }

    fn hear(&mut self, giver: &Node, entry: &Entry) -> u64 {
        self.ledger.credit(&self.purse, giver.me, entry)
    }

    fn parts(&self) -> u64 {
        u64::try_from(self.purse.get()).unwrap_or(0)
    }
}

/// A row with this need and nothing else.
fn needs(turn: u32, need: u64) -> Entry {
    Entry {
        turn,
        need,
        ..Entry::default()
    }
}
