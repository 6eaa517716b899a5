mod acks;
mod changes;
mod first_start;
mod full_disk;
mod past;
mod peers;
mod requests;

use std::net::SocketAddr;

use actix::Arbiter;
use parking_lot::Mutex;
use tempfile::TempDir;
use weir_cluster::membership::NodeView;
use weir_cluster::mesh::{self, MeshConfig, MeshHandle};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::object::Region;
use weir_config::operation::Change;
use weir_config::{Object, Refusal};

use super::*;
use crate::store::{DataDir, Store};
use crate::supervise::{Supervised, supervise};

/// A node's configuration on a real disk and a real mesh port, with nobody else in the cluster at first.
struct Node {
    id: NodeId,
    handle: ConfigHandle,
    store: SharedStore,
    published: Published,
    actor: Supervised<ConfigActor>,
    announced: Arc<Mutex<Vec<String>>>,
    view: watch::Sender<Arc<ClusterView>>,
    mesh_addr: SocketAddr,
    dir: TempDir,
}

fn node() -> Node {
    node_named("n1")
}

fn node_named(name: &str) -> Node {
    node_with(name, ConfigOptions::default(), |_| {})
}

fn node_with(name: &str, options: ConfigOptions, prepare: impl FnOnce(&mut Store)) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
    prepare(&mut store);
    let announced = Arc::new(Mutex::new(Vec::new()));
    let roots = announced.clone();
    let published = Published {
        snapshot: ConfigSnapshot::default().shared(),
        changed: Arc::new(watch::Sender::new(0)),
        announce: Arc::new(move |snapshot| roots.lock().push(snapshot.buckets.root())),
    };
    let id: NodeId = name.parse().unwrap();
    let alone = ClusterView {
        me: id.clone(),
        nodes: Vec::new(),
    };
    let (view, cluster) = watch::channel(Arc::new(alone));
    let listener = mesh::server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mesh_addr = listener.local_addr().unwrap();
    let mesh = MeshHandle::start(MeshConfig {
        cluster: "test".to_owned(),
        node: id.clone(),
        mesh_addr,
        version: "0".to_owned(),
        dial_from: None,
        trust: crate::trusted::trust_of("test", &id),
    });
    let mesh = mesh.unwrap();
    let region = "shanghai".to_owned();
    let (told, from) = (published.clone(), mesh.clone());
    let made = ConfigParts::new(id.clone(), region, store, told, from, cluster);
    let (mut parts, port) = made.unwrap();
    parts.options = options;
    actix::spawn(mesh::server::server(mesh, port, listener).unwrap());
    let made_from = parts.clone();
    let make = move || ConfigActor::new(&made_from);
    let actor = supervise(&Arbiter::current(), "config", make);
    Node {
        id,
        handle: ConfigHandle::new(&parts, actor.clone()),
        store: parts.store,
        published,
        actor,
        announced,
        view,
        mesh_addr,
        dir,
    }
}

fn region(id: &str) -> Object {
    Object::Region(Region {
        id: id.to_owned(),
        name: String::new(),
        ..Region::default()
    })
}

async fn put(node: &Node, id: &'static str) -> Result<Applied<u32>, Refusal> {
    put_with(node, "root", id).await
}

async fn put_with(
    node: &Node,
    options: impl Into<WriteOptions>,
    id: &'static str,
) -> Result<Applied<u32>, Refusal> {
    let operation = move |_: &_, _: &_| Ok((Change::put(region(id)), 7));
    node.handle.apply(options, operation).await
}

/// Names a region: each name another version.
async fn rename(node: &Node, id: &'static str, name: &'static str) -> Applied<()> {
    let named = Object::Region(Region {
        id: id.to_owned(),
        name: name.to_owned(),
        ..Region::default()
    });
    let operation = move |_: &_, _: &_| Ok((Change::put(named), ()));
    node.handle.apply("root", operation).await.unwrap()
}

fn regions(node: &Node) -> Vec<String> {
    let snapshot = node.handle.catalog();
    snapshot
        .catalog
        .regions()
        .map(|region| region.id.clone())
        .collect()
}

fn seen(node: &Node, live: bool) -> NodeView {
    let has = node.handle.catalog();
    NodeView {
        id: node.id.clone(),
        region: "tianjin".to_owned(),
        mesh_addr: node.mesh_addr,
        live,
        leaving: false,
        generation: 1,
        config_root: Some(has.newest_root.clone()),
        config_buckets: Some(has.buckets.clone()),
        newest: has.newest.clone(),
        admin: None,
        link_http: None,
        link_https: None,
        version: "0".to_owned(),
        trust: Default::default(),
    }
}

/// Shows `node` what gossip would of live peers.
fn show(node: &Node, peers: &[&Node]) {
    show_nodes(node, peers.iter().map(|peer| seen(peer, true)).collect());
}

fn show_nodes(node: &Node, nodes: Vec<NodeView>) {
    let me = node.id.clone();
    node.view.send_replace(Arc::new(ClusterView { me, nodes }));
}

/// Shows nodes to each other, and waits until each has an exchange with every other.
async fn meet(nodes: &[&Node]) {
    for node in nodes {
        let others: Vec<&Node> = nodes.iter().filter(|n| n.id != node.id).copied().collect();
        show(node, &others);
    }
    for node in nodes {
        // Two turns of its actor: the view is looked at before what is asked after it.
        tokio::task::yield_now().await;
        node.handle
            .version_on_nodes(&"0000000000000000-x".parse().unwrap())
            .await;
    }
}

async fn until(what: impl Fn() -> bool) {
    let coming = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), coming)
        .await
        .expect("it comes about");
}
