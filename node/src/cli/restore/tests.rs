use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use weir_config::object::Space;
use weir_config::{Object, Record};

use super::super::arguments::RestoreArgs;
use super::run;
use crate::config_actor::now_ms;
use crate::store::{DataDir, STORE_FILE, Store};

/// A node that is stopped, and a place for backups.
struct Stopped {
    dir: TempDir,
    seeds: Vec<String>,
}

fn space(id: &str) -> Record {
    let object = Object::Space(Space {
        id: id.to_owned(),
        ..Space::default()
    });
    Record {
        key: object.key(),
        stamp: format!("{:012x}0000-n1", now_ms()).parse().unwrap(),
        based_on: None,
        author: "test".to_owned(),
        request: None,
        object: Some(object),
    }
}

impl Stopped {
    /// With a store that holds one space.
    fn holding(id: &str) -> Self {
        let stopped = Stopped::without_a_store();
        let mut store = Store::open(&DataDir::lock(&stopped.data_dir()).unwrap()).unwrap();
        store.persist(&[space(id)], &[], now_ms()).unwrap();
        stopped
    }

    fn without_a_store() -> Self {
        Stopped {
            dir: tempfile::tempdir().unwrap(),
            seeds: Vec::new(),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A backup of a store that holds one space.
    fn backup_holding(&self, id: &str) -> PathBuf {
        let other = Stopped::holding(id);
        let store = Store::open(&DataDir::lock(&other.data_dir()).unwrap()).unwrap();
        let file = self.dir.path().join(format!("{id}.backup"));
        store.reader().unwrap().backup(&file).unwrap();
        file
    }

    fn restore(&self, from: Option<&Path>) -> Result<String, String> {
        let config = self.dir.path().join("node.toml");
        let data_dir = self.data_dir();
        let text = format!(
            "[node]\nid = \"n1\"\nregion = \"shanghai\"\ndata_dir = {data_dir:?}\n[mesh]\nseeds = {:?}\n",
            self.seeds
        );
        fs::write(&config, text).unwrap();
        let args = RestoreArgs {
            config: Some(config),
            from: from.map(Path::to_owned),
            from_peer: from.is_none(),
        };
        let mut told = Vec::new();
        match run(&args, &mut told) {
            Ok(()) => Ok(String::from_utf8(told).unwrap()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// The names of the objects in the store, and the directory's other files.
    fn holds(&self) -> Vec<String> {
        objects(&self.data_dir().join(STORE_FILE))
    }

    fn kept_aside(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.data_dir()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let aside = |path: &PathBuf| path.to_string_lossy().contains("before-restore-");
        files.filter(aside).collect()
    }
}

fn objects(store: &Path) -> Vec<String> {
    let records = Store::open_file(store).unwrap().load().unwrap();
    records
        .iter()
        .map(|record| record.key.to_string())
        .collect()
}

#[test]
fn a_backup_takes_the_stores_place_and_the_store_is_kept_aside() {
    let node = Stopped::holding("now");
    let backup = node.backup_holding("then");
    let told = node.restore(Some(&backup)).unwrap();
    assert!(
        told.starts_with("Restored 1 object(s), the newest version "),
        "{told}"
    );
    assert_eq!(node.holds(), ["space/then"]);
    let aside = node.kept_aside();
    assert_eq!(aside.len(), 1);
    assert!(told.contains(&*aside[0].to_string_lossy()), "{told}");
    assert_eq!(objects(&aside[0].join(STORE_FILE)), ["space/now"]);
    assert!(!node.data_dir().join("restore.tmp").exists());
    assert_eq!(
        objects(&backup),
        ["space/then"],
        "the backup stays as it is"
    );
}

#[test]
fn a_node_with_nothing_gets_its_store_from_a_backup() {
    let node = Stopped::without_a_store();
    let told = node.restore(Some(&node.backup_holding("then"))).unwrap();
    assert!(told.contains("There was no store before."), "{told}");
    assert_eq!(node.holds(), ["space/then"]);
}

#[test]
fn nothing_is_restored_under_a_running_node() {
    let node = Stopped::holding("now");
    let backup = node.backup_holding("then");
    let running = DataDir::lock(&node.data_dir()).unwrap();
    let refused = node.restore(Some(&backup)).unwrap_err();
    assert!(
        refused.contains("a node is running") && refused.contains("stop it first"),
        "{refused}"
    );
    drop(running);
    assert_eq!(node.holds(), ["space/now"]);
}

#[test]
fn what_is_no_backup_is_refused_and_replaces_nothing() {
    let node = Stopped::holding("now");
    let file = |name: &str, bytes: &[u8]| {
        let path = node.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let whole = fs::read(node.backup_holding("then")).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..].fill(0xa5);
    let foreign = node.dir.path().join("foreign");
    let connection = rusqlite::Connection::open(&foreign).unwrap();
    connection
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .unwrap();
    drop(connection);
    for (backup, why) in [
        (node.dir.path().join("none"), "there is no such file"),
        (file("empty", b""), "does not begin as a store does"),
        (
            file("text", b"spaces: []"),
            "does not begin as a store does",
        ),
        (file("damaged", &damaged), "no backup that can be used"),
        (
            file("cut", &whole[..whole.len() / 2]),
            "no backup that can be used",
        ),
        (foreign, "not a store of weir"),
        (node.data_dir().join(STORE_FILE), "own store"),
    ] {
        let refused = node.restore(Some(&backup)).unwrap_err();
        assert!(refused.contains(why), "{}: {refused}", backup.display());
        assert_eq!(node.holds(), ["space/now"], "{}", backup.display());
    }
    assert_eq!(node.kept_aside(), Vec::<PathBuf>::new());
}

#[test]
fn a_node_begins_with_nothing_where_a_peer_is_there_to_give_it_all() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node = Stopped::holding("now");
    node.seeds = vec![peer.local_addr().unwrap().to_string()];
    let told = node.restore(None).unwrap();
    assert!(told.contains("begins with nothing"), "{told}");
    assert!(!node.data_dir().join(STORE_FILE).exists());
    assert_eq!(
        objects(&node.kept_aside()[0].join(STORE_FILE)),
        ["space/now"]
    );
}

#[test]
fn a_node_whose_peers_do_not_answer_keeps_its_store() {
    let mut node = Stopped::holding("now");
    let refused = node.restore(None).unwrap_err();
    assert!(refused.contains("mesh.seeds"), "{refused}");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    node.seeds = vec![gone.local_addr().unwrap().to_string()];
    drop(gone);
    let refused = node.restore(None).unwrap_err();
    assert!(refused.contains("no peer takes a connection"), "{refused}");
    assert_eq!(node.holds(), ["space/now"]);
}
