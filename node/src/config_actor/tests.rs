use std::os::unix::fs::PermissionsExt;

use actix::Arbiter;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use weir_cluster::membership::NodeView;
use weir_cluster::mesh::{self, MeshConfig};
use weir_cluster::replication::ConfigSnapshot;
use weir_config::object::Region;
use weir_config::operation::Change;
use weir_config::{Object, Refusal};

use super::*;
use crate::store::{DataDir, Store};
use crate::supervise::{Supervised, supervise};

/// A node's configuration on a real disk and a real mesh port, with nobody else in the cluster at first.
struct Node {
    handle: ConfigHandle,
    store: SharedStore,
    published: Published,
    actor: Supervised<ConfigActor>,
    announced: Arc<Mutex<Vec<String>>>,
    view: watch::Sender<Arc<ClusterView>>,
    mesh_addr: SocketAddr,
    _dir: TempDir,
}

fn node() -> Node {
    node_named("n1")
}

fn node_named(name: &str) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&DataDir::lock(dir.path()).unwrap()).unwrap();
    let store = Arc::new(Mutex::new(store));
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
    });
    let mesh = mesh.unwrap();
    let snapshot = published.snapshot.clone();
    actix::spawn(mesh::server::server(mesh.clone(), snapshot, listener).unwrap());
    let parts = ConfigParts {
        node: id,
        region: "shanghai".to_owned(),
        store: store.clone(),
        published: published.clone(),
        mesh,
        cluster,
    };
    let make = move || ConfigActor::new(&parts);
    let actor = supervise(&Arbiter::current(), "config", make);
    Node {
        handle: ConfigHandle::new(published.snapshot.clone(), actor.clone()),
        store,
        published,
        actor,
        announced,
        view,
        mesh_addr,
        _dir: dir,
    }
}

fn region(id: &str) -> Object {
    Object::Region(Region {
        id: id.to_owned(),
        name: String::new(),
    })
}

async fn put(node: &Node, id: &'static str) -> Result<Applied<u32>, Refusal> {
    node.handle
        .apply("root", move |_, _| Ok((Change::put(region(id)), 7)))
        .await
}

fn regions(node: &Node) -> Vec<String> {
    let snapshot = node.handle.catalog();
    snapshot
        .catalog
        .regions()
        .map(|region| region.id.clone())
        .collect()
}

#[actix_rt::test]
async fn a_change_is_on_the_disk_published_and_announced_when_it_is_answered() {
    let node = node();
    let before = *node.published.changed.borrow();
    let applied = put(&node, "beijing").await.unwrap();
    assert!(applied.changed && applied.value == 7);
    assert_eq!(regions(&node), ["beijing"]);
    let snapshot = node.handle.catalog();
    assert_eq!(snapshot.newest, Some(applied.version.clone()));
    let stored = node.store.lock().load().unwrap();
    assert_eq!(
        (stored[0].stamp.clone(), stored[0].author.as_str()),
        (applied.version, "root")
    );
    assert!(*node.published.changed.borrow() > before);
    assert_eq!(node.announced.lock().last(), Some(&snapshot.buckets.root()));
}

#[actix_rt::test]
async fn an_operation_sees_what_the_one_before_it_wrote_and_where_the_node_stands() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let seen = node.handle.apply("root", |catalog, context| {
        let regions = catalog.regions().count();
        Ok((Change::default(), (regions, context.default_region.clone())))
    });
    let seen = seen.await.unwrap();
    assert_eq!(seen.value, (1, "shanghai".to_owned()));
    assert!(!seen.changed);
    assert_eq!(Some(seen.version), node.handle.catalog().newest);
}

#[actix_rt::test]
async fn a_refused_operation_changes_nothing() {
    let node = node();
    let refuse =
        |_: &_, _: &_| Err::<(Change, ()), _>(Refusal::not_found("There is no such thing."));
    let refusal = node.handle.apply("root", refuse).await.unwrap_err();
    assert_eq!(refusal.code, "not_found");
    assert!(node.store.lock().load().unwrap().is_empty());
}

#[actix_rt::test]
async fn a_store_that_takes_no_writes_refuses_the_change_whole_and_the_node_goes_on() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let announced = node.announced.lock().len();
    node.store.lock().refuse_writes(true);
    let refusal = put(&node, "wuhan").await.unwrap_err();
    assert_eq!((refusal.status, refusal.code), (503, "store_unwritable"));
    assert!(
        refusal.detail.contains("takes no writes"),
        "{}",
        refusal.detail
    );
    assert_eq!(regions(&node), ["beijing"]);
    assert_eq!(
        node.announced.lock().len(),
        announced,
        "what is not stored is not announced"
    );

    node.store.lock().refuse_writes(false);
    let applied = put(&node, "xian").await.unwrap();
    assert_eq!(
        regions(&node),
        ["beijing", "xian"],
        "nothing of the refused change has stayed"
    );
    assert_eq!(node.handle.catalog().newest, Some(applied.version));
}

