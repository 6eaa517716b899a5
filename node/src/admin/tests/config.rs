use std::sync::Arc;

use actix::Arbiter;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshConfig, MeshHandle};
use weir_cluster::replication::ConfigSnapshot;

use crate::config_actor::{ConfigActor, ConfigHandle, ConfigParts, Published};
use crate::settings::Settings;
use crate::store::{DataDir, Store};
use crate::supervise::supervise;

/// The real ConfigActor on a real disk, with nobody else in the cluster.
pub struct TestConfig {
    pub handle: ConfigHandle,
    _dir: TempDir,
}

impl TestConfig {
    pub fn begin(settings: &Settings, cluster: watch::Receiver<Arc<ClusterView>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
        let snapshot = ConfigSnapshot::default().shared();
        let node: weir_config::NodeId = settings.node.id.parse().unwrap();
        let mesh = MeshHandle::start(MeshConfig {
            cluster: "test".to_owned(),
            node: node.clone(),
            mesh_addr: "127.0.0.1:1".parse().unwrap(),
            version: "0".to_owned(),
        });
        let parts = ConfigParts {
            node,
            region: settings.node.region.clone(),
            store: Arc::new(Mutex::new(store)),
            published: Published {
                snapshot: snapshot.clone(),
                changed: Arc::new(watch::Sender::new(0)),
                announce: Arc::new(|_| {}),
            },
            mesh: mesh.unwrap(),
            cluster,
        };
        let make = move || ConfigActor::new(&parts);
        let actor = supervise(&Arbiter::current(), "config", make);
        TestConfig {
            handle: ConfigHandle::new(snapshot, actor),
            _dir: dir,
        }
    }
}
