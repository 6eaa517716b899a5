//! What monitoring keeps on the node's own disk: one SQLite file, `<data_dir>/monitor.db`, apart from the store of the
//! configuration so that neither waits for the other. Write-ahead log and `synchronous=NORMAL`: a crash of the process
//! loses nothing that was written, a power cut the last moments. A file that cannot be read is put aside and begun
//! anew: figures are no reason for a node not to start.

mod prune;
mod records;
mod series;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub(super) use prune::{Bounds, MINUTES_KEPT_S};
pub(super) use records::Line;
pub use records::{Filter, Found, Page};

/// The file in the data directory.
pub(super) const MONITOR_FILE: &str = "monitor.db";
/// What the tables are; a file of another version is put aside.
const SCHEMA_VERSION: u32 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const SCHEMA: &str = "
CREATE TABLE records (
    id BLOB NOT NULL UNIQUE, notable INTEGER NOT NULL, business TEXT, gateway TEXT, decision TEXT NOT NULL,
    reason TEXT, code INTEGER, status INTEGER, path TEXT NOT NULL, user TEXT, client_ip TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX records_by_business ON records (business, id);
CREATE INDEX records_by_kind ON records (notable, id);
CREATE TABLE series (
    step INTEGER NOT NULL, at INTEGER NOT NULL, business TEXT NOT NULL, gateway TEXT NOT NULL, key TEXT NOT NULL,
    figures BLOB NOT NULL, PRIMARY KEY (step, business, at, gateway, key)
) WITHOUT ROWID;
CREATE INDEX series_by_time ON series (step, at, gateway);
CREATE TABLE carried (
    step INTEGER NOT NULL, at INTEGER NOT NULL, gateway TEXT NOT NULL, figures BLOB NOT NULL,
    PRIMARY KEY (step, gateway, at)
) WITHOUT ROWID;
CREATE INDEX carried_by_time ON carried (step, at);
";

/// The file, open; one writer, on the MonitorActor's thread, and one reader beside it.
#[derive(Debug)]
pub(super) struct Disk {
    connection: Connection,
}

// === impl Disk ===

impl Disk {
    /// Opens the file of a data directory, and makes it where there is none.
    pub fn open(data_dir: &Path) -> rusqlite::Result<Self> {
        let file = data_dir.join(MONITOR_FILE);
        Disk::prepare(&file).or_else(|error| {
            let aside = data_dir.join(format!("{MONITOR_FILE}.broken"));
            tracing::warn!(
                file = %file.display(), aside = %aside.display(), %error,
                "the figures and records of before cannot be read; they are put aside, and new ones begun"
            );
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(with_suffix(&file, suffix));
            }
            let _ = std::fs::rename(&file, aside);
            Disk::prepare(&file)
        })
    }

    fn prepare(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            SCHEMA_VERSION => {}
            0 => {
                let tables =
                    format!("BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;");
                connection.execute_batch(&tables)?;
            }
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
        Ok(Disk { connection })
    }

    /// Reads beside the writer.
    pub fn reader(data_dir: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data_dir.join(MONITOR_FILE), flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Disk { connection })
    }

    /// Bytes of the file that hold something.
    pub fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pragma = |name| {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            self.connection.pragma_query_value(None, name, value)
        };
        let pages = pragma("page_count")? - pragma("freelist_count")?;
        Ok((pages.max(0) * pragma("page_size")?) as u64)
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_store_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MONITOR_FILE), vec![7; 10_000]).unwrap();
        let disk = Disk::open(dir.path()).unwrap();
        assert!(disk.used_bytes().unwrap() > 0);
        assert!(dir.path().join("monitor.db.broken").exists());
        drop(disk);
        assert!(Disk::reader(dir.path()).is_ok());
    }
}
