//! The figures of one stretch of time: a second, a minute or an hour.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::figures::Figures;
use super::series::SeriesKey;

/// Keys of one frame; what is beyond is counted together as `other`.
pub(super) const KEYS_MAX: usize = 50_000;
/// Keys of one business in a frame; what is beyond is counted for the business as a whole.
pub(super) const KEYS_OF_BUSINESS_MAX: usize = 500;

/// Figures by key. Keys are from the configuration and fixed sets, and still bounded.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    businesses: BTreeMap<Arc<str>, BTreeMap<Arc<SeriesKey>, Figures>>,
    keys: usize,
}

/// Keys, each once in memory.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: HashSet<Arc<SeriesKey>>,
    texts: HashSet<Arc<str>>,
    since_sweep: u32,
}

/// Seconds between two looks for keys that nobody has any more.
const SWEEP_AFTER: u32 = 60;

// === impl Frame ===

impl Frame {
    pub fn add(&mut self, key: &Arc<SeriesKey>, figures: &Figures) {
        if let Some(known) = self.known(key) {
            known.merge(figures);
            return;
        }
        let of_business = self.businesses.get(&key.business).map_or(0, BTreeMap::len);
        if of_business >= KEYS_OF_BUSINESS_MAX {
            return self.add_anyway(Arc::new(key.other_of_business()), figures);
        }
        if self.keys >= KEYS_MAX {
            return self.add_anyway(Arc::new(SeriesKey::other()), figures);
        }
        self.add_anyway(key.clone(), figures);
    }

    fn known(&mut self, key: &SeriesKey) -> Option<&mut Figures> {
        self.businesses.get_mut(&key.business)?.get_mut(key)
    }

    fn add_anyway(&mut self, key: Arc<SeriesKey>, figures: &Figures) {
        let business = self.businesses.entry(key.business.clone()).or_default();
        let before = business.len();
        business.entry(key).or_default().merge(figures);
        self.keys += business.len() - before;
    }

    pub fn is_empty(&self) -> bool {
        self.businesses.is_empty()
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<SeriesKey>, &Figures)> {
        self.businesses.values().flatten()
    }

    /// Of one business, in the order of the keys.
    pub fn of_business(&self, business: &str) -> impl Iterator<Item = (&Arc<SeriesKey>, &Figures)> {
        self.businesses.get(business).into_iter().flatten()
    }
}

// === impl Keys ===

impl Keys {
    pub fn key(&mut self, key: SeriesKey) -> Arc<SeriesKey> {
        if let Some(known) = self.keys.get(&key) {
            return known.clone();
        }
        let key = Arc::new(key);
        self.keys.insert(key.clone());
        key
    }

    pub fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    /// Forgets what nobody else has, once in a while.
    pub fn sweep_sometimes(&mut self) {
        self.since_sweep += 1;
        if self.since_sweep >= SWEEP_AFTER {
            self.since_sweep = 0;
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        self.keys.retain(|key| Arc::strong_count(key) > 1);
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(business: &str, rule: usize) -> Arc<SeriesKey> {
        Arc::new(SeriesKey {
            business: business.into(),
            gateway: "shop".into(),
            rule: format!("https://{rule}").into(),
            ..SeriesKey::other()
        })
    }

    fn one() -> Figures {
        Figures {
            requests: 1,
            ..Figures::default()
        }
    }

    fn requests<'f>(of: impl Iterator<Item = (&'f Arc<SeriesKey>, &'f Figures)>) -> u64 {
        of.map(|(_, figures)| figures.requests).sum()
    }

    #[test]
    fn a_frame_has_a_limit_and_counts_what_is_beyond_it_to_the_unit() {
        let mut frame = Frame::default();
        for rule in 0..KEYS_OF_BUSINESS_MAX + 100 {
            frame.add(&key("busy", rule), &one());
        }
        assert_eq!(frame.iter().count(), KEYS_OF_BUSINESS_MAX + 1);
        assert_eq!(requests(frame.of_business("busy")), 600);

        for business in 0..KEYS_MAX {
            frame.add(&key(&format!("b{business}"), 0), &one());
        }
        frame.add(&key("busy", 3), &one());
        assert_eq!(frame.iter().count(), KEYS_MAX + 1);
        assert_eq!(requests(frame.of_business("busy")), 601, "known keys go on");
        assert_eq!(requests(frame.iter()), 601 + KEYS_MAX as u64);
        assert_eq!(requests(frame.of_business("other")), 501);
    }

    #[test]
    fn a_key_is_kept_once_and_forgotten_with_its_last_use() {
        let mut keys = Keys::default();
        let first = keys.key(SeriesKey::other());
        assert!(Arc::ptr_eq(&first, &keys.key(SeriesKey::other())));
        keys.sweep();
        assert_eq!(keys.keys.len(), 1);
        drop(first);
        keys.sweep();
        assert!(keys.keys.is_empty());
    }
}
