//! Whom the configuration says to believe.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use weir_cluster::replication::Replica;
use weir_cluster::trust::{AuthorityCertificate, AuthorityId, Registered, SharedTrust, Trust};
use weir_config::history::Retention;
use weir_config::operation::{self, Context};
use weir_config::{Catalog, Kind, NodeId, ObjectKey, Refusal};

use super::{AuthorityKeys, IdentityError};
use crate::config_actor::{now_ms, open_replica};
use crate::store::{STORE_FILE, Store};

/// The author of what a node does by itself.
const SYSTEM: &str = "system";

/// The trust that a configuration makes; of authorities those known before, where it names none yet: a node that has
/// just joined. The authority of the node's own certificate is always among them, so that a store from an old backup does
/// not keep it from the others.
pub fn trust_of(cluster: &str, catalog: &Catalog, before: &Trust, own: &AuthorityId) -> Trust {
    let read = |text: &str| AuthorityCertificate::from_der(&BASE64.decode(text).ok()?).ok();
    let configured = catalog.authorities().filter_map(|authority| {
        let certificate = read(&authority.certificate)?;
        (certificate.id().to_string() == authority.id).then_some(certificate)
    });
    let mut authorities: Vec<_> = configured.collect();
    let alone = authorities.is_empty();
    let kept = before
        .authorities()
        .iter()
        .filter(|known| alone || known.id() == *own);
    authorities.extend(kept.cloned());
    let nodes = catalog.nodes().filter_map(|node| {
        let registered = Registered {
            enrolment: node.enrolment,
            key: node.key.parse().ok()?,
            revoked: node.revoked,
        };
        Some((node.id.parse().ok()?, registered))
    });
    Trust::new(cluster, authorities, nodes)
}

/// Whether the store in this directory, if there is one, is of a cluster that has authorities.
///
/// # Errors
/// What the store said.
pub fn is_founded(data_dir: &Path, node: &NodeId) -> Result<bool, IdentityError> {
    let file = data_dir.join(STORE_FILE);
    if !file.exists() {
        return Ok(false);
    }
    let store = Store::open_file(&file)?;
    let replica = open_replica(node, Retention::default(), &store)?;
    Ok(replica.state().catalog.authorities().next().is_some())
}

/// Has the first node's authority and the node itself stand in the configuration of the cluster that it begins; where
/// that was another's, whose keys are lost, in place of all that it let in.
///
/// # Errors
/// What the store said.
pub fn ensure_registered(
    store: &mut Store,
    node: &NodeId,
    trust: &SharedTrust,
    keys: &AuthorityKeys,
) -> Result<(), IdentityError> {
    let mut replica = open_replica(node, Retention::default(), store)?;
    let me = trust.credentials();
    let mine = me.member().authority.to_string();
    let known: Vec<String> = replica
        .state()
        .catalog
        .authorities()
        .map(|a| a.id.clone())
        .collect();
    let Some(authority) = keys.get(&mine).filter(|_| !known.contains(&mine)) else {
        return Ok(());
    };
    if !known.is_empty() {
        if me.member().enrolment != 1
            || replica
                .state()
                .catalog
                .node(node.as_str())
                .is_some_and(|n| n.key == me.public().to_string())
        {
            // It is its own certificate that is of an authority believed no more: that is told elsewhere.
            return Ok(());
        }
        tracing::warn!(
            "this node begins its cluster anew: every other node has to join it with a token"
        );
        write(store, &mut replica, |catalog, _| {
            let authorities = catalog
                .authorities()
                .map(|a| ObjectKey::new(Kind::Authority, &*a.id));
            let nodes = catalog.nodes().map(|n| ObjectKey::new(Kind::Node, &*n.id));
            let deletes = authorities.chain(nodes).collect();
            Ok(operation::Change {
                deletes,
                ..operation::Change::default()
            })
        })?;
    }
    let certificate = BASE64.encode(authority.certificate().der());
    let key = me.public().to_string();
    write(store, &mut replica, |catalog, context| {
        operation::trust_authority(catalog, context, &mine, &certificate)
    })?;
    write(store, &mut replica, |catalog, context| {
        operation::let_in(catalog, context, node.as_str(), &key, true).map(|(change, _)| change)
    })
}

fn write(
    store: &mut Store,
    replica: &mut Replica,
    operation: impl FnOnce(&Catalog, &Context) -> Result<operation::Change, Refusal>,
) -> Result<(), IdentityError> {
    let now_ms = now_ms();
    let context = Context {
        now_ms,
        random: rand::random(),
        default_region: String::new(),
    };
    match operation(&replica.state().catalog, &context) {
        Ok(change) if change.is_empty() => {}
        Ok(change) => {
            let written = replica.write(now_ms, SYSTEM, None, change);
            store.persist(&written.records, &[], now_ms)?;
        }
        // Another machine was let in under this name: the certificate shows soon enough.
        Err(refusal) => tracing::error!(%refusal, "this node could not be registered"),
    }
    Ok(())
}
