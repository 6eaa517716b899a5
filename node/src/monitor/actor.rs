//! MonitorActor: takes what the cores hand over, adds it up, and writes it down. One a node, on a thread of its own,
//! so that it may wait for its disk.

use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, SpawnHandle};

use super::access_log::AccessLog;
use super::disk::{Bounds, Disk, Line};
use super::draft::Draft;
use super::frame::Keys;
use super::handle::Shared;
use super::record::CallRecord;
use super::rollup::{Changes, Loaded};
use super::station::now_ms;
use super::tally::Tally;
use crate::routing::SharedRouting;

/// How often it looks at what the cores have for it.
const LOOK: Duration = Duration::from_millis(200);
/// Figures are written as they come; where that was more than so many rows, they are left to add up for a while. For so
/// long a crash loses them, and for the second under way.
const MANY_FIGURES: usize = 2_000;
const WRITE_MANY_FIGURES_S: u64 = 10;
/// How often the disk is brought to its limits.
const PRUNE_S: u64 = 30;
/// Records, at least, after which it is brought there sooner.
const PRUNE_AFTER: u64 = 1_000;
/// Records of one transaction.
const BATCH: usize = 4_096;

/// See the module.
pub struct MonitorActor {
    shared: Arc<Shared>,
    routing: SharedRouting,
    disk: Option<Disk>,
    log: Option<AccessLog>,
    keys: Keys,
    second_s: u64,
    write_at_s: u64,
    pruned_s: u64,
    written_since_prune: u64,
    /// Said once, not with every batch.
    complained: bool,
    look: Option<SpawnHandle>,
}

/// Take all there is, and write it. Whether every core has ended, so that nothing more comes.
#[derive(Message)]
#[rtype(result = "bool")]
pub(super) struct Finish;

// === impl MonitorActor ===

impl MonitorActor {
    pub(super) fn new(shared: Arc<Shared>, routing: SharedRouting) -> Self {
        let now_s = now_ms() / 1_000;
        let disk = Disk::open(&shared.data_dir);
        let disk = disk.inspect_err(|error| {
            tracing::error!(%error, "records and figures are not kept on disk: it cannot be written");
        });
        if disk
            .as_ref()
            .is_ok_and(|disk| disk.has_no_figures().unwrap_or(false))
        {
            let mut known = shared.kept.write();
            known.recent.begins_with_nothing();
            known.carried.begin_s = 0;
        }
        let settings = &shared.settings;
        let log = settings.access_log.as_ref().map(|file| {
            let bytes = settings.access_log_mb.saturating_mul(1024 * 1024);
            AccessLog::open(file, bytes, settings.access_log_files)
        });
        let log = log.transpose().inspect_err(|error| {
            tracing::error!(%error, "no access log is written: monitor.access_log cannot be opened");
        });
        MonitorActor {
            disk: disk.ok(),
            log: log.ok().flatten(),
            shared,
            routing,
            keys: Keys::default(),
            second_s: now_s,
            write_at_s: now_s,
            pruned_s: 0,
            written_since_prune: 0,
            complained: false,
            look: None,
        }
    }

    fn look(&mut self) {
        self.take_tallies();
        self.take_records();
        let now_s = now_ms() / 1_000;
        if now_s > self.second_s {
            self.end_second(now_s);
        }
        if now_s >= self.write_at_s {
            self.write_figures(now_s);
        }
        let many = (self.shared.settings.records / 10).max(PRUNE_AFTER);
        if now_s >= self.pruned_s + PRUNE_S || self.written_since_prune >= many {
            self.pruned_s = now_s;
            self.written_since_prune = 0;
            self.prune();
        }
    }

    /// Everything that the cores counted in seconds that are over.
    fn take_tallies(&mut self) {
        let mut tallies = Vec::new();
        let mut complete_to_s = u64::MAX;
        for inbox in self.shared.inboxes.lock().iter_mut() {
            loop {
                match inbox.tallies.try_recv() {
                    Ok(tally) => {
                        inbox.complete_to_s = tally.complete_to_s;
                        tallies.push(tally);
                    }
                    Err(TryRecvError::Empty) => break,
                    // The core has ended; nothing more comes of it.
                    Err(TryRecvError::Disconnected) => {
                        inbox.complete_to_s = u64::MAX;
                        break;
                    }
                }
            }
            complete_to_s = complete_to_s.min(inbox.complete_to_s);
        }
        for tally in &tallies {
            self.count(tally);
        }
        let mut known = self.shared.kept.write();
        known.complete_to_s = complete_to_s.min(now_ms() / 1_000).max(known.complete_to_s);
    }

    fn count(&mut self, tally: &Tally) {
        let named = tally.named(&mut self.keys);
        let calls: u64 = named.iter().map(|(_, figures)| figures.requests).sum();
        if calls == 0 {
            return;
        }
        let at_s = tally.second_s;
        let disk = self.disk.as_ref();
        let mut known = self.shared.kept.write();
        for (key, figures) in &named {
            known.recent.add(at_s, key, figures);
        }
        known
            .minutes
            .add(at_s, &named, |step_s, at_s| load(disk, step_s, at_s));
        known
            .hours
            .add(at_s, &named, |step_s, at_s| load(disk, step_s, at_s));
        drop(known);
        self.shared.totals.lock().calls += calls;
    }

