//! A node that was off for longer than deletions are remembered: what it has may be gone elsewhere, and
//! would come back as a ghost.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future;
use weir_cluster::mesh::MeshHandle;
use weir_cluster::mesh::wire::NodeAnswer;
use weir_config::digest::Buckets;

use super::StartError;
use crate::config_actor::{LAST_ALIVE_MS, now_ms};
use crate::settings::Settings;
use crate::store::{DataDir, STORE_FILE, Store, StoreError};

/// Time for all seeds to say what they have.
const SEEDS_TIMEOUT: Duration = Duration::from_secs(3);

/// Opens the store; one that is too old is set aside for an empty one, where a seed has a configuration that
/// this node can begin anew from.
pub(super) async fn open(
    dir: &DataDir,
    settings: &Settings,
    mesh: &MeshHandle,
) -> Result<Store, StartError> {
    let store = Store::open(dir)?;
    let retention = settings.history.retention();
    let last_alive_ms = store.fact(LAST_ALIVE_MS)?.and_then(|ms| ms.parse().ok());
    let Some(off_ms) = last_alive_ms.map(|last_ms: u64| now_ms().saturating_sub(last_ms)) else {
        return Ok(store);
    };
    if off_ms <= retention.tombstone_keep_ms || settings.mesh.seeds.is_empty() {
        return Ok(store);
    }
    let off_days = off_ms / (24 * 60 * 60 * 1_000);
    if !a_seed_is_configured(settings, mesh).await {
        tracing::warn!(
            off_days,
            "this node was off for longer than deletions are remembered, and no seed answered with a \
             configuration to begin anew from: going on with its own, in which objects deleted since may \
             still be"
        );
        return Ok(store);
    }
    drop(store);
    let aside = set_aside(dir.path()).map_err(|why| StoreError::Directory {
        dir: dir.path().to_owned(),
        why: why.to_string(),
    })?;
    tracing::warn!(
        off_days,
        kept = %aside.display(),
        "this node was off for longer than deletions are remembered: it begins with nothing and takes all \
         from the others; what it had is kept in the file"
    );
    Ok(Store::open(dir)?)
}

