//! Who asks how much where, and what breaks meanwhile.

use std::time::Duration;

/// A course of events; demand in parts of L.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub nodes: usize,
    /// L, bytes a second.
    pub limit: u64,
    pub mean_call_bytes: f64,
    pub seconds: u64,
    pub interval: Duration,
    /// One way, in microseconds, evenly between the two.
    pub latency_us: (u64, u64),
    pub loss: f64,
    pub demand: Demand,
    pub breaks: Breaks,
    /// Use is looked at from here on, in seconds.
    pub warm_s: f64,
    /// The least use that is right here; `None`: it is shown, not judged.
    pub least_use: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Demand {
    /// So many times L, alike on all nodes.
    Even(f64),
    /// All on one node.
    One(f64),
    /// 90 % on one node, the rest alike on the others.
    Ninety(f64),
    /// On one node after the other, so long each; the others have 0.02.
    Moving { load: f64, every_s: f64 },
    /// By Zipf's law over the nodes.
    Zipf(f64),
    /// The first node 2, all others 0.5.
    Two,
    /// So many times L on each of the first third of the nodes, nothing on the others.
    ThirdHot(f64),
    /// Now and then a pulse on one node of chance, and nothing between: what is saved up meanwhile?
    Pulses,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Breaks {
    Nothing,
    /// The first node is cut off from all others in this time, seconds.
    CutOff {
        from: f64,
        to: f64,
    },
    /// The first third of the nodes, each alone, are cut off every 4 s for so long, seconds.
    Flapping {
        for_s: f64,
    },
    /// Node 1 dies and does not come back; what it minted is planned again after the fence.
    Crash {
        at: f64,
    },
    /// One node after the other is restarted.
    Rolling {
        every_s: f64,
        down_s: f64,
    },
}

// === impl Scenario ===

impl Scenario {
    fn of(name: &'static str, nodes: usize, demand: Demand) -> Self {
        Scenario {
            name,
            nodes,
            limit: 125_000,
            mean_call_bytes: 4_000.0,
            seconds: 30,
            interval: Duration::from_millis(100),
            latency_us: (10_000, 40_000),
            loss: 0.0,
            demand,
            breaks: Breaks::Nothing,
            warm_s: 5.0,
            least_use: Some(0.98),
        }
    }

    /// All there are, the large ones last.
    pub fn all() -> Vec<Scenario> {
        let of = Scenario::of;
        let mbps = |mbps: u64, scenario: Scenario| Scenario {
            limit: mbps * 125_000,
            ..scenario
        };
        vec![
            of("even 2x", 3, Demand::Even(2.0)),
            of("one region 2x", 3, Demand::One(2.0)),
            of("90/5/5 1.5x", 3, Demand::Ninety(1.5)),
            mbps(
                10,
                of(
                    "moving every 2 s",
                    3,
                    Demand::Moving {
                        load: 2.0,
                        every_s: 2.0,
                    },
                ),
            ),
            mbps(
                20,
                of(
                    "moving, 10 nodes",
                    10,
                    Demand::Moving {
                        load: 2.0,
                        every_s: 2.0,
                    },
                ),
            ),
            mbps(20, of("zipf 2x, 10 nodes", 10, Demand::Zipf(2.0))),
            Scenario {
                seconds: 45,
                breaks: Breaks::CutOff {
                    from: 8.0,
                    to: 24.0,
                },
                ..of("partition 16 s", 3, Demand::Two)
            },
            Scenario {
                breaks: Breaks::Crash { at: 8.0 },
                ..mbps(2, of("crash, 5 nodes", 5, Demand::One(2.0)))
            },
            Scenario {
                breaks: Breaks::Rolling {
                    every_s: 4.0,
                    down_s: 1.0,
                },
                ..mbps(2, of("rolling restart, 5 nodes", 5, Demand::Even(2.5)))
            },
            Scenario {
                loss: 0.3,
                ..of("30 % loss, 90/5/5", 3, Demand::Ninety(1.5))
            },
            Scenario {
                latency_us: (90_000, 110_000),
                ..of("200 ms round trip, 90/5/5", 3, Demand::Ninety(1.5))
            },
            Scenario {
                breaks: Breaks::Flapping { for_s: 1.9 },
                ..mbps(10, of("flapping, 6 nodes", 6, Demand::ThirdHot(1.0)))
            },
            Scenario {
                breaks: Breaks::Flapping { for_s: 1.9 },
                ..mbps(20, of("flapping, 20 nodes", 20, Demand::ThirdHot(1.0)))
            },
            Scenario {
                loss: 0.3,
                ..mbps(10, of("30 % loss, 10 Mbps", 3, Demand::Ninety(1.5)))
            },
            Scenario {
                latency_us: (90_000, 110_000),
                ..mbps(10, of("200 ms round trip, 10 Mbps", 3, Demand::Ninety(1.5)))
            },
            mbps(10, of("pulses, 5 nodes", 5, Demand::Pulses)),
            mbps(20, of("one of 50, 2x", 50, Demand::One(2.0))),
            Scenario {
                seconds: 12,
                warm_s: 7.0,
                ..mbps(200, of("zipf 2x, 1000 nodes", 1_000, Demand::Zipf(2.0)))
            },
        ]
        .into_iter()
        .map(Scenario::judged)
        .collect()
    }

    fn judged(mut self) -> Self {
        // Pulses never exceed L for long; one region's move is judged by its time.
        if matches!(self.demand, Demand::Pulses | Demand::ThirdHot(_)) {
            self.least_use = None;
        }
        self
    }

    /// The demand of a node, in parts of L.
    pub fn demand(&self, t: f64, node: usize) -> f64 {
        let n = self.nodes as f64;
        match self.demand {
            Demand::Even(load) => load / n,
            Demand::One(load) => {
                if node == 0 {
                    load
                } else {
                    0.0
                }
            }
            Demand::Ninety(load) => load * if node == 0 { 0.9 } else { 0.1 / (n - 1.0) },
            Demand::Moving { load, every_s } => {
                let at = (t / every_s) as usize % self.nodes;
                if node == at { load } else { 0.02 }
            }
            Demand::Zipf(load) => {
                let sum: f64 = (1..=self.nodes).map(|i| 1.0 / i as f64).sum();
                load / (node + 1) as f64 / sum
            }
            Demand::Two => {
                if node == 0 {
                    2.0
                } else {
                    0.5
                }
            }
            Demand::ThirdHot(load) => {
                if node < self.nodes / 3 {
                    load
                } else {
                    0.0
                }
            }
            Demand::Pulses => {
                // A pulse of 0.3 s every 1.1 s, on a node that changes.
                let pulse = (t / 1.1) as usize;
                let at = pulse * 7 % self.nodes;
                if node == at && t % 1.1 < 0.3 {
                    4.0
                } else {
                    0.0
                }
            }
        }
    }

    pub fn total_demand(&self, t: f64) -> f64 {
        match self.demand {
            Demand::Zipf(load) | Demand::Even(load) | Demand::One(load) | Demand::Ninety(load) => {
                load
            }
            _ => (0..self.nodes).map(|node| self.demand(t, node)).sum(),
        }
    }

    /// When demand moves from one node to another, in seconds.
    pub fn moves(&self) -> Vec<f64> {
        match self.demand {
            Demand::Moving { every_s, .. } => {
                let count = (self.seconds as f64 / every_s) as usize;
                (1..count)
                    .map(|i| i as f64 * every_s)
                    .filter(|&t| t >= self.warm_s)
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn is_cut(&self, t: f64, a: usize, b: usize) -> bool {
        match self.breaks {
            Breaks::CutOff { from, to } => (from..to).contains(&t) && (a == 0) != (b == 0),
            Breaks::Flapping { for_s } => {
                let hot = |node| node < self.nodes / 3;
                t % 4.0 < for_s && (hot(a) || hot(b))
            }
            _ => false,
        }
    }
}
