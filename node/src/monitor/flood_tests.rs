//! What monitoring takes is bounded: by many businesses, and by whatever clients make up.

use std::sync::Arc;

use super::disk::{Bounds, Disk, Filter, Line};
use super::draft::Kept;
use super::figures::{Counted, Figures};
use super::frame::Keys;
use super::recent::Recent;
use super::record::CallRecord;
use super::rollup::{Changes, HOUR_S, Loaded, MINUTE_S, Rollup};
use super::series::{Scope, Series, SeriesKey, SeriesQuery};

const BUSINESSES: usize = 10_000;
const SECONDS: u64 = 30;
const MEMORY: usize = 4 << 20;
const DISK: u64 = 4 << 20;
const NOW_S: u64 = 1_800_000_000;

fn figures() -> Figures {
    let mut figures = Figures::default();
    for call in 0..3u64 {
        figures.count(&Counted {
            request_bytes: 500,
            response_bytes: 20_000 * call,
            time_us: Some(1_000 + 977 * call),
            first_byte_us: Some(900 + 977 * call),
            ..Counted::default()
        });
    }
    figures
}

#[test]
fn ten_thousand_busy_businesses_keep_to_the_memory_and_the_disk_they_are_given() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path()).unwrap();
    let mut keys = Keys::default();
    let keys: Vec<Arc<SeriesKey>> = (0..BUSINESSES)
        .map(|business| {
            keys.key(SeriesKey {
                business: format!("wx{business:016x}").into(),
                gateway: format!("gw-{}", business / 10).into(),
                rule: format!("https://api-{business}.example/v1").into(),
                ..SeriesKey::other()
            })
        })
        .collect();
    let figures = figures();
    let all: Vec<(Arc<SeriesKey>, &Figures)> =
        keys.iter().map(|key| (key.clone(), &figures)).collect();
    let (mut recent, mut minutes) = (Recent::new(0, MEMORY), Rollup::new(MINUTE_S));
    let mut hours = Rollup::new(HOUR_S);
    for second in 0..SECONDS {
        let at_s = NOW_S + second;
        for (key, figures) in &all {
            recent.add(at_s, key, figures);
        }
        minutes.add(at_s, &all, |_, _| Loaded::default());
        hours.add(at_s, &all, |_, _| Loaded::default());
        recent.advance(at_s);
        assert!(recent.bytes() <= MEMORY, "{}", recent.bytes());
    }
    assert!(recent.begin_s() > NOW_S, "the oldest seconds had to go");

    let mut changes = Changes::default();
    minutes.take_changes(&mut changes);
    hours.take_changes(&mut changes);
    assert_eq!(changes.figures.len(), 2 * BUSINESSES);
    disk.write_series(&changes).unwrap();
    assert!(
        disk.used_bytes().unwrap() > DISK / 2,
        "the limit is not idle"
    );

    // Nothing is lost before it has to go.
    let query = SeriesQuery {
        scope: Scope::All,
        from_s: NOW_S,
        to_s: NOW_S + MINUTE_S,
        step_s: MINUTE_S,
        by: None,
        decision: None,
    };
    let mut series = Series {
        step_s: MINUTE_S,
        ..Series::default()
    };
    disk.read_series(MINUTE_S, &query, |_| false, &mut series)
        .unwrap();
    let calls = BUSINESSES as u64 * SECONDS * figures.requests;
    assert_eq!(series.total(None).requests, calls);

    let bounds = Bounds {
        records: 1_000,
        record_days: 7,
        disk_bytes: DISK,
    };
    disk.prune(&bounds, (NOW_S + SECONDS) * 1_000).unwrap();
    assert!(disk.used_bytes().unwrap() <= DISK);
}

#[test]
fn a_flood_of_paths_users_and_addresses_makes_no_more_than_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(dir.path()).unwrap();
    let bounds = Bounds {
        records: 500,
        record_days: 7,
        disk_bytes: DISK,
    };
    for batch in 0..20u64 {
        let lines: Vec<Line> = (0..300u64)
            .map(|call| {
                let at_ms = NOW_S * 1_000 + batch * 300 + call;
                let id = uuid::Builder::from_unix_timestamp_millis(at_ms, &[7; 10]).into_uuid();
                let record = CallRecord {
                    call_id: id.to_string(),
                    path: format!("/{}/{call}", "x".repeat(500)),
                    user: Some(format!("{:032x}", batch * 1_000 + call)),
                    client_ip: format!("10.{batch}.{}.{}", call / 250, call % 250),
                    ..CallRecord::default()
                };
                let kept = if call % 2 == 0 {
                    Kept::Sample
                } else {
                    Kept::Notable
                };
                Line { id, kept, record }
            })
            .collect();
        disk.write_records(&lines).unwrap();
        disk.prune(&bounds, NOW_S * 1_000).unwrap();
        assert!(disk.records_kept().unwrap() <= 500);
    }
    assert!(disk.used_bytes().unwrap() <= DISK / 2);
    let newest = disk.search(&Filter::default(), 1).unwrap();
    assert!(
        newest.found[0].record.path.ends_with("/299"),
        "the newest are kept"
    );
}
