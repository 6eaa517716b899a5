//! One round of the AlarmActor: a copy of what the node that watches knows, or a look at everything.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, future};
use weir_cluster::membership::{ClusterView, NodeView};
use weir_cluster::mesh::MeshClient;
use weir_config::object::{Alarm, Window};
use weir_config::{NodeId, operation};

use super::actor::AlarmParts;
use super::facts::Facts;
use super::handle::Told;
use super::readings::{Look, Rest, Sight};
use super::state::Now;
use crate::config_actor::now_ms;

/// The questions that nodes ask each other.
const FACTS: &str = "alarm_facts";
const STATE: &str = "alarm_state";

/// Answers other nodes what this one knows of what is watched, and what it has of the alarms.
pub fn answer_others(parts: &AlarmParts) {
    let asked = parts.clone();
    parts.mesh.answer(FACTS, move |query: &str| {
        let (windows, parts) = (windows_of(query), asked.clone());
        async move { serde_json::to_vec(&facts_here(&parts, windows).await?).ok() }.boxed_local()
    });
    let shared = parts.shared.clone();
    parts.mesh.answer(STATE, move |_: &str| {
        let told = serde_json::to_vec(&shared.kept.lock().told()).ok();
        async move { told }.boxed_local()
    });
}

/// Keeps what the node that has the turn knows.
pub async fn copy(parts: &AlarmParts, mesh: &MeshClient, view: &ClusterView, holder: &NodeId) {
    let Some(node) = view.node(holder) else {
        return;
    };
    match mesh.ask_node::<Told>(node.mesh_addr, STATE, "").await {
        Ok(Some(told)) => {
            let mut kept = parts.shared.kept.lock();
            kept.copied(parts.node.as_str(), holder.as_str(), told);
        }
        Ok(None) => {}
        Err(error) => {
            tracing::debug!(node = %holder, %error, "what is known of alarms could not be copied")
        }
    }
}

/// Takes in what others know, where the turn has just come or somebody has come into sight.
pub async fn gather(parts: &AlarmParts, mesh: &MeshClient, view: &ClusterView) {
    let live: BTreeSet<NodeId> = view.live_peers().map(|peer| peer.id.clone()).collect();
    {
        let mut kept = parts.shared.kept.lock();
        if kept.watching && live.is_subset(&kept.gathered) {
            kept.gathered = live;
            return;
        }
    }
    let asked = view.live_peers().map(async |peer| {
        let told = mesh.ask_node::<Told>(peer.mesh_addr, STATE, "").await;
        told.inspect_err(|error| tracing::debug!(node = %peer.id, %error, "a node did not say what it knows of alarms"))
    });
    let told = future::join_all(asked).await.into_iter();
    let told = told.filter_map(|told| told.ok().flatten());
    let mut states: Vec<_> = told.flat_map(|told| told.states).collect();
    let mut kept = parts.shared.kept.lock();
    states.push(std::mem::take(&mut kept.copy));
    kept.own.take_over(parts.node.as_str(), states, now_ms());
    (kept.gathered, kept.watching) = (live, true);
}

/// Looks at everything, and writes to those who are to be told.
pub async fn look(parts: &AlarmParts, mesh: &MeshClient, view: &ClusterView) {
    let snapshot = parts.config.catalog();
    let catalog = &snapshot.catalog;
    let alarms = operation::effective_alarms(catalog);
    let windows: BTreeSet<u64> = watched(&alarms)
        .filter_map(|alarm| alarm.rule.window())
        .map(|it| it.0)
        .collect();
    let (facts, complete) = facts_of_all(parts, mesh, view, windows).await;
    let mut sum = Facts::default();
    facts.values().for_each(|facts| sum.add(facts));
    let now_ms = now_ms();
    let sight = Sight {
        catalog,
        view,
        root: &snapshot.newest_root,
        facts: &facts,
        sum: &sum,
        complete,
        now_ms,
    };
    let receivers = catalog
        .alarm_receivers()
        .filter(|receiver| receiver.enabled);
    let receivers: Vec<String> = receivers.map(|receiver| receiver.id.clone()).collect();
    let now = Now {
        cluster: &parts.cluster_name,
        node: parts.node.as_str(),
        ms: now_ms,
    };
    let mut kept = parts.shared.kept.lock();
    if !kept.watching {
        return;
    }
    for alarm in &alarms {
        let look = match alarm.enabled {
            true => sight.look(alarm),
            false => Look {
                readings: BTreeMap::new(),
                rest: Rest::Clear("The alarm was switched off.".to_owned()),
            },
        };
        kept.own.look(alarm, &look, &receivers, now);
    }
    kept.own.keep(&alarms, now_ms);
    let dropped = kept.own.drop_letters();
    if dropped > 0 {
        parts.shared.counts.dropped(dropped);
        tracing::warn!(
            dropped,
            "more alarms wait for their receivers than there is room for; the oldest are dropped"
        );
    }
}

fn watched(alarms: &[Alarm]) -> impl Iterator<Item = &Alarm> {
    alarms.iter().filter(|alarm| alarm.enabled)
}

/// The facts of every live node that answers, and whether all did.
async fn facts_of_all(
    parts: &AlarmParts,
    mesh: &MeshClient,
    view: &ClusterView,
    windows: BTreeSet<u64>,
) -> (BTreeMap<String, Facts>, bool) {
    let listed: Vec<String> = windows.iter().map(u64::to_string).collect();
    let query = format!("windows={}", listed.join(","));
    let ask = async |peer: &NodeView| {
        let facts = mesh.ask_node::<Facts>(peer.mesh_addr, FACTS, &query).await;
        let facts = facts.inspect_err(|error| tracing::debug!(node = %peer.id, %error, "a node did not say what alarms watch"));
        (peer.id.to_string(), facts.ok().flatten())
    };
    let peers = future::join_all(view.live_peers().map(ask));
    let (here, peers) = future::join(facts_here(parts, windows), peers).await;
    let all = peers.into_iter().chain([(parts.node.to_string(), here)]);
    let (mut facts, mut complete) = (BTreeMap::new(), true);
    for (node, of_node) in all {
        match of_node {
            Some(of_node) => _ = facts.insert(node, of_node),
            None => complete = false,
        }
    }
    (facts, complete)
}

/// Read where waiting for the disk holds up nobody.
async fn facts_here(parts: &AlarmParts, windows: BTreeSet<u64>) -> Option<Facts> {
    let (sources, config) = (parts.sources.clone(), parts.config.clone());
    let read = move || sources.facts(&windows, &config.catalog().catalog, now_ms() / 1_000);
    tokio::task::spawn_blocking(read).await.ok()
}

/// `windows=60,300`
fn windows_of(query: &str) -> BTreeSet<u64> {
    let windows = query.strip_prefix("windows=").unwrap_or("");
    let windows = windows.split(',').take(Window::ALL.len());
    windows.filter_map(|window| window.parse().ok()).collect()
}