/// Moves the store's files away; gives the new name of the first.
fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let aside = format!("{STORE_FILE}.stale-{}", now_ms());
    for suffix in ["-wal", "-shm", ""] {
        let from = dir.join(format!("{STORE_FILE}{suffix}"));
        match fs::rename(from, dir.join(format!("{aside}{suffix}"))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    Ok(dir.join(aside))
}

/// Whether any seed answers as a node of this cluster that has a configuration.
async fn a_seed_is_configured(settings: &Settings, mesh: &MeshHandle) -> bool {
    let client = &mesh.client();
    let asking = settings.mesh.seeds.iter().map(|seed| {
        let seed = seed.clone();
        Box::pin(async move {
            let resolve = tokio::task::spawn_blocking(move || {
                let addrs = seed.to_socket_addrs().ok()?;
                Some(addrs.collect::<Vec<SocketAddr>>())
            });
            let addrs = resolve.await.ok().flatten().unwrap_or_default();
            for addr in addrs {
                if client
                    .node(addr)
                    .await
                    .is_ok_and(|node| is_configured(&node))
                {
                    return Ok(());
                }
            }
            Err(())
        })
    });
    let asking = future::select_ok(asking);
    matches!(tokio::time::timeout(SEEDS_TIMEOUT, asking).await, Ok(Ok(_)))
}

fn is_configured(node: &NodeAnswer) -> bool {
    node.config_root != Buckets::default().root()
}

#[cfg(test)]
mod tests {
    use weir_cluster::mesh::{self, ConfigPort, MeshConfig};
    use weir_cluster::replication::Replica;
    use weir_config::object::Region;
    use weir_config::operation::Change;
    use weir_config::{Object, Record};

    use super::*;
    use crate::settings::load_from;

    const MONTH_MS: u64 = 31 * 24 * 60 * 60 * 1_000;

    fn written(node: &str) -> (Replica, Vec<Record>) {
        let mut replica = Replica::new(node.parse().unwrap(), []);
        let change = Change::put(Object::Region(Region {
            id: "beijing".to_owned(),
            name: String::new(),
            ..Region::default()
        }));
        let records = replica.write(1, "root", None, change).records;
        (replica, records)
    }

    fn mesh_of(node: &str, cluster: &str, mesh_addr: SocketAddr) -> MeshHandle {
        let node: weir_config::NodeId = node.parse().unwrap();
        let mesh = MeshHandle::start(MeshConfig {
            cluster: cluster.to_owned(),
            mesh_addr,
            version: "0".to_owned(),
            dial_from: None,
            trust: crate::trusted::trust_of(cluster, &node),
            node,
        });
        mesh.unwrap()
    }

    /// A node's mesh port, where it says whether it has a configuration.
    fn seed(cluster: &str, configured: bool) -> SocketAddr {
        let listener = mesh::server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mesh_addr = listener.local_addr().unwrap();
        let mesh = mesh_of("n2", cluster, mesh_addr);
        let replica = match configured {
            true => written("n2").0,
            false => Replica::new("n2".parse().unwrap(), []),
        };
        let port = ConfigPort::read_only(replica.snapshot().shared());
        actix::spawn(mesh::server::server(mesh, port, listener).unwrap());
        mesh_addr
    }

    struct Off {
        dir: tempfile::TempDir,
        settings: Settings,
    }

    /// A node with one record that was off for so long, and these seeds.
    fn off_for(ms: u64, seeds: &[SocketAddr]) -> Off {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
        store.persist(&written("n1").1, &[], 1).unwrap();
        let last = now_ms() - ms;
        store.set_fact(LAST_ALIVE_MS, &last.to_string()).unwrap();
        let file = dir.path().join("node.toml");
        let seeds: Vec<String> = seeds.iter().map(SocketAddr::to_string).collect();
        let toml =
            format!("node = {{id = \"n1\", region = \"shanghai\"}}\nmesh.seeds = {seeds:?}\n");
        fs::write(&file, toml).unwrap();
        let settings = load_from(Some(&file), []).unwrap();
        Off { dir, settings }
    }

    /// The records it begins with, and the names of the files set aside.
    async fn begin(off: &Off) -> (usize, Vec<String>) {
        let lock = DataDir::lock(off.dir.path()).unwrap();
        let mesh = mesh_of("n1", "weir", ([127, 0, 0, 1], 9).into());
        let store = open(&lock, &off.settings, &mesh).await.unwrap();
        let files = fs::read_dir(off.dir.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let aside = names.filter(|name| name.starts_with("weir.db.stale-"));
        (store.load().unwrap().len(), aside.collect())
    }

    #[actix_rt::test]
    async fn a_node_off_for_too_long_begins_with_nothing_and_keeps_what_it_had_aside() {
        let off = off_for(MONTH_MS, &[seed("weir", true)]);
        let (records, aside) = begin(&off).await;
        assert_eq!((records, aside.len()), (0, 1), "{aside:?}");
        let old = Store::open_file(&off.dir.path().join(&aside[0])).unwrap();
        assert_eq!(old.load().unwrap().len(), 1);
    }

    #[actix_rt::test]
    async fn a_node_off_for_a_short_while_goes_on_with_what_it_has() {
        let off = off_for(MONTH_MS / 2, &[seed("weir", true)]);
        assert_eq!(begin(&off).await, (1, Vec::new()));
    }

    #[actix_rt::test]
    async fn nothing_is_given_up_where_there_is_nobody_to_take_it_from() {
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let seeds = [closed, seed("weir", false), seed("another", true)];
        for seeds in [&seeds[..], &[]] {
            let off = off_for(MONTH_MS, seeds);
            assert_eq!(begin(&off).await, (1, Vec::new()), "{seeds:?}");
        }
    }
}
