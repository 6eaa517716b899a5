use std::time::Duration;

/// The lowest balance of the last while: what of a purse has lain untouched.
///
/// Four whole slots and the one that runs; a slot is a quarter of the while. So what is reported has lain
/// for one to one and a quarter of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Lows {
    slots: [i64; SLOTS],
    begun: Duration,
}

const SLOTS: usize = 5;

// === impl Lows ===

impl Lows {
    /// Nothing has lain yet.
    pub fn new() -> Self {
        Lows {
            slots: [i64::MIN; SLOTS],
            begun: Duration::ZERO,
        }
    }

    /// Takes in the balance, before every change that may raise it.
    pub fn observe(&mut self, balance: i64) {
        let [running, ..] = &mut self.slots;
        *running = balance.min(*running);
    }

    /// Goes on to `now`, a slot for each quarter of `while_`; the balance is as it was observed last or less.
    pub fn advance(&mut self, now: Duration, while_: Duration, balance: i64) {
        self.observe(balance);
        let slot = (while_ / (SLOTS as u32 - 1)).max(Duration::from_nanos(1));
        let passed = now.saturating_sub(self.begun).as_nanos() / slot.as_nanos();
        let passed = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
        if passed == 0 {
            return;
        }
        let [low, ..] = self.slots;
        self.slots.rotate_right(passed % SLOTS);
        self.slots[..passed].fill(low);
        let [running, ..] = &mut self.slots;
        *running = balance;
        self.begun = now;
    }

    /// The lowest balance.
    pub fn lowest(&self) -> i64 {
        self.slots.iter().copied().min().unwrap_or(i64::MIN)
    }

    /// Tokens were taken away that had lain.
    pub fn taken(&mut self, parts: u64) {
        for low in &mut self.slots {
            *low = low.saturating_sub_unsigned(parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHILE: Duration = Duration::from_millis(400);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_lay_for_the_whole_while_is_the_lowest_balance_of_it() {
        let mut lows = Lows::new();
        (0..=10).for_each(|i| lows.advance(ms(i * 50), WHILE, 100));
        assert_eq!(lows.lowest(), 100);
        lows.observe(30);
        lows.advance(ms(550), WHILE, 100);
        assert_eq!(lows.lowest(), 30);
        (12..=18).for_each(|i| lows.advance(ms(i * 50), WHILE, 100));
        assert_eq!(lows.lowest(), 30, "dipped less than the while ago");
        (19..=24).for_each(|i| lows.advance(ms(i * 50), WHILE, 100));
        assert_eq!(lows.lowest(), 100);
    }

    #[test]
    fn nothing_has_lain_at_the_beginning() {
        let mut lows = Lows::new();
        lows.advance(ms(0), WHILE, 100);
        lows.advance(ms(300), WHILE, 100);
        assert_eq!(lows.lowest(), i64::MIN);
    }

    #[test]
    fn a_long_time_without_a_look_counts_from_the_low_that_was_seen_after_it() {
        let mut lows = Lows::new();
        (0..=10).for_each(|i| lows.advance(ms(i * 50), WHILE, 100));
        lows.advance(ms(5_000), WHILE, 40);
        assert_eq!(lows.lowest(), 40);
        lows.taken(15);
        assert_eq!(lows.lowest(), 25);
    }
}
