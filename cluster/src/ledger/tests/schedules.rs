//! Long schedules of a small cluster: loss, repetition, reordering, restarts, clocks that drift, limits
//! that change. Tokens are conserved, and no window carries more than L and one burst.

use proptest::prelude::*;

use super::*;

const NODES: usize = 4;

/// Calls weigh at most so much, in tokens.
const CALL_MAX: u64 = 150;

#[derive(Clone, Debug)]
enum Step {
    /// Time passes for all, on clocks that are up to 1 % wrong.
    Pass {
        ms: u64,
    },
    /// One call.
    Call {
        node: usize,
        tokens: u64,
    },
    /// So many calls of 50 tokens.
    Rush {
        node: usize,
        calls: u64,
    },
    Turn {
        node: usize,
    },
    /// One row that `from` ever published reaches `to`: the newest, or an old one again.
    Deliver {
        from: usize,
        to: usize,
        back: usize,
    },
    Restart {
        node: usize,
    },
    /// All nodes but one hear of another limit; that one hears with the next change.
    Limit {
        tokens_per_second: u64,
        but: usize,
    },
}

/// A row as it was published, and by whom.
type Published = (Incarnation, Entry);

struct Life {
    me: Incarnation,
    ledger: Ledger,
    purse: Cell<i64>,
    offered: u64,
    started: Duration,
    turned: Duration,
    /// The newest row of each node, as far as it was delivered.
    heard: Vec<Option<(usize, Published)>>,
}

struct Cluster {
    lives: Vec<Life>,
    ended: Vec<Life>,
    /// Of each node all rows of all its lives.
    published: Vec<Vec<Published>>,
    now: Duration,
    limit: u64,
    next_id: u64,
    spent: u64,
    /// Parts spent above the greatest limit in the window that is worst now.
    over: f64,
    limit_max: u64,
}

/// In millionths: a fast clock, a slow one, two that are right.
const CLOCKS: [u32; NODES] = [1_010_000, 990_000, 1_000_000, 1_000_000];

// === impl Life ===

impl Life {
    fn new(id: u64, limit: u64, started: Duration) -> Self {
        Life {
            me: Incarnation(id),
            ledger: Ledger::new(Incarnation(id), Terms::default(), limit),
            purse: Cell::new(0),
            offered: 0,
            started,
            turned: started,
            heard: vec![None; NODES],
        }
    }
}

// === impl Cluster ===

impl Cluster {
    fn new() -> Self {
        Cluster {
            lives: (1..=NODES as u64)
                .map(|id| Life::new(id, 1_000, Duration::ZERO))
                .collect(),
            ended: Vec::new(),
            published: vec![Vec::new(); NODES],
            now: Duration::ZERO,
            limit: 1_000,
            next_id: 100,
            spent: 0,
            over: 0.0,
            limit_max: 1_000,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Pass { ms: time } => self.pass(ms(time)),
            Step::Call { node, tokens } => self.call(node, tokens)?,
            Step::Rush { node, calls } => {
                for _ in 0..calls {
                    self.call(node, 50)?;
                }
            }
            Step::Turn { node } => self.turn(node),
            Step::Deliver { from, to, back } => self.deliver(from, to, back),
            Step::Restart { node } => self.restart(node),
            Step::Limit {
                tokens_per_second,
                but,
            } => {
                self.limit = tokens_per_second;
                self.limit_max = self.limit_max.max(tokens_per_second);
                for (node, life) in self.lives.iter_mut().enumerate() {
                    if node != but {
                        life.ledger.set_limit(&life.purse, tokens_per_second);
                    }
                }
            }
        }
        self.check_conservation()
    }

    fn pass(&mut self, time: Duration) {
        // In steps of at most 20 ms, as the driver mints; a turn every interval.
        let steps = time.as_millis().div_ceil(20).max(1) as u32;
        let begun = self.now;
        for step in 1..=steps {
            for (life, millionths) in self.lives.iter_mut().zip(CLOCKS) {
                let elapsed = time / steps * millionths / 1_000_000;
                life.ledger.mint(&life.purse, WHOLE / NODES as u64, elapsed);
            }
            self.now = begun + time / steps * step;
            for node in 0..NODES {
                let due = self.lives[node].turned + Terms::default().interval;
                if self.now >= due {
                    self.turn(node);
                }
            }
        }
        self.now = begun + time;
        // The fastest clocks and the slowest make the limit a little more than it is.
        let allowed = (self.limit_max * PARTS) as f64 * 1.0025 * time.as_secs_f64();
        self.over = (self.over - allowed).max(0.0);
    }

    fn call(&mut self, node: usize, tokens: u64) -> Result<(), TestCaseError> {
        let life = &mut self.lives[node];
        life.offered += tokens * PARTS;
        if life.purse.get() <= 0 {
            return Ok(());
        }
        life.purse.set(life.purse.get() - (tokens * PARTS) as i64);
        self.spent += tokens * PARTS;
        self.over += (tokens * PARTS) as f64;
        let debt: i64 = self
            .lives
            .iter()
            .chain(&self.ended)
            .map(|life| -life.purse.get().min(0))
            .sum();
        let burst = (self.limit_max * PARTS) as f64;
        prop_assert!(
            self.over - debt as f64 <= burst,
            "{:.3} bursts above the limit",
            (self.over - debt as f64) / burst
        );
        Ok(())
    }

