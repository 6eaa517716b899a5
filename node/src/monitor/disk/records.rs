//! Call records on disk: newest first, because their ids are.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};
use uuid::Uuid;

use super::Disk;
use crate::monitor::draft::Kept;
use crate::monitor::record::CallRecord;

/// A record to be written.
#[derive(Debug)]
pub struct Line {
    pub id: Uuid,
    pub kept: Kept,
    pub record: CallRecord,
}

/// Which records are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub business: Option<String>,
    pub gateway: Option<String>,
    pub code: Option<i32>,
    pub status: Option<u16>,
    pub reason: Option<String>,
    pub decision: Option<String>,
    pub path_prefix: Option<String>,
    /// The hash.
    pub user: Option<String>,
    pub client_ip: Option<String>,
    /// Milliseconds since 1970-01-01 UTC, included.
    pub from_ms: Option<u64>,
    /// Not included.
    pub to_ms: Option<u64>,
    /// Only older ones than this call.
    pub before: Option<Uuid>,
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub id: Uuid,
    pub record: CallRecord,
}

/// Some records, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub found: Vec<Found>,
    /// There are older ones that match.
    pub more: bool,
}

/// The least id of calls that arrived at a moment.
fn first_of(at_ms: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at_ms.min((1 << 48) - 1).to_be_bytes()[2..]);
    id
}

// === impl Disk ===

impl Disk {
    /// Writes some records, in one transaction.
    pub fn write_records(&mut self, lines: &[Line]) -> rusqlite::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO records
                 (id, notable, business, gateway, decision, reason, code, status, path, user, client_ip, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for Line { id, kept, record } in lines {
                let json = serde_json::to_string(record).unwrap_or_default();
                insert.execute(params![
                    id.as_bytes().as_slice(),
                    *kept == Kept::Notable,
                    record.business,
                    record.gateway,
                    record.decision,
                    record.reason,
                    record.code,
                    record.status,
                    record.path,
                    record.user,
                    record.client_ip,
                    json,
                ])?;
            }
        }
        transaction.commit()
    }

    pub fn record(&self, id: Uuid) -> rusqlite::Result<Option<CallRecord>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT record FROM records WHERE id = ?1")?;
        let json = select.query_row([id.as_bytes().as_slice()], |row| row.get::<_, String>(0));
        let json = json.optional()?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// The newest that match, at most `limit`.
    pub fn search(&self, filter: &Filter, limit: usize) -> rusqlite::Result<Page> {
        let (conditions, values) = filter.conditions();
        let sql = format!(
            "SELECT id, record FROM records {conditions} ORDER BY id DESC LIMIT {}",
            limit + 1
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let rows = select.query_map(params_from_iter(values), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
        })?;
        let mut page = Page::default();
        for row in rows {
            let (id, json) = row?;
            if page.found.len() == limit {
                page.more = true;
                break;
            }
            if let (Ok(id), Ok(record)) = (Uuid::from_slice(&id), serde_json::from_str(&json)) {
                page.found.push(Found { id, record });
            }
        }
        Ok(page)
    }

    pub fn records_kept(&self) -> rusqlite::Result<u64> {
        let count = "SELECT count(*) FROM records";
        self.connection
            .query_row(count, [], |row| row.get::<_, i64>(0))
            .map(|count| count as u64)
    }
}

// === impl Filter ===

impl Filter {
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        let mut and = |condition: &str, value: Value| {
            conditions.push(condition.to_owned());
            values.push(value);
        };
        let texts = [
            ("business = ?", &self.business),
            ("gateway = ?", &self.gateway),
            ("reason = ?", &self.reason),
            ("decision = ?", &self.decision),
            ("user = ?", &self.user),
            ("client_ip = ?", &self.client_ip),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                and(condition, text.clone().into());
            }
        }
        if let Some(code) = self.code {
            and("code = ?", i64::from(code).into());
        }
        if let Some(status) = self.status {
            and("status = ?", i64::from(status).into());
        }
        if let Some(prefix) = &self.path_prefix {
            and("instr(path, ?) = 1", prefix.clone().into());
        }
        if let Some(from_ms) = self.from_ms {
            and("id >= ?", first_of(from_ms).to_vec().into());
        }
        if let Some(to_ms) = self.to_ms {
            and("id < ?", first_of(to_ms).to_vec().into());
        }
        if let Some(before) = self.before {
            and("id < ?", before.as_bytes().to_vec().into());
        }
        let conditions = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        (conditions, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call_id::CallIds;

    fn line(at_ms: u64, business: &str, path: &str, kept: Kept) -> Line {
        let mut tail = [0; 10];
        tail[..8].copy_from_slice(&at_ms.to_be_bytes());
        let id = uuid::Builder::from_unix_timestamp_millis(at_ms, &tail).into_uuid();
        let record = CallRecord {
            call_id: id.to_string(),
            business: Some(business.to_owned()),
            path: path.to_owned(),
            reason: Some("gray".to_owned()),
            code: Some(-601_008),
            ..CallRecord::default()
        };
        Line { id, kept, record }
    }

    #[test]
    fn records_are_found_by_id_and_by_what_they_have_in_common_newest_first_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path()).unwrap();
        let lines: Vec<Line> = (0..10)
            .map(|at| {
                let business = if at % 2 == 0 { "even" } else { "odd" };
                line(
                    1_000 + at,
                    business,
                    &format!("/v{}/x%", at % 3),
                    Kept::Sample,
                )
            })
            .collect();
        disk.write_records(&lines).unwrap();
        disk.write_records(&lines).unwrap();
        assert_eq!(disk.records_kept().unwrap(), 10, "each once");
        assert_eq!(
            disk.record(lines[3].id).unwrap(),
            Some(lines[3].record.clone())
        );
        let unknown = CallIds::new(&"n1".parse().unwrap()).mint();
        assert_eq!(disk.record(unknown).unwrap(), None);

        let at = |page: &Page| -> Vec<u64> {
            let ids = page
                .found
                .iter()
                .map(|found| found.id.get_timestamp().unwrap());
            ids.map(|at| at.to_unix().0 * 1_000 + u64::from(at.to_unix().1) / 1_000_000)
                .collect()
        };
        let mut filter = Filter {
            business: Some("even".to_owned()),
            ..Filter::default()
        };
        let first = disk.search(&filter, 3).unwrap();
        assert_eq!((at(&first), first.more), (vec![1_008, 1_006, 1_004], true));
        filter.before = Some(first.found[2].id);
        let rest = disk.search(&filter, 3).unwrap();
        assert_eq!((at(&rest), rest.more), (vec![1_002, 1_000], false));

        let prefix = Filter {
            path_prefix: Some("/v1/x%".to_owned()),
            code: Some(-601_008),
            reason: Some("gray".to_owned()),
            from_ms: Some(1_001),
            to_ms: Some(1_007),
            ..Filter::default()
        };
        assert_eq!(at(&disk.search(&prefix, 10).unwrap()), [1_004, 1_001]);
    }
}
