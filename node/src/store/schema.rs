//! The tables, and how a store of an older version becomes one of this version.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Step `n` turns schema `n` into `n + 1`. Steps are only ever added.
const MIGRATIONS: &[&str] = &[
    // 1: the configuration. `stamp` sorts as stamps do; `object_json` is NULL in a tombstone.
    "CREATE TABLE records (
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
     ) STRICT, WITHOUT ROWID;",
    // 2: every retained version instead of the newest alone. The document stands last, so that whoever reads
    // names does not read it. What a version of schema 1 came from, and what was before it, is not known.
    "CREATE TABLE versions (
        stamp      TEXT NOT NULL,
        kind       TEXT NOT NULL,
        id         TEXT NOT NULL,
        author     TEXT NOT NULL,
        request    TEXT,
        based_on   TEXT,
        seen_at_ms INTEGER NOT NULL,
        node       TEXT GENERATED ALWAYS AS (substr(stamp, 18)) VIRTUAL,
        object     TEXT,
        UNIQUE (kind, id, stamp)
     ) STRICT;
     CREATE INDEX versions_by_stamp ON versions (stamp);
     CREATE INDEX versions_by_author ON versions (author, stamp);
     CREATE INDEX versions_by_node ON versions (node, stamp);
     INSERT INTO versions (stamp, kind, id, author, seen_at_ms, object)
        SELECT stamp, kind, id, author,
               (instr('123456789abcdef', substr(stamp, 1, 1)) << 44)
             | (instr('123456789abcdef', substr(stamp, 2, 1)) << 40)
             | (instr('123456789abcdef', substr(stamp, 3, 1)) << 36)
             | (instr('123456789abcdef', substr(stamp, 4, 1)) << 32)
             | (instr('123456789abcdef', substr(stamp, 5, 1)) << 28)
             | (instr('123456789abcdef', substr(stamp, 6, 1)) << 24)
             | (instr('123456789abcdef', substr(stamp, 7, 1)) << 20)
             | (instr('123456789abcdef', substr(stamp, 8, 1)) << 16)
             | (instr('123456789abcdef', substr(stamp, 9, 1)) << 12)
             | (instr('123456789abcdef', substr(stamp, 10, 1)) << 8)
             | (instr('123456789abcdef', substr(stamp, 11, 1)) << 4)
             | instr('123456789abcdef', substr(stamp, 12, 1)),
               object_json
        FROM records ORDER BY stamp;
     INSERT INTO meta (key, value)
        SELECT 'history_since_ms', max(seen_at_ms) FROM versions HAVING count(*) > 0;
     INSERT INTO meta (key, value)
        SELECT 'caught_up', 'true' WHERE EXISTS (SELECT 1 FROM versions);
     DROP TABLE records;",
];

/// Brings the store to this version's schema.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let opening = |error: rusqlite::Error| StoreError::opening(file, &error);
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(opening)?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(StoreError::Newer {
            file: file.to_owned(),
            found: version,
            known,
        });
    }
    let done = usize::try_from(version).map_err(|_| StoreError::Broken {
        file: file.to_owned(),
        why: format!("its schema version is {version}"),
    })?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(opening)?;
        transaction.execute_batch(sql).map_err(opening)?;
        transaction
            .pragma_update(None, "user_version", step as i64 + 1)
            .map_err(opening)?;
        transaction.commit().map_err(opening)?;
    }
    Ok(())
}
