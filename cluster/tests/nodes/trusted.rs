//! Credentials for nodes of tests: the authorities of a few clusters, made once a process.
#![allow(dead_code)] // Each test file uses its part.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use weir_cluster::trust::{Authority, Credentials, Grant, NodeKey, SharedTrust, Trust, now_ms};
use weir_config::NodeId;

static AUTHORITIES: LazyLock<Mutex<BTreeMap<String, Arc<Authority>>>> =
    LazyLock::new(Mutex::default);

pub const LIFE_S: u64 = 3_600;

/// The authority of a cluster, in this process.
pub fn authority(cluster: &str) -> Arc<Authority> {
    let mut known = AUTHORITIES.lock().unwrap();
    let made = || Arc::new(Authority::generate(cluster, now_ms()).unwrap());
    known.entry(cluster.to_owned()).or_insert_with(made).clone()
}

/// What a node of a cluster is granted that was let in once.
pub fn grant(cluster: &str, node: &NodeId) -> Grant {
    Grant {
        cluster: cluster.to_owned(),
        node: node.clone(),
        enrolment: 1,
        issuer: false,
    }
}

/// A key and its certificate, issued by an authority at a time; believed by nobody in particular.
pub fn credentials(authority: &Authority, grant: &Grant, at_ms: u64, life_s: u64) -> Credentials {
    let key = Arc::new(NodeKey::generate().unwrap());
    let request = key.request().unwrap();
    let certificate = authority.certify(&request, grant, at_ms, life_s).unwrap();
    let trust = Trust::new(grant.cluster.clone(), [authority.certificate().clone()], []);
    Credentials::new(key, &certificate, &trust, at_ms).unwrap()
}

/// What a node of a cluster shows and believes.
pub fn trust_of(cluster: &str, node: &NodeId) -> SharedTrust {
    let authority = authority(cluster);
    let shown = credentials(&authority, &grant(cluster, node), now_ms(), LIFE_S);
    SharedTrust::new(
        Trust::new(cluster, [authority.certificate().clone()], []),
        shown,
    )
}
