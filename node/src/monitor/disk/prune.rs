//! What is let go, so that the file keeps to its limits: by age, by number, and at last by size; always the oldest.

use rusqlite::params;

use super::Disk;
use crate::monitor::rollup::{HOUR_S, MINUTE_S};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Minutes are kept for a week.
pub(in crate::monitor) const MINUTES_KEPT_S: u64 = 7 * 24 * 60 * 60;
/// Hours are kept for a year, and some days so that a year can be looked back at whole.
const HOURS_KEPT_S: u64 = 370 * 24 * 60 * 60;
/// Rows that go at once where the file is too large.
const AT_ONCE: u64 = 20_000;
/// Rounds of that in one go: the writer has other work.
const ROUNDS: usize = 50;

/// The limits of the file.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Records of calls.
    pub records: u64,
    pub record_days: u64,
    pub disk_bytes: u64,
}

// === impl Disk ===

impl Disk {
    /// Brings the file to its limits.
    pub fn prune(&mut self, bounds: &Bounds, now_ms: u64) -> rusqlite::Result<()> {
        let now_s = now_ms / 1_000;
        let oldest_ms = now_ms.saturating_sub(bounds.record_days.saturating_mul(DAY_MS));
        let mut oldest = [0; 16];
        oldest[..6].copy_from_slice(&oldest_ms.to_be_bytes()[2..]);
        self.connection
            .execute("DELETE FROM records WHERE id < ?1", [oldest.as_slice()])?;
        for (step_s, kept_s) in [(MINUTE_S, MINUTES_KEPT_S), (HOUR_S, HOURS_KEPT_S)] {
            self.forget_before(step_s, now_s.saturating_sub(kept_s))?;
        }
        let over = self.records_kept()?.saturating_sub(bounds.records);
        self.forget_records(over)?;
        for _ in 0..ROUNDS {
            if self.used_bytes()? <= bounds.disk_bytes {
                break;
            }
            self.forget_some()?;
        }
        Ok(())
    }

    /// Each kind has half of the space, and what the other does not need: a flood of refusals pushes out refusals.
    fn forget_records(&mut self, count: u64) -> rusqlite::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let kinds = "SELECT coalesce(sum(notable), 0), count(*) FROM records";
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let (notable, all) = self.connection.query_row(kinds, [], counts)?;
        let kinds = [(all - notable) as u64, notable as u64];
        let keep = (all as u64).saturating_sub(count);
        let fewer = kinds[0].min(kinds[1]).min(keep / 2);
        let kept = match kinds[0] <= kinds[1] {
            true => [fewer, keep - fewer],
            false => [keep - fewer, fewer],
        };
        for kind in [0, 1] {
            let gone = kinds[kind].saturating_sub(kept[kind]);
            self.connection.execute(
                "DELETE FROM records WHERE id IN
                 (SELECT id FROM records WHERE notable = ?1 ORDER BY id LIMIT ?2)",
                params![kind as i64, gone as i64],
            )?;
        }
        Ok(())
    }

    fn forget_before(&mut self, step_s: u64, oldest_s: u64) -> rusqlite::Result<()> {
        for table in ["series", "carried"] {
            self.connection.execute(
                &format!("DELETE FROM {table} WHERE step = ?1 AND at < ?2"),
                params![step_s as i64, oldest_s as i64],
            )?;
        }
        Ok(())
    }

    /// The oldest of whatever there is most of.
    fn forget_some(&mut self) -> rusqlite::Result<()> {
        let records = self.records_kept()?;
        let minutes = self.count_of(MINUTE_S)?;
        let hours = self.count_of(HOUR_S)?;
        // A record takes about as much as four rows of figures.
        if records * 4 >= minutes.max(hours) {
            return self.forget_records(at_once(records));
        }
        let (step_s, rows) = match minutes >= hours {
            true => (MINUTE_S, minutes),
            false => (HOUR_S, hours),
        };
        self.connection.execute(
            "DELETE FROM series WHERE step = ?1 AND at <=
             (SELECT max(at) FROM (SELECT at FROM series WHERE step = ?1 ORDER BY at LIMIT ?2))",
            params![step_s as i64, at_once(rows) as i64],
        )?;
        Ok(())
    }

    fn count_of(&self, step_s: u64) -> rusqlite::Result<u64> {
        let count = "SELECT count(*) FROM series WHERE step = ?1";
        let mut select = self.connection.prepare_cached(count)?;
        let count = select.query_row([step_s as i64], |row| row.get::<_, i64>(0))?;
        Ok(count as u64)
    }
}

