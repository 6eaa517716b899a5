//! What a process is, by its files; and tokens, by the store.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use weir_cluster::trust::NodeKey;
use weir_config::NodeId;

use super::*;
use crate::seal::{SealKey, Secret};
use crate::settings::{Settings, load_from};
use crate::store::Store;

const NOW_MS: u64 = 1_700_000_000_000;

fn node(id: &str) -> NodeId {
    id.parse().unwrap()
}

fn settings(extra: &[(&str, &str)]) -> Settings {
    let given = [("WEIR_NODE_ID", "n1"), ("WEIR_NODE_REGION", "shanghai")];
    let all = given.iter().chain(extra);
    load_from(
        None,
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
    .unwrap()
}

fn seal_key(byte: u8) -> SealKey {
    SealKey::parse("seal.key", &hex::encode([byte; 32])).unwrap()
}

async fn opened(dir: &Path, seal: Option<SealKey>) -> Result<Opened, IdentityError> {
    open(&settings(&[]), &node("n1"), IdentityFiles::new(dir, seal)).await
}

/// The texts of all files of an identity, with their names and modes.
fn files(dir: &Path) -> Vec<(String, u32, String)> {
    let listed = fs::read_dir(dir.join(MESH_DIR)).unwrap();
    let file = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().mode() & 0o777;
        let text = fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), mode, text)
    };
    listed.map(|entry| file(entry.unwrap())).collect()
}

#[actix_rt::test]
async fn the_first_node_makes_an_authority_once_and_a_restart_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = opened(dir.path(), None).await.unwrap();
    let me = first.trust.credentials();
    assert_eq!(
        (me.member().node.clone(), me.member().issuer),
        (node("n1"), true)
    );
    assert_eq!((first.cluster.as_str(), first.joined), ("weir", false));
    let again = opened(dir.path(), None).await.unwrap();
    assert_eq!(again.trust.credentials().certificate(), me.certificate());
    assert_eq!(again.keys.all()[0].id(), first.keys.all()[0].id());
    for (name, mode, _) in files(dir.path()) {
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[actix_rt::test]
async fn a_seal_key_seals_every_secret_file_also_those_from_before_and_is_needed_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let first = opened(dir.path(), None).await.unwrap();
    let secrets = [
        first.trust.credentials().key().to_pem(),
        first.keys.all()[0].key_pem(),
    ];
    let lines: Vec<&str> = secrets
        .iter()
        .filter_map(|pem| pem.lines().nth(1))
        .collect();
    let in_clear = || {
        let all: String = files(dir.path())
            .into_iter()
            .map(|(_, _, text)| text)
            .collect();
        lines.iter().filter(|line| all.contains(*line)).count()
    };
    assert_eq!(in_clear(), 2);
    let sealed = opened(dir.path(), Some(seal_key(1))).await.unwrap();
    assert_eq!(
        sealed.trust.credentials().public(),
        first.trust.credentials().public()
    );
    assert_eq!(in_clear(), 0);
    assert!(opened(dir.path(), Some(seal_key(1))).await.is_ok());

    let without = opened(dir.path(), None).await.unwrap_err().to_string();
    assert!(without.contains("WEIR_SEAL_KEY"), "{without}");
    let other = opened(dir.path(), Some(seal_key(2)))
        .await
        .unwrap_err()
        .to_string();
    assert!(other.contains("another seal key"), "{other}");
}

#[actix_rt::test]
async fn a_node_with_seeds_and_without_a_certificate_is_told_how_to_join() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&[("WEIR_MESH_SEEDS", "127.0.0.1:7001")]);
    let refused = open(&settings, &node("n1"), IdentityFiles::new(dir.path(), None)).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("weir token join") && text.contains("--join"),
        "{text}"
    );
    assert!(!dir.path().join(MESH_DIR).exists());
}

#[actix_rt::test]
async fn what_belongs_to_another_node_or_another_cluster_is_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    opened(dir.path(), None).await.unwrap();
    let other = open(
        &settings(&[]),
        &node("n2"),
        IdentityFiles::new(dir.path(), None),
    )
    .await;
    let text = other.unwrap_err().to_string();
    assert!(
        text.contains("of node n1") && text.contains("node.id is n2"),
        "{text}"
    );
    let elsewhere = settings(&[("WEIR_NODE_CLUSTER", "elsewhere")]);
    let other = open(
        &elsewhere,
        &node("n1"),
        IdentityFiles::new(dir.path(), None),
    )
    .await;
    let text = other.unwrap_err().to_string();
    assert!(
        text.contains("node.cluster is elsewhere") && text.contains("cluster weir"),
        "{text}"
    );
}

