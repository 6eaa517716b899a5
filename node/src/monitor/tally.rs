//! What one core counted in one second.

use std::collections::HashMap;
use std::sync::Arc;

use weir_config::access::{Route, RuleName, Source};
use weir_config::object::EnvVersion;

use super::draft::{Draft, Passed};
use super::figures::Figures;
use super::frame::Keys;
use super::series::{OTHER, SeriesKey};

/// Cells of one second of one core; calls beyond are counted together.
const CELLS_MAX: usize = 20_000;

/// Figures of one second, by what its calls have in common.
#[derive(Debug)]
pub struct Tally {
    /// Since 1970-01-01 UTC.
    pub second_s: u64,
    /// Every call before this second has been counted and handed over.
    pub complete_to_s: u64,
    cells: HashMap<CellKey, Cell>,
}

/// Routes, rules and reasons by where they lie: a cell holds what its key points to.
#[derive(PartialEq, Eq, Hash, Debug)]
struct CellKey {
    route: usize,
    rule: usize,
    reason: usize,
    version: u8,
    source: u8,
    status: u8,
    passed: u8,
}

#[derive(Debug)]
struct Cell {
    /// Absent: of no business, or together with others.
    route: Option<Arc<Route>>,
    rule: Option<Arc<RuleName>>,
    reason: &'static str,
    version: Option<EnvVersion>,
    source: Option<Source>,
    /// Hundreds.
    status: u8,
    passed: Passed,
    beyond: bool,
    figures: Figures,
}

// === impl Tally ===

impl Tally {
    pub fn new(second_s: u64) -> Self {
        Tally {
            second_s,
            complete_to_s: second_s,
            cells: HashMap::new(),
        }
    }

    pub fn count(&mut self, draft: &Draft) {
        let key = CellKey {
            route: address(draft.route.as_ref()),
            rule: address(draft.rule.as_ref()),
            reason: draft.reason.as_ptr() as usize,
            version: draft.version.map_or(u8::MAX, |it| it as u8),
            source: draft.source.map_or(u8::MAX, |it| it as u8),
            status: (draft.status / 100) as u8,
            passed: draft.passed as u8,
        };
        if let Some(cell) = self.cells.get_mut(&key) {
            return cell.figures.count(&draft.end.counted);
        }
        let (key, mut cell) = match self.cells.len() < CELLS_MAX {
            true => (key, Cell::of(draft)),
            false => (CellKey::BEYOND, Cell::beyond()),
        };
        let known = self.cells.entry(key);
        let cell = known.or_insert_with(|| std::mem::replace(&mut cell, Cell::beyond()));
        cell.figures.count(&draft.end.counted);
    }

    /// Counts a later second as part of this one.
    pub fn merge(&mut self, later: Tally) {
        self.complete_to_s = later.complete_to_s;
        for (key, cell) in later.cells {
            match self.cells.get_mut(&key) {
                Some(known) => known.figures.merge(&cell.figures),
                None => drop(self.cells.insert(key, cell)),
            }
        }
    }

    /// The figures by names.
    pub fn named(&self, keys: &mut Keys) -> Vec<(Arc<SeriesKey>, &Figures)> {
        let named = |cell| {
            let key = Cell::key(cell, keys);
            (keys.key(key), &cell.figures)
        };
        self.cells.values().map(named).collect()
    }
}

fn address<T>(of: Option<&Arc<T>>) -> usize {
    of.map_or(0, |it| Arc::as_ptr(it) as usize)
}

// === impl CellKey ===

impl CellKey {
    const BEYOND: CellKey = CellKey {
        route: usize::MAX,
        rule: 0,
        reason: 0,
        version: 0,
        source: 0,
        status: 0,
        passed: 0,
    };
}

// === impl Cell ===

impl Cell {
    fn of(draft: &Draft) -> Self {
        Cell {
            route: draft.route.clone(),
            rule: draft.rule.clone(),
            reason: draft.reason,
            version: draft.version,
            source: draft.source,
            status: (draft.status / 100) as u8,
            passed: draft.passed,
            beyond: false,
            figures: Figures::default(),
        }
    }

    fn beyond() -> Self {
        Cell {
            route: None,
            rule: None,
            reason: "",
            version: None,
            source: None,
            status: 0,
            passed: Passed::default(),
            beyond: true,
            figures: Figures::default(),
        }
    }

    fn key(&self, keys: &mut Keys) -> SeriesKey {
        if self.beyond {
            return SeriesKey::other();
        }
        let route = self.route.as_deref();
        let status = match self.status {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            0 => "",
            _ => OTHER,
        };
        SeriesKey {
            business: keys.text(route.map_or("", |it| &it.business)),
            gateway: keys.text(route.map_or("", |it| &it.gateway)),
            rule: keys.text(self.rule.as_deref().map_or("", |it| &it.rule)),
            version: keys.text(self.version.map_or("", EnvVersion::as_str)),
            source: keys.text(self.source.map_or("", Source::as_str)),
            status: keys.text(status),
            reason: keys.text(self.reason),
            decision: keys.text(self.passed.as_str()),
        }
    }
}

// === impl Passed ===

impl Passed {
    pub fn as_str(self) -> &'static str {
        match self {
            Passed::Refused => "refused",
            Passed::Public => "public",
            Passed::Relay => "relay",
            Passed::Link => "link",
            Passed::Own => "own",
        }
    }
}
