//! Between rows of the table `versions` and what they stand for.

use std::path::Path;

use rusqlite::{Connection, Row, Statement, params};
use weir_cluster::replication::{StoredVersion, VersionName};
use weir_config::{Kind, Object, ObjectKey, Record, Stamp};

use super::StoreError;

/// What [`record`] reads, in its order.
pub(super) const RECORD: &str = "v.kind, v.id, v.stamp, v.author, v.request, v.based_on, v.object";
/// What [`name`] reads: the same without the document.
pub(super) const NAME: &str = "v.kind, v.id, v.stamp, v.author, v.request, v.based_on";

/// A row that does not hold what its columns say.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("its record of {0} cannot be read")]
    Unreadable(String),
}

// === impl RowError ===

impl RowError {
    pub fn of(self, file: &Path) -> StoreError {
        match self {
            RowError::Sql(error) => StoreError::opening(file, &error),
            RowError::Unreadable(_) => StoreError::Broken {
                file: file.to_owned(),
                why: self.to_string(),
            },
        }
    }
}

pub(super) fn key(row: &Row<'_>) -> Result<ObjectKey, RowError> {
    let (kind, id): (String, String) = (row.get("kind")?, row.get("id")?);
    let known = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
    match known {
        Some(kind) => Ok(ObjectKey::new(kind, id)),
        None => Err(RowError::Unreadable(format!("{kind}/{id}"))),
    }
}

pub(super) fn stamp(row: &Row<'_>, key: &ObjectKey) -> Result<Stamp, RowError> {
    let text: String = row.get("stamp")?;
    text.parse()
        .map_err(|_| RowError::Unreadable(key.to_string()))
}

pub(super) fn based_on(row: &Row<'_>, key: &ObjectKey) -> Result<Option<Stamp>, RowError> {
    let text: Option<String> = row.get("based_on")?;
    text.map(|text| text.parse())
        .transpose()
        .map_err(|_| RowError::Unreadable(key.to_string()))
}

pub(super) fn name(row: &Row<'_>) -> Result<StoredVersion, RowError> {
    let key = key(row)?;
    Ok(StoredVersion {
        stamp: stamp(row, &key)?,
        based_on: based_on(row, &key)?,
        author: row.get("author")?,
        request: row.get("request")?,
        key,
    })
}

pub(super) fn record(row: &Row<'_>) -> Result<Record, RowError> {
    let StoredVersion {
        key,
        stamp,
        based_on,
        author,
        request,
    } = name(row)?;
    let json: Option<String> = row.get("object")?;
    let object: Option<Object> = json
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(|_| RowError::Unreadable(key.to_string()))?;
    Ok(Record {
        key,
        stamp,
        based_on,
        author,
        request,
        object,
    })
}

/// Those of these versions that are there, in the order asked.
pub(super) fn versions(
    connection: &Connection,
    wanted: &[VersionName],
) -> Result<Vec<Record>, RowError> {
    let sql =
        format!("SELECT {RECORD} FROM versions AS v WHERE kind = ?1 AND id = ?2 AND stamp = ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut records = Vec::new();
    for (key, stamp) in wanted {
        let mut rows = statement.query(params![key.kind.as_str(), key.id, stamp.to_string()])?;
        if let Some(row) = rows.next()? {
            records.push(record(row)?);
        }
    }
    Ok(records)
}

/// Adds a version, unless it is there.
pub(super) const INSERT: &str =
    "INSERT INTO versions (stamp, kind, id, author, request, based_on, seen_at_ms, object)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

/// Runs [`INSERT`].
pub(super) fn insert(
    statement: &mut Statement<'_>,
    record: &Record,
    seen_at_ms: u64,
) -> rusqlite::Result<()> {
    let to_sql = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let object = record.object.as_ref().map(serde_json::to_string);
    let object = object.transpose().map_err(to_sql)?;
    statement.execute(params![
        record.stamp.to_string(),
        record.key.kind.as_str(),
        record.key.id,
        record.author,
        record.request,
        record.based_on.as_ref().map(Stamp::to_string),
        i64::try_from(seen_at_ms).unwrap_or(i64::MAX),
        object,
    ])?;
    Ok(())
}
