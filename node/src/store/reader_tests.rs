//! Histories, the past and copies, read beside the writer.

use std::collections::BTreeSet;

use weir_config::history::Moment;
use weir_config::object::Region;
use weir_config::{Kind, Object, ObjectKey, Record, Stamp};

use super::*;

struct Kept {
    store: Store,
    reader: StoreReader,
    dir: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
        let reader = store.reader().unwrap();
        Kept { store, reader, dir }
    }

    /// `what`: `id@ms-node by author`, `!` before it for a deletion, made from the version before.
    fn write(&mut self, what: &str) -> Stamp {
        let (what, deleted) = match what.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (what, false),
        };
        let (version, author) = what.split_once(" by ").unwrap();
        let (id, version) = version.split_once('@').unwrap();
        let (ms, node) = version.split_once('-').unwrap();
        let key = ObjectKey::new(Kind::Region, id);
        let before = self
            .store
            .load()
            .unwrap()
            .into_iter()
            .find(|record| record.key == key);
        let stamp: Stamp = format!("{:012x}0000-{node}", ms.parse::<u64>().unwrap())
            .parse()
            .unwrap();
        let record = Record {
            based_on: before.map(|before| before.stamp),
            stamp: stamp.clone(),
            author: author.to_owned(),
            request: None,
            object: (!deleted).then(|| {
                Object::Region(Region {
                    id: id.to_owned(),
                    name: ms.to_owned(),
                    ..Region::default()
                })
            }),
            key,
        };
        self.store.persist(&[record], &[], 7).unwrap();
        stamp
    }

    fn page(&self, query: &HistoryQuery) -> HistoryPage {
        self.reader
            .history(query, |_, _| Verdict::default())
            .unwrap()
    }

    /// The milliseconds of the versions on a page.
    fn ms(&self, query: HistoryQuery) -> Vec<u64> {
        let page = self.page(&query);
        page.entries
            .iter()
            .map(|entry| entry.version.wall_ms)
            .collect()
    }
}

fn eventful() -> Kept {
    let mut kept = Kept::new();
    for change in [
        "beijing@10-n1 by li",
        "wuhan@20-n2 by wang",
        "beijing@30-n2 by wang",
        "!beijing@40-n1 by li",
        "beijing@50-n1 by li",
    ] {
        kept.write(change);
    }
    kept
}

