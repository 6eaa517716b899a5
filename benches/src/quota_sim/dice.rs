/// Dice that fall alike for a seed on every machine: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

// === impl Dice ===

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0 to `below`, without it; `below` is not 0.
    pub fn below(&mut self, below: usize) -> usize {
        (self.next() % below as u64) as usize
    }

    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// Of an exponential distribution with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// At most `count` of 0 to `below`, each once, never `not`, and none that `fit` refuses.
    pub fn some(&mut self, count: usize, below: usize, fit: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut all: Vec<usize> = (0..below).filter(|&i| fit(i)).collect();
        let count = count.min(all.len());
        for i in 0..count {
            let j = i + self.below(all.len() - i);
            all.swap(i, j);
        }
        all.truncate(count);
        all
    }
}
