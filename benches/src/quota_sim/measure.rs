//! What is looked at: use, excess over any window, time to rebalance, fairness, bytes of gossip.

use super::scenario::Scenario;

/// Time is looked at in bins of 10 ms.
const BIN_US: u64 = 10_000;

/// Everything that is counted while a run goes on.
#[derive(Debug)]
pub struct Measure {
    limit_per_us: f64,
    /// Bytes above the limit in the window that is worst for the present moment.
    over: f64,
    over_at_us: u64,
    peak: f64,
    peak_beyond_debt: f64,
    admitted: Vec<f64>,
    /// Planned minting, in bytes.
    capacity: Vec<f64>,
    pub by_node: Vec<f64>,
    pub gossip_bytes: u64,
    pub row_bytes: u64,
    pub rows: u64,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Admitted of what could be, while demand exceeded it.
    pub utilisation: f64,
    /// Largest excess over any window, in seconds of L.
    pub excess_s: f64,
    /// The same without the debts of single calls at the window's end.
    pub excess_beyond_debt_s: f64,
    /// Longest and middle time after a move until use is over 95 %, in ms.
    pub rebalance_ms: Option<(f64, f64)>,
    pub jain: f64,
    pub gossip_bytes_per_node_s: f64,
    pub row_bytes_per_node_s: f64,
    pub mean_row_bytes: f64,
}

// === impl Measure ===

impl Measure {
    pub fn new(scenario: &Scenario) -> Self {
        let bins = (scenario.seconds * 1_000_000 / BIN_US) as usize + 2;
        Measure {
            limit_per_us: scenario.limit as f64 / 1e6,
            over: 0.0,
            over_at_us: 0,
            peak: 0.0,
            peak_beyond_debt: 0.0,
            admitted: vec![0.0; bins],
            capacity: vec![0.0; bins],
            by_node: vec![0.0; scenario.nodes],
            gossip_bytes: 0,
            row_bytes: 0,
            rows: 0,
        }
    }

    /// A call was admitted; `debt` is what all purses together owe now, in bytes.
    pub fn admit(&mut self, now_us: u64, node: usize, bytes: f64, debt: f64) {
        let passed = (now_us - self.over_at_us) as f64 * self.limit_per_us;
        self.over = (self.over - passed).max(0.0) + bytes;
        self.over_at_us = now_us;
        self.peak = self.peak.max(self.over);
        self.peak_beyond_debt = self.peak_beyond_debt.max(self.over - debt);
        self.by_node[node] += bytes;
        self.admitted[(now_us / BIN_US) as usize] += bytes;
    }

    /// A node was planned to mint so much up to now.
    pub fn plan(&mut self, now_us: u64, bytes: f64) {
        self.capacity[(now_us / BIN_US) as usize] += bytes;
    }

    pub fn figures(&self, scenario: &Scenario) -> Figures {
        let limit = scenario.limit as f64;
        let bin_s = BIN_US as f64 / 1e6;
        let (mut used, mut could) = (0.0, 0.0);
        // In steps of 100 ms, the step of demand and of minting together.
        for step in 0..(self.admitted.len() - 2) / 10 {
            let t = step as f64 * bin_s * 10.0;
            if t >= scenario.warm_s && scenario.total_demand(t) > 1.0 {
                let bins = step * 10..step * 10 + 10;
                used += self.admitted[bins.clone()].iter().sum::<f64>();
                let offered = scenario.total_demand(t) * limit * bin_s * 10.0;
                could += self.capacity[bins].iter().sum::<f64>().min(offered);
            }
        }
        let seconds = scenario.seconds as f64;
        let nodes = scenario.nodes as f64;
        Figures {
            utilisation: if could > 0.0 { used / could } else { f64::NAN },
            excess_s: self.peak / limit,
            excess_beyond_debt_s: self.peak_beyond_debt / limit,
            rebalance_ms: self.rebalance_ms(scenario),
            jain: self.jain(scenario),
            gossip_bytes_per_node_s: self.gossip_bytes as f64 / nodes / seconds,
            row_bytes_per_node_s: self.row_bytes as f64 / nodes / seconds,
            mean_row_bytes: if self.rows == 0 {
                0.0
            } else {
                self.row_bytes as f64 / self.rows as f64
            },
        }
    }

    /// After each move the first moment from which on 250 ms, and a whole second too, carry 95 % of L.
    fn rebalance_ms(&self, scenario: &Scenario) -> Option<(f64, f64)> {
        let bin_s = BIN_US as f64 / 1e6;
        let wanted = 0.95 * scenario.limit as f64 * bin_s;
        let carries = |bin: usize, bins: usize| {
            self.admitted[bin..bin + bins].iter().sum::<f64>() >= wanted * bins as f64
        };
        let moves = scenario.moves();
        let mut times: Vec<f64> = moves
            .iter()
            .enumerate()
            .map(|(i, &at)| {
                let begin = (at / bin_s) as usize;
                let end = moves.get(i + 1).copied().unwrap_or(scenario.seconds as f64);
                let end = (end / bin_s) as usize;
                let well = |bin: &usize| carries(*bin, 25) && carries(*bin, 100);
                let first = (begin..end - 100).find(well).unwrap_or(end);
                (first - begin) as f64 * bin_s * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        Some((*times.last()?, times[times.len() / 2]))
    }

    /// Jain's index over the largest set of nodes whose demand is alike all the time and exceeds L together.
    fn jain(&self, scenario: &Scenario) -> f64 {
        let first = match scenario.demand {
            super::scenario::Demand::Even(_) => 0,
            super::scenario::Demand::Two => 1,
            _ => return f64::NAN,
        };
        let alike = &self.by_node[first..];
        let sum: f64 = alike.iter().sum();
        let squares: f64 = alike.iter().map(|x| x * x).sum();
        sum * sum / (alike.len() as f64 * squares)
    }
}
