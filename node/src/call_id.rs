//! Call ids: UUIDv7 (RFC 9562 section 5.7) whose last four bytes name the node.
//!
//! Any node can tell from an id whom to ask about the call, without a table of calls.

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use uuid::Uuid;
use weir_config::NodeId;

/// The last four bytes of every call id of one node.
pub type NodeTag = [u8; 4];

/// Makes the call ids of one node. Cheap to copy; one per core.
#[derive(Clone, Copy, Debug)]
pub struct CallIds {
    tag: NodeTag,
}

/// The first four bytes of SHA-256 of the node's name.
pub fn tag_of(node: &NodeId) -> NodeTag {
    let hash = Sha256::digest(node.as_str().as_bytes());
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The node a call id names: compare with [`tag_of`] of each node.
pub fn node_tag(call_id: Uuid) -> NodeTag {
    let bytes = call_id.as_bytes();
    [bytes[12], bytes[13], bytes[14], bytes[15]]
}

// === impl CallIds ===

impl CallIds {
    pub fn new(node: &NodeId) -> Self {
        CallIds { tag: tag_of(node) }
    }

    /// An id for a call that arrives now. 42 of its bits are random, from the thread's own generator.
    pub fn mint(&self) -> Uuid {
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        let dice = rand::random::<u64>().to_be_bytes();
        let mut tail = [0; 10];
        tail[..6].copy_from_slice(&dice[..6]);
        tail[6..].copy_from_slice(&self.tag);
        uuid::Builder::from_unix_timestamp_millis(now_ms, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    #[test]
    fn a_call_id_is_a_uuid_v7_of_this_moment() {
        let id = CallIds::new(&node("n1")).mint();
        assert_eq!(id.get_version_num(), 7);
        let (seconds, _) = id.get_timestamp().unwrap().to_unix();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(now.as_secs() - seconds <= 1);
    }

    #[test]
    fn a_call_id_names_its_node() {
        let id = CallIds::new(&node("shanghai-1")).mint();
        assert_eq!(node_tag(id), tag_of(&node("shanghai-1")));
        assert_ne!(node_tag(id), tag_of(&node("shanghai-2")));
    }

    #[test]
    fn ids_of_one_millisecond_differ() {
        let ids = CallIds::new(&node("n1"));
        let mut seen: Vec<_> = (0..1_000).map(|_| ids.mint()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 1_000);
    }
}
