//! The attacks made by a member of the cluster, over the mesh.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::*;
use crate::membership::guard::tests::Node;
use crate::membership::tests::{loopback, mesh, node, sees_live, trust_of, until};
use crate::membership::{MembershipHandle, RowChange};
use crate::mesh::{MeshHandle, server};

/// Two honest nodes, and a member that sends whatever it wants.
struct Cluster {
    receiver: MembershipHandle,
    other: MembershipHandle,
    attacker: MeshHandle,
    victims: Victims,
}

impl Cluster {
    async fn start() -> Cluster {
        let (receiver, receiver_addr) = node("receiver", &[]);
        let (other, other_addr) = node("other", &[receiver_addr]);
        until("they meet", || {
            sees_live(&receiver, "other") && sees_live(&other, "receiver")
        })
        .await;
        let listener = server::bind(loopback(0)).unwrap();
        let attacker_addr = listener.local_addr().unwrap();
        let generation = |who: &str| {
            let view = receiver.view().borrow().clone();
            view.node(&who.parse().unwrap()).unwrap().generation
        };
        let victims = Victims {
            receiver: ChitchatId::new("receiver", generation("receiver"), receiver_addr),
            other: ChitchatId::new("other", generation("other"), other_addr),
            attacker: ChitchatId::new("attacker", 1, attacker_addr),
        };
        Cluster {
            attacker: mesh("attacker", listener),
            receiver,
            other,
            victims,
        }
    }

    fn refused(&self, reason: &str) -> u64 {
        let refused = self.receiver.refused();
        refused
            .iter()
            .find(|(name, _)| *name == reason)
            .map_or(0, |(_, count)| *count)
    }

    fn region_of(&self, node: &str) -> String {
        let view = self.receiver.view().borrow().clone();
        view.node(&node.parse().unwrap()).unwrap().region.clone()
    }

    /// Sends the frame until it is refused for this reason.
    async fn refuses(&self, frame: &Frame, reason: &str) {
        let (to, bytes) = (
            self.victims.receiver.gossip_advertise_addr,
            Bytes::from(frame.write()),
        );
        let before = self.refused(reason);
        let wait = async {
            while self.refused(reason) == before {
                self.attacker.send(to, bytes.clone());
                sleep(Duration::from_millis(20)).await;
            }
        };
        let refused = timeout(Duration::from_secs(20), wait).await;
        assert!(
            refused.is_ok(),
            "not refused for {reason}: {:?}",
            self.receiver.refused()
        );
    }

    /// Nothing happened: both live, say what they said, and hear what is new.
    async fn is_unharmed(&self, round: usize) {
        let counters = self.receiver.counters();
        assert_eq!(counters.respawns, 0);
        for (handle, name) in [(&self.receiver, "receiver"), (&self.other, "other")] {
            assert_eq!(self.region_of(name), name);
            handle.publish_rows([("mint".to_owned(), Some(format!("row-{round}")))], true);
        }
        let mut heard = Vec::new();
        until("a row of the other comes", || {
            heard.extend(self.receiver.take_rows());
            let row = |row: &RowChange| row.value.as_deref() == Some(&format!("row-{round}"));
            heard.iter().any(row)
        })
        .await;
        let view = self.receiver.view().borrow().clone();
        let nodes: Vec<&str> = view.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(nodes, ["other", "receiver"]);
        assert!(sees_live(&self.receiver, "other") && sees_live(&self.other, "receiver"));
    }
}

#[actix_web::test]
async fn a_member_that_attacks_gossip_is_refused_by_name_and_nothing_happens() {
    let cluster = Cluster::start().await;
    let attacks: [(Attack, &str); 7] = [
        (forged_syn_ack, "own"),
        (malformed_delta, "order"),
        (heartbeat_of_the_end_of_time, "heartbeat"),
        (key_that_is_not_ascii, "key"),
        (version_of_the_end_of_time, "version"),
        (reset, "signature"),
        (|victims| shadow(victims), "unproven"),
    ];
    for (round, (attack, reason)) in attacks.into_iter().enumerate() {
        cluster.refuses(&attack(&cluster.victims), reason).await;
        cluster.is_unharmed(round).await;
    }
    // Nothing of these is refused: nodes that nobody vouches for are just not spoken of.
    let to = cluster.victims.receiver.gossip_advertise_addr;
    for attack in [invented_nodes::<1>, invented_nodes::<2>, high_heartbeat] {
        let bytes = Bytes::from(attack(&cluster.victims).write());
        cluster.attacker.send(to, bytes);
    }
    cluster
        .refuses(&key_that_is_not_ascii(&cluster.victims), "key")
        .await;
    cluster.is_unharmed(99).await;
}

/// A later incarnation of the other node, which would speak in its place.
fn shadow(victims: &Victims) -> Frame {
    let mut id = victims.other.clone();
    id.generation_id += 1_000_000;
    syn_ack(
        vec![entry(&id, 1)],
        vec![says(&id, vec![value("region", 1)])],
    )
}

/// Within all bounds, and far above the node's own.
fn high_heartbeat(victims: &Victims) -> Frame {
    syn_ack(vec![entry(&victims.other, 1 << 50)], vec![])
}

#[actix_web::test]
async fn a_member_speaks_for_itself_and_only_for_itself() {
    let cluster = Cluster::start().await;
    let evil = |name: &str| {
        let mut node = Node::with(trust_of(name), name, 1);
        node.say("mint", "mine");
        node
    };
    // What it signs of itself is heard; it is a member.
    let own = evil("attacker");
    let frame = syn_ack(vec![entry(&own.id, 1)], vec![own.after(0)]);
    let to = cluster.victims.receiver.gossip_advertise_addr;
    until("its own row is taken", || {
        cluster.attacker.send(to, Bytes::from(frame.write()));
        let rows = cluster.receiver.take_rows();
        rows.iter()
            .any(|row| row.node.as_str() == "attacker" && row.value.as_deref() == Some("mine"))
    })
    .await;
    // The same under another's name is not.
    let mut forged = own.after(0);
    forged.id = cluster.victims.other.clone();
    cluster
        .refuses(&syn_ack(vec![], vec![forged]), "certificate")
        .await;
    assert_eq!(cluster.region_of("other"), "other");
}
