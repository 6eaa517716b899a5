//! The last hour, second by second, in memory: as much of it as fits the space given.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::figures::Figures;
use super::frame::Frame;
use super::series::{Scope, Series, SeriesKey, SeriesQuery};

/// Seconds that are kept where there is room.
pub(super) const SECONDS: u64 = 3_600;
/// Seconds that cores may still add to without cost; then they are packed.
const OPEN_SECONDS: u64 = 3;
/// What a packed cell takes besides its bytes: pointers, and its part of the key that the seconds share.
const CELL_BYTES: usize = 48;

/// Figures by second.
#[derive(Debug)]
pub(super) struct Recent {
    packed: VecDeque<Second>,
    open: BTreeMap<u64, Frame>,
    /// Before this nothing is known here.
    begin_s: u64,
    bytes: usize,
    limit_bytes: usize,
}

/// A key and the bytes of its figures.
type Cell = (Arc<SeriesKey>, Box<[u8]>);

/// One second that is over. In the order of the keys.
#[derive(Debug)]
struct Second {
    at_s: u64,
    cells: Box<[Cell]>,
}

// === impl Recent ===

impl Recent {
    pub fn new(begin_s: u64, limit_bytes: usize) -> Self {
        Recent {
            packed: VecDeque::new(),
            open: BTreeMap::new(),
            begin_s,
            bytes: 0,
            limit_bytes,
        }
    }

    /// From here on every second is known.
    pub fn begin_s(&self) -> u64 {
        self.begin_s
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// There was nothing before, so that every second is known.
    pub fn begins_with_nothing(&mut self) {
        self.begin_s = 0;
    }

    /// Adds what a core counted in a second. One that is too old to be kept is left out here.
    pub fn add(&mut self, at_s: u64, key: &Arc<SeriesKey>, figures: &Figures) {
        if at_s < self.begin_s {
            return;
        }
        if !self.open.contains_key(&at_s) {
            let frame = self.unpack(at_s);
            self.open.insert(at_s, frame);
        }
        if let Some(frame) = self.open.get_mut(&at_s) {
            frame.add(key, figures);
        }
    }

    /// Packs the seconds that are over, and forgets the oldest where there are too many or they are too large.
    pub fn advance(&mut self, now_s: u64) {
        while let Some((&at_s, _)) = self.open.first_key_value() {
            if at_s + OPEN_SECONDS > now_s {
                break;
            }
            if let Some((at_s, frame)) = self.open.pop_first() {
                self.pack(at_s, &frame);
            }
        }
        self.begin_s = self.begin_s.max(now_s.saturating_sub(SECONDS));
        while let Some(oldest) = self.packed.front() {
            if oldest.at_s >= self.begin_s && self.bytes <= self.limit_bytes {
                break;
            }
            self.begin_s = self.begin_s.max(oldest.at_s + 1);
            self.bytes -= oldest.bytes();
            self.packed.pop_front();
        }
    }

    fn pack(&mut self, at_s: u64, frame: &Frame) {
        if frame.is_empty() || at_s < self.begin_s {
            return;
        }
        let cells = frame.iter();
        let cells = cells.map(|(key, figures)| (key.clone(), figures.to_bytes().into()));
        let second = Second {
            at_s,
            cells: cells.collect(),
        };
        self.bytes += second.bytes();
        let place = self.packed.partition_point(|known| known.at_s < at_s);
        self.packed.insert(place, second);
    }

    /// A second that was packed already, to be added to.
    fn unpack(&mut self, at_s: u64) -> Frame {
        let mut frame = Frame::default();
        let place = self
            .packed
            .binary_search_by_key(&at_s, |second| second.at_s);
        if let Some(second) = place.ok().and_then(|at| self.packed.remove(at)) {
            self.bytes -= second.bytes();
            for (key, bytes) in &second.cells {
                if let Some(figures) = Figures::from_bytes(bytes) {
                    frame.add(key, &figures);
                }
            }
        }
        frame
    }

    /// Adds to the points of an answer.
    pub fn read(&self, query: &SeriesQuery, into: &mut Series) {
        let step_s = into.step_s;
        let begin = self
            .packed
            .partition_point(|second| second.at_s < query.from_s);
        for second in self.packed.range(begin..) {
            if second.at_s >= query.to_s {
                break;
            }
            for (key, bytes) in second.of(&query.scope) {
                if query.wants(key)
                    && let Some(figures) = Figures::from_bytes(bytes)
                {
                    into.add(query.group(key), query.point(second.at_s, step_s), &figures);
                }
            }
        }
        if query.from_s < query.to_s {
            for (&at_s, frame) in self.open.range(query.from_s..query.to_s) {
                read_frame(frame, query, query.point(at_s, step_s), into);
            }
        }
    }
}

/// Adds a frame to one point of an answer.
pub(super) fn read_frame(frame: &Frame, query: &SeriesQuery, point_s: u64, into: &mut Series) {
    let mut add = |(key, figures): (&Arc<SeriesKey>, &Figures)| {
        if query.wants(key) {
            into.add(query.group(key), point_s, figures);
        }
    };
    match &query.scope {
        Scope::Business(business) => frame.of_business(business).for_each(&mut add),
        Scope::Gateway(_) | Scope::All => frame.iter().for_each(&mut add),
    }
}

// === impl Second ===

impl Second {
    fn bytes(&self) -> usize {
        let cells = self.cells.iter();
        cells.map(|(_, bytes)| CELL_BYTES + bytes.len()).sum()
    }