    fn end_second(&mut self, now_s: u64) {
        let at_s = now_s - 1;
        self.second_s = now_s;
        let disk = self.disk.as_ref();
        let table = self.routing.load();
        let meters = table.access.gateways.iter().zip(&table.meters);
        let meters = meters.map(|(gateway, meter)| (gateway.as_str(), &**meter));
        let mut known = self.shared.kept.write();
        let carried = known.carried.end_second(at_s, meters);
        known
            .minutes
            .add_carried(at_s, &carried, |step_s, at_s| load(disk, step_s, at_s));
        known
            .hours
            .add_carried(at_s, &carried, |step_s, at_s| load(disk, step_s, at_s));
        known.recent.advance(now_s);
        drop(known);
        self.keys.sweep_sometimes();
    }

    /// Everything that the cores recorded.
    fn take_records(&mut self) {
        loop {
            let mut drafts: Vec<Box<Draft>> = Vec::new();
            for inbox in self.shared.inboxes.lock().iter() {
                let room = BATCH - drafts.len();
                drafts.extend(inbox.records.try_iter().take(room));
            }
            let full = drafts.len() == BATCH;
            self.keep(drafts);
            if !full {
                break;
            }
        }
    }

    // As they came through the queue: a draft is large to move.
    #[allow(clippy::vec_box)]
    fn keep(&mut self, drafts: Vec<Box<Draft>>) {
        if drafts.is_empty() {
            return;
        }
        let mut lines = Vec::with_capacity(drafts.len());
        let mut logged = 0;
        for draft in drafts {
            let record = CallRecord::of(&draft, &self.shared.origin);
            if let Some(log) = &mut self.log {
                match log.write(&record) {
                    Ok(()) => logged += 1,
                    Err(error) => complain(&mut self.complained, &error),
                }
            }
            if let Some(kept) = draft.kept {
                let id = draft.id;
                lines.push(Line { id, kept, record });
            }
        }
        if let Some(log) = &mut self.log
            && let Err(error) = log.flush()
        {
            complain(&mut self.complained, &error);
        }
        let written = match &mut self.disk {
            Some(disk) => disk.write_records(&lines),
            None => Err(rusqlite::Error::InvalidQuery),
        };
        let mut totals = self.shared.totals.lock();
        totals.lines_logged += logged;
        match written {
            Ok(()) => {
                totals.records_written += lines.len() as u64;
                self.written_since_prune += lines.len() as u64;
            }
            Err(error) => {
                totals.records_dropped += lines.len() as u64;
                complain(&mut self.complained, &error);
            }
        }
    }

    fn write_figures(&mut self, now_s: u64) {
        let mut changes = Changes::default();
        {
            let mut known = self.shared.kept.write();
            known.minutes.take_changes(&mut changes);
            known.hours.take_changes(&mut changes);
        }
        self.write_at_s = now_s
            + match changes.figures.len() > MANY_FIGURES {
                true => WRITE_MANY_FIGURES_S,
                false => 0,
            };
        // Not under the lock: readers do not wait for the disk.
        let written = self.disk.as_mut().map(|disk| disk.write_series(&changes));
        let mut known = self.shared.kept.write();
        if let Some(Err(error)) = written {
            complain(&mut self.complained, &error);
            known.minutes.put_back(&changes);
            known.hours.put_back(&changes);
        }
        known.minutes.close(now_s);
        known.hours.close(now_s);
    }

    fn prune(&mut self) {
        let Some(disk) = &mut self.disk else {
            return;
        };
        let settings = &self.shared.settings;
        let bounds = Bounds {
            records: settings.records,
            record_days: settings.record_days,
            disk_bytes: settings.disk_mb.saturating_mul(1024 * 1024),
        };
        match disk
            .prune(&bounds, now_ms())
            .and_then(|()| disk.used_bytes())
        {
            Ok(bytes) => self.shared.totals.lock().disk_bytes = bytes,
            Err(error) => complain(&mut self.complained, &error),
        }
    }
}

/// What was written of a stretch of time, before this node last started or by a call that came late.
fn load(disk: Option<&Disk>, step_s: u64, at_s: u64) -> Loaded {
    let loaded = disk.map(|disk| disk.load(step_s, at_s));
    match loaded {
        Some(Ok(loaded)) => loaded,
        Some(Err(error)) => {
            tracing::warn!(%error, "figures that were written before cannot be read");
            Loaded::default()
        }
        None => Loaded::default(),
    }
}

fn complain(complained: &mut bool, error: &dyn std::error::Error) {
    if !std::mem::replace(complained, true) {
        tracing::error!(
            error = %error,
            "records or figures cannot be written; what is lost is counted in weir_monitor_records_dropped_total"
        );
    }
}

impl Actor for MonitorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look = Some(ctx.run_interval(LOOK, |actor, _| actor.look()));
    }
}

impl Handler<Finish> for MonitorActor {
    type Result = bool;

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) -> bool {
        self.take_tallies();
        let ended = self
            .shared
            .inboxes
            .lock()
            .iter()
            .all(|it| it.complete_to_s == u64::MAX);
        self.take_records();
        if ended {
            self.end_second((now_ms() / 1_000).max(self.second_s + 1));
            self.write_figures(self.second_s);
        }
        ended
    }
}
