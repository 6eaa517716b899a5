//! All objects as one node knows them: the newest version of each, tombstones included.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::{
    AgreementText, Alarm, AlarmReceiver, Authority, Business, DEFAULT_REGIONS, Gateway, Kind,
    MiniProgram, Node, Object, ObjectKey, PlatformSecret, Record, Region, Schedule, Space, Token,
};

/// The newest record of every object. Cloning is cheap enough for a snapshot a change (records are shared).
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    records: BTreeMap<ObjectKey, std::sync::Arc<Record>>,
}

macro_rules! typed {
    ($one:ident, $all:ident, $kind:ident, $type:ty) => {
        pub fn $one(&self, id: &str) -> Option<&$type> {
            match self.object(&ObjectKey::new(Kind::$kind, id)) {
                Some(Object::$kind(object)) => Some(object),
                _ => None,
            }
        }

        pub fn $all(&self) -> impl Iterator<Item = &$type> {
            self.of_kind(Kind::$kind)
                .filter_map(|record| match &record.object {
                    Some(Object::$kind(object)) => Some(object),
                    _ => None,
                })
        }
    };
}

impl Catalog {
    /// Takes the record if it is newer than what is known of its object; says whether it was.
    ///
    /// In whatever order, and however often, records are taken, the outcome is the same. It rests on no two
    /// changes having the same stamp, which [`Hlc`](crate::stamp::Hlc) gives.
    pub fn merge(&mut self, record: Record) -> bool {
        match self.records.get(&record.key) {
            Some(known) if known.stamp >= record.stamp => false,
            _ => {
                self.records
                    .insert(record.key.clone(), std::sync::Arc::new(record));
                true
            }
        }
    }

    /// Forgets a deleted object for good, when its tombstone has served its time.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.records.remove(key);
    }

    /// The newest record of an object, deleted or not.
    pub fn record(&self, key: &ObjectKey) -> Option<&Record> {
        self.records.get(key).map(|record| &**record)
    }

    /// An object that exists.
    pub fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.record(key)?.object.as_ref()
    }

    /// Every record, tombstones included, in the order of the keys.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(|record| &**record)
    }

    /// The records of one kind, tombstones included, in the order of their ids.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Record> {
        self.records
            .range(ObjectKey::new(kind, "")..)
            .map(|(_, record)| &**record)
            .take_while(move |record| record.key.kind == kind)
    }

    /// The regions that access domains may name: the default ones, unless deleted, and those added.
    pub fn region_ids(&self) -> BTreeSet<&str> {
        let deleted = |id: &str| {
            let record = self.record(&ObjectKey::new(Kind::Region, id));
            record.is_some_and(|record| record.object.is_none())
        };
        let defaults = DEFAULT_REGIONS.into_iter().filter(|id| !deleted(id));
        defaults
            .chain(self.regions().map(|region| region.id.as_str()))
            .collect()
    }

    /// The schedules of a business, in the order of their ids.
    pub fn schedules_of(&self, business: &str) -> impl Iterator<Item = &Schedule> {
        self.schedules()
            .filter(move |schedule| schedule.business == business)
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    typed!(space, spaces, Space, Space);
    typed!(mini_program, mini_programs, MiniProgram, MiniProgram);
    typed!(gateway, gateways, Gateway, Gateway);
    typed!(business, businesses, Business, Business);
    typed!(region, regions, Region, Region);
    typed!(token, tokens, Token, Token);
    typed!(node, nodes, Node, Node);
    typed!(authority, authorities, Authority, Authority);
    typed!(
        agreement_text,
        agreement_texts,
        AgreementText,
        AgreementText
    );
    // Its id is `<business>/<schedule>`: see `Schedule::object_id`.
    typed!(schedule, schedules, Schedule, Schedule);
    typed!(alarm, alarms, Alarm, Alarm);
    typed!(
        alarm_receiver,
        alarm_receivers,
        AlarmReceiver,
        AlarmReceiver
    );
    typed!(
        platform_secret,
        platform_secrets,
        PlatformSecret,
        PlatformSecret
    );
}
