//! A core's own part in the monitoring: its drafts, what it counts in the second under way, and where it hands both.
//!
//! Figures lose no call: what a core has counted in a second goes to the MonitorActor once that is over, and where the
//! actor does not keep up, waits here, added up. Records may be lost: the queue has a limit, and what it does not take
//! is counted and dropped. Neither ever waits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::draft::{Draft, Kept, Passed};
use super::tally::Tally;

/// Finished records of one core that wait for the actor, 16 bytes each and the drafts they point to: eight times what
/// comes between two looks of it at 5,000 calls a second.
const RECORDS_WAITING: usize = 8_192;
/// Seconds on their way to the actor.
const TALLIES_WAITING: usize = 16;
/// Seconds that wait here where that is full; the oldest are added up.
const TALLIES_HELD: usize = 60;
/// Drafts that a core keeps for its next calls.
const POOL: usize = 256;
/// The room for text of a draft that goes back to the pool.
const POOLED_TEXT: usize = 4 * 1024;
/// When a core hands over a second that is over, after its end.
const HAND_OVER_AFTER: Duration = Duration::from_millis(20);

/// What all cores go by.
#[derive(Clone, Debug)]
pub struct Rules {
    pub slow_us: u64,
    /// Of calls that went well, 0 to 100 in 100.
    pub sample_percent: f64,
    /// Records kept a second, on this core; as many again of calls that are notable.
    pub records_per_second: u32,
    pub path_bytes: usize,
    pub keeps_query: bool,
    /// Every record goes to the actor, for the access log.
    pub logs_all: bool,
}

/// Where the actor takes what a core hands over.
#[derive(Debug)]
pub struct Inbox {
    pub records: Receiver<Box<Draft>>,
    pub tallies: Receiver<Tally>,
    /// Every call before this second has been handed over.
    pub complete_to_s: u64,
}

/// What did not go as it should; read by the actor.
#[derive(Debug, Default)]
pub struct Losses {
    /// Records that the queue had no room for.
    pub records_dropped: AtomicU64,
}

/// One core's part.
#[derive(Debug)]
pub struct Station {
    rules: Rules,
    records: SyncSender<Box<Draft>>,
    tallies: SyncSender<Tally>,
    tally: Tally,
    held: VecDeque<Tally>,
    // A draft is large to move.
    #[allow(clippy::vec_box)]
    pool: Vec<Box<Draft>>,
    left: [u32; 2],
    losses: Arc<Losses>,
}

thread_local! {
    static HERE: RefCell<Option<Station>> = const { RefCell::new(None) };
}

/// A core's station, and the actor's end of it.
pub fn station(rules: Rules, losses: Arc<Losses>) -> (Station, Inbox) {
    let (records, records_out) = sync_channel(RECORDS_WAITING);
    let (tallies, tallies_out) = sync_channel(TALLIES_WAITING);
    let now_s = now_ms() / 1_000;
    let station = Station {
        left: [rules.records_per_second; 2],
        rules,
        records,
        tallies,
        tally: Tally::new(now_s),
        held: VecDeque::new(),
        pool: Vec::new(),
        losses,
    };
    let inbox = Inbox {
        records: records_out,
        tallies: tallies_out,
        complete_to_s: now_s,
    };
    (station, inbox)
}

/// From now on calls of this thread are counted and recorded.
pub fn install(station: Station) {
    HERE.set(Some(station));
}

/// Hands over each second that is over, also where no call comes. Runs until the thread ends.
pub async fn hand_over() {
    loop {
        let into_second = Duration::from_millis(now_ms() % 1_000);
        tokio::time::sleep(Duration::from_secs(1) - into_second + HAND_OVER_AFTER).await;
        with(|station| station.turn(now_ms() / 1_000));
    }
}

/// A draft for a call that begins; `None` where nothing is recorded.
pub(super) fn draft(fill: impl FnOnce(&mut Draft)) -> Option<Box<Draft>> {
    let mut draft = with(|station| station.pool.pop().unwrap_or_else(|| Box::new(Draft::new())))?;
    fill(&mut draft);
    Some(draft)
}