    fn turn(&mut self, node: usize) {
        let life = &mut self.lives[node];
        let heard: Vec<_> = life
            .heard
            .iter()
            .flatten()
            .map(|(_, row)| row.clone())
            .collect();
        let peers: Vec<_> = heard.iter().map(|(giver, entry)| (*giver, entry)).collect();
        let offered = std::mem::take(&mut life.offered);
        life.turned = self.now;
        let now = self.now - life.started;
        let turn = life
            .ledger
            .turn(&life.purse, now, WHOLE / NODES as u64, offered, &peers);
        if let Some(entry) = turn.entry {
            self.published[node].push((life.me, entry));
        }
    }

    fn deliver(&mut self, from: usize, to: usize, back: usize) {
        let Some(at) = self.published[from].len().checked_sub(1 + back) else {
            return;
        };
        let row = self.published[from][at].clone();
        let life = &mut self.lives[to];
        life.ledger.credit(&life.purse, row.0, &row.1);
        if life.heard[from]
            .as_ref()
            .is_none_or(|(newest, _)| *newest < at)
        {
            life.heard[from] = Some((at, row));
        }
    }

    fn restart(&mut self, node: usize) {
        self.next_id += 1;
        let life = Life::new(self.next_id, self.limit, self.now);
        self.ended
            .push(std::mem::replace(&mut self.lives[node], life));
    }

    /// Minted == held + spent + lost + in flight, to the part.
    fn check_conservation(&self) -> Result<(), TestCaseError> {
        let all = || self.lives.iter().chain(&self.ended);
        let minted: i128 = all()
            .map(|life| i128::from(life.ledger.figures().minted_total))
            .sum();
        let lost: i128 = all()
            .map(|life| i128::from(life.ledger.figures().lost_total))
            .sum();
        // What an ended life held is gone with it; it is counted where it lay.
        let held: i128 = all().map(|life| i128::from(life.purse.get())).sum();
        let in_flight: i128 = all()
            .flat_map(|giver| all().map(move |receiver| (giver, receiver)))
            .map(|(giver, receiver)| {
                let given = i128::from(giver.ledger.given_to(receiver.me));
                given - i128::from(receiver.ledger.received_from(giver.me))
            })
            .sum();
        prop_assert!(in_flight >= 0, "more credited than given");
        prop_assert_eq!(minted, held + i128::from(self.spent) + lost + in_flight);
        Ok(())
    }
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0..NODES;
    prop_oneof![
        6 => (1u64..150).prop_map(|ms| Step::Pass { ms }),
        1 => (150u64..3_000).prop_map(|ms| Step::Pass { ms }),
        4 => (node.clone(), 1..CALL_MAX).prop_map(|(node, tokens)| Step::Call { node, tokens }),
        3 => (node.clone(), 1u64..12).prop_map(|(node, calls)| Step::Rush { node, calls }),
        6 => node.clone().prop_map(|node| Step::Turn { node }),
        9 => (node.clone(), node.clone(), prop_oneof![4 => Just(0usize), 1 => 0usize..20])
            .prop_map(|(from, to, back)| Step::Deliver { from, to, back }),
        1 => node.prop_map(|node| Step::Restart { node }),
    ]
}

fn with_limits() -> impl Strategy<Value = Step> {
    let limit =
        (prop_oneof![Just(1u64), 10u64..3_000], 0..=NODES).prop_map(|(tokens_per_second, but)| {
            Step::Limit {
                tokens_per_second,
                but,
            }
        });
    prop_oneof![30 => step(), 1 => limit]
}

proptest! {
    #[test]
    fn no_schedule_makes_or_loses_count_of_a_token(
        steps in prop::collection::vec(with_limits(), 1..400),
    ) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.take(step)?;
        }
    }

    #[test]
    fn no_schedule_carries_more_than_the_limit_and_one_burst(
        steps in prop::collection::vec(step(), 1..600),
    ) {
        let mut cluster = Cluster::new();
        for step in &steps {
            cluster.take(step)?;
        }
    }
}

/// Found by simulation: where givers fed the needs they had last heard of every turn, three hot nodes cut
/// off for two seconds came back to more than a burst, all at once.
#[test]
fn a_partition_that_heals_frees_no_more_than_a_burst() {
    let mut cluster = Cluster::new();
    let mut take = |step| cluster.take(&step).unwrap();
    let hot = 0..NODES - 1;
    let giver = NODES - 1;
    for _round in 0..20 {
        // Hot nodes say what they need, and the giver hears it.
        for _ in 0..10 {
            hot.clone()
                .for_each(|node| take(Step::Rush { node, calls: 5 }));
            take(Step::Pass { ms: 100 });
        }
        for from in hot.clone() {
            take(Step::Deliver {
                from,
                to: giver,
                back: 0,
            });
        }
        // Cut off; the giver goes on giving by what it knows, all others wait.
        take(Step::Pass { ms: 3_000 });
        for to in hot.clone() {
            take(Step::Deliver {
                from: giver,
                to,
                back: 0,
            });
        }
        for node in 0..NODES {
            take(Step::Rush { node, calls: 40 });
        }
    }
}
