use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use weir_config::NodeId;

/// One life of one node: 64 bits of SHA-256 over node id, `#`, generation (of chitchat).
///
/// Counters of donations are addressed to incarnations: what was given to a node before its restart is
/// not given to it after. Two live nodes with the same 64 bits would both credit one counter; among 1,000
/// nodes the odds are about 2^-45. Source: `QUOTA.md` "Incarnations".
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

// === impl Incarnation ===

impl Incarnation {
    pub fn of(node: &NodeId, generation: u64) -> Self {
        Incarnation(hash_64(format!("{node}#{generation}").as_bytes()))
    }
}

/// The first 64 bits of SHA-256.
pub(super) fn hash_64(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest[..8]
        .iter()
        .fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_node_is_another_incarnation() {
        let node: NodeId = "a".parse().unwrap();
        let other: NodeId = "a1".parse().unwrap();
        assert_eq!(Incarnation::of(&node, 11), Incarnation::of(&node, 11));
        assert_ne!(Incarnation::of(&node, 11), Incarnation::of(&node, 12));
        assert_ne!(Incarnation::of(&node, 11), Incarnation::of(&other, 1));
    }
}
