//! Reading the store beside its writer, over a connection that cannot write.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};
use weir_cluster::mesh::VersionSource;
use weir_cluster::replication::VersionName;
use weir_config::history::Moment;
use weir_config::{Catalog, ObjectKey, Record, Stamp};

use super::history::{self, HISTORY_MAX_ENTRIES};
use super::row::{self, RowError};
use super::{BUSY_TIMEOUT, HistoryPage, HistoryQuery, StoreError, Verdict, VersionInfo};

/// A second, read-only connection to the store. Clones are the same one; its calls block, one at a time.
#[derive(Clone, Debug)]
pub struct StoreReader {
    connection: Arc<Mutex<Connection>>,
    file: PathBuf,
}

/// The configuration of a moment, or why it is not known.
#[derive(Debug)]
pub enum Past {
    Known(Catalog),
    /// Of this object versions of that time are no longer retained.
    Pruned(ObjectKey),
    /// History begins here, milliseconds since 1970-01-01 UTC: the store is from before versions were kept.
    BeforeHistory(u64),
}

// === impl StoreReader ===

impl StoreReader {
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opening = |error: rusqlite::Error| StoreError::opening(file, &error);
        let connection = Connection::open_with_flags(file, flags).map_err(opening)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(opening)?;
        Ok(StoreReader {
            connection: Arc::new(Mutex::new(connection)),
            file: file.to_owned(),
        })
    }

    /// Another connection to the same store, for calls that are not to wait for this one's.
    pub fn another(&self) -> Result<Self, StoreError> {
        StoreReader::open(&self.file)
    }

    /// These versions, without those that are not here.
    pub fn versions(&self, wanted: &[VersionName]) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| row::versions(connection, wanted))
    }

    /// When this node stored a version, milliseconds since 1970-01-01 UTC; `None` where it does not have it.
    pub fn seen_at_ms(&self, version: &Stamp) -> Result<Option<u64>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT seen_at_ms FROM versions WHERE stamp = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let seen: Option<i64> = statement
                .query_row([version.to_string()], |row| row.get(0))
                .optional()?;
            Ok(seen.map(i64::unsigned_abs))
        })
    }

    /// A page of changes, newest first. `judge` says of a version what its store alone does not know.
    pub fn history(
        &self,
        query: &HistoryQuery,
        mut judge: impl FnMut(&ObjectKey, &Stamp) -> Verdict,
    ) -> Result<HistoryPage, StoreError> {
        let limit = query.limit.clamp(1, HISTORY_MAX_ENTRIES);
        let (condition, values) = history::condition(query);
        let sql = format!(
            "{} WHERE {condition} ORDER BY v.stamp DESC LIMIT {}",
            history::SELECT,
            limit + 1
        );
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(params_from_iter(&values))?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(history::entry(row, &mut judge)?);
            }
            Ok(history::page(entries, limit))
        })
    }

    /// The page of these versions alone (newest first), of those that the query asks for.
    pub fn history_of(
        &self,
        versions: &[VersionName],
        query: &HistoryQuery,
        mut judge: impl FnMut(&ObjectKey, &Stamp) -> Verdict,
    ) -> Result<HistoryPage, StoreError> {
        let limit = query.limit.clamp(1, HISTORY_MAX_ENTRIES);
        let (condition, mut values) = history::condition(query);
        let place = values.len();
        let sql = format!(
            "{} WHERE {condition} AND v.kind = ?{} AND v.id = ?{} AND v.stamp = ?{}",
            history::SELECT,
            place + 1,
            place + 2,
            place + 3
        );
        values.resize(place + 3, String::new());
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut entries = Vec::new();
            for (key, stamp) in versions {
                values.truncate(place);
                values.extend([key.kind.to_string(), key.id.clone(), stamp.to_string()]);
                let mut rows = statement.query(params_from_iter(&values))?;
                if let Some(row) = rows.next()? {
                    entries.push(history::entry(row, &mut judge)?);
                }
                if entries.len() > limit {
                    break;
                }
            }
            Ok(history::page(entries, limit))
        })
    }

    /// One version with its document, and the one it was made from.
    pub fn version(
        &self,
        version: &Stamp,
        mut judge: impl FnMut(&ObjectKey, &Stamp) -> Verdict,
    ) -> Result<Option<VersionInfo>, StoreError> {
        let found = self.read(|connection| {
            let sql = format!("{} WHERE v.stamp = ?1", history::SELECT);
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([version.to_string()])?;
            let row = rows.next()?;
            row.map(|row| history::entry(row, &mut judge)).transpose()
        })?;
        let Some(entry) = found else {
            return Ok(None);
        };
        let one = |stamp: &Stamp| -> Result<Option<Record>, StoreError> {
            Ok(self
                .versions(&[(entry.object.clone(), stamp.clone())])?
                .pop())
        };
        // Taken out meanwhile: as if it had not been there.
        let Some(record) = one(version)? else {
            return Ok(None);
        };
        let before = entry.based_on.as_ref().map(one).transpose()?.flatten();
        Ok(Some(VersionInfo {
            entry,
            record,
            before,
        }))
    }

    /// The configuration as it was at a moment, as far as that is retained.
    pub fn catalog_at(&self, moment: &Moment) -> Result<Past, StoreError> {
        // Stamps' texts sort as stamps do; a prefix sorts before what it begins.
        let (relation, bound) = match moment {
            Moment::Version(stamp) => ("<=", stamp.to_string()),
            Moment::Ms(ms) => ("<", format!("{:012x}", ms.saturating_add(1))),
        };
        let at_ms = match moment {
            Moment::Version(stamp) => stamp.wall_ms,
            Moment::Ms(ms) => *ms,
        };
        self.read(|connection| {
            let since: Option<String> = connection
                .query_row(
                    "SELECT value FROM meta WHERE key = 'history_since_ms'",
                    [],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(since_ms) = since.and_then(|text| text.parse().ok())
                && at_ms < since_ms
            {
                return Ok(Past::BeforeHistory(since_ms));
            }
            // One transaction: no version goes between the two questions.
            let reading = connection.unchecked_transaction()?;
            let sql = format!(
                "SELECT kind, id FROM
                   (SELECT kind, id, min(stamp) AS stamp FROM versions GROUP BY kind, id) AS oldest
                 JOIN versions AS v USING (kind, id, stamp)
                 WHERE NOT stamp {relation} ?1 AND v.based_on IS NOT NULL LIMIT 1"
            );
            let mut statement = reading.prepare_cached(&sql)?;
            let mut rows = statement.query([&bound])?;
            if let Some(row) = rows.next()? {
                return Ok(Past::Pruned(row::key(row)?));
            }
            let sql = format!(
                "SELECT {} FROM (SELECT kind, id, max(stamp) AS stamp FROM versions
                   WHERE stamp {relation} ?1 GROUP BY kind, id) AS past
                 JOIN versions AS v USING (kind, id, stamp)",
                row::RECORD
            );
            let mut statement = reading.prepare_cached(&sql)?;
            let mut rows = statement.query([&bound])?;
            let mut catalog = Catalog::default();
            while let Some(row) = rows.next()? {
                catalog.merge(row::record(row)?);
            }
            Ok(Past::Known(catalog))
        })
    }

    /// Copies the whole store, as it is at one moment, to a file that must not exist; gives its size in
    /// bytes. When this returns the copy is on the disk; where it fails nothing is left of it.
    pub fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        let failed = |why: String| StoreError::Backup {
            file: to.to_owned(),
            why,
        };
        if to.exists() {
            return Err(failed("it exists already".to_owned()));
        }
        // A connection of its own: a large copy is not to keep other readers waiting.
        let copied = self.another()?.copy(to);
        copied
            .inspect_err(|_| drop(fs::remove_file(to)))
            .map_err(failed)
    }

    fn copy(&self, to: &Path) -> Result<u64, String> {
        let path = to.to_str().ok_or("its name is not UTF-8")?;
        let connection = self.connection.lock();
        connection
            .execute("VACUUM INTO ?1", [path])
            .map_err(|error| error.to_string())?;
        let synced = || -> io::Result<u64> {
            let file = File::open(to)?;
            file.sync_all()?;
            Ok(file.metadata()?.len())
        };
        synced().map_err(|error| error.to_string())
    }

    #[cfg(test)]
    pub(super) fn is_read_only(&self) -> bool {
        let connection = self.connection.lock();
        connection.execute("DELETE FROM versions", []).is_err()
    }

    fn read<T>(
        &self,
        reading: impl FnOnce(&Connection) -> Result<T, RowError>,
    ) -> Result<T, StoreError> {
        reading(&self.connection.lock()).map_err(|error| error.of(&self.file))
    }
}

/// What other nodes ask for. What cannot be read they are not told: they ask again, or another node.
impl VersionSource for StoreReader {
    fn versions(&self, wanted: &[VersionName]) -> Vec<Record> {
        self.versions(wanted).unwrap_or_else(|error| {
            tracing::error!(%error, "another node's question for versions was not answered");
            Vec::new()
        })
    }

    fn seen_at_ms(&self, version: &Stamp) -> Option<u64> {
        self.seen_at_ms(version).unwrap_or_else(|error| {
            tracing::error!(%error, "another node's question for a version was not answered");
            None
        })
    }
}