#[actix_rt::test]
async fn a_panic_in_an_operation_loses_nothing_that_was_answered() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let broken = node
        .handle
        .apply("root", |_, _| -> Result<(Change, ()), Refusal> {
            panic!("broken on purpose")
        });
    let refusal = broken.await.unwrap_err();
    assert_eq!((refusal.status, refusal.code), (503, "outcome_unknown"));
    while node.actor.restarts() == 0 {
        tokio::task::yield_now().await;
    }
    put(&node, "wuhan").await.unwrap();
    assert_eq!(regions(&node), ["beijing", "wuhan"]);
    assert_eq!(node.store.lock().load().unwrap().len(), 2);
}

#[actix_rt::test]
async fn what_was_stored_but_not_published_is_published_by_the_next_incarnation() {
    let node = node();
    let beijing = put(&node, "beijing").await.unwrap();
    let mut record = node.store.lock().load().unwrap().remove(0);
    record.key.id = "wuhan".to_owned();
    record.object = Some(region("wuhan"));
    record.stamp.wall_ms = beijing.version.wall_ms + 1;
    node.store.lock().persist(&[record]).unwrap();
    let broken = node
        .handle
        .apply("root", |_, _| -> Result<(Change, ()), Refusal> {
            panic!("again")
        });
    broken.await.unwrap_err();
    put(&node, "xian").await.ok();
    while regions(&node).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(regions(&node).contains(&"wuhan".to_owned()));
}

/// Shows `node` what gossip would of a live peer.
fn show(node: &Node, name: &str, peer: &Node) {
    let has = peer.handle.catalog();
    node.view.send_modify(|view| {
        *view = Arc::new(ClusterView {
            me: view.me.clone(),
            nodes: vec![NodeView {
                id: name.parse().unwrap(),
                region: "tianjin".to_owned(),
                mesh_addr: peer.mesh_addr,
                live: true,
                leaving: false,
                generation: 1,
                config_root: Some(has.buckets.root()),
                config_buckets: Some(has.buckets.clone()),
                newest: has.newest.clone(),
                admin: None,
                link_http: None,
                link_https: None,
                version: "0".to_owned(),
            }],
        });
    });
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

#[actix_rt::test]
async fn what_a_peer_has_is_pulled_kept_and_published_here() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    put(&there, "beijing").await.unwrap();
    show(&here, "n2", &there);
    until(|| regions(&here) == ["beijing"]).await;
    assert_eq!(
        here.handle.catalog().buckets,
        there.handle.catalog().buckets
    );
    assert_eq!(
        here.store.lock().load().unwrap(),
        there.store.lock().load().unwrap()
    );
}

#[actix_rt::test]
async fn what_could_not_be_stored_is_not_published_and_is_pulled_again() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    put(&there, "beijing").await.unwrap();
    put(&here, "wuhan").await.unwrap();
    here.store.lock().refuse_writes(true);
    show(&here, "n2", &there);
    until(|| here.store.lock().failed_writes() > 1).await;
    assert_eq!(regions(&here), ["wuhan"]);
    here.store.lock().refuse_writes(false);
    until(|| regions(&here) == ["beijing", "wuhan"]).await;
}

fn first_start(dir: &DataDir, has_seeds: bool) -> Option<std::path::PathBuf> {
    let mut store = Store::open(dir).unwrap();
    ensure_admin_token(&mut store, dir.path(), &"n1".parse().unwrap(), has_seeds).unwrap()
}

#[test]
fn the_first_node_of_a_cluster_makes_one_admin_token_that_only_its_user_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let dir = DataDir::lock(dir.path()).unwrap();
    let file = first_start(&dir, false).unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let token = std::fs::read_to_string(&file).unwrap();
    let token = token.trim_end();
    assert!(
        token.starts_with("weir_") && token.len() == 5 + 43,
        "{token}"
    );

    let records = Store::open(&dir).unwrap().load().unwrap();
    let Some(Object::Token(root)) = &records[0].object else {
        panic!("no token")
    };
    assert_eq!((root.id.as_str(), records.len()), ("root", 1));
    assert_eq!(root.sha256, hex::encode(Sha256::digest(token)));

    assert_eq!(
        first_start(&dir, false),
        None,
        "a second start makes no other"
    );
}

#[test]
fn a_node_that_joins_others_makes_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let dir = DataDir::lock(dir.path()).unwrap();
    assert_eq!(first_start(&dir, true), None);
    assert!(!dir.path().join(ADMIN_TOKEN_FILE).exists());
}
