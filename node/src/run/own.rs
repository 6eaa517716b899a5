//! What is found out before a node runs: who it is, in which cluster, with which keys, on whose disk.

use std::net::SocketAddr;

use weir_config::NodeId;

use super::{OWNER, StartError};
use crate::identity;
use crate::seal::SealKey;
use crate::settings::Settings;
use crate::store::Store;

pub(super) fn node_id(settings: &Settings) -> Result<NodeId, StartError> {
    // Checked when the settings were loaded; whoever made them by hand is told the same.
    settings.node.id.parse().map_err(|error| {
        let why = format!("{error}");
        StartError::Settings(crate::settings::SettingsError::Value {
            place: "the settings".to_owned(),
            key: "node.id".to_owned(),
            why,
        })
    })
}

/// The settings of a node that knows its cluster and whom to look for in it.
pub(super) fn of_cluster(settings: &Settings, identity: &identity::Opened) -> Settings {
    let mut settings = settings.clone();
    settings.node.cluster.clone_from(&identity.cluster);
    settings.mesh.join = None;
    for seed in &identity.seeds {
        if !settings.mesh.seeds.contains(seed) {
            settings.mesh.seeds.push(seed.clone());
        }
    }
    settings
}

/// Others would dial themselves.
pub(super) fn warn_unreachable(mesh: SocketAddr, seeds: &[String]) {
    let elsewhere = |seed: &String| {
        let addr: Option<SocketAddr> = seed.parse().ok();
        addr.is_some_and(|addr| !addr.ip().is_loopback())
    };
    if mesh.ip().is_loopback() && seeds.iter().any(elsewhere) {
        tracing::warn!(
            %mesh,
            "other nodes are told to dial this one at a loopback address: set mesh.listen, or mesh.advertise, to an \
             address of this machine that they reach"
        );
    }
}

pub(super) fn given_seal_key(settings: &Settings) -> Result<Option<SealKey>, StartError> {
    let seal = &settings.seal;
    Ok(SealKey::of_settings(
        seal.key.as_ref(),
        seal.key_file.as_deref(),
    )?)
}

/// What this node seals secrets with: the key of its settings, else one of its own.
pub(super) fn seal_key(
    settings: &Settings,
    data_dir: &std::path::Path,
) -> Result<SealKey, StartError> {
    let key = match given_seal_key(settings)? {
        Some(key) => key,
        None => SealKey::of_node(data_dir)?,
    };
    tracing::debug!(seal_key = key.id(), "secrets are sealed");
    Ok(key)
}

/// Keeps whose store it is, and says so where it was another node's: a directory copied by mistake shows.
pub(super) fn note_owner(store: &mut Store, id: &NodeId) -> Result<(), StartError> {
    let owner = store.fact(OWNER)?;
    match owner.as_deref() {
        Some(owner) if owner == id.as_str() => return Ok(()),
        Some(owner) => tracing::warn!(owner, "the data directory was another node's before"),
        None => {}
    }
    Ok(store.set_fact(OWNER, id.as_str())?)
}
