//! Minutes and hours on disk.

use rusqlite::params;

use super::Disk;
use crate::monitor::carried::{Carried, CarriedQuery, CarriedSeries};
use crate::monitor::figures::Figures;
use crate::monitor::rollup::{Changes, Loaded};
use crate::monitor::series::{Scope, Series, SeriesKey, SeriesQuery};

// === impl Disk ===

impl Disk {
    /// Writes figures in place of those before, in one transaction.
    pub fn write_series(&mut self, changes: &Changes) -> rusqlite::Result<()> {
        if changes.figures.is_empty() && changes.carried.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO series (step, at, business, gateway, key, figures)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (step_s, at_s, key, figures) in &changes.figures {
                let (business, gateway) = (&*key.business, &*key.gateway);
                insert.execute(params![
                    *step_s as i64,
                    *at_s as i64,
                    business,
                    gateway,
                    key.text(),
                    figures
                ])?;
            }
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO carried (step, at, gateway, figures) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (step_s, at_s, gateway, figures) in &changes.carried {
                insert.execute(params![*step_s as i64, *at_s as i64, &**gateway, figures])?;
            }
        }
        transaction.commit()
    }

    /// Whether nothing was ever counted.
    pub fn has_no_figures(&self) -> rusqlite::Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM series) OR EXISTS (SELECT 1 FROM carried)";
        self.connection
            .query_row(any, [], |row| row.get::<_, bool>(0))
            .map(|any| !any)
    }

    /// All that was written of one minute or hour.
    pub fn load(&self, step_s: u64, at_s: u64) -> rusqlite::Result<Loaded> {
        let mut loaded = Loaded::default();
        let at = params![step_s as i64, at_s as i64];
        let mut select = self.connection.prepare_cached(
            "SELECT business, gateway, key, figures FROM series WHERE step = ?1 AND at = ?2",
        )?;
        let mut rows = select.query(at)?;
        while let Some(row) = rows.next()? {
            let (business, gateway, key): (String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let key = SeriesKey::of_text(&business, &gateway, &key);
            let figures = Figures::from_bytes(row.get_ref(3)?.as_blob()?);
            if let (Some(key), Some(figures)) = (key, figures) {
                loaded.frame.add(&key.into(), &figures);
            }
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT gateway, figures FROM carried WHERE step = ?1 AND at = ?2")?;
        let mut rows = select.query(at)?;
        while let Some(row) = rows.next()? {
            if let Some(carried) = Carried::from_bytes(row.get_ref(1)?.as_blob()?) {
                loaded
                    .carried
                    .insert(row.get::<_, String>(0)?.into(), carried);
            }
        }
        Ok(loaded)
    }

    /// Adds to the points of an answer what was written with that step, but for what `skip` says is known better.
    pub fn read_series(
        &self,
        step_s: u64,
        query: &SeriesQuery,
        skip: impl Fn(u64) -> bool,
        into: &mut Series,
    ) -> rusqlite::Result<()> {
        let (condition, name) = match &query.scope {
            Scope::Business(business) => ("AND business = ?4", business.as_str()),
            Scope::Gateway(gateway) => ("AND gateway = ?4", gateway.as_str()),
            Scope::All => ("AND ?4 = ''", ""),
        };
        let sql = format!(
            "SELECT at, business, gateway, key, figures FROM series
             WHERE step = ?1 AND at >= ?2 AND at < ?3 {condition}"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        let from_s = query.from_s / step_s * step_s;
        let mut rows = select.query(params![
            step_s as i64,
            from_s as i64,
            to_i64(query.to_s),
            name
        ])?;
        while let Some(row) = rows.next()? {
            let at_s = row.get::<_, i64>(0)? as u64;
            if skip(at_s) {
                continue;
            }
            let (business, gateway, key): (String, String, String) =
                (row.get(1)?, row.get(2)?, row.get(3)?);
            let key = SeriesKey::of_text(&business, &gateway, &key);
            let Some(key) = key.filter(|key| query.wants(key)) else {
                continue;
            };
            if let Some(figures) = Figures::from_bytes(row.get_ref(4)?.as_blob()?) {
                into.add(query.group(&key), query.point(at_s, into.step_s), &figures);
            }
        }
        Ok(())
    }

    pub fn read_carried(
        &self,
        step_s: u64,
        query: &CarriedQuery,
    ) -> rusqlite::Result<CarriedSeries> {
        let mut series = CarriedSeries {
            step_s,
            ..CarriedSeries::default()
        };
        let mut select = self.connection.prepare_cached(
            "SELECT at, figures FROM carried WHERE step = ?1 AND gateway = ?2 AND at >= ?3 AND at < ?4",
        )?;
        let from_s = query.from_s / step_s * step_s;
        let range = params![
            step_s as i64,
            query.gateway,
            from_s as i64,
            to_i64(query.to_s)
        ];
        let mut rows = select.query(range)?;
        while let Some(row) = rows.next()? {
            if let Some(carried) = Carried::from_bytes(row.get_ref(1)?.as_blob()?) {
                series.points.insert(row.get::<_, i64>(0)? as u64, carried);
            }
        }
        Ok(series)
    }
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