    /// The cells that can be of a scope.
    fn of(&self, scope: &Scope) -> &[Cell] {
        let Scope::Business(business) = scope else {
            return &self.cells;
        };
        let business = business.as_str();
        let begin = self
            .cells
            .partition_point(|(key, _)| &*key.business < business);
        let length = self.cells[begin..].partition_point(|(key, _)| &*key.business == business);
        &self.cells[begin..begin + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(business: &str) -> Arc<SeriesKey> {
        Arc::new(SeriesKey {
            business: business.into(),
            ..SeriesKey::other()
        })
    }

    fn requests(count: u64) -> Figures {
        Figures {
            requests: count,
            ..Figures::default()
        }
    }

    fn read(recent: &Recent, business: &str, step_s: u64) -> Vec<(u64, u64)> {
        let query = SeriesQuery {
            scope: Scope::Business(business.to_owned()),
            from_s: 0,
            to_s: u64::MAX,
            step_s,
            by: None,
            decision: None,
        };
        let mut series = Series {
            step_s,
            ..Series::default()
        };
        recent.read(&query, &mut series);
        let points = series.groups.remove("").unwrap_or_default();
        points
            .into_iter()
            .map(|(at, it)| (at, it.0.requests))
            .collect()
    }

    #[test]
    fn seconds_are_read_alike_before_and_after_they_are_packed_and_late_figures_are_added() {
        let mut recent = Recent::new(90, 1 << 20);
        for at_s in 100..110 {
            recent.add(at_s, &key("a"), &requests(1));
            recent.add(at_s, &key("b"), &requests(5));
        }
        let before = read(&recent, "a", 5);
        assert_eq!(before, [(100, 5), (105, 5)]);
        recent.advance(120);
        assert!(recent.open.is_empty());
        assert_eq!(read(&recent, "a", 5), before);
        recent.add(101, &key("a"), &requests(2));
        assert_eq!(read(&recent, "a", 5), [(100, 7), (105, 5)]);
        recent.advance(120);
        assert_eq!(read(&recent, "a", 1)[1], (101, 3));
        assert_eq!(read(&recent, "b", 60), [(60, 50)]);
    }

    #[test]
    fn what_is_older_than_an_hour_or_does_not_fit_is_forgotten_the_oldest_first() {
        let mut recent = Recent::new(0, 10_000);
        for at_s in 0..500 {
            recent.add(at_s, &key("a"), &requests(1));
            recent.advance(at_s);
        }
        assert!(recent.bytes() <= 10_000 && recent.bytes() > 9_000);
        let begin = recent.begin_s();
        let seconds = read(&recent, "a", 1);
        assert_eq!(seconds.len() as u64, 500 - begin, "all from there on");
        assert_eq!(seconds[0].0, begin);
        recent.advance(500 + SECONDS);
        assert_eq!((recent.begin_s(), recent.bytes()), (500, 0));
        recent.add(499, &key("a"), &requests(1));
        assert_eq!(read(&recent, "a", 1), []);
    }
}
