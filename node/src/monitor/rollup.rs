//! Minutes and hours under way: added up in memory, written to the disk as they change, let go when they are over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::carried::{Carried, CarriedQuery, CarriedSeries};
use super::figures::Figures;
use super::frame::Frame;
use super::recent::read_frame;
use super::series::{Series, SeriesKey, SeriesQuery};

pub(super) const MINUTE_S: u64 = 60;
pub(super) const HOUR_S: u64 = 3_600;
/// How long after its end a minute or an hour stays in memory for what comes late.
const LATE_S: u64 = 10;
/// Stretches in memory, where the disk takes none.
const OPEN_MAX: usize = 30;

/// What is loaded of a stretch of time that was written before.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub frame: Frame,
    pub carried: HashMap<Arc<str>, Carried>,
}

/// Stretches of one length.
#[derive(Debug)]
pub(super) struct Rollup {
    pub step_s: u64,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    frame: Frame,
    changed: HashSet<Arc<SeriesKey>>,
    carried: HashMap<Arc<str>, Carried>,
    carried_changed: HashSet<Arc<str>>,
}

/// What is to be written: whole figures, in place of those written before.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub figures: Vec<(u64, u64, Arc<SeriesKey>, Vec<u8>)>,
    pub carried: Vec<(u64, u64, Arc<str>, Vec<u8>)>,
}

// === impl Rollup ===

impl Rollup {
    pub fn new(step_s: u64) -> Self {
        Rollup {
            step_s,
            open: BTreeMap::new(),
        }
    }

    /// `load`: what is on the disk of a stretch that is not in memory, by its length and beginning.
    pub fn add(
        &mut self,
        at_s: u64,
        figures: &[(Arc<SeriesKey>, &Figures)],
        load: impl FnOnce(u64, u64) -> Loaded,
    ) {
        if figures.is_empty() {
            return;
        }
        let open = self.open(at_s, load);
        for (key, figures) in figures {
            open.frame.add(key, figures);
            open.changed.insert(key.clone());
        }
    }

    pub fn add_carried(
        &mut self,
        at_s: u64,
        carried: &[(Arc<str>, Carried)],
        load: impl FnOnce(u64, u64) -> Loaded,
    ) {
        if carried.is_empty() {
            return;
        }
        let open = self.open(at_s, load);
        for (gateway, carried) in carried {
            open.carried
                .entry(gateway.clone())
                .or_default()
                .then(carried);
            open.carried_changed.insert(gateway.clone());
        }
    }

    fn open(&mut self, at_s: u64, load: impl FnOnce(u64, u64) -> Loaded) -> &mut Open {
        let step_s = self.step_s;
        let begin_s = at_s / step_s * step_s;
        self.open.entry(begin_s).or_insert_with(|| {
            let Loaded { frame, carried } = load(step_s, begin_s);
            Open {
                frame,
                carried,
                ..Open::default()
            }
        })
    }

    /// Takes what has changed since the last time.
    pub fn take_changes(&mut self, into: &mut Changes) {
        for (&at_s, open) in &mut self.open {
            if !open.changed.is_empty() {
                // What was folded for want of room has a key that nobody named.
                let beyond = |key: &SeriesKey| *key.rule == *super::series::OTHER;
                let cells = open.frame.iter();
                let cells = cells.filter(|(key, _)| open.changed.contains(*key) || beyond(key));
                into.figures
                    .extend(cells.map(|(key, figures)| {
                        (self.step_s, at_s, key.clone(), figures.to_bytes())
                    }));
                open.changed.clear();
            }
            for gateway in open.carried_changed.drain() {
                let bytes = open.carried.get(&gateway).map(|it| it.to_bytes());
                if let Some(bytes) = bytes {
                    into.carried.push((self.step_s, at_s, gateway, bytes));
                }
            }
        }
    }

    /// Lets go what is over, and written; and the oldest where it cannot be written at all.
    pub fn close(&mut self, now_s: u64) {
        let (step_s, over) = (self.step_s, |at_s: u64, step_s| {
            at_s + step_s + LATE_S <= now_s
        });
        self.open.retain(|&at_s, open| {
            let written = open.changed.is_empty() && open.carried_changed.is_empty();
            !(written && over(at_s, step_s))
        });
        while self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
    }

    /// What could not be written is to be written again.
    pub fn put_back(&mut self, changes: &Changes) {
        for (step_s, at_s, key, _) in &changes.figures {
            if let (true, Some(open)) = (*step_s == self.step_s, self.open.get_mut(at_s)) {
                open.changed.insert(key.clone());
            }
        }
        for (step_s, at_s, gateway, _) in &changes.carried {
            if let (true, Some(open)) = (*step_s == self.step_s, self.open.get_mut(at_s)) {
                open.carried_changed.insert(gateway.clone());
            }
        }
    }

    /// The beginnings of what is in memory.
    pub fn open_s(&self) -> impl Iterator<Item = u64> {
        self.open.keys().copied()
    }

    pub fn read(&self, query: &SeriesQuery, into: &mut Series) {
        for (&at_s, open) in self.within(query.from_s, query.to_s) {
            let point = query.point(at_s, into.step_s);
            read_frame(&open.frame, query, point, into);
        }
    }

    pub fn read_carried(&self, query: &CarriedQuery, into: &mut CarriedSeries) {
        for (&at_s, open) in self.within(query.from_s, query.to_s) {
            if let Some(carried) = open.carried.get(query.gateway.as_str()) {
                into.points.insert(at_s, *carried);
            }
        }
    }

    fn within(&self, from_s: u64, to_s: u64) -> impl Iterator<Item = (&u64, &Open)> {
        let from_s = from_s / self.step_s * self.step_s;
        self.open.range(from_s..to_s.max(from_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(requests: u64) -> Figures {
        Figures {
            requests,
            ..Figures::default()
        }
    }

    #[test]
    fn what_comes_late_is_added_to_what_was_written_and_each_change_is_written_once() {
        let key = Arc::new(SeriesKey::other());
        let mut minutes = Rollup::new(MINUTE_S);
        let nothing = |_, _| Loaded::default();
        minutes.add(125, &[(key.clone(), &figures(2))], nothing);
        minutes.add(179, &[(key.clone(), &figures(3))], nothing);
        let mut changes = Changes::default();
        minutes.take_changes(&mut changes);
        let written = changes.figures.remove(0);
        assert_eq!((written.0, written.1), (60, 120));
        assert_eq!(Figures::from_bytes(&written.3), Some(figures(5)));
        minutes.take_changes(&mut changes);
        assert!(changes.figures.is_empty());
        minutes.close(189);
        assert!(minutes.open_s().eq([120]));
        minutes.close(190);
        assert_eq!(minutes.open_s().count(), 0);

        let mut loaded = Loaded::default();
        loaded.frame.add(&key, &figures(5));
        minutes.add(130, &[(key.clone(), &figures(1))], |step_s, at_s| {
            assert_eq!((step_s, at_s), (60, 120));
            loaded
        });
        minutes.close(1_000);
        assert!(minutes.open_s().eq([120]), "not before it is written");
        minutes.take_changes(&mut changes);
        assert_eq!(Figures::from_bytes(&changes.figures[0].3), Some(figures(6)));
    }
}
