//! Stores of every schema so far become this version's.

use rusqlite::Connection;
use weir_config::object::Region;
use weir_config::{Object, Record};

use super::*;

/// Schema 1, as the first weir wrote it. Never changed: such files exist.
const SCHEMA_1: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE records (
        kind        TEXT NOT NULL,
        id          TEXT NOT NULL,
        stamp       TEXT NOT NULL,
        author      TEXT NOT NULL,
        object_json TEXT,
        PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (
        key   TEXT PRIMARY KEY NOT NULL,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;";

/// What a node of schema 1 had written.
const ROWS_1: &str = r#"
    INSERT INTO meta VALUES ('node', 'n1');
    INSERT INTO records VALUES
        ('region', 'beijing', '019a1c2d3e4f0000-n1', 'root', '{"kind":"region","id":"beijing","name":"Beijing"}'),
        ('region', 'wuhan', '019a1c2d3e4f0001-n2', 'li', NULL);"#;

fn store_of_schema_1(dir: &Path, rows: &str) {
    let connection = Connection::open(dir.join(STORE_FILE)).unwrap();
    connection.execute_batch(SCHEMA_1).unwrap();
    connection.execute_batch(rows).unwrap();
}

fn open(dir: &tempfile::TempDir) -> Store {
    Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap()
}

#[test]
fn a_store_of_schema_1_keeps_every_record_and_fact() {
    let dir = tempfile::tempdir().unwrap();
    store_of_schema_1(dir.path(), ROWS_1);
    for opened in ["migrated", "opened again"] {
        let store = open(&dir);
        let mut records = store.load().unwrap();
        records.sort_by(|a, b| a.key.cmp(&b.key));
        let beijing = Object::Region(Region {
            id: "beijing".to_owned(),
            name: "Beijing".to_owned(),
            ..Region::default()
        });
        let expected = |id: &str, stamp: &str, author: &str, object| Record {
            key: format!("region/{id}").parse().unwrap(),
            stamp: stamp.parse().unwrap(),
            based_on: None,
            author: author.to_owned(),
            request: None,
            object,
        };
        let all = [
            expected("beijing", "019a1c2d3e4f0000-n1", "root", Some(beijing)),
            expected("wuhan", "019a1c2d3e4f0001-n2", "li", None),
        ];
        assert_eq!(records, all, "{opened}");
        assert_eq!(store.fact("node").unwrap().as_deref(), Some("n1"));
        assert_eq!(store.fact("caught_up").unwrap().as_deref(), Some("true"));
        let seen = store.reader().unwrap().seen_at_ms(&all[0].stamp);
        assert_eq!(seen.unwrap(), Some(0x019a_1c2d_3e4f), "as of its own stamp");
    }
}

#[test]
fn a_moment_before_a_store_kept_versions_is_said_not_to_be_known() {
    let dir = tempfile::tempdir().unwrap();
    store_of_schema_1(dir.path(), ROWS_1);
    let reader = open(&dir).reader().unwrap();
    let since_ms = 0x019a_1c2d_3e4f;
    let past = |ms| {
        reader
            .catalog_at(&weir_config::history::Moment::Ms(ms))
            .unwrap()
    };
    assert!(matches!(past(since_ms - 1), Past::BeforeHistory(since) if since == since_ms));
    assert!(matches!(past(since_ms), Past::Known(catalog) if catalog.len() == 2));
}

#[test]
fn an_empty_store_of_schema_1_has_no_history_to_speak_of() {
    let dir = tempfile::tempdir().unwrap();
    store_of_schema_1(dir.path(), "");
    let store = open(&dir);
    assert!(store.load().unwrap().is_empty());
    assert_eq!(store.fact("caught_up").unwrap(), None);
    assert_eq!(store.fact("history_since_ms").unwrap(), None);
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    store_of_schema_1(dir.path(), ROWS_1);
    let file = dir.path().join(STORE_FILE);
    let connection = Connection::open(&file).unwrap();
    // The step makes a table of this name.
    connection
        .execute_batch("CREATE TABLE versions (x)")
        .unwrap();
    let lock = DataDir::lock(dir.path()).unwrap();
    assert!(Store::open(&lock).is_err());
    connection.execute_batch("DROP TABLE versions").unwrap();
    assert_eq!(Store::open(&lock).unwrap().load().unwrap().len(), 2);
}
