//! What others read of the monitoring of this node: figures, packages, records. Reading never goes through the actor,
//! and so never waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::actor::{Finish, MonitorActor};
use super::carried::{CarriedQuery, CarriedRecent, CarriedSeries};
use super::disk::{Disk, Filter, Page};
use super::recent::Recent;
use super::record::{CallRecord, Origin, hidden_user};
use super::rollup::{HOUR_S, MINUTE_S, Rollup};
use super::series::{Series, SeriesQuery};
use super::station::{self, Inbox, Losses, Rules, Station};
use crate::settings::MonitorSettings;
use crate::supervise::Supervised;

/// Points of an answer; with more, the step is made longer.
pub const POINTS_MAX: u64 = 2_000;
/// The same where figures are told apart.
pub const POINTS_OF_GROUP_MAX: u64 = 120;
/// How long a stop waits for what is counted to be written.
const FINISH_PATIENCE: Duration = Duration::from_secs(3);
const FINISH_LOOK: Duration = Duration::from_millis(20);

/// The monitoring of a node. Cheap to copy.
#[derive(Clone, Debug)]
pub struct MonitorHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) actor: Option<Supervised<MonitorActor>>,
}

/// What the actor writes and others read; it outlives incarnations of the actor.
#[derive(Debug)]
pub(super) struct Shared {
    pub settings: MonitorSettings,
    pub origin: Origin,
    pub data_dir: PathBuf,
    pub inboxes: Mutex<Vec<Inbox>>,
    pub kept: RwLock<Known>,
    /// One reader of the disk at a time; opened when it is first needed.
    reader: Mutex<Option<Disk>>,
    pub losses: Arc<Losses>,
    pub totals: Mutex<Totals>,
}

/// Figures in memory.
#[derive(Debug)]
pub(super) struct Known {
    pub recent: Recent,
    pub minutes: Rollup,
    pub hours: Rollup,
    pub carried: CarriedRecent,
    /// Every call before this second is counted.
    pub complete_to_s: u64,
}

/// What the monitoring itself did, since the node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Calls that were counted.
    pub calls: u64,
    pub records_written: u64,
    /// Records that the queues or the disk did not take; their calls are counted all the same.
    pub records_dropped: u64,
    pub lines_logged: u64,
    /// Bytes of the file that hold something, as of the last look.
    pub disk_bytes: u64,
    /// Bytes of the figures by second.
    pub memory_bytes: u64,
}

