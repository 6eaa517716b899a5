//! What a wire does to the bytes it carries: how late they come, how many a second, and whether at all.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The retransmission that a lost packet costs a connection at least: what it carries comes in order, so all of it
/// waits (RFC 6298, as Linux has its minimum).
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How all wires of a cluster are.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Weather {
    /// One way.
    pub delay: Duration,
    /// Each way between two nodes, all their connections together; 0: no limit.
    pub bytes_per_second: u64,
    /// Of a hundred pieces that are carried, so many are lost at first and sent again.
    pub lost_percent: u64,
}

/// One way between two nodes, which all connections share.
#[derive(Debug)]
pub(super) struct Lane(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Until then the bytes before are on the way.
    busy_until: Instant,
    dice: crate::Random,
}

// === impl Weather ===

impl Weather {
    /// Bytes that are carried in one piece: less where there is little room, so that no piece holds up the others.
    pub(super) fn piece(&self) -> usize {
        match self.bytes_per_second {
            0 => 16 * 1024,
            _ => 1_460,
        }
    }
}

// === impl Lane ===

impl Lane {
    pub fn new(seed: u64) -> Self {
        Lane(Mutex::new(State {
            busy_until: Instant::now(),
            dice: crate::Random::of(seed),
        }))
    }

    /// When a piece has left, and when it arrives.
    pub fn take(&self, weather: &Weather, bytes: usize) -> (Instant, Instant) {
        let mut state = self.0.lock().expect("nobody panics here");
        let now = Instant::now();
        let takes = match weather.bytes_per_second {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(bytes as f64 / rate as f64),
        };
        state.busy_until = state.busy_until.max(now) + takes;
        let lost = state.dice.number() % 100 < weather.lost_percent;
        let again = if lost { RETRANSMISSION } else { Duration::ZERO };
        let left = state.busy_until;
        (left, left + weather.delay + again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_leave_one_after_the_other_and_arrive_later() {
        let lane = Lane::new(1);
        let weather = Weather {
            delay: Duration::from_millis(50),
            bytes_per_second: 1_000,
            lost_percent: 0,
        };
        let (first, _) = lane.take(&weather, 500);
        let (second, arrives) = lane.take(&weather, 500);
        assert_eq!(second - first, Duration::from_millis(500));
        assert_eq!(arrives - second, weather.delay);
    }

    #[test]
    fn a_lost_piece_comes_after_a_retransmission() {
        let lane = Lane::new(1);
        let weather = Weather {
            lost_percent: 100,
            ..Weather::default()
        };
        let (left, arrives) = lane.take(&weather, 1);
        assert_eq!(arrives - left, RETRANSMISSION);
    }
}