#[test]
fn a_history_tells_who_did_what_to_which_object_newest_first() {
    let kept = eventful();
    let entries = kept.page(&HistoryQuery::default()).entries;
    let told: Vec<String> = entries
        .iter()
        .map(|e| {
            format!(
                "{} {} {} {}",
                e.version.wall_ms,
                e.action.as_str(),
                e.object,
                e.author
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "50 created region/beijing li",
            "40 deleted region/beijing li",
            "30 changed region/beijing wang",
            "20 created region/wuhan wang",
            "10 created region/beijing li",
        ]
    );
    assert!(entries.iter().all(|entry| entry.seen_at_ms == 7));
}

#[test]
fn a_history_is_filtered_by_object_kind_author_node_and_time() {
    let kept = eventful();
    let all = HistoryQuery::default;
    let object = Some("region/beijing".parse().unwrap());
    assert_eq!(kept.ms(HistoryQuery { object, ..all() }), [50, 40, 30, 10]);
    let kind = Some(Kind::Space);
    assert!(kept.ms(HistoryQuery { kind, ..all() }).is_empty());
    let author = Some("wang".to_owned());
    assert_eq!(kept.ms(HistoryQuery { author, ..all() }), [30, 20]);
    let node = Some("n2".parse().unwrap());
    assert_eq!(kept.ms(HistoryQuery { node, ..all() }), [30, 20]);
    let (from_ms, to_ms) = (Some(20), Some(40));
    assert_eq!(
        kept.ms(HistoryQuery {
            from_ms,
            to_ms,
            ..all()
        }),
        [30, 20],
        "to is left out"
    );
    let both = HistoryQuery {
        author: Some("li".to_owned()),
        from_ms: Some(11),
        ..all()
    };
    assert_eq!(kept.ms(both), [50, 40]);
}

#[test]
fn the_pages_of_a_history_together_are_the_whole_of_it() {
    let kept = eventful();
    for limit in 1..=6 {
        let mut query = HistoryQuery {
            limit,
            ..HistoryQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = kept.page(&query);
            assert!(page.entries.len() <= limit);
            all.extend(page.entries.iter().map(|entry| entry.version.wall_ms));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(all, [50, 40, 30, 20, 10], "{limit} a page");
    }
}

#[test]
fn a_page_holds_no_more_than_the_most_whatever_is_asked() {
    let mut kept = Kept::new();
    let one = |ms: usize| Record {
        key: ObjectKey::new(Kind::Region, format!("r{ms}")),
        stamp: format!("{ms:012x}0000-n1").parse().unwrap(),
        based_on: None,
        author: "li".to_owned(),
        request: None,
        object: None,
    };
    let many: Vec<Record> = (0..=HISTORY_MAX_ENTRIES).map(one).collect();
    kept.store.persist(&many, &[], 1).unwrap();
    let page = kept.page(&HistoryQuery {
        limit: usize::MAX,
        ..HistoryQuery::default()
    });
    assert_eq!(page.entries.len(), HISTORY_MAX_ENTRIES);
    assert!(page.next.is_some());
}

#[test]
fn a_version_comes_with_its_document_and_the_one_it_was_made_from() {
    let kept = eventful();
    let version = |ms: u64| {
        let stamp = format!("{ms:012x}0000-{}", if ms == 30 { "n2" } else { "n1" });
        let version = kept
            .reader
            .version(&stamp.parse().unwrap(), |_, _| Verdict::default());
        version.unwrap()
    };
    let changed = version(30).unwrap();
    let name = |record: &Record| match &record.object {
        Some(Object::Region(region)) => region.name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&changed.record), "30");
    assert_eq!(name(&changed.before.unwrap()), "10");
    assert_eq!(version(10).unwrap().before, None);
    assert_eq!(version(40).unwrap().record.object, None);
    assert!(version(41).is_none());
}

#[test]
fn the_configuration_of_a_moment_has_of_each_object_what_it_was_then() {
    let kept = eventful();
    let at = |moment: Moment| match kept.reader.catalog_at(&moment).unwrap() {
        Past::Known(catalog) => catalog
            .regions()
            .map(|region| format!("{} {}", region.id, region.name))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert!(at(Moment::Ms(9)).is_empty());
    assert_eq!(
        at(Moment::Ms(10)),
        ["beijing 10"],
        "to the end of that millisecond"
    );
    assert_eq!(at(Moment::Ms(39)), ["beijing 30", "wuhan 20"]);
    assert_eq!(at(Moment::Ms(40)), ["wuhan 20"]);
    let version: Stamp = "00000000001e0000-n2".parse().unwrap();
    assert_eq!(at(Moment::Version(version)), ["beijing 30", "wuhan 20"]);
    assert_eq!(at(Moment::Ms(u64::MAX)), ["beijing 50", "wuhan 20"]);
}

#[test]
fn a_moment_of_which_versions_are_pruned_is_not_made_up() {
    let mut kept = eventful();
    let key: ObjectKey = "region/beijing".parse().unwrap();
    let old = (key.clone(), "00000000000a0000-n1".parse().unwrap());
    kept.store.persist(&[], &[old], 1).unwrap();
    let past = kept.reader.catalog_at(&Moment::Ms(25)).unwrap();
    assert!(matches!(past, Past::Pruned(pruned) if pruned == key));
    let past = kept.reader.catalog_at(&Moment::Ms(30)).unwrap();
    assert!(
        matches!(past, Past::Known(_)),
        "all of that moment is there"
    );
}

#[test]
fn a_copy_is_a_whole_store_of_one_moment_and_is_never_written_over_another_file() {
    let mut kept = eventful();
    let to = kept.dir.path().join("copy.db");
    let bytes = kept.reader.backup(&to).unwrap();
    assert_eq!(bytes, std::fs::metadata(&to).unwrap().len());
    kept.write("xian@60-n1 by li");
    let copy = Store::open_file(&to).unwrap();
    let stamps = |store: &Store| -> BTreeSet<Stamp> {
        store
            .names()
            .unwrap()
            .into_iter()
            .map(|v| v.stamp)
            .collect()
    };
    assert_eq!(stamps(&copy).len(), 5);
    assert!(stamps(&copy).is_subset(&stamps(&kept.store)));
    drop(copy);
    let error = kept.reader.backup(&to).unwrap_err().to_string();
    assert!(
        error.contains("copy.db (it exists already): nothing is left there"),
        "{error}"
    );
    assert_eq!(Store::open_file(&to).unwrap().names().unwrap().len(), 5);
}

#[test]
fn a_copy_that_cannot_be_written_leaves_nothing() {
    let kept = eventful();
    let to = kept.dir.path().join("no/such/directory/copy.db");
    let error = kept.reader.backup(&to).unwrap_err().to_string();
    assert!(error.starts_with("the store was not copied to "), "{error}");
    assert!(!to.exists());
}

#[test]
fn a_reader_cannot_write_and_sees_what_is_written_after_it_was_opened() {
    let mut kept = Kept::new();
    assert!(kept.page(&HistoryQuery::default()).entries.is_empty());
    kept.write("beijing@10-n1 by li");
    assert_eq!(kept.ms(HistoryQuery::default()), [10]);
    assert!(kept.reader.is_read_only());
}
