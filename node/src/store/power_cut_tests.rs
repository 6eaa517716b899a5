//! A power cut, as copies of the store's files taken while it is written: each is what a disk could hold had
//! the power gone at that moment. It opens, and holds everything acknowledged before the copy began.
//!
//! What such a copy cannot show is a write that was never flushed; for that the store asks for
//! `synchronous=FULL`, which a test of its own looks at.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use weir_config::object::Region;
use weir_config::{Object, Record};

use super::*;

/// Copies that are looked at.
const COPIES: usize = 40;
/// Of a WAL file: magic, version, page size, checkpoint number, two salts. New salts: it was begun anew.
const WAL_HEADER: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

/// The `n`th version: objects are written again and again, and some are large enough for many pages.
fn version(n: u64) -> Record {
    let object = Object::Region(Region {
        id: format!("r{}", n % 17),
        name: "x".repeat(if n.is_multiple_of(5) { 20_000 } else { 100 }),
        ..Region::default()
    });
    Record {
        key: object.key(),
        stamp: format!("{n:012x}0000-n1").parse().unwrap(),
        based_on: None,
        author: "root".to_owned(),
        request: None,
        object: Some(object),
    }
}

fn wal_header(dir: &Path) -> Option<[u8; WAL_HEADER]> {
    let mut header = [0; WAL_HEADER];
    let mut file = fs::File::open(dir.join(format!("{STORE_FILE}-wal"))).ok()?;
    file.read_exact(&mut header).ok()?;
    Some(header)
}

/// Copies the files as they are at one moment. `None` where the WAL was begun anew meanwhile: then they are
/// of two moments, which no disk ever held together. The database goes first: what is moved into it from the
/// WAL afterwards is in the WAL still.
fn copy(from: &Path, to: &Path) -> Option<()> {
    let begun = wal_header(from)?;
    for suffix in ["", "-wal"] {
        let name = format!("{STORE_FILE}{suffix}");
        fs::copy(from.join(&name), to.join(&name)).ok()?;
    }
    (wal_header(from)? == begun).then_some(())
}

#[test]
fn a_store_cut_off_at_any_moment_opens_with_all_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
    // The WAL is begun anew every few writes, so that copies fall into and around checkpoints.
    let pragma = store
        .connection
        .pragma_update(None, "wal_autocheckpoint", 40);
    pragma.unwrap();
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut looked_at, mut lost_writes) = (0, Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                let batch: Vec<Record> = (n + 1..=n + 1 + n % 3).map(version).collect();
                n += batch.len() as u64;
                store.persist(&batch, &[], 1).unwrap();
                acknowledged.store(n, Ordering::SeqCst);
            }
        });
        let began = Instant::now();
        while looked_at < COPIES && began.elapsed() < PATIENCE {
            // Random, but never longer than it takes to write a few times.
            thread::sleep(Duration::from_micros(rand::random_range(0..5_000)));
            let before = acknowledged.load(Ordering::SeqCst);
            let cut = tempfile::tempdir().unwrap();
            if copy(dir.path(), cut.path()).is_none() {
                continue;
            }
            looked_at += 1;
            let opened = Store::open(&DataDir::lock(cut.path()).unwrap());
            let held = opened.and_then(|store| store.names());
            let held: std::collections::BTreeSet<u64> = match held {
                Ok(names) => names.iter().map(|name| name.stamp.wall_ms).collect(),
                Err(error) => {
                    lost_writes.push(format!("{error}"));
                    continue;
                }
            };
            if let Some(lost) = (1..=before).find(|n| !held.contains(n)) {
                lost_writes.push(format!("write {lost} of {before} acknowledged"));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!(
        "{looked_at} copies, {} writes",
        acknowledged.load(Ordering::SeqCst)
    );
    assert!(lost_writes.is_empty(), "{lost_writes:?}");
    assert!(
        looked_at >= COPIES / 4,
        "only {looked_at} copies were of one moment"
    );
}

#[test]
fn every_write_waits_until_the_disk_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
    let pragma = |name: &str| -> String {
        let value = store.connection.pragma_query_value(None, name, |row| {
            let value: rusqlite::types::Value = row.get(0)?;
            Ok(format!("{value:?}"))
        });
        value.unwrap()
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma("synchronous"), "Integer(2)", "FULL");
}
