use weir_config::operation::{
    distrust_authority, document, issue_by, issuing_authority, let_in, revoke_node, trust_authority,
};

use crate::fixture::{Cluster, context};

pub const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub const OTHER_KEY: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub const FIRST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const SECOND: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A cluster of `n1`, which may let others in, and `n2`, with one authority.
pub fn with_nodes() -> Cluster {
    let mut cluster = Cluster::empty();
    let context = &context();
    cluster.write(|c| trust_authority(c, context, FIRST, "AAAA"));
    cluster.write(|c| let_in(c, context, "n1", KEY, true).map(|(change, _)| change));
    cluster.write(|c| let_in(c, context, "n2", OTHER_KEY, false).map(|(change, _)| change));
    cluster
}

#[test]
fn the_same_machine_is_let_in_again_without_a_change_and_another_only_after_a_revocation() {
    let mut cluster = with_nodes();
    let (change, node) = let_in(&cluster.catalog, &context(), "n2", OTHER_KEY, false).unwrap();
    assert!(change.is_empty());
    assert_eq!((node.enrolment, node.issuer), (1, false));
    assert!(let_in(&cluster.catalog, &context(), "n2", KEY, false).is_err());

    cluster.write(|c| revoke_node(c, "n2"));
    assert!(cluster.catalog.node("n2").unwrap().revoked);
    assert!(revoke_node(&cluster.catalog, "n2").unwrap().is_empty());
    cluster.write(|c| let_in(c, &context(), "n2", KEY, false).map(|(change, _)| change));
    let node = cluster.catalog.node("n2").unwrap();
    assert_eq!(
        (node.enrolment, node.revoked, node.key.as_str()),
        (2, false, KEY)
    );
}

#[test]
fn an_issuer_stays_one_when_it_joins_again_and_is_none_after_it_was_revoked() {
    let mut cluster = with_nodes();
    cluster.write(|c| let_in(c, &context(), "n2", OTHER_KEY, true).map(|(change, _)| change));
    cluster.write(|c| let_in(c, &context(), "n2", OTHER_KEY, false).map(|(change, _)| change));
    assert!(cluster.catalog.node("n2").unwrap().issuer);
    cluster.write(|c| revoke_node(c, "n1"));
    cluster.write(|c| let_in(c, &context(), "n1", KEY, false).map(|(change, _)| change));
    assert!(!cluster.catalog.node("n1").unwrap().issuer);
}

#[test]
fn authorities_take_turns_and_one_issues_at_a_time() {
    let mut cluster = with_nodes();
    let issuing = |cluster: &Cluster| issuing_authority(&cluster.catalog).map(|a| a.id.clone());
    assert_eq!(issuing(&cluster).as_deref(), Some(FIRST));
    cluster.write(|c| trust_authority(c, &context(), SECOND, "AAAA"));
    assert_eq!(issuing(&cluster).as_deref(), Some(FIRST));
    cluster.write(|c| issue_by(c, SECOND));
    assert_eq!(issuing(&cluster).as_deref(), Some(SECOND));
    cluster.write(|c| distrust_authority(c, FIRST));
    assert_eq!(cluster.catalog.authorities().count(), 1);
    assert!(issue_by(&cluster.catalog, SECOND).unwrap().is_empty());
}

#[test]
fn no_document_carries_whom_the_cluster_lets_in() {
    let cluster = with_nodes();
    let text = serde_json::to_string(&document::export(&cluster.catalog)).unwrap();
    for planted in [KEY, OTHER_KEY, FIRST, "n1"] {
        assert!(!text.contains(planted), "{text}");
    }
}
