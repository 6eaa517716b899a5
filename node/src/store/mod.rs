//! What a node knows of the configuration, on its own disk: one SQLite file, `<data_dir>/weir.db`, with every
//! retained version of every object.
//!
//! Write-ahead log and `synchronous=FULL`: what [`Store::persist`] has answered survives a power cut.
//! The store is local to the node; nodes agree by replication, not through it. One connection writes, others
//! ([`StoreReader`]) read beside it without waiting for it.

mod data_dir;
mod error;
mod history;
#[cfg(test)]
mod power_cut_tests;
mod reader;
#[cfg(test)]
mod reader_tests;
mod row;
mod schema;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use weir_cluster::replication::{StoredVersion, VersionName};
use weir_config::Record;

pub use data_dir::DataDir;
pub use error::StoreError;
pub use history::{
    Action, HISTORY_MAX_ENTRIES, HistoryEntry, HistoryPage, HistoryQuery, Verdict, VersionInfo,
};
pub use reader::{Past, StoreReader};
use row::RowError;

/// The store's file in the data directory; its `-wal` and `-shm` files lie beside it.
pub const STORE_FILE: &str = "weir.db";
/// How long a write waits for another of the same file, such as a repair by hand.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How large the write-ahead log stays once its content is in the file.
const WAL_KEPT_BYTES: u32 = 16 * 1024 * 1024;

/// The open store. One writer: the ConfigActor.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    file: PathBuf,
}

// === impl Store ===

impl Store {
    /// Opens the store of a locked data directory, makes it where there is none, and checks it whole.
    pub fn open(dir: &DataDir) -> Result<Self, StoreError> {
        Store::open_file(&dir.path().join(STORE_FILE))
    }

    /// Opens a file that no running node has, such as a backup.
    pub fn open_file(file: &Path) -> Result<Self, StoreError> {
        let opening = |error: rusqlite::Error| StoreError::opening(file, &error);
        let mut connection = Connection::open(file).map_err(opening)?;
        prepare(&connection).map_err(opening)?;
        let verdict = check(&connection).map_err(opening)?;
        if verdict != "ok" {
            return Err(StoreError::Broken {
                file: file.to_owned(),
                why: verdict,
            });
        }
        schema::migrate(&mut connection, file)?;
        Ok(Store {
            connection,
            file: file.to_owned(),
        })
    }

    /// Reads this store beside its one writer.
    pub fn reader(&self) -> Result<StoreReader, StoreError> {
        StoreReader::open(&self.file)
    }

    /// The newest version of every object, tombstones included.
    pub fn load(&self) -> Result<Vec<Record>, StoreError> {
        let sql = format!(
            "SELECT {} FROM (SELECT kind, id, max(stamp) AS stamp FROM versions GROUP BY kind, id) AS newest
             JOIN versions AS v USING (kind, id, stamp)",
            row::RECORD
        );
        self.all(&sql, row::record)
    }

    /// Every version, the newest ones too, without its document.
    pub fn names(&self) -> Result<Vec<StoredVersion>, StoreError> {
        let sql = format!("SELECT {} FROM versions AS v", row::NAME);
        self.all(&sql, row::name)
    }

    /// These versions, without those that are not here.
    pub fn versions(&self, wanted: &[VersionName]) -> Result<Vec<Record>, StoreError> {
        row::versions(&self.connection, wanted).map_err(|error| error.of(&self.file))
    }

    fn all<T>(
        &self,
        sql: &str,
        read: impl Fn(&Row<'_>) -> Result<T, RowError>,
    ) -> Result<Vec<T>, StoreError> {
        let reading = || -> Result<Vec<T>, RowError> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_and_then([], |row| read(row))?;
            rows.collect()
        };
        reading().map_err(|error| error.of(&self.file))
    }

    /// Adds these versions and takes those out, all or nothing; when this returns, it is on the disk. A
    /// version that is there already is passed over. `now_ms` is noted as the time they were seen.
    pub fn persist(
        &mut self,
        records: &[Record],
        pruned: &[VersionName],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.write(records, pruned, now_ms)
            .map_err(|error| StoreError::writing(&self.file, &error))
    }

    fn write(
        &mut self,
        records: &[Record],
        pruned: &[VersionName],
        now_ms: u64,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(row::INSERT)?;
            for record in records {
                row::insert(&mut insert, record, now_ms)?;
            }
            let sql = "DELETE FROM versions WHERE kind = ?1 AND id = ?2 AND stamp = ?3";
            let mut delete = transaction.prepare_cached(sql)?;
            for (key, stamp) in pruned {
                delete.execute(params![key.kind.as_str(), key.id, stamp.to_string()])?;
            }
        }
        transaction.commit()
    }

    /// A fact about this node's store, as last kept by [`Store::set_fact`].
    pub fn fact(&self, key: &str) -> Result<Option<String>, StoreError> {
        let opening = |error: rusqlite::Error| StoreError::opening(&self.file, &error);
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
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

    /// Refuses writes as a disk gone read-only does, until told otherwise.
    #[cfg(test)]
    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.connection
            .pragma_update(None, "query_only", refuse)
            .unwrap();
    }

    /// Leaves room for so many pages more than there are, as a disk that is nearly full does; `None`: as
    /// many as it takes.
    #[cfg(test)]
    pub(crate) fn leave_pages(&self, free: Option<i64>) {
        let pages: i64 = self
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        let most = free.map_or(i64::from(u32::MAX) - 1, |free| pages + free);
        self.connection
            .pragma_update(None, "max_page_count", most)
            .unwrap();
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a large change made of the write-ahead log is given back at the next checkpoint.
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// `ok`, or the first thing that is wrong.
fn check(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "quick_check", |row| row.get(0))
}
