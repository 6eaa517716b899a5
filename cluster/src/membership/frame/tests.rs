//! What chitchat itself writes is read, and what is written here chitchat reads as the same.

use std::time::Duration;

use chitchat::transport::{Socket, UdpSocket as ChitchatSocket};
use chitchat::{ChitchatEnvelope, ChitchatId, Deserializable};
use proptest::prelude::*;
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::*;

/// What chitchat's own socket makes of bytes.
struct Theirs {
    runtime: Runtime,
    theirs: ChitchatSocket,
    ours: UdpSocket,
}

impl Theirs {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (theirs, ours) = runtime.block_on(async {
            let any = "127.0.0.1:0".parse().unwrap();
            let theirs = ChitchatSocket::open(any).await.unwrap();
            (theirs, UdpSocket::bind(any).await.unwrap())
        });
        Theirs {
            runtime,
            theirs,
            ours,
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Option<ChitchatEnvelope> {
        self.runtime.block_on(async {
            let to = self.theirs.local_addr().unwrap();
            self.ours.send_to(bytes, to).await.unwrap();
            let came = timeout(Duration::from_secs(2), self.theirs.recv()).await;
            came.ok().map(|came| came.unwrap().envelope)
        })
    }

    fn write(&mut self, envelope: ChitchatEnvelope) -> Vec<u8> {
        self.runtime.block_on(async {
            let to = self.ours.local_addr().unwrap();
            self.theirs.send(to, envelope).await.unwrap();
            let mut bytes = vec![0; 70_000];
            let came = timeout(Duration::from_secs(2), self.ours.recv(&mut bytes)).await;
            bytes.truncate(came.unwrap().unwrap());
            bytes
        })
    }
}

fn id() -> impl Strategy<Value = ChitchatId> {
    let address = prop_oneof![
        (1u8..224, any::<u8>(), 1u16..).prop_map(|(a, b, port)| ([a, b, 1, 1], port).into()),
        (any::<u16>(), 1u16..).prop_map(|(a, port)| ([0xfd00, a, 0, 0, 0, 0, 0, 1], port).into()),
    ];
    ("[a-z0-9][a-z0-9-]{0,31}", 0..=NUMBER_MAX, address)
        .prop_map(|(node, generation, address)| ChitchatId::new(node, generation, address))
}

fn digest() -> impl Strategy<Value = Vec<DigestEntry>> {
    let numbers = (0..=NUMBER_MAX, 0..=NUMBER_MAX, 0..=NUMBER_MAX);
    prop::collection::btree_map(id(), numbers, 0..40).prop_map(|entries| {
        let entry = |(id, (heartbeat, collected, version))| DigestEntry {
            id,
            heartbeat,
            collected,
            version,
        };
        entries.into_iter().map(entry).collect()
    })
}

fn values() -> impl Strategy<Value = Vec<KeyValue>> {
    let status = prop_oneof![
        8 => Just(Status::Set),
        1 => Just(Status::Deleted),
        1 => Just(Status::Expiring),
    ];
    let key = prop_oneof!["region", "cfg[.][0-9a-f]", "mint", "q[.][A-Za-z0-9_-]{11}"];
    let value = (key, "[ -~&&[^ ]]{0,400}", status);
    prop::collection::btree_map(1..=NUMBER_MAX, value, 0..30).prop_map(|values| {
        let value = |(version, (key, value, status))| KeyValue {
            key,
            value,
            version,
            status,
        };
        values.into_iter().map(value).collect()
    })
}

fn delta() -> impl Strategy<Value = Vec<NodeDelta>> {
    let node = (0..=NUMBER_MAX, 0..=NUMBER_MAX, values(), 1..=NUMBER_MAX);
    prop::collection::btree_map(id(), node, 0..12).prop_map(|nodes| {
        let node = |(id, (collected, from, values, version)): (_, (_, _, Vec<KeyValue>, _))| {
            let version = values.is_empty().then_some(version);
            NodeDelta {
                id,
                collected,
                from,
                values,
                version,
            }
        };
        nodes.into_iter().map(node).collect()
    })
}

pub(crate) fn frames() -> impl Strategy<Value = Frame> {
    let message = prop_oneof![
        (digest(), "[a-z0-9.-]{0,64}")
            .prop_map(|(digest, cluster)| Message::Syn { cluster, digest }),
        (digest(), delta()).prop_map(|(digest, delta)| Message::SynAck { digest, delta }),
        delta().prop_map(|delta| Message::Ack { delta }),
    ];
    (0u8..=1, message).prop_map(|(version, message)| Frame { version, message })
}

#[test]
fn a_frame_goes_through_chitchat_and_back_unchanged() {
    let mut theirs = Theirs::open();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(96));
    let through = |frame: Frame| {
        let bytes = frame.write();
        prop_assert_eq!(Frame::read(&bytes), Ok(frame.clone()));
        let Some(envelope) = theirs.read(&bytes) else {
            return Err(TestCaseError::fail("chitchat does not read it"));
        };
        // chitchat packs anew only what it made itself; a delta it read has another length.
        if let Message::Syn { .. } = frame.message {
            let bytes = theirs.write(envelope);
            prop_assert_eq!(Frame::read(&bytes), Ok(frame));
        }
        Ok(())
    };
    let cell = std::cell::RefCell::new(through);
    runner
        .run(&frames(), |frame| (cell.borrow_mut())(frame))
        .unwrap();
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0u8..4) {
        let _ = Frame::read(&bytes);
        if bytes.len() >= 4 {
            bytes[..2].copy_from_slice(&read::MAGIC.to_le_bytes());
            bytes[2] %= 2;
            bytes[3] = kind;
            let _ = Frame::read(&bytes);
        }
    }

    #[test]
    fn a_frame_that_is_cut_or_followed_by_anything_is_refused(frame in frames(), at in any::<prop::sample::Index>()) {
        let mut bytes = frame.write();
        prop_assert!(Frame::read(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(Frame::read(&bytes).is_err());
    }

    #[test]
    fn whatever_is_read_is_written_and_read_as_the_same(frame in frames(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = frame.write();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = Frame::read(&bytes) {
            prop_assert_eq!(Frame::read(&read.write()), Ok(read));
        }
    }

    #[test]
    fn a_delta_is_one_that_chitchat_reads_without_its_socket(delta in delta()) {
        let bytes = write_delta(&delta);
        fn read<D: Deserializable>(bytes: &[u8], _: impl Fn(D) -> chitchat::ChitchatMessage) -> bool {
            let mut rest = bytes;
            D::deserialize(&mut rest).is_ok() && rest.is_empty()
        }
        let read = read(&bytes, |delta| chitchat::ChitchatMessage::Ack { delta });
        prop_assert!(read);
    }
}

#[test]
fn a_block_that_unpacks_to_hundreds_of_megabytes_is_refused_before_it_does() {
    let packed = zstd::bulk::compress(&vec![0u8; 65_000], 19).unwrap();
    let mut bytes = read::MAGIC.to_le_bytes().to_vec();
    bytes.extend([1, 2]);
    while bytes.len() + packed.len() + 4 < FRAME_MAX_BYTES {
        bytes.push(1);
        bytes.extend((packed.len() as u16).to_le_bytes());
        bytes.extend(&packed);
    }
    bytes.push(0);
    let claimed = bytes.len() / (packed.len() + 3) * 65_000;
    assert!(claimed > 100_000_000, "{claimed}");
    assert_eq!(Frame::read(&bytes), Err(Refusal::Bomb));
}

#[test]
fn every_reason_has_its_number_and_its_own_name() {
    for (number, reason) in REFUSALS.into_iter().enumerate() {
        assert_eq!(reason as usize, number);
    }
    let names: std::collections::HashSet<_> = REFUSALS.iter().map(|r| r.name()).collect();
    assert_eq!(names.len(), REFUSALS.len());
}
