use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};
use weir_config::Object;

use crate::config_actor::{ADMIN_TOKEN_FILE, ensure_admin_token};
use crate::store::{DataDir, Store};

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