/// How many bytes of a path are kept, and whether the query is.
pub(super) fn of_text() -> (usize, bool) {
    with(|station| (station.rules.path_bytes, station.rules.keeps_query)).unwrap_or((0, false))
}

/// Counts a call that is over, and hands its record on.
pub(super) fn finish(mut draft: Box<Draft>) {
    draft.finish();
    if let Some(sampled) = draft.trace.take() {
        sampled.leave(|context| draft.span(context));
    }
    with(|station| station.take(draft));
}

fn with<T>(what: impl FnOnce(&mut Station) -> T) -> Option<T> {
    let known = HERE.try_with(|here| here.borrow_mut().as_mut().map(what));
    known.ok().flatten()
}

pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

// === impl Station ===

impl Station {
    fn take(&mut self, mut draft: Box<Draft>) {
        let ended_ms = draft.at_ms + draft.end.total_us / 1_000;
        self.turn(ended_ms / 1_000);
        if draft.passed != Passed::Own {
            self.tally.count(&draft);
        }
        draft.kept = self.kept(&draft);
        if draft.kept.is_none() && !self.rules.logs_all {
            return self.put_back(draft);
        }
        if let Err(TrySendError::Full(draft) | TrySendError::Disconnected(draft)) =
            self.records.try_send(draft)
        {
            self.losses.records_dropped.fetch_add(1, Ordering::Relaxed);
            self.put_back(draft);
        }
    }

    /// Whether a record is kept, within what is kept a second.
    fn kept(&mut self, draft: &Draft) -> Option<Kept> {
        let kind = if draft.is_notable(self.rules.slow_us) {
            Kept::Notable
        } else if in_sample(draft.id.as_bytes(), self.rules.sample_percent) {
            Kept::Sample
        } else {
            return None;
        };
        let left = &mut self.left[kind as usize];
        *left = left.checked_sub(1)?;
        Some(kind)
    }

    fn put_back(&mut self, mut draft: Box<Draft>) {
        if self.pool.len() < POOL && draft.text_room() <= POOLED_TEXT {
            draft.clear();
            self.pool.push(draft);
        }
    }

    /// Hands over the seconds before `now_s`.
    fn turn(&mut self, now_s: u64) {
        if now_s > self.tally.second_s {
            let mut over = std::mem::replace(&mut self.tally, Tally::new(now_s));
            // Where the core was busy, or nothing was called: nothing more comes of the seconds between.
            over.complete_to_s = now_s;
            self.held.push_back(over);
            self.left = [self.rules.records_per_second; 2];
        }
        while let Some(tally) = self.held.pop_front() {
            if let Err(TrySendError::Full(tally)) = self.tallies.try_send(tally) {
                self.held.push_front(tally);
                break;
            }
        }
        if self.held.len() > TALLIES_HELD
            && let (Some(mut first), Some(second)) = (self.held.pop_front(), self.held.pop_front())
        {
            first.merge(second);
            self.held.push_front(first);
        }
    }
}

impl Drop for Station {
    /// The core ends: what it has counted goes with its end.
    fn drop(&mut self) {
        self.turn(self.tally.second_s + 1);
    }
}

/// The dice are in the call's id, so that they cost nothing and any node throws the same.
fn in_sample(id: &[u8; 16], percent: f64) -> bool {
    // 24 of the bits that call ids have from the generator: see `call_id`.
    let dice = u32::from_be_bytes([0, id[9], id[10], id[11]]);
    f64::from(dice) < percent / 100.0 * f64::from(1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call_id::CallIds;

    #[test]
    fn a_sample_is_as_large_as_it_is_said_to_be() {
        let ids = CallIds::new(&"n1".parse().unwrap());
        let drawn = |percent| {
            let ids = (0..20_000).map(|_| ids.mint());
            ids.filter(|id| in_sample(id.as_bytes(), percent)).count()
        };
        assert_eq!((drawn(0.0), drawn(100.0)), (0, 20_000));
        assert!((1_700..2_300).contains(&drawn(10.0)));
    }
}
