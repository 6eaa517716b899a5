//! What a node knows of the configuration, on its own disk: one SQLite file, `<data_dir>/weir.db`.
//!
//! Write-ahead log and `synchronous=FULL`: what [`Store::persist`] has answered survives a power cut.
//! The store is local to the node; nodes agree by replication, not through it.

mod data_dir;
mod error;
mod schema;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, params};
use weir_config::{Kind, Object, ObjectKey, Record};

pub use data_dir::DataDir;
pub use error::StoreError;

const FILE: &str = "weir.db";
/// How long a write waits for a reader of the same file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The open store. One writer: the ConfigActor.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    file: PathBuf,
    failed_writes: u64,
}

// === impl Store ===

impl Store {
    /// Opens the store of a locked data directory, makes it where there is none, and checks it whole.
    pub fn open(dir: &DataDir) -> Result<Self, StoreError> {
        let file = dir.path().join(FILE);
        let mut connection =
            Connection::open(&file).map_err(|error| StoreError::opening(&file, &error))?;
        prepare(&connection).map_err(|error| StoreError::opening(&file, &error))?;
        let verdict = check(&connection).map_err(|error| StoreError::opening(&file, &error))?;
        if verdict != "ok" {
            return Err(StoreError::Broken { file, why: verdict });
        }
        schema::migrate(&mut connection, &file)?;
        Ok(Store {
            connection,
            file,
            failed_writes: 0,
        })
    }

    /// Every record, tombstones included.
    pub fn load(&self) -> Result<Vec<Record>, StoreError> {
        let opening = |error: rusqlite::Error| StoreError::opening(&self.file, &error);
        let mut statement = self
            .connection
            .prepare("SELECT kind, id, stamp, author, object_json FROM records")
            .map_err(opening)?;
        let mut rows = statement.query([]).map_err(opening)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().map_err(opening)? {
            let row = Row {
                kind: row.get(0).map_err(opening)?,
                id: row.get(1).map_err(opening)?,
                stamp: row.get(2).map_err(opening)?,
                author: row.get(3).map_err(opening)?,
                object: row.get(4).map_err(opening)?,
            };
            let name = format!("{}/{}", row.kind, row.id);
            records.push(row.record().ok_or_else(|| StoreError::Broken {
                file: self.file.clone(),
                why: format!("its record of {name} cannot be read"),
            })?);
        }
        Ok(records)
    }

    /// Keeps all records or none; when this returns they are on the disk. A record older than the one
    /// kept of the same object is passed over.
    pub fn persist(&mut self, records: &[Record]) -> Result<(), StoreError> {
        self.write(records).map_err(|error| {
            self.failed_writes += 1;
            StoreError::writing(&self.file, &error)
        })
    }

    /// How many times [`Store::persist`] failed since the store was opened.
    pub fn failed_writes(&self) -> u64 {
        self.failed_writes
    }

    fn write(&mut self, records: &[Record]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO records (kind, id, stamp, author, object_json) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (kind, id) DO UPDATE SET
                   stamp = excluded.stamp, author = excluded.author, object_json = excluded.object_json
                 WHERE excluded.stamp > records.stamp",
            )?;
            for record in records {
                let to_sql = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
                let object = record.object.as_ref().map(serde_json::to_string);
                let object = object.transpose().map_err(to_sql)?;
                statement.execute(params![
                    record.key.kind.as_str(),
                    record.key.id,
                    record.stamp.to_string(),
                    record.author,
                    object,
                ])?;
            }
        }
        transaction.commit()
    }

    /// A fact about this node's store, as last kept by [`Store::set_fact`].
    pub fn fact(&self, key: &str) -> Result<Option<String>, StoreError> {
        let opening = |error: rusqlite::Error| StoreError::opening(&self.file, &error);
        let mut statement = self
            .connection
            .prepare("SELECT value FROM meta WHERE key = ?1")
            .map_err(opening)?;
        let mut rows = statement.query([key]).map_err(opening)?;
        let row = rows.next().map_err(opening)?;
        row.map(|row| row.get(0)).transpose().map_err(opening)
    }

    pub fn set_fact(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.connection
            .execute(sql, [key, value])
            .map(drop)
            .map_err(|error| StoreError::writing(&self.file, &error))
    }

    /// Refuses writes as a full disk does, until told otherwise.
    #[cfg(test)]
    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.connection
            .pragma_update(None, "query_only", refuse)
            .unwrap();
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// `ok`, or the first thing that is wrong.
fn check(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "quick_check", |row| row.get(0))
}

struct Row {
    kind: String,
    id: String,
    stamp: String,
    author: String,
    object: Option<String>,
}

// === impl Row ===

impl Row {
    /// `None` where a column is not what its name says.
    fn record(self) -> Option<Record> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == self.kind)?;
        let object: Option<Object> = match self.object {
            Some(json) => Some(serde_json::from_str(&json).ok()?),
            None => None,
        };
        Some(Record {
            key: ObjectKey::new(kind, self.id),
            stamp: self.stamp.parse().ok()?,
            author: self.author,
            object,
        })
    }
}
