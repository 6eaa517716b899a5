//! What the handle tells of the past: histories, versions, moments, copies.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;
use tokio::time::timeout;
use weir_cluster::replication::{ConfigSnapshot, VersionName};
use weir_config::history::Moment;
use weir_config::{Catalog, ObjectKey, Refusal, Stamp};

use super::conflicts::lost;
use super::handle::busy;
use super::peers::WhoHas;
use super::writer::unreadable;
use super::{ConfigHandle, NodeHas, now_ms};
use crate::store::{
    HistoryPage, HistoryQuery, Past, StoreError, StoreReader, Verdict, VersionInfo,
};

/// Time a question waits for its turn at the store.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the actor to ask all nodes for a version, each of which has less.
const NODES_TIMEOUT: Duration = Duration::from_secs(5);

/// Judges versions by all others of their object, each object once.
struct Judge<'a> {
    state: &'a ConfigSnapshot,
    lost: BTreeMap<ObjectKey, Vec<Stamp>>,
}

// === impl ConfigHandle ===

impl ConfigHandle {
    /// Changes, newest first, a page at a time.
    ///
    /// # Errors
    /// 503 `store_unreadable`; 503 `config_busy`.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, Refusal> {
        let state = self.catalog();
        self.read(move |reader| {
            let mut judge = Judge::new(&state);
            let mut of = |key: &ObjectKey, version: &Stamp| judge.judge(key, version);
            match query.conflicts {
                true => reader.history_of(&all_lost(&state, &query), &query, &mut of),
                false => reader.history(&query, &mut of),
            }
        })
        .await
    }

    /// One version with its document; `None` where it is not retained here.
    ///
    /// # Errors
    /// 503 `store_unreadable`; 503 `config_busy`.
    pub async fn version(&self, version: &Stamp) -> Result<Option<VersionInfo>, Refusal> {
        let (state, version) = (self.catalog(), version.clone());
        self.read(move |reader| {
            let mut judge = Judge::new(&state);
            reader.version(&version, |key, version| judge.judge(key, version))
        })
        .await
    }

    /// The configuration as it was at a moment.
    ///
    /// # Errors
    /// 410 `history_pruned` where versions of that time are no longer retained; 503 `store_unreadable`; 503
    /// `config_busy`.
    pub async fn catalog_at(&self, moment: Moment) -> Result<Catalog, Refusal> {
        let at_ms = match &moment {
            Moment::Version(version) => version.wall_ms,
            Moment::Ms(ms) => *ms,
        };
        let pruned = |why: String| Err(Refusal::new(410, "history_pruned", why));
        let keep_ms = self.options.retention.tombstone_keep_ms;
        if at_ms < now_ms().saturating_sub(keep_ms) {
            let days = keep_ms / (24 * 60 * 60 * 1_000);
            return pruned(format!(
                "What was deleted is remembered for {days} days (history.keep_deleted_days), so the whole \
                 configuration of a moment before that is not known: name a later one."
            ));
        }
        match self.read(move |reader| reader.catalog_at(&moment)).await? {
            Past::Known(catalog) => Ok(catalog),
            Past::Pruned(key) => pruned(format!(
                "The versions of {key} of that moment are no longer retained (history.keep_versions, \
                 history.keep_days): name a later one, or restore objects one by one."
            )),
            Past::BeforeHistory(since_ms) => pruned(format!(
                "This node has kept versions since {}, when it was brought to this version of weir: name a \
                 later moment.",
                rfc3339(since_ms)
            )),
        }
    }

    /// Which nodes have a version and since when: every node in view, this one first.
    pub async fn version_on_nodes(&self, version: &Stamp) -> Vec<NodeHas> {
        let asked = version.clone();
        let here = self.read(move |reader| reader.seen_at_ms(&asked)).await;
        let (answer, answered) = oneshot::channel();
        let who_has = WhoHas {
            version: version.clone(),
            answer,
        };
        let asking = async {
            self.actor.ask(who_has).await.ok()?;
            answered.await.ok()
        };
        let others = timeout(NODES_TIMEOUT, asking).await.ok().flatten();
        let mut nodes = vec![NodeHas {
            node: self.node.clone(),
            has: here.as_ref().ok().map(Option::is_some),
            since_ms: here.ok().flatten(),
        }];
        nodes.extend(others.unwrap_or_else(|| self.nobody_answered()));
        nodes
    }

    /// Copies the whole store, as it is at one moment, to a file that must not exist yet; gives its size in
    /// bytes. The node goes on meanwhile.
    ///
    /// # Errors
    /// 503 `backup_failed`; nothing is left at `to`. 503 `config_busy`.
    pub async fn backup(&self, to: &Path) -> Result<u64, Refusal> {
        let to = to.to_owned();
        let copied = self.read(move |reader| Ok(reader.backup(&to))).await?;
        copied.map_err(|error| {
            Refusal::new(
                503,
                "backup_failed",
                format!("On node {}, {error}.", self.node),
            )
        })
    }

    fn nobody_answered(&self) -> Vec<NodeHas> {
        let view = self.cluster();
        let others = view.nodes.iter().filter(|node| node.id != view.me);
        let silent = others.map(|node| NodeHas {
            node: node.id.clone(),
            has: None,
            since_ms: None,
        });
        silent.collect()
    }

    /// Asks the store on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = timeout(TURN_TIMEOUT, self.reads.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(busy(
                "Too many questions are waiting for this node's store: ask again shortly, or another node.",
            ));
        };
        let reader = self.reader.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = question(&reader);
            drop(turn);
            answer
        });
        match answer.await {
            Ok(answer) => answer.map_err(|error| unreadable(&self.node, &error)),
            Err(_) => Err(busy("The question was broken off: ask again.")),
        }
    }
}

fn rfc3339(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{ms} ms after 1970"))
}

/// All conflicts that a query may ask for, newest first.
fn all_lost(state: &ConfigSnapshot, query: &HistoryQuery) -> Vec<VersionName> {
    let asked = |key: &ObjectKey| {
        query.object.as_ref().is_none_or(|object| object == key)
            && query.kind.is_none_or(|kind| kind == key.kind)
    };
    let mut all: Vec<VersionName> = state
        .index
        .iter()
        .filter(|(key, _)| asked(key))
        .flat_map(|(key, versions)| {
            let lost = lost(versions).into_iter();
            lost.map(|version| (key.clone(), version))
        })
        .collect();
    all.sort_by(|a, b| b.1.cmp(&a.1));
    all
}

// === impl Judge ===

impl<'a> Judge<'a> {
    fn new(state: &'a ConfigSnapshot) -> Self {
        Judge {
            state,
            lost: BTreeMap::new(),
        }
    }

    fn judge(&mut self, key: &ObjectKey, version: &Stamp) -> Verdict {
        if !self.lost.contains_key(key) {
            let lost = lost(self.state.index.versions(key));
            self.lost.insert(key.clone(), lost);
        }
        let newest = self.state.catalog.record(key);
        Verdict {
            conflict: self.lost[key].contains(version),
            current: newest.is_some_and(|newest| newest.stamp == *version),
        }
    }
}
