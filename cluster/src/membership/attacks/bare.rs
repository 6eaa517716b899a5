//! Each attack works on chitchat as it is: what the tests of [`member`](super::member) refuse is real.

use std::net::SocketAddr;
use std::time::Duration;

use chitchat::transport::UdpTransport;
use chitchat::{ChitchatConfig, ChitchatHandle, FailureDetectorConfig, ProtocolVersion};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::*;
use crate::membership::tests::loopback;

fn bare_config(id: &ChitchatId, seeds: &[SocketAddr]) -> ChitchatConfig {
    let interval = Duration::from_millis(20);
    ChitchatConfig {
        chitchat_id: id.clone(),
        cluster_id: "test".to_owned(),
        gossip_interval: interval,
        listen_addr: id.gossip_advertise_addr,
        seed_nodes: seeds.iter().map(SocketAddr::to_string).collect(),
        failure_detector_config: FailureDetectorConfig::new(
            8.0,
            10,
            interval * 10,
            interval,
            Duration::from_secs(60),
        ),
        marked_for_deletion_grace_period: Duration::from_secs(60),
        catchup_callback: None,
        extra_liveness_predicate: None,
        protocol_version: ProtocolVersion::V1,
    }
}

/// Two bare nodes that know each other, and a socket.
struct Bare {
    receiver: ChitchatHandle,
    other: ChitchatHandle,
    victims: Victims,
    socket: UdpSocket,
}

impl Bare {
    async fn start() -> Bare {
        let socket = UdpSocket::bind(loopback(0)).await.unwrap();
        let free = async || {
            let any = UdpSocket::bind(loopback(0)).await.unwrap();
            any.local_addr().unwrap()
        };
        let receiver = ChitchatId::new("receiver", 1, free().await);
        let other = ChitchatId::new("other", 1, free().await);
        let attacker = ChitchatId::new("attacker", 1, socket.local_addr().unwrap());
        let start = async |id: &ChitchatId, seeds: &[SocketAddr]| {
            let region = vec![("region".to_owned(), "honest".to_owned())];
            let config = bare_config(id, seeds);
            chitchat::spawn_chitchat(config, region, &UdpTransport)
                .await
                .unwrap()
        };
        let bare = Bare {
            receiver: start(&receiver, &[]).await,
            other: start(&other, &[receiver.gossip_advertise_addr]).await,
            victims: Victims {
                receiver,
                other,
                attacker,
            },
            socket,
        };
        bare.comes("they meet", async || {
            let region = bare.region_of(&bare.victims.other).await;
            region.as_deref() == Some("honest") && bare.other_lives().await
        })
        .await;
        bare
    }

    async fn attack(&self, attack: Attack) {
        let frame = attack(&self.victims).write();
        let to = self.victims.receiver.gossip_advertise_addr;
        self.socket.send_to(&frame, to).await.unwrap();
    }

    async fn comes(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(
            timeout(Duration::from_secs(20), wait).await.is_ok(),
            "{what}"
        );
    }

    async fn region_of(&self, id: &ChitchatId) -> Option<String> {
        let chitchat = self.receiver.chitchat();
        let chitchat = chitchat.lock().await;
        chitchat.node_state(id)?.get("region").map(str::to_owned)
    }

    async fn other_lives(&self) -> bool {
        let chitchat = self.receiver.chitchat();
        let chitchat = chitchat.lock().await;
        chitchat.live_nodes().any(|id| *id == self.victims.other)
    }

    async fn dies(&self) {
        let died = timeout(Duration::from_secs(20), self.receiver.termination_watcher());
        assert!(
            died.await.is_ok_and(|end| end.is_err()),
            "bare chitchat survives it now"
        );
    }
}

#[tokio::test]
async fn on_bare_chitchat_a_forged_syn_ack_overwrites_what_two_nodes_say() {
    let bare = Bare::start().await;
    bare.attack(forged_syn_ack).await;
    for id in [&bare.victims.receiver, &bare.victims.other] {
        bare.comes("overwritten", async || {
            bare.region_of(id).await.as_deref() == Some("evil")
        })
        .await;
    }
}

#[tokio::test]
async fn on_bare_chitchat_a_heartbeat_of_the_end_of_time_makes_a_live_node_dead() {
    let bare = Bare::start().await;
    bare.attack(heartbeat_of_the_end_of_time).await;
    bare.comes("taken for dead", async || !bare.other_lives().await)
        .await;
    assert_eq!(bare.other.chitchat_id(), &bare.victims.other);
}

#[tokio::test]
async fn bare_chitchat_dies_of_a_malformed_delta() {
    let bare = Bare::start().await;
    bare.attack(malformed_delta).await;
    bare.dies().await;
}

#[tokio::test]
async fn bare_chitchat_dies_of_a_key_that_is_not_ascii() {
    let bare = Bare::start().await;
    bare.attack(key_that_is_not_ascii).await;
    bare.dies().await;
}

#[tokio::test]
async fn bare_chitchat_dies_of_nodes_that_do_not_exist() {
    let bare = Bare::start().await;
    for attack in [
        invented_nodes::<1>,
        invented_nodes::<2>,
        invented_nodes::<3>,
    ] {
        bare.attack(attack).await;
    }
    bare.dies().await;
}

#[tokio::test]
async fn on_bare_chitchat_a_version_of_the_end_of_time_is_the_last_the_node_sets() {
    let bare = Bare::start().await;
    bare.attack(version_of_the_end_of_time).await;
    let chitchat = bare.receiver.chitchat();
    bare.comes("taken", async || {
        chitchat.lock().await.self_node_state().max_version() == u64::MAX
    })
    .await;
    let set = tokio::spawn(async move {
        chitchat
            .lock()
            .await
            .self_node_state()
            .set("region", "elsewhere");
    });
    assert!(set.await.is_err(), "bare chitchat survives it now");
}

#[tokio::test]
async fn on_bare_chitchat_a_reset_takes_away_what_another_node_says() {
    let bare = Bare::start().await;
    bare.attack(reset).await;
    bare.comes("taken away", async || {
        bare.region_of(&bare.victims.other).await.is_none()
    })
    .await;
}
