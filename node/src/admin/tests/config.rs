use std::sync::Arc;
use std::time::Duration;

use actix::Arbiter;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::{MeshConfig, MeshHandle};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::Record;

use crate::config_actor::{ConfigActor, ConfigHandle, ConfigParts, Published, SharedStore, now_ms};
use crate::quota::{QuotaHandle, QuotaParts};
use crate::settings::Settings;
use crate::store::{DataDir, Store};
use crate::supervise::supervise;

/// The real ConfigActor and QuotaActor on a real disk, with nobody else in the cluster.
pub struct TestConfig {
    pub handle: ConfigHandle,
    pub mesh: MeshHandle,
    pub quota: QuotaHandle,
    _dir: DataDir,
}

impl TestConfig {
    /// Begins on the settings' data directory, with these versions in its store.
    pub async fn begin(
        settings: &Settings,
        cluster: watch::Receiver<Arc<ClusterView>>,
        records: &[Record],
    ) -> Self {
        let dir = DataDir::lock(&settings.node.data_dir).unwrap();
        let mut store = Store::open(&dir).unwrap();
        store.persist(records, &[], now_ms()).unwrap();
        let node: weir_config::NodeId = settings.node.id.parse().unwrap();
        let mesh = MeshHandle::start(MeshConfig {
            cluster: "test".to_owned(),
            node: node.clone(),
            mesh_addr: "127.0.0.1:1".parse().unwrap(),
            version: "0".to_owned(),
            dial_from: None,
            trust: crate::trusted::trust_of("test", &node),
        })
        .unwrap();
        let published = Published {
            snapshot: ConfigSnapshot::default().shared(),
            changed: Arc::new(watch::Sender::new(0)),
            announce: Arc::new(|_| {}),
        };
        let region = settings.node.region.clone();
        let store = SharedStore::new(store.into());
        let quota = QuotaParts::new(
            node.clone(),
            region.clone(),
            store.clone(),
            published.snapshot.clone(),
            published.changed.subscribe(),
            watch::Sender::default().subscribe(),
        );
        let quota = QuotaHandle::start(&Arbiter::current(), quota)
            .await
            .unwrap();
        let made = ConfigParts::sharing(node, region, store, published, mesh.clone(), cluster);
        let (mut parts, _) = made.unwrap();
        parts.options.ack_timeout = Duration::from_millis(settings.mesh.ack_timeout_ms);
        let made_from = parts.clone();
        let make = move || ConfigActor::new(&made_from);
        let actor = supervise(&Arbiter::current(), "config", make);
        TestConfig {
            handle: ConfigHandle::new(&parts, actor),
            mesh,
            quota,
            _dir: dir,
        }
    }
}
