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