/// Why the past cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("what was written of calls and figures cannot be read ({0}): look at the disk of the node")]
pub struct ReadError(#[from] rusqlite::Error);

// === impl MonitorHandle ===

impl MonitorHandle {
    /// A core's part; to be given to [`station::install`] on its thread. `None` where monitoring is off.
    pub fn station(&self, cores: usize) -> Option<Station> {
        let settings = &self.shared.settings;
        if !settings.enabled {
            return None;
        }
        let rules = Rules {
            slow_us: settings.slow_ms.saturating_mul(1_000),
            sample_percent: settings.sample_percent.into(),
            records_per_second: settings.records_per_second.div_ceil(cores.max(1) as u32),
            path_bytes: settings.path_bytes,
            keeps_query: settings.query,
            logs_all: settings.access_log.is_some(),
        };
        let (station, inbox) = station::station(rules, self.shared.losses.clone());
        self.shared.inboxes.lock().push(inbox);
        Some(station)
    }

    pub fn is_enabled(&self) -> bool {
        self.shared.settings.enabled
    }

    /// The figures of this node. Reads memory where that reaches back far enough, else the disk: minutes of the last
    /// week, hours of the last year; the answer says which step it has. Blocks for the disk.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn series(&self, query: &SeriesQuery) -> Result<Series, ReadError> {
        let now_s = station::now_ms() / 1_000;
        let asked_s = query.step_s.max(1);
        let known = self.shared.kept.read();
        let mut series = Series {
            complete_to_s: known.complete_to_s,
            ..Series::default()
        };
        if query.from_s >= known.recent.begin_s() {
            series.step_s = within_points(asked_s, query);
            known.recent.read(query, &mut series);
            return Ok(series);
        }
        let week_s = now_s.saturating_sub(super::MINUTES_KEPT_S);
        let unit_s = if query.from_s >= week_s {
            MINUTE_S
        } else {
            HOUR_S
        };
        let step_s = within_points(asked_s.next_multiple_of(unit_s), query);
        series.step_s = step_s.next_multiple_of(unit_s);
        let rollup = if unit_s == MINUTE_S {
            &known.minutes
        } else {
            &known.hours
        };
        rollup.read(query, &mut series);
        let open: Vec<u64> = rollup.open_s().collect();
        drop(known);
        self.reading(|disk| {
            let skip = |at_s| open.contains(&at_s);
            disk.read_series(unit_s, query, skip, &mut series)
        })?;
        Ok(series)
    }

    /// What a gateway carried on this node: by second in the last hour, by minute in the last week, by hour before.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn carried(&self, query: &CarriedQuery) -> Result<CarriedSeries, ReadError> {
        let now_s = station::now_ms() / 1_000;
        let known = self.shared.kept.read();
        if query.from_s >= known.carried.begin_s {
            return Ok(known.carried.read(query));
        }
        let week_s = now_s.saturating_sub(super::MINUTES_KEPT_S);
        let rollup = if query.from_s >= week_s {
            &known.minutes
        } else {
            &known.hours
        };
        let step_s = rollup.step_s;
        let mut open = CarriedSeries::default();
        rollup.read_carried(query, &mut open);
        drop(known);
        let mut series = self.reading(|disk| disk.read_carried(step_s, query))?;
        series.points.extend(open.points);
        Ok(series)
    }

    /// The record of a call that this node served. Blocks for the disk.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn record(&self, id: Uuid) -> Result<Option<CallRecord>, ReadError> {
        self.reading(|disk| disk.record(id))
    }

    /// The newest records of this node that match. Blocks for the disk.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn search(&self, filter: &Filter, limit: usize) -> Result<Page, ReadError> {
        self.reading(|disk| disk.search(filter, limit))
    }

    /// What is kept of a user's id.
    pub fn hidden_user(&self, user: &str) -> String {
        hidden_user(&self.shared.origin.cluster, user)
    }

    pub fn totals(&self) -> Totals {
        let mut totals = *self.shared.totals.lock();
        let lost = &self.shared.losses.records_dropped;
        totals.records_dropped += lost.load(Ordering::Relaxed);
        totals.memory_bytes = self.shared.kept.read().recent.bytes() as u64;
        totals
    }

    /// How often the actor was started again.
    pub fn restarts(&self) -> u64 {
        self.actor.as_ref().map_or(0, Supervised::restarts)
    }

    /// Writes what is counted and recorded; to be called once the link has ended. Waits for the cores' last word, up
    /// to some seconds.
    pub async fn finish(&self) {
        let Some(actor) = &self.actor else {
            return;
        };
        let finishing = async {
            while !actor.ask(Finish).await.unwrap_or(true) {
                tokio::time::sleep(FINISH_LOOK).await;
            }
        };
        if tokio::time::timeout(FINISH_PATIENCE, finishing)
            .await
            .is_err()
        {
            tracing::warn!("the last figures and records were not written in time");
        }
    }

    fn reading<T>(&self, read: impl FnOnce(&Disk) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let mut reader = self.shared.reader.lock();
        let disk = match reader.take() {
            Some(disk) => disk,
            None => Disk::reader(&self.shared.data_dir)?,
        };
        let result = read(&disk);
        // After an error a new one is opened: the file may have been put aside.
        if result.is_ok() {
            *reader = Some(disk);
        }
        Ok(result?)
    }
}

/// The step that keeps an answer to so many points.
fn within_points(step_s: u64, query: &SeriesQuery) -> u64 {
    let span_s = query.to_s.saturating_sub(query.from_s);
    let points_max = query.by.map_or(POINTS_MAX, |_| POINTS_OF_GROUP_MAX);
    let shortest_s = span_s.div_ceil(points_max).max(1);
    match step_s >= shortest_s {
        true => step_s,
        false => shortest_s,
    }
}

// === impl Shared ===

impl Shared {
    pub fn new(settings: MonitorSettings, origin: Origin, data_dir: PathBuf, now_s: u64) -> Self {
        let memory_bytes = settings.memory_mb.saturating_mul(1024 * 1024) as usize;
        Shared {
            kept: RwLock::new(Known {
                recent: Recent::new(now_s, memory_bytes),
                minutes: Rollup::new(MINUTE_S),
                hours: Rollup::new(HOUR_S),
                carried: CarriedRecent::new(now_s),
                complete_to_s: now_s,
            }),
            settings,
            origin,
            data_dir,
            inboxes: Mutex::default(),
            reader: Mutex::default(),
            losses: Arc::default(),
            totals: Mutex::default(),
        }
    }
}
