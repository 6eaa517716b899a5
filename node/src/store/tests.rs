use std::fs;

use tempfile::TempDir;
use weir_config::Object;
use weir_config::object::Region;

use super::*;

fn record(id: &str, wall_ms: u64) -> Record {
    let name = format!("at {wall_ms}");
    let object = Object::Region(Region {
        id: id.to_owned(),
        name,
        ..Region::default()
    });
    Record {
        key: object.key(),
        stamp: format!("{wall_ms:012x}0000-n1").parse().unwrap(),
        based_on: None,
        author: "root".to_owned(),
        request: None,
        object: Some(object),
    }
}

fn tombstone(id: &str, wall_ms: u64) -> Record {
    Record {
        object: None,
        ..record(id, wall_ms)
    }
}

fn open(dir: &TempDir) -> Result<Store, StoreError> {
    Store::open(&DataDir::lock(dir.path())?)
}

/// The error's sentence, with the directory taken out.
fn refused(dir: &TempDir) -> String {
    let sentence = open(dir).unwrap_err().to_string();
    sentence.replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn a_reopened_store_knows_what_it_knew() {
    let dir = tempfile::tempdir().unwrap();
    let kept = [record("a", 1), tombstone("b", 2)];
    open(&dir).unwrap().persist(&kept, &[], 1).unwrap();
    let mut loaded = open(&dir).unwrap().load().unwrap();
    loaded.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(loaded, kept);
}

#[test]
fn every_version_is_kept_and_the_newest_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    store.persist(&[record("a", 5)], &[], 1).unwrap();
    store.persist(&[tombstone("a", 4)], &[], 1).unwrap();
    assert_eq!(store.load().unwrap(), [record("a", 5)]);
    store.persist(&[tombstone("a", 6)], &[], 1).unwrap();
    assert_eq!(store.load().unwrap(), [tombstone("a", 6)]);
    let mut names = store.names().unwrap();
    names.sort_by(|a, b| a.stamp.cmp(&b.stamp));
    let all = [tombstone("a", 4), record("a", 5), tombstone("a", 6)];
    assert_eq!(names, all.each_ref().map(StoredVersion::of));
}

#[test]
fn a_version_never_changes_and_keeps_the_time_it_was_first_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    store.persist(&[record("a", 5)], &[], 10).unwrap();
    store.persist(&[tombstone("a", 5)], &[], 20).unwrap();
    assert_eq!(store.load().unwrap(), [record("a", 5)]);
    let reader = store.reader().unwrap();
    assert_eq!(reader.seen_at_ms(&record("a", 5).stamp).unwrap(), Some(10));
    assert_eq!(reader.seen_at_ms(&record("a", 6).stamp).unwrap(), None);
}

#[test]
fn pruned_versions_go_in_the_same_step_in_which_others_come() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    let old = record("a", 1);
    store
        .persist(&[old.clone(), record("b", 1)], &[], 1)
        .unwrap();
    store
        .persist(
            &[record("a", 2)],
            &[(old.key.clone(), old.stamp.clone())],
            1,
        )
        .unwrap();
    let stamps: Vec<u64> = store
        .names()
        .unwrap()
        .iter()
        .map(|v| v.stamp.wall_ms)
        .collect();
    assert_eq!(stamps.len(), 2, "{stamps:?}");
    assert!(store.versions(&[(old.key, old.stamp)]).unwrap().is_empty());
}

#[test]
fn a_write_that_fails_half_way_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    store.persist(&[record("a", 1)], &[], 1).unwrap();
    store.leave_pages(Some(1));
    let many: Vec<Record> = (0..1_000).map(|i| record(&format!("r{i}"), 2)).collect();
    let error = store.persist(&many, &[], 1).unwrap_err().to_string();
    assert!(
        error.contains("takes no writes (database or disk is full)"),
        "{error}"
    );
    assert_eq!(store.load().unwrap(), [record("a", 1)]);
}

#[test]
fn a_store_that_takes_no_writes_says_so_and_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    store.refuse_writes(true);
    assert!(matches!(
        store.persist(&[record("a", 1)], &[], 1),
        Err(StoreError::Unwritable { .. })
    ));
    assert!(store.load().unwrap().is_empty());
    store.refuse_writes(false);
    store.persist(&[record("a", 1)], &[], 1).unwrap();
}

#[test]
fn a_fact_is_kept_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    assert_eq!(store.fact("node").unwrap(), None);
    store.set_fact("node", "n1").unwrap();
    store.set_fact("node", "n2").unwrap();
    drop(store);
    assert_eq!(
        open(&dir).unwrap().fact("node").unwrap().as_deref(),
        Some("n2")
    );
}

#[test]
fn a_file_that_is_no_database_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join(STORE_FILE),
        "not a database at all ".repeat(300),
    )
    .unwrap();
    assert_eq!(
        refused(&dir),
        "the store DIR/weir.db is broken (file is not a database): move it and its -wal and -shm files \
         away and start again, the node catches up from its peers"
    );
}

#[test]
fn a_damaged_page_is_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    let many: Vec<Record> = (0..1_000).map(|i| record(&format!("r{i}"), 2)).collect();
    store.persist(&many, &[], 1).unwrap();
    drop(store);
    let file = dir.path().join(STORE_FILE);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    fs::write(&file, bytes).unwrap();
    assert!(refused(&dir).starts_with("the store DIR/weir.db is broken ("));
}

#[test]
fn a_record_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(&dir).unwrap();
    store.persist(&[record("a", 1)], &[], 1).unwrap();
    store
        .connection
        .execute("UPDATE versions SET object = '{'", [])
        .unwrap();
    let error = store.load().unwrap_err().to_string();
    assert!(
        error.contains("is broken (its record of region/a cannot be read)"),
        "{error}"
    );
}

#[test]
fn a_store_of_a_newer_weir_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir)
        .unwrap()
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = refused(&dir);
    assert!(
        error.starts_with(
            "the store DIR/weir.db was written by a newer weir (schema 99, this one knows 2)"
        ),
        "{error}"
    );
}

#[test]
fn a_store_that_cannot_be_opened_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(STORE_FILE)).unwrap();
    let error = refused(&dir);
    assert!(
        error.starts_with("the store DIR/weir.db cannot be opened ("),
        "{error}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = DataDir::lock(&file.join("data")).unwrap_err().to_string();
    assert!(
        error.contains("file/data cannot be used (Not a directory"),
        "{error}"
    );
}

#[test]
fn a_second_node_on_the_same_directory_is_refused_until_the_first_ends() {
    let dir = tempfile::tempdir().unwrap();
    let first = DataDir::lock(dir.path()).unwrap();
    assert_eq!(
        refused(&dir),
        "another node is running on the data directory DIR: stop it, or give each node its own node.data_dir"
    );
    drop(first);
    assert!(open(&dir).is_ok());
}