#[actix_rt::test]
async fn a_join_that_cannot_work_says_why_and_shows_nothing_of_the_token() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let authority = crate::trusted::authority("weir");
    let token = weir_cluster::trust::JoinToken::generate(authority.id(), node("n9")).expose();
    for (join, says) in [
        (format!("{token}@{gone}"), "nobody can be reached"),
        (
            format!("{token}@nowhere.invalid:7000"),
            "nobody can be reached",
        ),
        (token.clone(), "TOKEN@HOST:PORT"),
        (format!("weirjoin_planted@{gone}"), "TOKEN@HOST:PORT"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&[("WEIR_MESH_JOIN", &join)]);
        assert!(
            !format!("{settings:?}").contains("weirjoin_"),
            "the settings show it"
        );
        let refused = open(&settings, &node("n1"), IdentityFiles::new(dir.path(), None)).await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
        assert!(
            !text.contains("weirjoin_") && !text.contains("planted"),
            "{text}"
        );
    }
}

fn tokens() -> (JoinTokens, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_file(&dir.path().join("weir.db")).unwrap();
    (JoinTokens::new(Arc::new(Mutex::new(store))), dir)
}

fn new_token(node: Option<&str>) -> NewToken {
    NewToken {
        node: node.map(self::node),
        issuer: false,
        valid_for_s: 60,
        author: "root".to_owned(),
    }
}

#[test]
fn a_token_lets_one_key_in_while_it_holds() {
    let (tokens, _dir) = tokens();
    tokens
        .add("d1".to_owned(), new_token(None), NOW_MS)
        .unwrap();
    let redeem = |digest, key, at_ms| tokens.redeem(digest, &node("n2"), key, at_ms);
    assert!(matches!(
        redeem("d2", "k", NOW_MS),
        Err(NotRedeemed::Unknown)
    ));
    let expired = redeem("d1", "k1", NOW_MS + 61_000);
    assert!(
        matches!(expired, Err(NotRedeemed::Expired(1))),
        "{expired:?}"
    );
    assert_eq!(redeem("d1", "k1", NOW_MS).unwrap().author, "root");
    // Its answer was lost: the same machine asks again.
    assert!(redeem("d1", "k1", NOW_MS + 1).is_ok());
    assert!(matches!(
        redeem("d1", "k2", NOW_MS + 2),
        Err(NotRedeemed::Used)
    ));
    tokens.put_back("d1", NOW_MS).unwrap();
    assert!(redeem("d1", "k2", NOW_MS + 2).is_ok());
}

#[test]
fn a_token_for_one_node_lets_no_other_in() {
    let (tokens, _dir) = tokens();
    tokens
        .add("d1".to_owned(), new_token(Some("n2")), NOW_MS)
        .unwrap();
    let refused = tokens.redeem("d1", &node("n3"), "k", NOW_MS).unwrap_err();
    assert!(refused.to_string().contains("node n2"), "{refused}");
    assert!(tokens.redeem("d1", &node("n2"), "k", NOW_MS).is_ok());
}

#[test]
fn so_many_tokens_wait_at_once_and_no_more() {
    let (tokens, _dir) = tokens();
    for n in 0..64 {
        tokens
            .add(format!("d{n}"), new_token(None), NOW_MS)
            .unwrap();
    }
    let more = tokens.add("more".to_owned(), new_token(None), NOW_MS);
    assert!(matches!(more, Err(NotRedeemed::TooMany)));
    assert!(
        tokens
            .add("later".to_owned(), new_token(None), NOW_MS + 61_000)
            .is_ok()
    );
}

#[test]
fn a_key_that_was_read_wrong_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let files = IdentityFiles::new(dir.path(), None);
    files.set_key(&NodeKey::generate().unwrap()).unwrap();
    let file = dir.path().join(MESH_DIR).join("node-key.pem");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().nth(1).unwrap();
    fs::write(&file, text.replace(line, &format!("!planted{line}"))).unwrap();
    let error = files.key().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(line));
    assert!(!Secret::new(line).to_string().contains(line));
}