/// A tenth of them.
fn at_once(rows: u64) -> u64 {
    rows.div_ceil(10).clamp(1, AT_ONCE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::monitor::disk::{Filter, Line};
    use crate::monitor::draft::Kept;
    use crate::monitor::figures::Figures;
    use crate::monitor::record::CallRecord;
    use crate::monitor::rollup::Changes;
    use crate::monitor::series::SeriesKey;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn lines(kept: Kept, from: u64, count: u64) -> Vec<Line> {
        (from..from + count)
            .map(|at| Line {
                id: uuid::Builder::from_unix_timestamp_millis(
                    NOW_MS - 100_000 + at,
                    &[kept as u8; 10],
                )
                .into_uuid(),
                kept,
                record: CallRecord {
                    path: "/x".repeat(100),
                    decision: format!("{kept:?}"),
                    ..CallRecord::default()
                },
            })
            .collect()
    }

    fn count(disk: &Disk, kept: Kept) -> usize {
        let filter = Filter {
            decision: Some(format!("{kept:?}")),
            ..Filter::default()
        };
        disk.search(&filter, 100_000).unwrap().found.len()
    }

    fn bounds(records: u64, disk_bytes: u64) -> Bounds {
        Bounds {
            records,
            record_days: 7,
            disk_bytes,
        }
    }

    #[test]
    fn a_flood_of_one_kind_does_not_push_out_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path()).unwrap();
        disk.write_records(&lines(Kept::Sample, 0, 30)).unwrap();
        disk.write_records(&lines(Kept::Notable, 0, 500)).unwrap();
        disk.prune(&bounds(100, 1 << 30), NOW_MS).unwrap();
        assert_eq!(
            (count(&disk, Kept::Sample), count(&disk, Kept::Notable)),
            (30, 70)
        );
        disk.write_records(&lines(Kept::Sample, 1_000, 500))
            .unwrap();
        disk.prune(&bounds(100, 1 << 30), NOW_MS).unwrap();
        let left = (count(&disk, Kept::Sample), count(&disk, Kept::Notable));
        assert_eq!((left.0 + left.1, left), (100, (50, 50)));
        disk.prune(&bounds(100, 1 << 30), NOW_MS + 8 * DAY_MS)
            .unwrap();
        assert_eq!(disk.records_kept().unwrap(), 0);
    }

    #[test]
    fn the_file_keeps_to_its_size_whatever_fills_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(dir.path()).unwrap();
        let figures = Figures::default().to_bytes();
        let limit = 2 << 20;
        for minute in 0..40 {
            let mut changes = Changes::default();
            for business in 0..500 {
                let key = SeriesKey {
                    business: format!("wx{business:016x}").into(),
                    ..SeriesKey::other()
                };
                let at_s = NOW_MS / 1_000 / 60 * 60 - 86_400 + minute * 60;
                changes
                    .figures
                    .push((60, at_s, Arc::new(key), figures.clone()));
            }
            disk.write_series(&changes).unwrap();
        }
        disk.write_records(&lines(Kept::Sample, 0, 3_000)).unwrap();
        assert!(disk.used_bytes().unwrap() > limit);
        disk.prune(&bounds(1 << 40, limit), NOW_MS).unwrap();
        assert!(disk.used_bytes().unwrap() <= limit);
        assert!(disk.records_kept().unwrap() > 0 && disk.count_of(60).unwrap() > 0);
    }
}
